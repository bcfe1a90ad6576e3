//! The frame of every page for people: head, breadcrumb, content, foot. No page of the docs has a
//! script; the start page has one.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The one style sheet; it follows the light or dark of the reader's system.
const STYLE: &str = include_str!("style.css");
/// The one script: it copies what is to be pasted, and asks what is written into the search box.
const SCRIPT: &str = include_str!("home.js");

/// What a page may do besides showing its style sheet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Powers {
    /// Nothing: pages of the docs.
    #[default]
    None,
    /// Send a form. Nothing is said of where it leads: browsers hold every redirect that follows
    /// against it, so that people would be stopped on their way to the identity provider and back
    /// to their app.
    Form,
    /// Run the script, which may send nothing.
    Copy,
    /// Run the script, which may ask this server.
    Search,
}

impl Powers {
    /// The content security policy. Nothing may frame a page.
    fn policy(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Powers::None => {
                "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            }
            Powers::Form => {
                "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
            }
            Powers::Copy => {
                "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'"
            }
            Powers::Search => {
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            }
        })
    }

    fn has_script(self) -> bool {
        matches!(self, Powers::Copy | Powers::Search)
    }
}

/// A page for people.
#[derive(Debug, Default)]
pub(super) struct Page<'a> {
    /// For the tab and the history.
    pub(super) title: &'a str,
    /// Path that every link starts with.
    pub(super) base: &'a str,
    /// The way here from the start page: words and addresses; the last one is the page itself.
    pub(super) trail: Vec<(String, String)>,
    /// BCP 47 language of the content, if it is known.
    pub(super) language: Option<&'a str>,
    /// The page's address on the public site.
    pub(super) canonical: Option<String>,
    /// HTML of the content.
    pub(super) content: String,
    /// What it may do.
    pub(super) powers: Powers,
}

impl Page<'_> {
    /// The page as an answer.
    pub(super) fn answer(self, status: StatusCode) -> Response {
        let policy = self.powers.policy();
        let mut response = (status, Body::from(self.framed())).into_response();
        let headers = response.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CONTENT_TYPE, "text/html; charset=utf-8");
        set(header::CACHE_CONTROL, "no-cache");
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "no-referrer");
        set(header::X_FRAME_OPTIONS, "DENY");
        // The same address is JSON to programs.
        set(header::VARY, "Accept");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }

    fn framed(&self) -> String {
        let base = escaped(self.base);
        let title = escaped(self.title);
        let version = env!("CARGO_PKG_VERSION");
        let language = self.language.map(|language| format!(" lang=\"{}\"", escaped(language)));
        let canonical = self
            .canonical
            .as_ref()
            .map(|address| format!("<link rel=\"canonical\" href=\"{}\">\n", escaped(address)));
        let script = if self.powers.has_script() {
            format!("<script src=\"{base}/home.js?v={version}\" defer></script>\n")
        } else {
            String::new()
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n{canonical}\
             <link rel=\"stylesheet\" href=\"{base}/style.css?v={version}\">\n{script}</head>\n<body>\n\
             <a class=\"skip\" href=\"#docent-content\">Skip to content</a>\n\
             <header>{trail}</header>\n\
             <main id=\"docent-content\"{language}>\n{content}\n</main>\n\
             <footer>Served by docent {version}. <a href=\"{base}/#connect\">How to connect</a></footer>\n\
             </body>\n</html>\n",
            canonical = canonical.unwrap_or_default(),
            language = language.unwrap_or_default(),
            trail = self.breadcrumb(),
            content = self.content,
        )
    }

    fn breadcrumb(&self) -> String {
        let Some((last, above)) = self.trail.split_last() else { return String::new() };
        let mut steps = String::new();
        for (words, address) in above {
            steps += &format!("<li>{}</li>", link(address, words));
        }
        steps += &format!("<li aria-current=\"page\">{}</li>", escaped(&last.0));
        format!("<nav aria-label=\"Breadcrumb\"><ol>{steps}</ol></nav>")
    }
}

/// The style sheet, as an answer.
pub(super) async fn style() -> Response {
    part(STYLE, "text/css; charset=utf-8")
}

/// The script, as an answer.
pub(super) async fn script() -> Response {
    part(SCRIPT, "text/javascript; charset=utf-8")
}

/// A part of pages.
fn part(text: &'static str, kind: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let day = HeaderValue::from_static("public, max-age=86400");
    headers.insert(header::CACHE_CONTROL, day);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A link.
pub(super) fn link(address: &str, words: &str) -> String {
    format!("<a href=\"{}\">{}</a>", escaped(address), escaped(words))
}

/// Text for HTML, also within quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
