//! What holds for the answers about any docs: they keep to the size that was asked for, what is cut is
//! still Markdown, every name that is given out is understood, and reading on loses nothing.

use std::collections::BTreeSet;

use docent::corpus::tokens;
use docent::mcp::Docs;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::protocol::Server;
use crate::harness::{Folder, docs, fences_close};

/// Names of pages, some of which mean something in an address.
const PATHS: [&str; 8] = [
    "index.md",
    "guide/install.md",
    "guide/README.md",
    "c#/start.md",
    "a b/ä%20ö.md",
    "x?y&z.md",
    "[id]/{page}.md",
    "deep/er/and/deeper/page.mdx",
];

/// Sizes that are asked for; the least is what a model may ask for at the least.
const SIZES: [u64; 4] = [200, 333, 1000, 6000];

/// What pages are made of.
#[derive(Debug, Clone)]
enum Block {
    Heading(usize, usize),
    Id(usize),
    Words(usize),
    Sentences(usize),
    Code(usize),
    Wide(usize),
    Rows(usize),
    Items(usize),
    CodeInItem(usize),
    CodeInQuote(usize),
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        3 => (1..5usize, 0..4usize).prop_map(|(level, title)| Block::Heading(level, title)),
        1 => (0..3usize).prop_map(Block::Id),
        2 => (1..200usize).prop_map(Block::Words),
        2 => (1..40usize).prop_map(Block::Sentences),
        2 => (1..120usize).prop_map(Block::Code),
        1 => (1..300usize).prop_map(Block::Wide),
        2 => (1..80usize).prop_map(Block::Rows),
        2 => (1..60usize).prop_map(Block::Items),
        1 => (1..80usize).prop_map(Block::CodeInItem),
        1 => (1..80usize).prop_map(Block::CodeInQuote),
    ]
}

const TITLES: [&str; 4] = ["Install it", "Größe & Maß", "`--flag` of it", "安装"];

/// Writes pages of which no two words are the same.
#[derive(Default)]
struct Writer {
    words: usize,
}

impl Writer {
    fn word(&mut self) -> String {
        self.words += 1;
        format!("w{}", self.words)
    }

    fn words(&mut self, number: usize) -> String {
        (0..number).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn lines(&mut self, number: usize, indent: &str) -> String {
        (0..number).map(|_| format!("{indent}let {} = {};\n", self.word(), self.word())).collect()
    }

    fn block(&mut self, block: &Block) -> String {
        match *block {
            Block::Heading(level, title) => format!("{} {}\n\n", "#".repeat(level), TITLES[title]),
            Block::Id(id) => format!("## Named {} {{#id-{id}}}\n\n", self.word()),
            Block::Words(words) => format!("{}\n\n", self.words(words)),
            Block::Sentences(number) => {
                (0..number).map(|_| format!("The {} is. ", self.words(4))).collect::<String>()
                    + "\n\n"
            }
            Block::Code(lines) => format!("```rust\n{}```\n\n", self.lines(lines, "")),
            Block::Wide(words) => format!("~~~~\n{}\n~~~~\n\n", self.words(words)),
            Block::Rows(rows) => {
                let row = |_| format!("| {} | {} |\n", self.word(), self.word());
                format!("| a | b |\n| --- | --- |\n{}\n", (0..rows).map(row).collect::<String>())
            }
            Block::Items(items) => {
                (0..items).map(|_| format!("- {}\n", self.words(5))).collect::<String>() + "\n"
            }
            Block::CodeInItem(lines) => {
                let (item, lines) = (self.words(3), self.lines(lines, "  "));
                format!("- {item}\n  ```sh\n{lines}  ```\n- {}\n\n", self.words(3))
            }
            Block::CodeInQuote(lines) => {
                let (quoted, lines) = (self.words(3), self.lines(lines, "> "));
                format!("> {quoted}\n>\n> ```\n{lines}> ```\n\n")
            }
        }
    }
}

fn pages() -> impl Strategy<Value = Vec<(&'static str, Vec<Block>)>> {
    let path = proptest::sample::select(&PATHS[..]);
    proptest::collection::vec((path, proptest::collection::vec(block(), 1..14)), 1..4)
}

/// A server of pages, and the text of each.
fn serve(pages: &[(&'static str, Vec<Block>)]) -> (Folder, Docs) {
    let mut writer = Writer::default();
    let files: Vec<(&str, String)> = pages
        .iter()
        .map(|(path, blocks)| (*path, blocks.iter().map(|it| writer.block(it)).collect()))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, &**text)).collect();
    docs(&files)
}

/// An answer, which is within its size.
fn call(docs: &Docs, tool: &str, arguments: Value) -> Result<Value, TestCaseError> {
    let most = arguments["max_tokens"].as_u64().unwrap_or(6000) as usize;
    let answer = docs.call(tool, arguments.as_object().cloned()).expect("the tool");
    let answer = answer.map_err(|error| TestCaseError::fail(format!("{arguments}: {error}")))?;
    let size = tokens::estimate(&answer);
    prop_assert!(size <= most, "{} of {}: {}: {}", size, most, arguments, answer);
    Ok(serde_json::from_str(&answer).expect("JSON"))
}

/// The numbered words of a text, in order.
fn words(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with('w') && word[1..].parse::<u32>().is_ok()).collect()
}

fn text_of(answer: &Value) -> &str {
    answer["text"].as_str().unwrap_or_default()
}

