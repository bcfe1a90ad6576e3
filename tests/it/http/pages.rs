//! What people see of the docs: lists, pages rendered from the index, and what was not found.

use super::{Answer, Server};

fn has_no_powers(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    for word in [
        "tracker.example",
        "<script",
        "<style",
        "style=",
        "<img",
        "javascript:",
        "onerror",
        "mailto:",
    ] {
        assert!(!answer.text.contains(word), "{word} in {}", answer.text);
    }
    assert!(answer.text.starts_with("<!doctype html>\n<html lang="));
    assert!(answer.text.contains("<main id=") && answer.text.contains("class=\"skip\""));
}

#[tokio::test]
async fn a_proxys_path_is_part_of_every_address() {
    let server = Server::with(|options| {
        options.public_url = Some("https://example.com/tools/docs/".into());
    });
    let name = server.collection().to_owned();
    let home = server.open("/").await;
    assert!(home.text.contains("https://example.com/tools/docs/mcp<"), "{}", home.text);
    assert!(home.text.contains(&format!("href=\"/tools/docs/docs/{name}/\"")), "{}", home.text);
    assert!(home.text.contains("href=\"/tools/docs/style.css"), "{}", home.text);
}

#[tokio::test]
async fn the_style_sheet_follows_light_and_dark() {
    let server = Server::new();
    let answer = server.get("/style.css", "text/css").await;
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert!(answer.text.contains("prefers-color-scheme: dark"));
    assert!(!answer.text.contains("url(") && !answer.text.contains("@import"));
}

#[tokio::test]
async fn a_collection_lists_its_pages_by_folder() {
    let server = Server::new();
    let name = server.collection().to_owned();
    let answer = server.open(&format!("/docs/{name}/")).await;
    assert_eq!(answer.status, 200);
    has_no_powers(&answer);
    assert!(answer.text.contains("<h2>guide</h2>"));
    assert!(
        answer.text.contains(&format!("<a href=\"/docs/{name}/guide/install.md\">Installing</a>"))
    );
    assert!(
        answer.text.contains(&format!("<a href=\"/docs/{name}/notes/%C3%A4%20b.md\">Umlauts</a>"))
    );
    let answer = server.open(&format!("/docs/{name}/guide/")).await;
    assert!(answer.text.contains("Berths") && !answer.text.contains("Umlauts"));
}

#[tokio::test]
async fn a_page_is_shown_from_the_index_with_anchors_and_nothing_that_acts() {
    let server = Server::new();
    let name = server.collection().to_owned();
    let answer = server.open(&format!("/docs/{name}/guide/install.md")).await;
    assert_eq!(answer.status, 200);
    has_no_powers(&answer);
    for words in [
        "<h2 id=\"linux\">Linux</h2>".to_owned(),
        "<a href=\"#windows\">Windows</a>".to_owned(),
        format!("<a href=\"/docs/{name}/index.md\">home</a>"),
        format!("<a href=\"/docs/{name}/guide/berths.md#small\">berths</a>"),
        "<a href=\"https://example.com/x?a=1&amp;b=2\" rel=\"nofollow noopener noreferrer\">site</a>"
            .to_owned(),
        "out, gone, ".to_owned(),
        "bad, mail".to_owned(),
        "<p>a crane</p>".to_owned(),
        "<code>Vec&lt;String&gt;</code>".to_owned(),
        "<div class=\"scroll\"".to_owned(),
        "<pre tabindex=\"0\"><code>echo \"&lt;b&gt;\"\n</code></pre>".to_owned(),
        "<li aria-current=\"page\">Installing</li>".to_owned(),
    ] {
        assert!(answer.text.contains(&words), "{words} not in {}", answer.text);
    }
    assert_eq!(answer.text.matches("<h1").count(), 1);
}

#[tokio::test]
async fn links_without_an_ending_find_their_page() {
    let server = Server::new();
    let name = server.collection().to_owned();
    let answer = server.open(&format!("/docs/{name}/index.md")).await;
    for address in ["guide/install.md#linux", "guide/berths.md"] {
        let link = format!("href=\"/docs/{name}/{address}\"");
        assert!(answer.text.contains(&link), "{link} not in {}", answer.text);
    }
}

#[tokio::test]
async fn an_escaped_address_is_the_page_it_means() {
    let server = Server::new();
    let name = server.collection().to_owned();
    let answer = server.open(&format!("/docs/{name}/notes/%C3%A4%20b.md")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("A path that needs escaping."));
}

#[tokio::test]
async fn an_address_without_its_ending_leads_to_the_page() {
    let server = Server::new();
    let name = server.collection().to_owned();
    for (from, to) in
        [("guide/install", "guide/install.md"), ("guide/berths.html", "guide/berths.md")]
    {
        let answer = server.open(&format!("/docs/{name}/{from}")).await;
        assert_eq!(answer.status, 307, "{from}");
        assert_eq!(answer.header("location"), format!("/docs/{name}/{to}"));
    }
    let answer = server.open(&format!("/docs/{name}")).await;
    assert_eq!(answer.header("location"), format!("/docs/{name}/"));
    assert_eq!(server.open("/docs/").await.header("location"), "/");
}

#[tokio::test]
async fn a_page_that_is_not_there_is_a_404_with_places_to_go() {
    let server = Server::new();
    let name = server.collection().to_owned();
    for path in [
        format!("/docs/{name}/guide/instal.md"),
        format!("/docs/{name}/../../etc/passwd"),
        format!("/docs/{name}/..%2f..%2fetc%2fpasswd"),
        format!("/docs/{name}/%2e%2e/%2e%2e/etc/passwd"),
        format!("/docs/{name}/%00"),
        format!("/docs/{name}/%ff"),
        format!("/docs/{name}/nowhere/"),
        "/docs/other/guide/install.md".to_owned(),
    ] {
        let answer = server.open(&path).await;
        assert_eq!(answer.status, 404, "{path}");
        has_no_powers(&answer);
        assert!(answer.text.contains(&format!("href=\"/docs/{name}/\"")), "{path}");
    }
    let answer = server.open(&format!("/docs/{name}/guide/instal.md")).await;
    assert!(answer.text.contains("guide/install.md"), "{}", answer.text);
}
