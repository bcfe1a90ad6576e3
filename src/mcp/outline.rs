//! The tool `outline`: the tree of folders, pages and headings with what each costs to read.

use std::collections::BTreeMap;

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::ToolError;
use super::arguments::{Arguments, shorten};
use super::server::Docs;
use crate::corpus::tokens;
use crate::index::{PageRecord, Snapshot};

/// Name of the tool.
pub(super) const NAME: &str = "outline";

const ARGUMENTS: &[&str] = &["path", "depth", "max_tokens"];
const ALIASES: &[(&str, &str)] = &[
    ("id", "path"),
    ("uri", "path"),
    ("url", "path"),
    ("folder", "path"),
    ("collection", "path"),
    ("levels", "depth"),
    ("maxTokens", "max_tokens"),
];

/// Tokens of an answer, unless asked otherwise.
const DEFAULT_TOKENS: u64 = 3000;
/// Deepest outline.
const MAX_DEPTH: u64 = 10;

/// Schema of the arguments.
pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "A folder or page, as in ids; everything without it."},
            "depth": {"type": "integer", "minimum": 1, "maximum": MAX_DEPTH, "description": "Levels to show below path; as many as fit without it."},
            "max_tokens": {"type": "integer", "minimum": 200, "maximum": 20000, "default": DEFAULT_TOKENS, "description": "Size of the whole answer."}
        },
        "additionalProperties": false
    })
}

/// Schema of the answer.
pub(super) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "outline": {"type": "string", "description": "Indented list: folders end in /, pages are ids for fetch, headings begin with # and are appended to their page's id; numbers are tokens."},
            "pages": {"type": "integer"},
            "tokens": {"type": "integer", "description": "Estimated tokens of all pages under path."},
            "notice": {"type": "string", "description": "What is left out, and the next call to make."}
        },
        "required": ["path", "outline", "pages", "tokens"]
    })
}

/// Runs the tool.
pub(super) fn call(docs: &Docs, given: Option<JsonObject>) -> Result<String, ToolError> {
    let mut arguments = Arguments::new(NAME, ARGUMENTS, ALIASES, given)?;
    let path = arguments.text("path")?.unwrap_or_default();
    let depth = arguments.number("depth", 1..=MAX_DEPTH, 0)?;
    let budget = arguments.number("max_tokens", 200..=20_000, DEFAULT_TOKENS)? as usize;
    let snapshot = docs.snapshot();
    let (root, prefix) = tree(docs, &snapshot, &path)?;
    // The path, the counts and the notice are paid from the same budget.
    let room = budget.saturating_sub(tokens::estimate(&prefix) * 2 + 90);
    let (lines, shown, more) = match depth {
        0 => deepest(&root, room),
        depth => {
            let lines = root.lines(depth as usize);
            let more = root.depth() > depth as usize;
            (lines, depth as usize, more)
        }
    };
    let (outline, cut) = within(&lines, room);
    let mut answer = json!({
        "path": prefix, "outline": outline, "pages": root.pages, "tokens": root.tokens,
    });
    let notice = if cut > 0 {
        Some(format!(
            "{cut} more lines did not fit: call outline with \"path\" set to one of the folders or pages above, a smaller \"depth\", or a larger \"max_tokens\"."
        ))
    } else if more {
        Some(format!(
            "Shown to depth {shown}: call outline with \"path\" set to a folder or page above to see what is in it."
        ))
    } else {
        None
    };
    if let Some(notice) = notice {
        answer["notice"] = json!(notice);
    }
    if let Some(problem) = docs.problem() {
        let before = answer["notice"].as_str().unwrap_or_default().to_owned();
        answer["notice"] = json!(format!("{problem} {before}").trim().to_owned());
    }
    Ok(answer.to_string())
}

/// A folder, page or heading.
#[derive(Debug, Default)]
struct Node {
    label: String,
    tokens: u64,
    pages: u64,
    children: Vec<Node>,
}

impl Node {
    fn depth(&self) -> usize {
        self.children.iter().map(|child| 1 + child.depth()).max().unwrap_or(0)
    }

    fn lines(&self, depth: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for child in &self.children {
            child.write(0, depth, &mut lines);
        }
        lines
    }

    fn write(&self, level: usize, depth: usize, lines: &mut Vec<String>) {
        let indent = "  ".repeat(level);
        let size = match self.pages {
            0 | 1 => format!("({})", self.tokens),
            pages => format!("({pages} pages, {})", self.tokens),
        };
        lines.push(format!("{indent}{} {size}", self.label));
        if level + 1 < depth {
            for child in &self.children {
                child.write(level + 1, depth, lines);
            }
        }
    }
}

