//! MDX: imports, exports and expressions go; components leave their text and their labels.

use super::{
    fence::opening_run,
    scan::Scanner,
    tags::{self, Tag},
};

impl Scanner<'_> {
    /// An `import` or `export` at the top level, to the blank line after it. Says whether it was
    /// one.
    pub(super) fn esm(&mut self, at: usize, content: &str) -> bool {
        if !is_esm(content) {
            return false;
        }
        let mut depth = 0i32;
        let mut end = at;
        while end < self.src.len() {
            let line_end = self.line_end(end);
            let line = &self.src[end..line_end];
            // An empty line ends it, unless a brace is open: code has empty lines, too.
            if line.trim().is_empty() && depth <= 0 {
                break;
            }
            depth += nesting(line);
            end = (line_end + 1).min(self.src.len());
        }
        self.pos = end;
        self.blank();
        true
    }

    /// `{…}` in text: a comment goes, a string stays, what would have to be computed goes.
    pub(super) fn expression(&mut self) -> bool {
        if self.patience == 0 {
            return false;
        }
        let Some(end) = tags::balanced(self.src, self.pos) else {
            self.patience -= 1;
            return false;
        };
        let inner = self.src[self.pos + 1..end - 1].trim();
        self.pos = end;
        let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        if let Some(text) = quote.and_then(|quote| inner[1..].strip_suffix(quote))
            && !text.contains("${")
            && !text.contains("' +")
            && !text.contains("\" +")
        {
            let begins_code = |line: &str| opening_run(line.trim_start()).is_some();
            let is_line = self.is_one_line() || text.lines().any(begins_code);
            self.out.push_str(&if is_line { text.replace('\n', " ") } else { text.to_owned() });
        }
        true
    }
}

fn is_esm(content: &str) -> bool {
    if let Some(rest) = content.strip_prefix("import") {
        let rest = rest.trim_start();
        return rest.starts_with(['"', '\'', '{'])
            || rest.contains(" from ")
            || rest.starts_with("* as");
    }
    let Some(rest) = content.strip_prefix("export ") else { return false };
    [
        "const ",
        "let ",
        "var ",
        "default ",
        "function",
        "async ",
        "class ",
        "type ",
        "interface ",
        "{",
        "*",
    ]
    .iter()
    .any(|word| rest.starts_with(word))
}

/// Brackets that a line of JavaScript opens, less those it closes; strings aside.
fn nesting(line: &str) -> i32 {
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;
    for b in line.bytes() {
        match (quote, b) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(it), b) if it == b => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(b),
            (None, b'{' | b'(' | b'[') => depth += 1,
            (None, b'}' | b')' | b']') => depth -= 1,
            _ => {}
        }
    }
    depth
}

/// What the site shows of a component besides its children.
pub(super) fn label(tag: &Tag<'_>) -> Option<String> {
    let name = tag.name.to_ascii_lowercase();
    let kind = match &*name {
        "note" => "Note",
        "tip" => "Tip",
        "info" => "Info",
        "check" => "Check",
        "warning" => "Warning",
        "caution" => "Caution",
        "danger" => "Danger",
        "pitfall" => "Pitfall",
        "deepdive" => "Deep dive",
        "recap" => "Recap",
        "hint" => "Hint",
        "solution" => "Solution",
        "youwilllearn" => "You will learn",
        "learnmore" => "Learn more",
        "deprecated" => "Deprecated",
        "canary" => "Canary",
        "experimental" => "Experimental",
        "callout" | "admonition" | "aside" | "alert" => {
            return Some(super::containers::title(
                tag.get("type").or_else(|| tag.get("variant")).unwrap_or("note"),
                tag.get("title").unwrap_or_default(),
            ));
        }
        "listing" => return listing(tag),
        "tab" | "tabitem" | "tabpanel" => {
            let names = ["label", "title", "name", "value"];
            return names.iter().find_map(|name| tag.get(name)).map(str::to_owned);
        }
        _ if ["image", "img", "illustration", "diagram", "figure"]
            .iter()
            .any(|it| name.ends_with(it)) =>
        {
            return tag.get("caption").or_else(|| tag.get("alt")).map(str::to_owned);
        }
        _ if name.ends_with("badge") || name == "chip" => {
            return tag.get("text").map(str::to_owned);
        }
        _ => "",
    };
    let title = ["title", "label", "summary", "heading", "header", "caption"]
        .iter()
        .find_map(|name| tag.get(name));
    let title = title.filter(|it| !it.starts_with("http") && !it.starts_with('/'));
    match (kind, title) {
        ("", None) => None,
        ("", Some(title)) => Some(match tag.get("description") {
            Some(description) => format!("{title}: {description}"),
            None => title.to_owned(),
        }),
        (kind, None) => Some(kind.to_owned()),
        (kind, Some(title)) => Some(format!("{kind}: {title}")),
    }
}

/// The listings of the Rust book.
fn listing(tag: &Tag<'_>) -> Option<String> {
    let parts = [
        tag.get("number").map(|number| format!("Listing {number}")),
        tag.get("caption").map(str::to_owned),
    ];
    let title = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    match (tag.get("file-name"), title.is_empty()) {
        (Some(file), false) => Some(format!("{title} ({file})")),
        (Some(file), true) => Some(file.to_owned()),
        (None, false) => Some(title),
        (None, true) => None,
    }
}
