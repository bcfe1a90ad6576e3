//! The start page: what this server knows, how fresh it is, a box that asks the search tool, and how
//! clients connect. Behind a closed door only how to come in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::html::{Page, Powers, escaped, link};
use super::pages::{counted_pages, titled};
use super::{ENDPOINT, Site, card, llms};
use crate::index::Catalog;
use crate::mcp::Shelf;

/// Most collections on the start page; a longer list has a page of its own.
pub(super) const MAX_SHELVES: usize = 24;
/// Longest description of a collection that is shown, in characters.
const MAX_ABOUT: usize = 300;

/// What an MCP server is, for people who came by.
const WHAT: &str = "<a href=\"https://modelcontextprotocol.io/\" rel=\"noopener noreferrer\">MCP</a> \
                    server: AI assistants use it to search, read and cite";

/// `GET /`: what this server is and how to connect.
pub(super) async fn home(State(site): State<Arc<Site>>) -> Response {
    if site.door.rules().is_closed() {
        return closed(&site, StatusCode::OK);
    }
    let title = format!("{} for assistants", site.called.title);
    let content = format!(
        "<h1>{}</h1>\n<p>This is an {WHAT} the documentation below. You can read the same pages \
         here.</p>\n{}{}{}{}{}",
        escaped(&title),
        freshness(&site),
        box_of(&site),
        inside(&site),
        site.connecting,
        for_programs(&site),
    );
    let base = site.base.as_str();
    Page { title: &title, base, content, powers: Powers::Search, ..Page::default() }
        .answer(StatusCode::OK)
}

/// What people see of a server that wants to know who calls: how to come in, and nothing of what is
/// inside.
pub(super) fn closed(site: &Site, status: StatusCode) -> Response {
    let endpoint = escaped(&site.endpoint);
    let mut ways = String::new();
    if let Some(provider) = site.door.rules().provider_name() {
        let provider = escaped(&provider);
        ways += &format!(
            "<h2>For people</h2>\n<p>Add this server to your assistant, as shown below. It will send \
             you to sign in with {provider}, and ask you first.</p>\n",
        );
    }
    if site.door.rules().keys.is_some() {
        ways += &format!(
            "<h2>For programs</h2>\n<p>Ask whoever runs this server for a key, and have your program \
             send it with every request to <code>{endpoint}</code>:</p>\n\
             <pre tabindex=\"0\"><code>Authorization: Bearer dk_live_…</code></pre>\n",
        );
    }
    let title = format!("{} for assistants", site.called.title);
    let about = site.about.as_ref().map(|about| format!("<p>{}</p>\n", escaped(about)));
    let about = about.unwrap_or_default();
    let content = format!(
        "<h1>{}</h1>\n{about}<p>This is an {WHAT} documentation. It wants to know who calls, so that \
         nobody can use it up for others.</p>\n{ways}{}",
        escaped(&title),
        site.connecting,
    );
    let base = site.base.as_str();
    Page { title: &title, base, content, powers: Powers::Copy, ..Page::default() }.answer(status)
}

/// How much there is, since when, and whether something is amiss.
fn freshness(site: &Site) -> String {
    let snapshot = site.docs.snapshot();
    let stamp = snapshot.stamp();
    let sections = counted(stamp.sections, "section");
    let mut html = format!("<p class=\"note\">{}, {sections}", counted_pages(stamp.pages()));
    if let Some((machine, words)) = moment(stamp.committed) {
        html += &format!(". Last updated <time datetime=\"{machine}\">{words}</time>");
    }
    html += ".</p>\n";
    if let Some(problem) = site.docs.problem() {
        html += &format!("<p class=\"warning\">{}</p>\n", escaped(&problem));
    }
    html
}

/// A moment for machines and for people; none before there was a commit.
fn moment(seconds: u64) -> Option<(String, String)> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    let (day, month, year) = (at.day(), at.month(), at.year());
    let words = format!("{day} {month} {year}, {:02}:{:02} UTC", at.hour(), at.minute());
    (seconds > 0).then_some((at.format(&Rfc3339).ok()?, words))
}

