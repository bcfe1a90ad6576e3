//! Text that a page pulls in from other files: mdBook's `{{#include}}`, MkDocs' `--8<--`,
//! FastAPI's `{* … *}`, Hugo's `include`. Never from outside the root, never from hidden files.

use std::collections::BTreeMap;

use super::{fence::opening_run, scan::Scanner};
use crate::corpus::{front_matter, read, walk::Ground};

/// Includes within includes.
const MAX_DEPTH: usize = 6;
/// Files that one page may pull in, and their bytes.
const MAX_FILES: usize = 200;
const MAX_BYTES: usize = 2 << 20;

/// Finds files for one page, and counts what they cost.
#[derive(Debug, Default)]
pub(in crate::corpus) struct Includes {
    ground: Option<Ground>,
    /// The page's folder, relative to the root.
    folder: String,
    version: Option<String>,
    params: BTreeMap<String, String>,
    files: Vec<String>,
    /// Paths at which a file was looked for in vain.
    sought: Vec<String>,
    /// The page and the includes around the current text: none of them comes in once more.
    around: Vec<String>,
    /// The file that was read last.
    last: String,
    tries: usize,
    bytes: usize,
}

impl Includes {
    pub(in crate::corpus) fn new(
        ground: &Ground,
        page: &str,
        version: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Includes {
        Includes {
            ground: Some(ground.clone()),
            folder: page.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
            version: version.map(str::to_owned),
            params: params.clone(),
            around: vec![page.to_owned()],
            ..Includes::default()
        }
    }

    /// For text that may not include anything.
    pub(super) fn none() -> Includes {
        Includes::default()
    }

    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    pub(super) fn sought(&self) -> &[String] {
        &self.sought
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// The text of the first of these files that there is: relative to the page's folder, or to
    /// the root when it starts with `/`.
    pub(super) fn read(&mut self, candidates: &[String]) -> Option<String> {
        candidates.iter().find_map(|candidate| self.read_one(candidate))
    }

    fn read_one(&mut self, candidate: &str) -> Option<String> {
        self.ground.as_ref()?;
        if self.tries >= 4 * MAX_FILES || self.files.len() >= MAX_FILES || self.bytes >= MAX_BYTES {
            return None;
        }
        self.tries += 1;
        let path = resolve(&self.folder, candidate)?;
        let text = self.read_at(&path);
        if text.is_none() && !self.sought.contains(&path) {
            self.sought.push(path);
        }
        text
    }

    fn read_at(&mut self, path: &str) -> Option<String> {
        let ground = self.ground.as_ref()?;
        let whole = ground.root.join(path);
        // A link's target counts: neither hidden files nor ignored folders come in through one.
        let real = whole.canonicalize().ok()?;
        let relative = real.strip_prefix(&ground.root).ok()?.to_str()?.replace('\\', "/");
        if relative.split('/').any(|part| part.starts_with('.')) {
            return None;
        }
        if self.around.contains(&relative) {
            return None;
        }
        let (bytes, _) = read::read_inside(ground, &whole, 1 << 20).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        self.bytes += text.len();
        self.last.clone_from(&relative);
        if !self.files.contains(&relative) {
            self.files.push(relative);
        }
        let text = super::strip_invisible(&text, &mut Vec::new()).into_owned();
        Some(text)
    }
}

/// `candidate` as a path from the root without `..`; nothing if it leaves the root.
fn resolve(folder: &str, candidate: &str) -> Option<String> {
    if candidate.contains(['\\', '\0']) || candidate.contains("://") {
        return None;
    }
    let from = if candidate.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(candidate.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// A directive, whichever dialect it is of.
struct Directive {
    path: String,
    lines: Lines,
    /// The file is code and becomes a fenced block of its own.
    as_code: bool,
}

/// Which lines of the file are meant; numbers count from 1.
enum Lines {
    All,
    Ranges(Vec<(usize, usize)>),
    Named(String),
}

impl Scanner<'_> {
    /// Is this line a directive of this page's dialect?
    pub(super) fn is_include(&self, content: &str) -> bool {
        (self.dialect.mdbook && content.starts_with("{{#"))
            || (self.dialect.mkdocs
                && (content.starts_with("--8<--")
                    || content.starts_with(";--8<--")
                    || (content.starts_with("{* ") && content.trim_end().ends_with("*}"))))
    }

    /// Replaces the directive that a line consists of.
    pub(super) fn include_line(&mut self, at: usize, content: &str) -> bool {
        let word = content.trim();
        if self.dialect.mdbook && !word.ends_with("}}") {
            return false;
        }
        self.pos = self.line_end(at);
        self.out.truncate(self.line_out);
        self.out.push_str(&self.prefix);
        if word == "--8<--" {
            self.include_block();
        } else if let Some(directive) = parse(word) {
            self.include(&directive);
        }
        self.end_line();
        true
    }

    /// mdBook resolves directives in the middle of a line, too.
    pub(super) fn inline_include(&mut self) -> bool {
        let line = super::scan::line_window(&self.src[self.pos..]);
        if !line.starts_with("{{#") {
            return false;
        }
        let Some(end) = line.find("}}") else { return false };
        let directive = parse(&line[..end + 2]);
        self.pos += end + 2;
        if let Some(directive) = directive {
            let line = self.line_out;
            self.include(&directive);
            self.go_on_below(line);
        }
        true
    }

    /// `--8<--`, file names on lines of their own, `--8<--`.
    fn include_block(&mut self) {
        for _ in 0..MAX_FILES {
            self.pos = (self.pos + 1).min(self.src.len());
            let end = self.line_end(self.pos);
            let line = self.src[self.pos..end].trim();
            self.pos = end;
            if line == "--8<--" || end == self.src.len() {
                break;
            }
            if !line.is_empty() {
                let (path, lines) = split_lines(line.trim_matches('"'));
                self.include(&Directive { path, lines, as_code: false });
                self.break_line();
            }
        }
    }

    fn include(&mut self, directive: &Directive) {
        let Some(text) = self.read_directive(directive) else { return };
        if directive.as_code {
            let language = directive.path.rsplit_once('.').map_or("", |(_, kind)| kind);
            self.write_fence(language_of(language), &text);
        } else {
            self.splice(&text);
        }
    }

    fn read_directive(&mut self, directive: &Directive) -> Option<String> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let mut candidates = vec![directive.path.clone()];
        // MkDocs looks from the folder of its config, which is the root or the one above it.
        if self.dialect.mkdocs {
            let path = &directive.path;
            candidates.push(format!("/{path}"));
            candidates.extend(path.split_once('/').map(|(_, rest)| format!("/{rest}")));
        }
        let text = self.includes.read(&candidates)?;
        Some(select(&text, &directive.lines))
    }

    /// Has this code a directive that the generator resolves?
    pub(super) fn has_code_include(&self, code: &str) -> bool {
        (self.dialect.mdbook && code.contains("{{#"))
            || (self.dialect.mkdocs && (code.contains("--8<--") || code.contains("{* ")))
    }

    /// Code with its directives replaced; those that lead nowhere are dropped.
    pub(super) fn include_code(&mut self, code: &str) -> String {
        let mut out = String::with_capacity(code.len());
        for line in code.lines() {
            let word = line.trim();
            if let Some(escaped) = word.strip_prefix(['\\', ';']).filter(|it| is_directive(it)) {
                out.push_str(escaped);
            } else if !is_directive(word) {
                out.push_str(line);
            } else if let Some(text) = parse(word).and_then(|it| self.read_directive(&it)) {
                out.push_str(text.trim_end_matches('\n'));
            } else {
                continue;
            }
            out.push('\n');
        }
        out
    }

    /// Puts the text of another file here, in plain Markdown.
    pub(super) fn splice(&mut self, text: &str) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        let body = front_matter::split(text).body;
        let mut includes = std::mem::take(&mut self.includes);
        includes.around.push(includes.last.clone());
        let (cleaned, mut includes) =
            Scanner::new(body, self.dialect, includes, self.depth + 1).run_nested();
        includes.around.pop();
        self.includes = includes;
        if self.is_one_line() {
            let words: Vec<&str> = cleaned.text.split_whitespace().collect();
            self.out.push_str(&words.join(" "));
            return;
        }
        if cleaned.text.lines().next().and_then(opening_run).is_some() {
            // Code begins a line of its own.
            self.break_line();
        }
        let at_start = self.out.len() == self.line_out && self.prefix.is_empty();
        let base = self.out.len();
        if at_start {
            let moved = cleaned.anchors.into_iter().map(|(at, anchor)| (at + base, anchor));
            self.anchors.extend(moved);
        }
        for (number, line) in cleaned.text.trim_end().lines().enumerate() {
            if number > 0 {
                self.out.push('\n');
                self.line_out = self.out.len();
                self.spliced = Some(self.line_out);
                let prefix = if line.is_empty() { self.prefix.trim_end() } else { &self.prefix };
                self.out.push_str(prefix);
            }
            self.out.push_str(line);
        }
    }
}

/// Names that info strings know for a file's extension.
pub(super) fn language_of(extension: &str) -> &str {
    match extension {
        "py" => "python",
        "rs" => "rust",
        "yml" => "yaml",
        "sh" => "bash",
        "txt" | "md" => "",
        other if other.len() <= 8 => other,
        _ => "",
    }
}

fn is_directive(word: &str) -> bool {
    (word.starts_with("{{#") && word.ends_with("}}"))
        || word.starts_with("--8<--")
        || (word.starts_with("{* ") && word.ends_with("*}"))
}

fn parse(word: &str) -> Option<Directive> {
    if let Some(inner) = word.strip_prefix("{{#").and_then(|it| it.strip_suffix("}}")) {
        let (name, rest) = inner.trim().split_once(char::is_whitespace)?;
        let (path, lines) = split_lines(rest.split_whitespace().next()?);
        return match name {
            "include" | "rustdoc_include" => Some(Directive { path, lines, as_code: false }),
            "playground" | "playpen" => Some(Directive { path, lines, as_code: true }),
            _ => None,
        };
    }
    if let Some(rest) = word.strip_prefix("--8<--") {
        let (path, lines) = split_lines(rest.trim().trim_matches(['"', '\'']));
        return (!path.is_empty()).then_some(Directive { path, lines, as_code: false });
    }
    let inner = word.strip_prefix("{*")?.strip_suffix("*}")?;
    let mut words = inner.split_whitespace();
    let path = words.next()?.to_owned();
    let lines = words.find_map(|it| it.strip_prefix("ln[")?.strip_suffix(']'));
    let lines =
        lines.map_or(Lines::All, |it| Lines::Ranges(it.split(',').filter_map(range).collect()));
    Some(Directive { path, lines, as_code: true })
}

/// `file`, `file:3`, `file:3:7`, `file::7`, `file:name`.
fn split_lines(text: &str) -> (String, Lines) {
    let Some((path, lines)) = text.split_once(':') else { return (text.to_owned(), Lines::All) };
    let numbers = lines.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b','));
    let lines = match (lines, numbers) {
        ("" | ":", _) => Lines::All,
        (lines, true) => Lines::Ranges(lines.split(',').filter_map(range).collect()),
        (name, false) => Lines::Named(name.to_owned()),
    };
    (path.to_owned(), lines)
}

