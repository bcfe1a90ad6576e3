//! The frame of every page for people: head, breadcrumb, content, foot. No script anywhere.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The one style sheet; it follows the light or dark of the reader's system.
const STYLE: &str = include_str!("style.css");

/// What a page may load: its style sheet. Nothing may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// What a page with a form may load. Nothing is said of where the form leads: browsers hold every
/// redirect that follows against it, so that people would be stopped on their way to the identity
/// provider and back to their app.
const FORM_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

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
    /// Whether there is a form in it.
    pub(super) has_form: bool,
}

impl Page<'_> {
    /// The page as an answer.
    pub(super) fn answer(self, status: StatusCode) -> Response {
        let has_form = self.has_form;
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
        let policy = if has_form { FORM_POLICY } else { POLICY };
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
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n{canonical}\
             <link rel=\"stylesheet\" href=\"{base}/style.css?v={version}\">\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#docent-content\">Skip to content</a>\n\
             <header>{trail}</header>\n\
             <main id=\"docent-content\"{language}>\n{content}\n</main>\n\
             <footer>Served by docent {version}. <a href=\"{base}/\">How to connect</a></footer>\n\
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
    let mut response = STYLE.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
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
