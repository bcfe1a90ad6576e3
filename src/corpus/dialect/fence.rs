//! Fenced code: copied as it is, under a clean info string; only what generators resolve inside
//! of fences is resolved.

use super::scan::{Scanner, indentation, push_spaces};

impl Scanner<'_> {
    /// Copies the fenced block whose line's text starts at `content_at`, behind the list markers
    /// from `rest_at`. Says whether there was one.
    pub(super) fn fence(&mut self, rest_at: usize, content_at: usize, quotes: usize) -> bool {
        let end = self.line_end(content_at);
        let line = &self.src[content_at..end];
        let (inner, opening) = indentation(line);
        let Some((mark, run)) = opening_run(opening) else { return false };
        let info = opening[run..].trim();
        // Behind five spaces and more an item begins with indented code (CommonMark 0.31, section 5.2).
        if content_at > rest_at && inner >= 4 {
            return false;
        }
        let raw_start = self.src[..rest_at].rfind('\n').map_or(0, |at| at + 1);
        let outer = indentation(&self.src[raw_start..end]).0;
        let marker = content_at - rest_at;
        let is_quoted = quotes > 0;
        // Columns to take off each line of the body, and its prefix in the output.
        let strip = if is_quoted { inner } else { outer + marker };
        let mut prefix = self.prefix.clone();
        push_spaces(&mut prefix, marker + inner);
        let body_at = (end + 1).min(self.src.len());
        let close = self.find_close(body_at, mark, run, is_quoted, strip);
        let body = &self.src[body_at..close.body_end];
        let info = Info::parse(info);
        self.pos = close.next;
        let code = self.resolve_code(&info, body, is_quoted, strip);
        if info.hidden || (code.changed && code.text.trim().is_empty()) {
            self.out.truncate(self.line_out);
            if !self.after_blank {
                self.blank();
            }
            return true;
        }
        self.out.push_str(&self.prefix);
        self.out.push_str(&self.src[rest_at..content_at]);
        push_spaces(&mut self.out, inner);
        if !info.label.is_empty() {
            self.out.push_str(&format!("**{}**\n{prefix}", info.label));
        }
        // What was pulled into the code may have fences itself.
        let inner = if code.changed { longest_run(&code.text, mark) } else { 0 };
        let run = if inner < run { run } else { inner + 1 };
        let marks: String = std::iter::repeat_n(char::from(mark), run).collect();
        self.out.push_str(&marks);
        self.out.push_str(&info.language);
        self.out.push('\n');
        for line in code.text.lines() {
            self.out.push_str(if line.is_empty() { prefix.trim_end() } else { &prefix });
            self.out.push_str(line);
            self.out.push('\n');
        }
        self.out.push_str(&prefix);
        self.out.push_str(&marks);
        self.out.push('\n');
        self.line_out = self.out.len();
        self.after_blank = false;
        true
    }

    /// Where the block ends: at its closing line, where its quote ends, or with the page.
    fn find_close(&self, from: usize, mark: u8, run: usize, quoted: bool, strip: usize) -> Close {
        let mut at = from;
        while at < self.src.len() {
            let end = self.line_end(at);
            let next = (end + 1).min(self.src.len());
            let raw = &self.src[at..end];
            let (column, text) = indentation(raw);
            if quoted && !text.starts_with('>') {
                return Close { body_end: at, next: at };
            }
            let (column, text) = if quoted {
                indentation(text.trim_start_matches(['>', ' ']))
            } else {
                (column, text)
            };
            if text.as_bytes().first() == Some(&mark)
                && column <= strip + 3
                && fence_run(text).is_some_and(|(it, length)| {
                    it == mark && length >= run && text[length..].trim().is_empty()
                })
            {
                return Close { body_end: at, next };
            }
            at = next;
        }
        Close { body_end: self.src.len(), next: self.src.len() }
    }

    /// The lines of the block without what stands before them on the page, and with the
    /// directives resolved that this page's generator resolves in code.
    fn resolve_code(&mut self, info: &Info, body: &str, quoted: bool, strip: usize) -> Code {
        let mut text = String::with_capacity(body.len());
        for line in body.lines() {
            let line = if quoted { unquote(line) } else { line };
            push_stripped(&mut text, line, strip);
            text.push('\n');
        }
        let mut changed = false;
        if self.has_code_include(&text) {
            text = self.include_code(&text);
            changed = true;
        }
        if self.dialect.hugo && text.contains("{{") {
            text = self.resolve_values(&text);
        }
        if self.dialect.mdbook && info.language == "rust" {
            text = without_hidden_lines(text);
        }
        Code { text, changed }
    }

    /// Writes a fenced block of our own making.
    pub(super) fn write_fence(&mut self, language: &str, code: &str) {
        if self.is_one_line() {
            let words = code.split_whitespace().collect::<Vec<_>>().join(" ");
            self.out.push_str(&format!(" `{}` ", words.replace('`', "'")));
            return;
        }
        self.break_paragraph();
        if self.out.len() == self.line_out {
            self.out.push_str(&self.prefix);
        }
        let run = longest_run(code, b'`').max(2) + 1;
        let marks: String = std::iter::repeat_n('`', run).collect();
        self.out.push_str(&marks);
        self.out.push_str(language);
        self.out.push('\n');
        for line in code.trim_end().trim_start_matches('\n').lines() {
            let prefix = if line.is_empty() { self.prefix.trim_end() } else { &self.prefix };
            self.out.push_str(prefix);
            self.out.push_str(line);
            self.out.push('\n');
        }
        self.out.push_str(&self.prefix);
        self.out.push_str(&marks);
        self.out.push('\n');
        self.line_out = self.out.len();
        self.after_blank = false;
    }
}

