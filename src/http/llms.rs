//! The docs for programs that read no HTML: `/llms.txt` (llmstxt.org), a list of all pages;
//! `/llms-full.txt`, all pages in one; and a single page as Markdown.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::door::Who;
use super::error::{self, Error, Refusal};
use super::pages::{counted_pages, nowhere, titled};
use super::{Site, link};
use crate::auth::Parameters;
use crate::index::{PageRecord, SectionRecord, Snapshot};
use crate::mcp::{Docs, Shelf};

/// Paths of the two files.
pub(super) const LIST: &str = "/llms.txt";
pub(super) const FULL: &str = "/llms-full.txt";

/// Largest list of pages, in bytes; a collection that does not fit is named with an address where it
/// is listed alone.
const MAX_LIST: usize = 512 << 10;
/// Longest description of a page in the list, in characters.
const MAX_ABOUT: usize = 300;
/// Most bytes of pages in one file: more than any model reads at once.
const MAX_FULL: usize = 4 << 20;
/// Bytes that are put together before they are sent.
const PIECE: usize = 64 << 10;

/// What is asked for: the docs as the caller sees them, and those collections of them.
struct Asked {
    docs: Docs,
    shelves: Vec<Shelf>,
    /// The name, if it is a single one that was asked for.
    alone: Option<String>,
}

impl Asked {
    /// # Errors
    ///
    /// The collection is not there; none if the caller may have no lists.
    fn of(site: &Site, who: &Who, request: &Request) -> Result<Option<Asked>, Refusal> {
        let docs = site.docs_for(who);
        if !docs.scope().lists() {
            return Ok(None);
        }
        let query = request.uri().query().unwrap_or_default();
        let alone = Parameters::parse(query.as_bytes()).one("collection").map(str::to_owned);
        let mut shelves = docs.collections().to_vec();
        if let Some(name) = &alone {
            shelves.retain(|shelf| shelf.name == *name);
            if shelves.is_empty() {
                let message =
                    format!("there is no such collection; {}{LIST} has all", site.address);
                return Err(Refusal::new(StatusCode::NOT_FOUND, error::TRANSPORT, message));
            }
        }
        Ok(Some(Asked { docs, shelves, alone }))
    }
}

/// `GET /llms.txt`, of all collections or of `?collection=NAME`.
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Result<Response, Error> {
    let Some(asked) = Asked::of(&site, &who, &request)? else {
        return nowhere(State(site), Some(Extension(who)), request).await;
    };
    let snapshot = asked.docs.snapshot();
    let catalog = snapshot.catalog()?;
    let mut text = head(&site, &asked);
    for shelf in &asked.shelves {
        let pages = catalog.collection(&shelf.name);
        if pages.is_empty() {
            continue;
        }
        text += &format!("\n## {}\n\n", words(titled(shelf)));
        let mut left = pages.len();
        for page in pages {
            if text.len() > MAX_LIST {
                break;
            }
            text += &entry(&site, page);
            left -= 1;
        }
        if left > 0 {
            let address = match &asked.alone {
                // There is no longer list of it: people go through its folders.
                Some(_) => format!("{}{}", site.address, link::page("", &shelf.name, "")),
                None => format!("{}{LIST}?collection={}", site.address, shelf.name),
            };
            text += &format!("- [{} more]({address})\n", counted_pages(left as u64));
        }
    }
    text += &format!(
        "\n## Optional\n\n- [All pages in one file]({}{FULL}{}): up to {} MiB of Markdown\n",
        site.address,
        asked.alone.as_ref().map(|name| format!("?collection={name}")).unwrap_or_default(),
        MAX_FULL >> 20,
    );
    Ok(answer(&site, Body::from(text)))
}

