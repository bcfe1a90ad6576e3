//! MDN's macros: `{{domxref("AbortController")}}` and its kin.

use super::{plain, scan::Scanner};

impl Scanner<'_> {
    /// A macro, if there is one here: what it shows takes its place.
    pub(super) fn macro_call(&mut self) -> bool {
        let rest = &self.src[self.pos..];
        let window = &rest[..rest.floor_char_boundary(rest.len().min(2048))];
        let call = if self.patience > 0 { parse(window) } else { None };
        let Some((name, arguments, length)) = call else {
            self.patience = self.patience.saturating_sub(1);
            return false;
        };
        self.pos += length;
        let is_block = !self.is_one_line();
        if is_block && name.eq_ignore_ascii_case("csssyntaxraw") {
            self.write_fence("", arguments.first().map_or("", String::as_str));
            return true;
        }
        let text = render(&name.to_ascii_lowercase(), &arguments);
        let is_badge = text.starts_with('(');
        if text.is_empty() || (is_badge && self.in_anchor) {
            return true;
        }
        // Badges follow their term without a space now and then.
        if is_badge && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
        // At the begin of a line it would begin a block of HTML.
        if text.starts_with('<') && self.begins_line() {
            self.out.push('\\');
        }
        self.out.push_str(&text);
        true
    }
}

/// Name, arguments and length of the macro at the start of `text`.
fn parse(text: &str) -> Option<(&str, Vec<String>, usize)> {
    let inner = text[2..].trim_start();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let end = inner.find(|c| !is_name(c))?;
    let (name, mut rest) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    rest = rest.trim_start();
    let mut arguments = Vec::new();
    if let Some(after) = rest.strip_prefix('(') {
        rest = after;
        loop {
            rest = rest.trim_start_matches([' ', '\n', ',']);
            match rest.chars().next()? {
                ')' => break,
                quote @ ('"' | '\'' | '`') => {
                    let inner = &rest[1..];
                    let mut end = inner.find(quote)?;
                    while inner[..end].ends_with('\\') {
                        end = end + 1 + inner[end + 1..].find(quote)?;
                    }
                    arguments.push(inner[..end].replace("\\\"", "\""));
                    rest = &inner[end + 1..];
                }
                _ => {
                    let end = rest.find([',', ')'])?;
                    arguments.push(rest[..end].trim().to_owned());
                    rest = &rest[end..];
                }
            }
        }
        rest = rest[1..].trim_start();
    }
    let after = rest.strip_prefix("}}")?;
    Some((name, arguments, text.len() - after.len()))
}

/// What a macro shows; `name` in lower case.
fn render(name: &str, arguments: &[String]) -> String {
    let argument = |at: usize| arguments.get(at).map(|it| plain(it)).unwrap_or_default();
    let first = argument(0);
    let shown = |default: String| {
        let text = argument(1);
        if text.is_empty() { default } else { text }
    };
    match name {
        "domxref" | "webextapiref" | "svgattr" | "cssxref" | "csp" | "httpheader"
        | "httpmethod" | "httpstatus" | "webassemblyxref" | "csssyntaxraw" => code(&shown(first)),
        "jsxref" => code(&shown(script_name(&first))),
        "htmlelement" | "svgelement" | "mathmlelement" | "htmlelementref" => {
            code(&shown(format!("<{first}>")))
        }
        "glossary" | "glossarydisambiguation" | "livesamplelink" => shown(first),
        "rfc" => match argument(1) {
            title if title.is_empty() => format!("RFC {first}"),
            title => format!("RFC {first}: {title}"),
        },
        "bug" => format!("bug {first}"),
        "readonlyinline" => "(read-only)".to_owned(),
        "securecontext_header" => "**Available only in secure contexts**".to_owned(),
        "seecompattable" => "**Experimental**".to_owned(),
        "availableinworkers" => "**Available in Web Workers**".to_owned(),
        "js_property_attributes" => property_attributes(arguments),
        _ if name.ends_with("_inline") || name.ends_with("inline") => {
            format!("({})", badge(name.trim_end_matches("inline").trim_end_matches('_')))
        }
        _ if name.ends_with("_header") => {
            let word = badge(name.trim_end_matches("_header"));
            let mut chars = word.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            format!("**{}**", first.into_iter().chain(chars).collect::<String>())
        }
        _ if is_furniture(name) => String::new(),
        _ => reading_argument(arguments),
    }
}

/// Macros that the site fills with something else than words of this page.
fn is_furniture(name: &str) -> bool {
    const PARTS: [&str; 17] = [
        "sidebar",
        "ref",
        "compat",
        "specifications",
        "embed",
        "info",
        "syntax",
        "diagram",
        "example",
        "subpages",
        "previous",
        "next",
        "list",
        "menu",
        "quicklinks",
        "interwiki",
        "index",
    ];
    PARTS.iter().any(|part| name.contains(part))
}

fn badge(name: &str) -> &str {
    match name {
        "securecontext" => "secure context",
        "readonly" => "read-only",
        name => name,
    }
}

/// The last argument, if it is words rather than an identifier or a setting.
fn reading_argument(arguments: &[String]) -> String {
    let last = arguments.last().map(|it| plain(it)).unwrap_or_default();
    let letters = last.chars().filter(|c| c.is_alphabetic()).count();
    let is_text = letters > 0 && !last.contains(['/', '_', '#', '=']) && last.len() < 200;
    if is_text { last } else { String::new() }
}

/// `Array.prototype.map()` for `Global_Objects/Array/map`.
fn script_name(name: &str) -> String {
    let name = name.strip_prefix("Global_Objects/").unwrap_or(name);
    let section = name.split('/').next().unwrap_or_default();
    match section {
        "Statements" | "Operators" | "Functions" | "Classes" | "Errors" | "Reference" => {
            name.rsplit('/').next().unwrap_or_default().to_owned()
        }
        _ => name.replace('/', "."),
    }
}

fn property_attributes(arguments: &[String]) -> String {
    let names = ["Writable", "Enumerable", "Configurable"];
    let word = |flag: &String| if flag == "1" { "yes" } else { "no" };
    let parts = names.iter().zip(arguments).map(|(name, flag)| format!("{name}: {}", word(flag)));
    parts.collect::<Vec<_>>().join(", ")
}

fn code(text: &str) -> String {
    match text {
        "" => String::new(),
        text if text.contains('`') => text.to_owned(),
        text => format!("`{text}`"),
    }
}
