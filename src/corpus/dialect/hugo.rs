//! Hugo's shortcodes, as Kubernetes, Docker and others use them.

use std::borrow::Cow;

use super::{containers, scan::Scanner};

/// A shortcode's tag.
#[derive(Debug, Default)]
struct Call<'a> {
    name: &'a str,
    closing: bool,
    named: Vec<(&'a str, &'a str)>,
    positional: Vec<&'a str>,
    length: usize,
}

impl<'a> Call<'a> {
    /// The first of these parameters that is given.
    fn get(&self, names: &[&str]) -> Option<&'a str> {
        let find = |name: &&str| self.named.iter().find(|(key, _)| key == name);
        names.iter().find_map(find).map(|(_, value)| *value).filter(|it| !it.is_empty())
    }

    fn first(&self) -> Option<&'a str> {
        self.positional.first().copied()
    }
}

/// The tag at the start of `text`, which starts with `{{`.
fn parse(text: &str) -> Option<Call<'_>> {
    let window = &text[..text.floor_char_boundary(text.len().min(4096))];
    let close = match window.as_bytes().get(2)? {
        b'<' => ">}}",
        b'%' => "%}}",
        _ => return None,
    };
    let mut call = Call::default();
    let mut rest = window[3..].trim_start();
    if let Some(after) = rest.strip_prefix('/') {
        call.closing = true;
        rest = after.trim_start();
    }
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '%' | '/' | '"'))?;
    (call.name, rest) = rest.split_at(end);
    if call.name.is_empty() {
        return None;
    }
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('/').unwrap_or(rest).strip_prefix(close) {
            call.length = window.len() - after.len();
            return Some(call);
        }
        let (key, after) =
            match rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))) {
                Some(at) if at > 0 && rest[at..].starts_with('=') => {
                    (Some(&rest[..at]), &rest[at + 1..])
                }
                _ => (None, rest),
            };
        let (value, after) = value(after, close)?;
        match key {
            Some(key) => call.named.push((key, value)),
            None => call.positional.push(value),
        }
        rest = after;
    }
}

fn value<'a>(text: &'a str, close: &str) -> Option<(&'a str, &'a str)> {
    let quote = text.chars().next()?;
    if matches!(quote, '"' | '\'' | '`') {
        let inner = &text[1..];
        let mut end = inner.find(quote)?;
        while quote == '"' && inner[..end].ends_with('\\') {
            end = end + 1 + inner[end + 1..].find(quote)?;
        }
        // Only what stands in backticks may go over lines, as in Go.
        let is_value = quote == '`' || !inner[..end].contains('\n');
        return is_value.then(|| (&inner[..end], &inner[end + 1..]));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let end = text[..end].find(close).unwrap_or(end);
    (end > 0).then(|| text.split_at(end))
}

/// What the Kubernetes site puts for the names of its standard headings.
fn standard_heading(name: &str) -> String {
    match name {
        "whatsnext" => "What's next".to_owned(),
        "prerequisites" => "Before you begin".to_owned(),
        "objectives" => "Objectives".to_owned(),
        "cleanup" => "Cleaning up".to_owned(),
        "seealso" => "See Also".to_owned(),
        "envvars" => "Environment variables".to_owned(),
        name => containers::kind_word(name),
    }
}

/// The page that `{{< ref "page" >}}` names, as the target of a link.
pub(super) fn target(href: &str) -> Cow<'_, str> {
    if !href.starts_with("{{") {
        return Cow::Borrowed(href);
    }
    match parse(href) {
        Some(call) if matches!(call.name, "ref" | "relref") => {
            let page = call.first().or_else(|| call.get(&["path"])).unwrap_or_default();
            Cow::Owned(format!("{page}{}", &href[call.length..]))
        }
        _ => Cow::Borrowed(href),
    }
}

