//! The docs folder: dialects, front matter, anchors, what is never read. Text in, text out.

mod dialects;
mod files;
mod git;
mod includes;
mod nesting;
mod pages;
mod properties;
mod tokens;

use std::path::PathBuf;

use docent::corpus::{Collection, Page, Reader, Site, Warning};
use expect_test::Expect;

/// A reader of a folder that is not there: for pages that include nothing.
fn reader(site: Site) -> Reader {
    let root = PathBuf::from("/nowhere/docs");
    Reader::new(&Collection { root, site: Some(site), ..Collection::default() })
}

/// Reads a page; it must not be skipped.
fn read(site: Site, path: &str, text: &str) -> (Page, Vec<Warning>) {
    let (page, warnings) = reader(site).parse(path, text.as_bytes());
    (page.expect("the page is read"), warnings)
}

/// The page as clients get it: each section's anchor, then its text, then the warnings.
fn show(page: &Page, warnings: &[Warning]) -> String {
    let mut out = String::new();
    for section in &page.sections {
        out.push_str(&format!("[#{}]\n{}\n", section.anchor, section.text));
    }
    for warning in warnings {
        out.push_str(&format!("line {}: {}\n", warning.line, warning.message));
    }
    out
}

/// Reads `text` as a page of a site and compares what comes out.
fn check(site: Site, text: &str, expected: Expect) {
    let (page, warnings) = read(site, "guide/page.md", text);
    expected.assert_eq(&show(&page, &warnings));
}