struct Close {
    body_end: usize,
    next: usize,
}

struct Code {
    text: String,
    changed: bool,
}

/// The mark and length of the run by which a line opens a fence; what stands before its text is not part of it (CommonMark
/// 0.31, section 4.5).
pub(super) fn opening_run(text: &str) -> Option<(u8, usize)> {
    fence_run(text).filter(|(mark, run)| *mark != b'`' || !text[*run..].contains('`'))
}

/// The mark and length of the run that a fence's line starts with.
fn fence_run(text: &str) -> Option<(u8, usize)> {
    let mark = *text.as_bytes().first().filter(|b| matches!(b, b'`' | b'~'))?;
    let run = text.bytes().take_while(|b| *b == mark).count();
    (run >= 3).then_some((mark, run))
}

fn longest_run(text: &str, byte: u8) -> usize {
    let (mut longest, mut run) = (0, 0);
    for b in text.bytes() {
        run = if b == byte { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn unquote(line: &str) -> &str {
    let rest = line.trim_start();
    let rest = rest.strip_prefix('>').unwrap_or(rest);
    rest.strip_prefix(' ').unwrap_or(rest)
}

/// Appends `line` without up to `columns` columns of leading white space; its own tabs stay.
fn push_stripped(out: &mut String, line: &str, columns: usize) {
    let (mut column, mut at) = (0, 0);
    for b in line.bytes() {
        let width = match b {
            b' ' => 1,
            b'\t' => 4 - column % 4,
            _ => break,
        };
        if column >= columns {
            break;
        }
        column += width;
        at += 1;
    }
    push_spaces(out, column.saturating_sub(columns));
    out.push_str(&line[at..]);
}

/// mdBook does not show lines of Rust that start with `# `.
fn without_hidden_lines(text: String) -> String {
    let hidden = |line: &str| {
        let line = line.trim_start();
        line == "#" || line.starts_with("# ")
    };
    if !text.lines().any(hidden) && !text.lines().any(|line| line.trim_start().starts_with("##")) {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !hidden(line)) {
        // `##` is how a line starts with one `#`.
        match line.trim_start().strip_prefix("##") {
            Some(rest) => {
                kept.push_str(&line[..line.len() - rest.len() - 2]);
                kept.push('#');
                kept.push_str(rest);
            }
            None => kept.push_str(line),
        }
        kept.push('\n');
    }
    kept
}

/// What the line that opens a fence says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Info {
    language: String,
    /// A file name or a title.
    label: String,
    /// The site does not show the block.
    hidden: bool,
}

impl Info {
    fn parse(info: &str) -> Info {
        let mut parsed = Info::default();
        if info.is_empty() {
            return parsed;
        }
        let (first, rest) = match info.find([' ', '\t', ',', '{', '[']) {
            Some(0) => ("", info),
            // `title="Two words"` without a language
            Some(at) if info[..at].contains('=') => ("", info),
            Some(at) => info.split_at(at),
            None if info.contains('=') => ("", info),
            None => (info, ""),
        };
        let mut language = first;
        // Pandoc's and Python-Markdown's form: `{ .yaml .annotate title="x" }`
        if first.is_empty() {
            let inner = info.trim_start_matches(['{', ' ']);
            if let Some(class) = inner.strip_prefix('.') {
                let end = class.find([' ', '}']).unwrap_or(class.len());
                language = &class[..end];
            }
        }
        let language = language.strip_suffix("-nolint").unwrap_or(language);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '#' | '.');
        if language.chars().all(plain) && language.len() <= 32 && language != "-" {
            parsed.language = language.trim_start_matches('.').to_owned();
        }
        if !rest.is_empty() {
            parsed.hidden = rest.split([' ', ',']).any(|word| word == "hidden");
            parsed.label = label(rest.trim());
        }
        parsed
    }
}

/// The file name or title among the words after the language.
fn label(rest: &str) -> String {
    for key in ["title=", "filename=", "file=", "name=", "fileName="] {
        let Some(at) = rest.find(key) else { continue };
        // `hl_lines="…"` and `data-name=` are other keys.
        let before = rest[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_') {
            continue;
        }
        let value = &rest[at + key.len()..];
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
            _ => value.split([' ', '}', ',']).next().unwrap_or_default(),
        };
        return plain_label(value);
    }
    // VitePress: `js [config.js]`
    if let Some(open) = rest.find('[')
        && let Some(close) = rest[open..].find(']')
        && !rest[open + 1..open + close].contains(['[', '"', ','])
    {
        return plain_label(&rest[open + 1..open + close]);
    }
    // react.dev: `js src/App.js active`
    let first = rest.split(' ').next().unwrap_or_default();
    let is_file = first.contains('.')
        && !first.contains(['{', '=', '(', '"', ','])
        && first.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'/');
    if is_file { plain_label(first) } else { String::new() }
}

fn plain_label(label: &str) -> String {
    label.trim().chars().filter(|c| !matches!(c, '*' | '`')).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_strings_become_a_language_and_a_label() {
        for (info, language, label) in [
            ("rust,ignore,should_panic", "rust", ""),
            ("js {1,3} title=\"x.js\" showLineNumbers", "js", "x.js"),
            ("{ .yaml .annotate title=\"a b\" }", "yaml", "a b"),
            ("yaml hl_lines=\"2 3\"", "yaml", ""),
            ("js [vite.config.js]", "js", "vite.config.js"),
            ("js src/App.js active", "js", "src/App.js"),
            ("css-nolint", "css", ""),
            ("hcl {title=docker-bake.hcl}", "hcl", "docker-bake.hcl"),
            ("{1-3}", "", ""),
            ("c++", "c++", ""),
        ] {
            let parsed = Info::parse(info);
            assert_eq!((&*parsed.language, &*parsed.label), (language, label), "{info}");
        }
        assert!(Info::parse("js hidden").hidden);
    }
}