/// The search box. The script shows it: without one it could not ask.
fn box_of(site: &Site) -> String {
    format!(
        "<section aria-labelledby=\"try\">\n<h2 id=\"try\">Try the search</h2>\n\
         <noscript><p class=\"note\">The search box needs JavaScript. Everything else on this page works \
         without.</p></noscript>\n\
         <form id=\"ask\" role=\"search\" data-endpoint=\"{}{ENDPOINT}\" hidden>\n\
         <label for=\"query\">A question, keywords, an error message or an identifier</label>\n\
         <input id=\"query\" name=\"q\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" \
         maxlength=\"2000\" required>\n<button class=\"main\">Search</button>\n</form>\n\
         <p id=\"state\" class=\"note\" role=\"status\"></p>\n<div id=\"answer\"></div>\n</section>\n",
        escaped(&site.base)
    )
}

/// The collections, with what the owner says of them.
fn inside(site: &Site) -> String {
    let docs = site.docs.now();
    let snapshot = docs.snapshot();
    // A catalog that cannot be read is told by /readyz; counts are all that is missed here.
    let catalog = snapshot.catalog().ok();
    let shelves = docs.collections();
    let mut html = "<h2 id=\"inside\">What is inside</h2>\n<dl>\n".to_owned();
    html.extend(shelves.iter().take(MAX_SHELVES).map(|shelf| shown(site, shelf, catalog)));
    html += "</dl>\n";
    if let Some(more) = shelves.len().checked_sub(MAX_SHELVES).filter(|more| *more > 0) {
        let all = link(&format!("{}/docs/", site.base), "All collections");
        html += &format!("<p>And {}. {all}</p>\n", counted(more as u64, "more collection"));
    }
    html
}

fn shown(site: &Site, shelf: &Shelf, catalog: Option<&Catalog>) -> String {
    let address = super::link::page(&site.base, &shelf.name, "");
    let version = shelf.version.as_ref().map(|version| format!(" {}", escaped(version)));
    let about = shelf.description.as_ref().map(|text| {
        let cut = text.chars().count() > MAX_ABOUT;
        let text: String = text.chars().take(MAX_ABOUT).collect();
        format!("<dd>{}{}</dd>\n", escaped(&text), if cut { "…" } else { "" })
    });
    let standings = site.docs.standings();
    let standing = standings.iter().find(|standing| standing.collection == shelf.name);
    let commit = standing.and_then(|standing| standing.commit.as_ref());
    let commit = commit.map(|commit| format!(", commit <code>{}</code>", escaped(commit)));
    let failing = standing.filter(|standing| standing.failing);
    let failing =
        failing.map(|_| "<dd class=\"warning\">Newer docs cannot be had just now.</dd>\n");
    let pages = catalog.map_or(&[][..], |catalog| catalog.collection(&shelf.name));
    let sections: usize = pages.iter().map(|page| page.sections.len()).sum();
    let name: String = titled(shelf).chars().take(MAX_ABOUT).collect();
    format!(
        "<dt>{}{}</dt>\n{}<dd class=\"note\">{}, {}{}</dd>\n{}",
        link(&address, &name),
        version.unwrap_or_default(),
        about.unwrap_or_default(),
        counted_pages(pages.len() as u64),
        counted(sections as u64, "section"),
        commit.unwrap_or_default(),
        failing.unwrap_or_default(),
    )
}

/// What programs read that do not connect.
fn for_programs(site: &Site) -> String {
    let base = &site.base;
    format!(
        "<h2 id=\"programs\">For programs</h2>\n<p>{} lists all pages, {} has them in one file. Each page \
         is Markdown for whoever does not ask for HTML. The {} says how to connect.</p>\n",
        link(&format!("{base}{}", llms::LIST), "llms.txt"),
        link(&format!("{base}{}", llms::FULL), "llms-full.txt"),
        link(&format!("{base}{}", card::CARD), "server card"),
    )
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_to_machines_and_to_people() {
        let told = |machine: &str, words: &str| Some((machine.to_owned(), words.to_owned()));
        let at = moment(1_795_675_500);
        assert_eq!(at, told("2026-11-26T06:45:00Z", "26 November 2026, 06:45 UTC"));
        assert_eq!(moment(0), None);
        assert_eq!(moment(u64::MAX), None);
    }
}