fn range(text: &str) -> Option<(usize, usize)> {
    let text = text.trim();
    let number =
        |text: &str, default| if text.is_empty() { Some(default) } else { text.parse().ok() };
    match text.split_once(':') {
        Some((from, to)) => Some((number(from, 1)?, number(to, usize::MAX)?)),
        None => number(text, 1).map(|line| (line, line)),
    }
}

/// The lines that are meant, without the marks that name parts of a file.
fn select(text: &str, lines: &Lines) -> String {
    let mut out = String::new();
    let mut inside = !matches!(lines, Lines::Named(_));
    for (at, line) in text.lines().enumerate() {
        if let Some((name, starts)) = part_mark(line) {
            if let Lines::Named(wanted) = lines
                && name == wanted
            {
                inside = starts;
            }
            continue;
        }
        let wanted = match lines {
            Lines::Ranges(ranges) => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&(at + 1)))
            }
            _ => inside,
        };
        if wanted {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// `// ANCHOR: name`, `# --8<-- [start:name]`: the name, and whether the part starts here.
fn part_mark(line: &str) -> Option<(&str, bool)> {
    for (mark, starts) in [("ANCHOR_END:", false), ("ANCHOR:", true)] {
        if let Some(at) = line.find(mark) {
            return Some((line[at + mark.len()..].split_whitespace().next()?, starts));
        }
    }
    let inner = line.split_once("--8<-- [")?.1.split_once(']')?.0;
    let (kind, name) = inner.split_once(':')?;
    matches!(kind, "start" | "end").then_some((name, kind == "start"))
}