/// `GET /llms-full.txt`, of all collections or of `?collection=NAME`: sent while it is read, so that
/// it takes no more memory than a few pages.
pub(super) async fn full(
    State(site): State<Arc<Site>>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Result<Response, Error> {
    let Some(asked) = Asked::of(&site, &who, &request)? else {
        return nowhere(State(site), Some(Extension(who)), request).await;
    };
    let snapshot = asked.docs.snapshot();
    let catalog = snapshot.catalog()?;
    let pages: Vec<Arc<PageRecord>> =
        asked.shelves.iter().flat_map(|shelf| catalog.collection(&shelf.name)).cloned().collect();
    let head =
        format!("# {}\n\n> {}\n", words(&site.called.title), words(&site.called.description));
    let body = Pages {
        site: site.clone(),
        snapshot,
        pages: pages.into_iter(),
        ready: head,
        sent: 0,
        several: asked.docs.collections().len() > 1,
        is_over: false,
    };
    Ok(answer(&site, Body::new(body)))
}

/// A single page as Markdown.
pub(super) fn alone(page: &PageRecord, sections: &[SectionRecord]) -> Response {
    let text = markdown(page, sections);
    let mut response = text.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/markdown; charset=utf-8");
    set(header::CACHE_CONTROL, "no-cache");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // The same address is a page to people.
    set(header::VARY, "Accept");
    response
}

fn answer(site: &Site, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let closed = site.door.rules().is_closed();
    set(header::CACHE_CONTROL, if closed { "private, no-cache" } else { "no-cache" });
    response
}

/// Title, summary, how to ask instead of reading, and what the owner says of the collections.
fn head(site: &Site, asked: &Asked) -> String {
    let mut text = format!(
        "# {}\n\n> {}\n\nAn MCP server answers questions about these pages: {}\n",
        words(&site.called.title),
        words(&site.called.description),
        site.endpoint,
    );
    let described = asked.shelves.iter().filter_map(|shelf| {
        let description = shelf.description.as_deref()?;
        let version = shelf.version.as_ref().map(|version| format!(" {version}"));
        let version = version.unwrap_or_default();
        Some(format!(
            "- {}: {}\n",
            words(&format!("{}{version}", titled(shelf))),
            words(description)
        ))
    });
    let described: String = described.collect();
    if !described.is_empty() {
        text += &format!("\n{described}");
    }
    text
}

fn entry(site: &Site, page: &PageRecord) -> String {
    let title = words(if page.title.is_empty() { &page.path } else { &page.title });
    let about = match words(&page.description) {
        about if about.is_empty() => about,
        about => format!(": {}", about.chars().take(MAX_ABOUT).collect::<String>()),
    };
    format!("- [{title}]({}){about}\n", address(site, page))
}

/// The address of a page on this server, where programs get Markdown. Parentheses would end it.
fn address(site: &Site, page: &PageRecord) -> String {
    let address = link::page("", &page.collection, &page.path);
    format!("{}{}", site.address, address.replace('(', "%28").replace(')', "%29"))
}

/// A text on one line. Square brackets would end the words of a link, and readers of this format do
/// not know of escapes.
fn words(text: &str) -> String {
    let plain = |c| match c {
        '[' => '(',
        ']' => ')',
        c if char::is_control(c) => ' ',
        c => c,
    };
    let text: String = text.chars().map(plain).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A page as models get it, with its title above if it has none of its own.
fn markdown(page: &PageRecord, sections: &[SectionRecord]) -> String {
    let mut text = String::new();
    if !sections.iter().any(|section| section.level == 1) {
        text += &format!("# {}\n\n", page.title);
    }
    for section in sections.iter().filter(|section| !section.text.trim().is_empty()) {
        text += section.text.trim();
        text += "\n\n";
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Pages, one after the other, read as they are sent.
struct Pages {
    site: Arc<Site>,
    snapshot: Arc<Snapshot>,
    pages: std::vec::IntoIter<Arc<PageRecord>>,
    /// What is sent next.
    ready: String,
    /// Bytes of pages so far.
    sent: usize,
    several: bool,
    is_over: bool,
}

impl Pages {
    fn piece(&mut self) -> anyhow::Result<Option<Bytes>> {
        while self.ready.len() < PIECE && !self.is_over {
            let Some(page) = self.pages.next() else {
                self.is_over = true;
                break;
            };
            let sections = self.snapshot.sections(&page.collection, &page.path)?;
            let text = markdown(&page, &sections);
            let text = format!("\n---\n\nSource: {}\n\n{text}", address(&self.site, &page));
            if self.sent + text.len() > MAX_FULL {
                self.is_over = true;
                self.ready += &self.left_out(1 + self.pages.len());
                break;
            }
            self.sent += text.len();
            self.ready += &text;
        }
        let piece = std::mem::take(&mut self.ready);
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }

    fn left_out(&self, pages: usize) -> String {
        let address = &self.site.address;
        let one = if self.several {
            format!("a single collection is at {address}{FULL}?collection=NAME, and ")
        } else {
            String::new()
        };
        format!(
            "\n---\n\nLeft out, because this file is at most {} MiB long: {}; {one}{address}{LIST} lists \
             the addresses of all.\n",
            MAX_FULL >> 20,
            counted_pages(pages as u64),
        )
    }
}

impl HttpBody for Pages {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let piece = self.get_mut().piece().context("a page for /llms-full.txt cannot be read");
        Poll::Ready(match piece {
            Ok(piece) => piece.map(|piece| Ok(Frame::data(piece))),
            // The answer has begun: that it breaks off is all that can be said.
            Err(error) => {
                tracing::error!("{error:#}");
                Some(Err(axum::Error::new(error)))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_on_their_line_and_end_no_link() {
        assert_eq!(words(" Vec[T]\n\u{7}## x "), "Vec(T) ## x");
    }
}
