//! What stands at the very top of a page, in YAML, TOML or JSON: its title, its address, its date.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Longer blocks are not front matter but an attack or an accident; reading one would cost more
/// than the page.
const MAX_BYTES: usize = 64 * 1024;

/// What a page says about itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct FrontMatter {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keywords: Vec<String>,
    /// Address relative to the folder's address, or absolute when it starts with `/`.
    pub(super) slug: Option<String>,
    /// Whole address of the page.
    pub(super) url: Option<String>,
    pub(super) aliases: Vec<String>,
    pub(super) draft: bool,
    pub(super) weight: Option<i64>,
    pub(super) updated: Option<String>,
    pub(super) language: Option<String>,
    /// Everything else that is a plain word: Hugo's `param` looks its names up here.
    pub(super) params: BTreeMap<String, String>,
}

/// A page without its front matter.
pub(super) struct Split<'a> {
    pub(super) meta: FrontMatter,
    pub(super) body: &'a str,
    /// Lines that stand before `body`.
    pub(super) lines: usize,
    /// Line and message of what is wrong with the front matter.
    pub(super) problem: Option<(usize, String)>,
}

/// Takes the front matter off `text`; a broken one is dropped, too, and named.
pub(super) fn split(text: &str) -> Split<'_> {
    let Some((format, block, body)) = find(text) else {
        return Split { meta: FrontMatter::default(), body: text, lines: 0, problem: None };
    };
    let lines = memchr::memchr_iter(b'\n', &text.as_bytes()[..text.len() - body.len()]).count();
    let read = if block.len() > MAX_BYTES {
        Err((1, format!("front matter is longer than {} KiB", MAX_BYTES / 1024)))
    } else {
        parse(format, block)
    };
    match read {
        Ok(map) => Split { meta: FrontMatter::from_map(map, block), body, lines, problem: None },
        Err(problem) => {
            Split { meta: FrontMatter::from_lines(block), body, lines, problem: Some(problem) }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Yaml,
    Toml,
    Json,
}

/// The block between the marks, and what follows it.
fn find(text: &str) -> Option<(Format, &str, &str)> {
    let (format, mark) = match text.as_bytes() {
        [b'-', b'-', b'-', ..] => (Format::Yaml, "---"),
        [b'+', b'+', b'+', ..] => (Format::Toml, "+++"),
        [b'{', b'\n' | b' ' | b'"', ..] => return find_json(text),
        _ => return None,
    };
    let (first, rest) = text.split_once('\n')?;
    if first.trim_end() != mark {
        return None;
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let word = line.trim_end();
        if word == mark || (format == Format::Yaml && word == "...") {
            let block = &rest[..at];
            // A rule, prose and another rule are not front matter.
            let keyed = |line: &str| line.contains(':') || line.contains('=');
            let is_meta = block.trim().is_empty() || block.lines().any(keyed);
            return is_meta.then(|| (format, block, &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// A JSON object that ends with a `}` on a line of its own, as Hugo wants it.
fn find_json(text: &str) -> Option<(Format, &str, &str)> {
    if !text[1..].trim_start().starts_with('"') {
        return None;
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == "}" {
            return Some((Format::Json, &text[..at], &text[at..]));
        }
        if at > MAX_BYTES {
            break;
        }
    }
    None
}

type Map = BTreeMap<String, Value>;

fn parse(format: Format, block: &str) -> Result<Map, (usize, String)> {
    match format {
        Format::Yaml => parse_yaml(block),
        Format::Toml => toml::from_str::<Map>(block).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(block.len()));
            let line = memchr::memchr_iter(b'\n', &block.as_bytes()[..start]).count();
            (line + 2, format!("front matter is not TOML: {}", first_line(error.message())))
        }),
        Format::Json => serde_json::from_str::<Map>(block).map_err(|error| {
            (error.line(), format!("front matter is not JSON: {}", first_line(&error.to_string())))
        }),
    }
}

fn parse_yaml(block: &str) -> Result<Map, (usize, String)> {
    if block.trim().is_empty() {
        return Ok(Map::new());
    }
    if let Some(map) = parse_plain(block) {
        return Ok(map);
    }
    let options = serde_saphyr::options! {
        // Front matter of real pages has a few dozen nodes; aliases are all but unknown there.
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
            max_total_scalar_bytes: 2 * MAX_BYTES,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Option<Map>>(block, options) {
        Ok(map) => Ok(map.unwrap_or_default()),
        Err(error) => {
            let line = error.location().map_or(0, |location| location.line() as usize);
            Err((line + 1, format!("front matter is not YAML: {}", first_line(&error.to_string()))))
        }
    }
}

/// YAML of the plainest kind, `key: words` and lists of words below a key, which is what nine in
/// ten pages have: read without a parser, which would take a fifth of a small page's time.
/// Nothing if there is anything else in the block.
fn parse_plain(block: &str) -> Option<Map> {
    let mut map = Map::new();
    let mut list: Option<(String, Vec<Value>)> = None;
    let mut indent = 0;
    for line in block.lines() {
        let text = line.trim_start_matches(' ');
        if let Some(item) = text.strip_prefix("- ") {
            let (_, items) = list.as_mut()?;
            // An item that is further in or out than the first means something else, or nothing.
            let column = line.len() - text.len();
            if items.is_empty() {
                indent = column;
            } else if indent != column {
                return None;
            }
            items.push(plain_scalar(item)?);
            continue;
        }
        if let Some((key, items)) = list.take() {
            map.insert(key, if items.is_empty() { Value::Null } else { Value::List(items) });
        }
        // An indented line goes on with the value above it, which only the parser can do.
        let (key, value) = line.split_once(':')?;
        let is_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if key.is_empty() || !key.bytes().all(is_key) || key.starts_with('-') {
            return None;
        }
        if value.trim().is_empty() {
            list = Some((key.to_owned(), Vec::new()));
        } else {
            map.insert(key.to_owned(), plain_scalar(value.strip_prefix(' ')?)?);
        }
    }
    if let Some((key, items)) = list {
        map.insert(key, if items.is_empty() { Value::Null } else { Value::List(items) });
    }
    Some(map)
}

/// A scalar that is what it looks like: words that YAML takes for no other type and no syntax.
fn plain_scalar(text: &str) -> Option<Value> {
    let text = text.trim();
    match text {
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        _ => {}
    }
    if text.len() < 10 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let octal = text.len() > 1 && text.starts_with('0');
        return if octal { None } else { text.parse().ok().map(Value::Int) };
    }
    let first = text.chars().next()?;
    let is_word = (first.is_alphabetic() || first == '/') && text.len() > 3;
    let special = [": ", " #", "\t"];
    let is_plain = is_word
        && !text.ends_with(':')
        && !special.iter().any(|it| text.contains(it))
        // `null`, `.inf` and their kin
        && !text.eq_ignore_ascii_case("null")
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false");
    is_plain.then(|| Value::Text(text.to_owned()))
}

/// Messages of parsers quote the source over several lines; one is enough, and without positions,
/// which count from the block and not from the file.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = match line.split_once(": ") {
        Some((position, rest)) if position.contains("line ") => rest,
        _ => line,
    };
    let line = line.split(" at line ").next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(120).collect()
}

impl FrontMatter {
    fn from_map(map: Map, block: &str) -> FrontMatter {
        let text = |names: &[&str]| names.iter().find_map(|name| map.get(*name)?.text());
        let list = |names: &[&str]| {
            names.iter().find_map(|name| map.get(*name)).map(Value::words).unwrap_or_default()
        };
        let title = match map.get("title") {
            // `1.10` must not become 1.1.
            Some(Value::Float(_)) => raw_scalar(block, "title"),
            _ => text(&["title", "linkTitle", "nav_title", "sidebar_label"]),
        };
        let updated = match map.get("last_update") {
            Some(Value::Map(inner)) => inner.get("date").and_then(Value::text),
            Some(other) => other.text(),
            None => text(&["lastmod", "updated", "last_updated", "date_modified", "date"]),
        };
        let number = |name: &&str| map.get(*name).and_then(Value::number);
        let weight = ["weight", "sidebar_position", "nav_order", "order"].iter().find_map(number);
        let sidebar = match map.get("sidebar") {
            Some(Value::Map(inner)) => inner.get("order").and_then(Value::number),
            _ => None,
        };
        FrontMatter {
            title: title.map(|title| one_line(&title)),
            description: text(&["description", "summary", "lead", "excerpt"])
                .map(|text| one_line(&text)),
            keywords: list(&["keywords", "tags"]),
            slug: text(&["slug"]),
            url: text(&["url", "permalink"]),
            aliases: list(&["aliases", "redirect_from", "redirects", "alias"]),
            draft: matches!(map.get("draft"), Some(Value::Bool(true)))
                || matches!(map.get("published"), Some(Value::Bool(false))),
            weight: weight.or(sidebar),
            updated,
            language: text(&["lang", "language", "locale"]),
            params: map.iter().filter_map(|(key, v)| Some((key.clone(), v.text()?))).collect(),
        }
    }

    /// What can be had from a block that is not valid: a title is worth a guess, for it names the
    /// page everywhere.
    fn from_lines(block: &str) -> FrontMatter {
        let block = &block[..block.floor_char_boundary(MAX_BYTES.min(block.len()))];
        let draft = raw_scalar(block, "draft").is_some_and(|value| value == "true");
        FrontMatter { title: raw_scalar(block, "title"), draft, ..FrontMatter::default() }
    }
}

/// The text after `key:` or `key =` on a line of its own.
fn raw_scalar(block: &str, key: &str) -> Option<String> {
    block.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.trim_start();
        let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix('='))?.trim();
        let rest = rest.trim_matches(|c| c == '"' || c == '\'');
        (!rest.is_empty()).then(|| rest.to_owned())
    })
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Any value of the three formats, so that a key of an unexpected kind spoils nothing but itself.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(Map),
}

impl Value {
    fn text(&self) -> Option<String> {
        match self {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            // A TOML date comes as a map of one entry.
            Value::Map(map) if map.len() == 1 => {
                map.get("$__toml_private_datetime").and_then(Value::text)
            }
            _ => None,
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            // Docusaurus allows fractions between two neighbours; the order is kept.
            Value::Float(number) => Some(number.floor() as i64),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A list, or a string with commas.
    fn words(&self) -> Vec<String> {
        match self {
            Value::List(list) => list.iter().filter_map(Value::text).collect(),
            Value::Text(text) => {
                let words = text.split(',').map(|word| word.trim().to_owned());
                words.filter(|word| !word.is_empty()).collect()
            }
            other => other.text().into_iter().collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(i64::try_from(v).map_or(Value::Float(v as f64), Value::Int))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Float(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v))
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(key)) = access.next_key()? {
            map.insert(key, access.next_value()?);
        }
        Ok(Value::Map(map))
    }
}

/// A key: YAML allows numbers, booleans and lists there, too.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        Ok(Key(match Value::deserialize(deserializer)? {
            Value::Bool(value) => value.to_string(),
            value => value.text().unwrap_or_default(),
        }))
    }
}