impl Scanner<'_> {
    /// A shortcode, if there is one here: what it shows takes its place.
    pub(super) fn shortcode(&mut self) -> bool {
        let rest = &self.src[self.pos..];
        if let Some((text, length)) = escaped(rest) {
            self.out.push_str(&text);
            self.pos += length;
            return true;
        }
        if self.patience == 0 {
            return false;
        }
        let Some(call) = parse(rest) else {
            self.patience -= usize::from(matches!(rest.as_bytes().get(2), Some(b'<' | b'%')));
            return false;
        };
        self.pos += call.length;
        if call.closing {
            if !matches!(call.name, "inline-image" | "badge" | "experimental") {
                self.break_paragraph();
            }
            return true;
        }
        if let Some(value) = self.value_of(&call) {
            let words: Vec<&str> = value.split_whitespace().collect();
            self.out.push_str(&words.join(" "));
        } else {
            let line = self.line_out;
            self.render(&call);
            self.go_on_below(line);
        }
        true
    }

    fn render(&mut self, call: &Call<'_>) {
        let title =
            call.get(&["title", "name", "header", "summary", "text", "caption"]).or(call.first());
        match call.name {
            "note" | "tip" | "warning" | "caution" | "important" | "info" | "danger" | "hint" => {
                let title = call.get(&["title"]).or(call.first()).unwrap_or_default();
                self.bold_line(&containers::title(call.name, title));
            }
            "alert" | "admonition" | "callout" | "notice" => {
                let kind = call.get(&["type", "kind"]).or(call.first()).unwrap_or("note");
                match call.get(&["title"]) {
                    Some(title) => self.bold_line(title),
                    None => self.bold_line(&containers::title(kind, "")),
                }
            }
            "tab" | "accordion" | "details" | "expand" | "collapse" | "dropdown"
            | "experimental" => {
                let title = title.map(str::to_owned);
                self.bold_line(&title.unwrap_or_else(|| containers::kind_word(call.name)));
            }
            "table" => self.bold_line(call.get(&["caption"]).unwrap_or_default()),
            "card" => self.card(call),
            "heading" => self.out.push_str(&standard_heading(call.first().unwrap_or_default())),
            "glossary_definition" => self.glossary_definition(call),
            "feature-state" => self.feature_state(call),
            "include" | "readfile" => {
                let file = call.first().or_else(|| call.get(&["file"])).unwrap_or_default();
                let candidates = ["", "/", "/includes/", "/docs/includes/", "/en/includes/"];
                let candidates =
                    candidates.map(|folder| format!("{folder}{}", file.trim_start_matches('/')));
                if let Some(text) = self.includes.read(&candidates) {
                    self.splice(&text);
                }
            }
            "code_sample" | "codenew" | "code" => self.code_sample(call),
            "highlight" => {
                let language = call.first().unwrap_or_default().to_owned();
                self.raw_body(call.name, Some(&language));
            }
            "mermaid" => self.raw_body(call.name, Some("mermaid")),
            "comment" => self.raw_body(call.name, None),
            "figure" | "img" | "image" | "inline-image" => {
                if let Some(text) = call.get(&["caption", "title", "alt"]) {
                    self.push_text(text);
                }
            }
            "button" | "link" => {
                if let (Some(text), Some(url)) = (call.get(&["text"]), call.get(&["url", "href"])) {
                    self.out.push_str(&format!("[{text}]({url})"));
                }
            }
            "release-date" => self.push_text(call.get(&["date"]).unwrap_or_default()),
            _ => {
                if let Some(text) = call.get(&["text", "alt"]) {
                    self.push_text(text);
                } else if let Some(title) = call.get(&["title"]) {
                    self.bold_line(title);
                }
            }
        }
    }

    /// Shortcodes that are words: they are resolved in code, too.
    fn value_of(&mut self, call: &Call<'_>) -> Option<String> {
        let first = call.first();
        Some(match call.name {
            "glossary_tooltip" => match call.get(&["text"]) {
                Some(text) => text.to_owned(),
                None => self.glossary_title(call.get(&["term_id"]).unwrap_or_default()),
            },
            "ref" | "relref" => {
                first.or_else(|| call.get(&["path"])).unwrap_or_default().to_owned()
            }
            "param" => {
                let name = first.or_else(|| call.get(&["name"])).unwrap_or_default();
                let version = || self.includes.version().filter(|_| name == "version");
                match self.includes.param(name).or_else(version) {
                    Some(value) => value.to_owned(),
                    None => name.to_uppercase().replace('-', "_"),
                }
            }
            "skew" => self.skew(&call.positional),
            "latest-version" | "latest-semver" | "release-branch" => self.skew(&["latestVersion"]),
            "api-reference" => match call.get(&["text"]) {
                Some(text) => text.to_owned(),
                None => {
                    let page = call.get(&["page"]).unwrap_or_default();
                    format!("`{}`", page.rsplit('/').next().unwrap_or_default())
                }
            },
            _ => return None,
        })
    }

    /// Kubernetes' version arithmetic; `VERSION` where the operator named no version.
    fn skew(&self, words: &[&str]) -> String {
        let word = words.first().copied().unwrap_or_default();
        let offset = match word {
            "prevMinorVersion" => -1,
            "nextMinorVersion" => 1,
            "oldestMinorVersion" => -3,
            _ if word.ends_with("AddMinor") => {
                words.get(1).and_then(|it| it.parse().ok()).unwrap_or(0)
            }
            _ => 0,
        };
        let version = self.includes.version().map(|it| it.trim_start_matches('v'));
        let parsed = version.and_then(|version| {
            let mut parts = version.split('.');
            Some((parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?))
        });
        match (parsed, version, offset) {
            (_, Some(version), 0) if word.contains("Patch") => version.to_owned(),
            (Some((major, minor)), _, offset) => format!("{major}.{}", minor + offset),
            (None, Some(version), _) => version.to_owned(),
            (None, None, 0) => "VERSION".to_owned(),
            (None, None, offset) => format!("VERSION{offset:+}"),
        }
    }

    /// `text` with the shortcodes replaced that are words; others stay, this is code.
    pub(super) fn resolve_values(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"{{") {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((text, length)) = escaped(rest) {
                out.push_str(&text);
                rest = &rest[length..];
                continue;
            }
            let call = if self.patience > 0 { parse(rest) } else { None };
            let value =
                call.as_ref().filter(|call| !call.closing).and_then(|call| self.value_of(call));
            match (value, call) {
                (Some(value), Some(call)) => {
                    out.push_str(&value);
                    rest = &rest[call.length..];
                }
                _ => {
                    self.patience = self.patience.saturating_sub(1);
                    out.push_str("{{");
                    rest = &rest[2..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    fn card(&mut self, call: &Call<'_>) {
        let Some(title) = call.get(&["title"]) else { return };
        self.break_paragraph();
        match call.get(&["link", "url", "href"]) {
            Some(link) => self.out.push_str(&format!("[{title}]({link})")),
            None => self.out.push_str(&format!("**{title}**")),
        }
        if let Some(description) = call.get(&["description"]) {
            self.out.push_str(": ");
            self.push_text(description);
        }
        self.break_line();
    }

    fn feature_state(&mut self, call: &Call<'_>) {
        let state = call.get(&["state"]).map(|state| format!(" [{state}]")).unwrap_or_default();
        let what = match (call.get(&["for_k8s_version"]), call.get(&["feature_gate_name"])) {
            (Some(version), _) => format!("Kubernetes v{}", version.trim_start_matches('v')),
            (None, Some(gate)) => format!("feature gate `{gate}`"),
            (None, None) => "see the feature gates".to_owned(),
        };
        self.out.push_str(&format!("**Feature state:** {what}{state}"));
    }

    fn glossary_file(&mut self, term: &str) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if term.is_empty() || !term.bytes().all(plain) {
            return None;
        }
        let folders =
            ["/reference/glossary", "/docs/reference/glossary", "/en/docs/reference/glossary"];
        self.includes.read(&folders.map(|folder| format!("{folder}/{term}.md")))
    }

    fn glossary_title(&mut self, term: &str) -> String {
        let file = self.glossary_file(term);
        let title = file.and_then(|file| crate::corpus::front_matter::split(&file).meta.title);
        title.unwrap_or_else(|| term.replace(['-', '_'], " "))
    }

    fn glossary_definition(&mut self, call: &Call<'_>) {
        let Some(term) = call.get(&["term_id"]) else { return };
        let Some(file) = self.glossary_file(term) else { return };
        let short = call.get(&["length"]) == Some("short");
        let text = match file.split_once("<!--more-->") {
            Some((start, _)) if short => start,
            _ => &file,
        };
        if let Some(words) = call.get(&["prepend"]) {
            self.out.push_str(words);
            self.out.push(' ');
        }
        self.splice(text);
    }

    /// A file of the site's examples, or at least its name.
    fn code_sample(&mut self, call: &Call<'_>) {
        let Some(file) = call.get(&["file"]).or(call.first()) else { return };
        let folders = ["/examples/", "/en/examples/", "/../examples/", "/"];
        let text = self.includes.read(&folders.map(|folder| format!("{folder}{file}")));
        self.bold_line(file);
        if let Some(text) = text {
            let extension = file.rsplit_once('.').map_or("", |(_, it)| it);
            let language =
                call.get(&["language"]).unwrap_or(super::include::language_of(extension));
            self.write_fence(language, &text);
        }
    }

    /// Takes everything up to the closing tag as it is: code in `language`, or nothing to show.
    fn raw_body(&mut self, name: &str, language: Option<&str>) {
        let rest = &self.src[self.pos..];
        let mut at = 0;
        while let Some(step) = memchr::memmem::find(&rest.as_bytes()[at..], b"{{") {
            at += step;
            if let Some(call) = parse(&rest[at..]).filter(|call| call.closing && call.name == name)
            {
                let body = &rest[..at];
                self.pos += at + call.length;
                if let Some(language) = language {
                    self.write_fence(language, body.trim_end());
                }
                return;
            }
            at += 2;
        }
        self.patience = self.patience.saturating_sub(100);
    }
}

/// `{{</* x */>}}` shows `{{< x >}}`.
fn escaped(text: &str) -> Option<(String, usize)> {
    let (open, close, shut) = match text.as_bytes().get(..5)? {
        b"{{</*" => ("{{<", "*/>}}", ">}}"),
        b"{{%/*" => ("{{%", "*/%}}", "%}}"),
        _ => return None,
    };
    let line = super::scan::line_window(text);
    let end = line.find(close)?;
    Some((format!("{open}{}{shut}", &line[5..end]), end + close.len()))
}
