//! What is told of a server to those who have not connected yet: its name, and how each client
//! connects. Made from the owner's settings, never from documents.

use super::html::{escaped, link};
use crate::mcp::Shelf;

/// Longest description, in characters: that of the schemas of server cards and of the registry.
const MAX_DESCRIPTION: usize = 100;

/// What is told of a server where nothing may be told of its collections.
const GUARDED: &str = "Documentation that assistants search, read and cite.";

/// What the owner says of the server; what is left out is made from the address and the collections.
#[derive(Debug, Clone, Default)]
pub struct Front {
    /// Name in reverse-DNS form, such as `com.example/docs`.
    pub name: Option<String>,
    /// Title for people.
    pub title: Option<String>,
    /// What the server is for, in at most 100 characters.
    pub description: Option<String>,
    /// What to have at hand before any of the clients connects, if anything.
    pub note: Option<String>,
    /// How clients connect, in the order they are shown.
    pub guides: Vec<Guide>,
}

/// How one client connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guide {
    /// The client's name.
    pub title: String,
    /// A link that connects it, if it has one: of a scheme of its own.
    pub link: Option<String>,
    /// What to do, in order.
    pub steps: Vec<Step>,
}

/// Something to do, and what to paste while doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do; a line may name a place behind two spaces.
    pub say: String,
    /// What to paste; may be empty.
    pub code: String,
}

/// What a server is called by those who have not connected yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
}

impl Front {
    /// Name, title and description; of collections they tell only where everybody may see those.
    pub(super) fn called(&self, address: &str, shelves: &[Shelf], closed: bool) -> Called {
        let Front { name, title, description, .. } = self;
        let made = match shelves {
            _ if closed => ("Docs".to_owned(), GUARDED.to_owned()),
            [only] => {
                let title = only.title.as_ref().unwrap_or(&only.name).clone();
                let about = || format!("{title}: documentation to search, read and cite.");
                (title.clone(), only.description.clone().unwrap_or_else(about))
            }
            several => {
                let titles: Vec<&str> =
                    several.iter().map(|it| it.title.as_deref().unwrap_or(&it.name)).collect();
                ("Docs".to_owned(), format!("Documentation of {}.", titles.join(", ")))
            }
        };
        // The name of a collection is one of what is inside.
        let seen = if closed { &[] } else { shelves };
        let server = server_name(seen.iter().map(|shelf| shelf.name.as_str()));
        let fallback = || format!("{}/{server}", reversed(host(address)));
        Called {
            name: name.clone().unwrap_or_else(fallback),
            title: shortened(title.as_ref().unwrap_or(&made.0), MAX_DESCRIPTION),
            description: shortened(description.as_ref().unwrap_or(&made.1), MAX_DESCRIPTION),
        }
    }
}

/// How a server of collections with these names is called in a client's configuration.
pub fn server_name<'a>(mut collections: impl Iterator<Item = &'a str>) -> &'a str {
    match (collections.next(), collections.next()) {
        (Some(only), None) => only,
        _ => "docs",
    }
}

/// How clients connect, as HTML: the address, and a tab for each client. Tabs are radio buttons, so
/// that they work by keyboard and without a script.
pub(super) fn connecting(endpoint: &str, Front { note, guides, .. }: &Front) -> String {
    let mut html = format!(
        "<h2 id=\"connect\">How to connect</h2>\n<p>Give your assistant this address:</p>\n{}",
        block(endpoint)
    );
    if guides.is_empty() {
        return html;
    }
    html.extend(note.as_deref().map(said));
    html += "<fieldset class=\"tabs\">\n<legend>Or step by step, for your client:</legend>\n";
    for (at, guide) in guides.iter().enumerate() {
        let checked = if at == 0 { " checked" } else { "" };
        let title = escaped(&guide.title);
        html += &format!(
            "<input type=\"radio\" name=\"client\" id=\"client-{at}\"{checked}>\
             <label for=\"client-{at}\">{title}</label>\n\
             <section class=\"panel\" aria-label=\"{title}\">\n"
        );
        if let Some(address) = &guide.link {
            html += &format!(
                "<p><a class=\"button\" href=\"{}\">Add to {title}</a></p>\n",
                escaped(address)
            );
        }
        for step in &guide.steps {
            html += &said(&step.say);
            if !step.code.is_empty() {
                html += &block(&step.code);
            }
        }
        html += "</section>\n";
    }
    html + "</fieldset>\n"
}