/// The outline to the greatest depth that fits.
fn deepest(root: &Node, room: usize) -> (Vec<String>, usize, bool) {
    let deepest = root.depth();
    let mut shown = 1;
    let mut lines = root.lines(1);
    while shown < deepest {
        let next = root.lines(shown + 1);
        if next.iter().map(|line| cost(line)).sum::<usize>() > room {
            break;
        }
        (lines, shown) = (next, shown + 1);
    }
    (lines, shown, shown < deepest)
}

/// Tokens of a line with its end, which JSON escapes.
fn cost(line: &str) -> usize {
    tokens::estimate(line) + 1
}

/// As many lines as fit, and how many do not.
fn within(lines: &[String], room: usize) -> (String, usize) {
    let mut used = 0;
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        used += cost(line);
        if used > room {
            return (out, lines.len() - at);
        }
        if at > 0 {
            out.push('\n');
        }
        out.push_str(line);
    }
    (out, 0)
}

/// The tree under a path, and the path as ids have it.
fn tree(docs: &Docs, snapshot: &Snapshot, path: &str) -> Result<(Node, String), ToolError> {
    let catalog = snapshot.catalog()?;
    let links = docs.links();
    let path = path.trim();
    if !path.is_empty()
        && let Some((target, page)) = links.find(catalog, path)
    {
        let id = links.id(&target.collection, &target.path, "");
        return Ok((page_node(page, id.clone()), id));
    }
    let folder =
        path.trim_start_matches(super::links::SCHEME).trim_matches('/').trim_start_matches("./");
    let folder = if folder == "." { "" } else { folder };
    // With one collection its name is not part of ids, but models copy it from resource URIs.
    let folder = match docs.collections() {
        [only] if !links.several() => folder
            .strip_prefix(only.name.as_str())
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map_or(folder, |rest| rest.trim_start_matches('/')),
        _ => folder,
    };
    let mut pages: Vec<(String, &PageRecord)> = Vec::new();
    for page in catalog.pages() {
        let id = links.id(&page.collection, &page.path, "");
        let inside =
            folder.is_empty() || id.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        if inside && !super::prompts::is_template(&page.path) {
            pages.push((id, page));
        }
    }
    if pages.is_empty() {
        let near: Vec<String> = snapshot
            .nearest_pages(folder, 5)?
            .iter()
            .map(|page| links.id(&page.collection, &page.path, ""))
            .collect();
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("; near it are: {}", near.join(", "))
        };
        return Err(ToolError(format!(
            "there is no folder or page {:?}{hint}; call outline without \"path\" to see everything",
            shorten(path)
        )));
    }
    let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let mut root = grow(pages.iter().map(|(id, page)| (&id[skip..], id.as_str(), *page)).collect());
    root.pages = pages.len() as u64;
    let shown = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    Ok((root, shown))
}

/// A folder's node from the pages in it: (path below the folder, id, page).
fn grow(pages: Vec<(&str, &str, &PageRecord)>) -> Node {
    let mut root = Node::default();
    let mut folders: BTreeMap<&str, Vec<(&str, &str, &PageRecord)>> = BTreeMap::new();
    let mut own: Vec<(&str, &PageRecord)> = Vec::new();
    for (rest, id, page) in pages {
        match rest.split_once('/') {
            Some((folder, rest)) => folders.entry(folder).or_default().push((rest, id, page)),
            None => own.push((id, page)),
        }
    }
    own.sort_by_key(|(_, page)| page.weight.unwrap_or(i64::MAX));
    for (id, page) in own {
        let mut node = page_node(page, String::new());
        node.label = format!("{id} {}", page.title);
        node.pages = 1;
        root.children.push(node);
    }
    for (name, inside) in folders {
        let id = inside[0].1;
        let end = id.len() - inside[0].0.len();
        let count = inside.len() as u64;
        let label = id[..end].to_owned();
        debug_assert!(label.ends_with(&format!("{name}/")));
        let mut node = grow(inside);
        node.label = label;
        node.pages = count;
        root.children.push(node);
    }
    root.tokens = root.children.iter().map(|child| child.tokens).sum();
    root
}

/// A page's node, with its headings nested by level.
fn page_node(page: &PageRecord, label: String) -> Node {
    let mut root = Node { label, pages: 1, ..Node::default() };
    root.tokens = page.sections.iter().map(|section| u64::from(section.tokens)).sum();
    let mut stack: Vec<(u8, Node)> = Vec::new();
    let close = |stack: &mut Vec<(u8, Node)>, root: &mut Node, level: u8| {
        while stack.last().is_some_and(|(open, _)| *open >= level) {
            let Some((_, node)) = stack.pop() else { break };
            stack.last_mut().map_or(&mut *root, |(_, parent)| parent).children.push(node);
        }
    };
    for section in page.sections.iter().filter(|section| section.level > 1) {
        close(&mut stack, &mut root, section.level);
        let label = format!("#{} {}", section.anchor, section.title);
        let node = Node { label, tokens: u64::from(section.tokens), ..Node::default() };
        stack.push((section.level, node));
    }
    close(&mut stack, &mut root, 0);
    root
}