fn ids_in(answer: &Value) -> Vec<String> {
    let (mut ids, listed) = (Vec::new(), [&answer["results"], &answer["metadata"]["sections"]]);
    for item in listed.iter().filter_map(|list| list.as_array()).flatten() {
        ids.extend(item["id"].as_str().map(str::to_owned));
        let also = item["also"].as_array().into_iter().flatten();
        ids.extend(also.filter_map(|id| id.as_str().map(str::to_owned)));
    }
    ids
}

/// The ids that an outline shows: pages, and headings below them.
fn ids_of_outline(answer: &Value) -> Vec<String> {
    let (mut ids, mut page) = (Vec::new(), String::new());
    for line in answer["outline"].as_str().unwrap_or_default().lines() {
        let line = line.trim_start();
        let ends = PATHS.iter().find(|path| line.starts_with(&format!("{path} ")));
        if let Some(path) = ends {
            page = (*path).to_owned();
            ids.push(page.clone());
        } else if let Some(anchor) = line.strip_prefix('#').and_then(|it| it.split(' ').next()) {
            ids.push(format!("{page}#{anchor}"));
        }
    }
    ids
}

/// How often each property is tried; `PROPTEST_CASES` is for long runs.
fn cases(usual: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(given.unwrap_or(usual))
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn answers_keep_to_their_size_and_are_markdown(pages in pages()) {
        let (_folder, docs) = serve(&pages);
        for size in SIZES {
            for query in ["install it", "w1 w20 w40", "\"let w30\"", "nothing of it", "安装", "?"] {
                let found = call(&docs, "search", json!({"query": query, "max_tokens": size, "limit": 9}))?;
                for result in found["results"].as_array().expect("results") {
                    prop_assert!(fences_close(text_of(result)), "{}: {}", size, result);
                }
            }
            for depth in [1, 2, 10] {
                call(&docs, "outline", json!({"max_tokens": size, "depth": depth}))?;
            }
            call(&docs, "outline", json!({"max_tokens": size}))?;
        }
    }

    #[test]
    fn reading_on_gives_everything_once(pages in pages()) {
        let (folder, docs) = serve(&pages);
        let snapshot = folder.indexer.index().snapshot();
        for page in snapshot.catalog().expect("a catalog").pages() {
            let sections = snapshot.sections("docs", &page.path).expect("the page");
            let whole: Vec<&str> = sections.iter().flat_map(|section| words(&section.text)).collect();
            for size in SIZES {
                let mut cursor = String::new();
                let mut read = String::new();
                loop {
                    let arguments = json!({"id": page.path, "max_tokens": size, "cursor": cursor});
                    let answer = call(&docs, "fetch", arguments)?;
                    let text = text_of(&answer).split("\n\n[cut here;").next().unwrap_or_default();
                    prop_assert!(fences_close(text), "{}: {}", size, text);
                    read.push_str(text);
                    read.push('\n');
                    match answer["metadata"]["next"].as_str() {
                        Some(next) => {
                            prop_assert_ne!(next, &cursor);
                            cursor = next.to_owned();
                        }
                        None => break,
                    }
                }
                prop_assert_eq!(words(&read), &*whole, "{}", size);
            }
        }
    }

    #[test]
    fn every_name_that_is_given_out_is_understood(pages in pages()) {
        let (folder, docs) = serve(&pages);
        let snapshot = folder.indexer.index().snapshot();
        let catalog = snapshot.catalog().expect("a catalog");
        let found = call(&docs, "search", json!({"query": "install it size w1 w9", "limit": 20}))?;
        for result in found["results"].as_array().expect("results") {
            let read = call(&docs, "fetch", json!({"id": result["id"]}))?;
            prop_assert_eq!(&read["title"], &result["title"], "{}", result);
            prop_assert_eq!(&read["url"], &result["url"]);
            // The address leads to the same, too.
            let again = call(&docs, "fetch", json!({"id": result["url"]}))?;
            prop_assert_eq!(&again["id"], &result["id"]);
        }
        let mut ids: BTreeSet<String> = ids_in(&found).into_iter().collect();
        ids.extend(ids_of_outline(&call(&docs, "outline", json!({"max_tokens": 20_000}))?));
        for page in catalog.pages() {
            prop_assert!(ids.contains(&page.path), "{:?} lacks {}", ids, page.path);
            ids.extend(ids_in(&call(&docs, "fetch", json!({"id": page.path, "max_tokens": 200}))?));
        }
        for id in &ids {
            prop_assert_eq!(&call(&docs, "fetch", json!({"id": id}))?["id"], id);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut server = Server::legacy(&docs).await;
            let listed = server.request("resources/list", json!({})).await;
            let uris: Vec<&Value> =
                listed["resources"].as_array().expect("a list").iter().map(|it| &it["uri"]).collect();
            prop_assert_eq!(uris.len(), catalog.pages().len());
            for (uri, page) in uris.into_iter().zip(catalog.pages()) {
                let read = server.request("resources/read", json!({"uri": uri})).await;
                prop_assert_eq!(&read["contents"][0]["uri"], uri);
                let sections = snapshot.sections("docs", &page.path).expect("the page");
                let text = sections.iter().map(|section| section.text.trim()).collect::<Vec<_>>().join("\n\n");
                prop_assert_eq!(&read["contents"][0]["text"], &text);
                let fetched = call(&docs, "fetch", json!({"id": uri}))?;
                prop_assert_eq!(&fetched["id"], &page.path);
            }
            Ok(())
        })?;
    }
}
