//! `:::` containers of Docusaurus, VitePress, Starlight and others.

use super::scan::Scanner;

impl Scanner<'_> {
    /// A line that opens or closes a container. Says whether it was one.
    pub(super) fn container(&mut self, at: usize, content: &str) -> bool {
        let colons = content.bytes().take_while(|b| *b == b':').count();
        let rest = content[colons..].trim();
        let name: &str = rest.split([' ', '[', '{']).next().unwrap_or_default();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if rest.is_empty() {
            self.containers.pop();
        } else if !name.is_empty() && name.chars().all(is_name) {
            if self.containers.len() < 64 {
                self.containers.push(colons);
            }
        } else {
            return false;
        }
        let end = self.line_end(at);
        self.pos = end;
        self.blank_line_before();
        if !rest.is_empty() && !is_silent(name) {
            self.label_line(&title(name, container_title(&rest[name.len()..])));
        }
        self.out.truncate(self.line_out);
        self.end_line_silently();
        true
    }
}

/// Containers that the site shows without a title.
fn is_silent(name: &str) -> bool {
    matches!(
        name,
        "code-group"
            | "v-pre"
            | "raw"
            | "tabs"
            | "steps"
            | "columns"
            | "column"
            | "grid"
            | "center"
            | "div"
    )
}

/// The title of `:::note[Title]`, `::: note Title`, `:::note{title="Title"}`.
fn container_title(rest: &str) -> &str {
    let rest = rest.trim();
    if let Some(inner) = rest.strip_prefix('[') {
        return inner.rfind(']').map_or(inner, |end| &inner[..end]);
    }
    if let Some((_, value)) = rest.split_once("title=\"") {
        return value.split('"').next().unwrap_or_default();
    }
    match rest.find('{') {
        Some(at) => rest[..at].trim(),
        None => rest,
    }
}

/// `Note: Title` for a box of kind `note` with a title.
pub(super) fn title(kind: &str, title: &str) -> String {
    let word = kind_word(kind);
    let title = title.trim();
    match (word.is_empty(), title.is_empty()) {
        (true, _) => title.to_owned(),
        (_, true) => word,
        _ if title.eq_ignore_ascii_case(&word) => title.to_owned(),
        _ => format!("{word}: {title}"),
    }
}

/// The word that a kind of box is known by; nothing for boxes that are known by their title.
pub(super) fn kind_word(kind: &str) -> String {
    let kind = kind.trim().trim_matches('"');
    if matches!(kind, "details" | "tab" | "html" | "figure" | "caption" | "card" | "note-") {
        return if kind == "details" { "Details".to_owned() } else { String::new() };
    }
    let mut chars = kind.chars();
    match chars.next() {
        Some(first) => {
            first.to_uppercase().chain(chars).collect::<String>().replace(['-', '_'], " ")
        }
        None => String::new(),
    }
}