/// Something to copy. Where a script runs it adds a button.
pub(super) fn block(code: &str) -> String {
    format!("<div class=\"block\"><pre tabindex=\"0\"><code>{}</code></pre></div>\n", escaped(code))
}

/// Lines as they are; a line may begin with an address, or have a place behind two spaces.
fn said(text: &str) -> String {
    let line = |line: &str| {
        let address = line.split_whitespace().next().filter(|word| word.starts_with("https://"));
        match (line.split_once("  "), address) {
            (Some((of, place)), _) => {
                format!("{} <code>{}</code>", escaped(of), escaped(place.trim_start()))
            }
            (None, Some(address)) => {
                format!("{}{}", link(address, address), with_code(&line[address.len()..]))
            }
            (None, None) => with_code(line),
        }
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    format!("<p>{}</p>\n", lines.join("<br>\n"))
}

/// What stands between backticks is code.
fn with_code(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escaped(part);
        html += &if at % 2 == 1 { format!("<code>{part}</code>") } else { part };
    }
    html
}

/// The host of an address, without its port.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The namespace that goes with a host: `com.example.docs` with `docs.example.com`. Addresses of
/// machines have none, and stand for this one.
fn reversed(host: &str) -> String {
    if host.parse::<std::net::IpAddr>().is_ok() || host.is_empty() {
        return "localhost".to_owned();
    }
    let mut labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    labels.reverse();
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    labels.join(".").to_lowercase().chars().filter(is_fit).collect()
}

/// A text of at most so many characters, cut between words.
fn shortened(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= most {
        return words;
    }
    let cut: String = words.chars().take(most - 1).collect();
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole);
    format!("{}…", whole.trim_end_matches([',', ';', ':', '.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(name: &str, title: Option<&str>, description: Option<&str>) -> Shelf {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Shelf {
            name: name.into(),
            title: own(title),
            description: own(description),
            ..Shelf::default()
        }
    }

    #[test]
    fn a_name_is_made_from_the_host_and_the_collection() {
        let named = |address: &str, shelves: &[Shelf]| {
            Front::default().called(address, shelves, false).name
        };
        let guide = [shelf("guide", None, None)];
        assert_eq!(named("https://docs.example.com/x", &guide), "com.example.docs/guide");
        assert_eq!(named("https://Docs.Example.com:8443", &[]), "com.example.docs/docs");
        for local in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"] {
            assert_eq!(named(local, &guide), "localhost/guide");
        }
    }

    #[test]
    fn what_the_owner_says_stands_and_else_the_collections_speak() {
        let shelves = [shelf("a", Some("Acme"), Some("All of Acme.")), shelf("b", None, None)];
        let named = |closed| Front::default().called("http://a.b", &shelves[..1], closed).name;
        assert_eq!((named(false).as_str(), named(true).as_str()), ("b.a/a", "b.a/docs"));
        let of = |front: &Front, shelves: &[Shelf], closed| {
            let Called { title, description, .. } = front.called("http://a", shelves, closed);
            (title, description)
        };
        let silent = Front::default();
        assert_eq!(of(&silent, &shelves[..1], false), ("Acme".into(), "All of Acme.".into()));
        assert_eq!(
            of(&silent, &shelves, false),
            ("Docs".into(), "Documentation of Acme, b.".into())
        );
        assert_eq!(of(&silent, &shelves, true), ("Docs".into(), GUARDED.into()));
        let spoken = Front {
            title: Some("Acme help".into()),
            description: Some("Ask.".into()),
            ..Front::default()
        };
        assert_eq!(of(&spoken, &shelves, true), ("Acme help".into(), "Ask.".into()));
    }

    #[test]
    fn descriptions_are_cut_between_words() {
        assert_eq!(shortened("a  b\nc", 100), "a b c");
        assert_eq!(shortened("install, configure and operate", 20), "install, configure…");
        let long = shortened(&"word ".repeat(50), MAX_DESCRIPTION);
        assert!(long.chars().count() <= MAX_DESCRIPTION && long.ends_with("word…"), "{long}");
        assert_eq!(shortened(&"x".repeat(200), 10).chars().count(), 10);
    }

    #[test]
    fn what_is_said_is_text() {
        assert_eq!(
            said("a <b>\nmacOS    ~/x\n"),
            "<p>a &lt;b&gt;<br>\nmacOS <code>~/x</code></p>\n"
        );
        assert_eq!(said("run `a b`, then"), "<p>run <code>a b</code>, then</p>\n");
        assert!(said("https://a.example/x > +").contains("<a href=\"https://a.example/x\">"));
    }
}
