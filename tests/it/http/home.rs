//! The start page: what is inside, how fresh, how to connect, the box; and how heavy it is.

use docent::http::{Front, Guide, Options, Step};
use docent::mcp::{Docs, Links, Shelf};

use super::{Answer, Server};

/// What the page, its style and its script may weigh together, in bytes.
const BUDGET: usize = 50 * 1024;

fn guide(title: &str) -> Guide {
    let step = |say: &str, code: &str| Step { say: say.into(), code: code.into() };
    Guide {
        title: title.into(),
        link: Some("cursor://x?a=1&b=\"2\"".into()),
        steps: vec![
            step("In <this> file:\nmacOS    ~/x", "{ \"url\": \"<here>\" }"),
            step("Done, see `x y`.", ""),
        ],
    }
}

fn with_guides(options: &mut Options) {
    options.front.guides = vec![guide("Claude Code"), guide("Cursor & friends")];
}

/// Only this page may run a script, of this server's own, and talk to this server alone.
fn has_its_powers(answer: &Answer, searches: bool) {
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(policy.contains("connect-src 'self'"), searches, "{policy}");
    assert!(policy.contains("form-action 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(answer.text.matches("<script").count(), 1);
    let script = format!("<script src=\"/home.js?v={}\" defer>", env!("CARGO_PKG_VERSION"));
    assert!(answer.text.contains(&script), "{}", answer.text);
    for word in ["<style", "style=", "onclick", "<img", "javascript:"] {
        assert!(!answer.text.contains(word), "{word} in {}", answer.text);
    }
}

#[tokio::test]
async fn it_says_what_is_inside_and_how_fresh_that_is() {
    let server = Server::new();
    let name = server.collection().to_owned();
    let answer = server.open("/").await;
    assert_eq!(answer.status, 200);
    has_its_powers(&answer, true);
    let committed = server.options.docs.snapshot().stamp().committed;
    let year = 1970 + committed / 31_556_952;
    for words in [
        format!("<a href=\"/docs/{name}/\">Test</a>"),
        "4 pages, 7 sections</dd>".into(),
        format!("<time datetime=\"{year}-"),
        "<h1>Test for assistants</h1>".into(),
        "<pre tabindex=\"0\"><code>http://127.0.0.1:8080/mcp</code></pre>".into(),
    ] {
        assert!(answer.text.contains(&words), "{words} not in {}", answer.text);
    }
    server.options.docs.set_problem(Some("The docs cannot be followed <now>.".into()));
    let answer = server.open("/").await;
    assert!(answer.text.contains("<p class=\"warning\">The docs cannot be followed &lt;now&gt;."));
}

#[tokio::test]
async fn each_client_has_a_tab_that_needs_no_script() {
    let server = Server::with(with_guides);
    let answer = server.open("/").await;
    for words in [
        "<legend>",
        "<input type=\"radio\" name=\"client\" id=\"client-0\" checked><label for=\"client-0\">Claude Code</label>",
        "<input type=\"radio\" name=\"client\" id=\"client-1\"><label for=\"client-1\">Cursor &amp; friends</label>",
        "<a class=\"button\" href=\"cursor://x?a=1&amp;b=&quot;2&quot;\">Add to Cursor &amp; friends</a>",
        "<p>In &lt;this&gt; file:<br>\nmacOS <code>~/x</code></p>",
        "<code>{ &quot;url&quot;: &quot;&lt;here&gt;&quot; }</code>",
        "<p>Done, see <code>x y</code>.</p>",
    ] {
        assert!(answer.text.contains(words), "{words} not in {}", answer.text);
    }
    // What to copy is there; the button that copies comes with the script.
    assert!(!answer.text.contains("class=\"copy\""));
}

#[tokio::test]
async fn the_box_waits_for_the_script_and_asks_below_a_proxys_path() {
    let server = Server::with(|options| {
        options.public_url = Some("https://example.com/tools/docs".into());
    });
    let answer = server.open("/").await;
    assert!(
        answer
            .text
            .contains("<form id=\"ask\" role=\"search\" data-endpoint=\"/tools/docs/mcp\" hidden>")
    );
    assert!(answer.text.contains("<noscript>"));
    assert!(answer.text.contains("src=\"/tools/docs/home.js?v="), "{}", answer.text);
    assert!(answer.text.contains("href=\"/tools/docs/llms.txt\""));
}

#[tokio::test]
async fn the_script_is_served_as_one() {
    let server = Server::new();
    let answer = server.get("/home.js", "*/*").await;
    assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    for power in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
        assert!(!answer.text.contains(power), "{power}");
    }
}

#[tokio::test]
async fn it_is_light_however_much_is_inside() {
    let (folder, _) = crate::harness::docs(&[("a.md", "# A\n")]);
    let shelf = |n: usize| Shelf {
        name: format!("collection-{n}"),
        title: Some(format!("<Collection> {n} {}", "title ".repeat(200))),
        description: Some("What & is \"inside\". ".repeat(100)),
        version: Some("1.0".into()),
        ..Shelf::default()
    };
    let links = Links::new((0..300).map(shelf).collect(), None);
    let docs = Docs::new(folder.indexer.index().clone(), links);
    let server = Server::over(Box::new(folder), docs, |options| {
        options.front.guides = (0..12).map(|n| guide(&format!("Client {n}"))).collect();
    });
    let page = server.open("/").await;
    let (style, script) = (server.open("/style.css").await, server.open("/home.js").await);
    let weight = page.text.len() + style.text.len() + script.text.len();
    assert!(weight < BUDGET, "{weight} bytes");
    assert!(page.text.contains("And 276 more collections. <a href=\"/docs/\">"), "{}", page.text);
    let all = server.open("/docs/").await;
    assert_eq!((all.status.as_u16(), all.text.matches("<li><a").count()), (200, 301));
}

#[tokio::test]
async fn the_owners_words_stand_above_it() {
    let server = Server::with(|options| {
        options.front = Front { title: Some("Acme <help>".into()), ..Front::default() };
    });
    let answer = server.open("/").await;
    assert!(answer.text.contains("<h1>Acme &lt;help&gt; for assistants</h1>"), "{}", answer.text);
    assert!(answer.text.contains("<title>Acme &lt;help&gt; for assistants</title>"));
}

#[tokio::test]
async fn a_closed_door_shows_no_box() {
    let guarded = super::keys::Guarded::new_with(with_guides);
    let answer = guarded.server.open("/").await;
    assert_eq!(answer.status, 200);
    has_its_powers(&answer, false);
    for inside in ["id=\"ask\"", "llms.txt", "4 pages", "Harbour", "Test"] {
        assert!(!answer.text.contains(inside), "{inside} in {}", answer.text);
    }
    assert!(answer.text.contains("name=\"client\"") && answer.text.contains("dk_live_"));
    assert_eq!(guarded.server.open("/home.js").await.status, 200);
}
