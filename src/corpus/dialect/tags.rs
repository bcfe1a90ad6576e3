//! One HTML or JSX tag: where it ends, what its attributes are.

/// Longer tags are not tags.
const MAX_BYTES: usize = 16 * 1024;

/// A tag, borrowed from the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    /// Bytes from `<` to `>`.
    pub(super) length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    /// `<br/>`
    Alone,
}

impl<'a> Tag<'a> {
    /// The value of an attribute; of Vue's bound ones and JSX's braces only when it is a string.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let value = value.trim();
        // A shortcode of Hugo's is a value like any other.
        if value.starts_with("{{<") || value.starts_with("{{%") {
            return Some(value);
        }
        if let Some(inner) = value.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            let inner = inner.trim();
            let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
            let inner = inner[1..].strip_suffix(quote)?;
            return (!inner.contains(quote)).then_some(inner);
        }
        (!value.is_empty()).then_some(value)
    }
}

/// The tag at the start of `text`, which starts with `<`. `braces` says that attribute values may
/// be JSX expressions, which may hold anything, blank lines too.
pub(super) fn parse(text: &str, braces: bool) -> Option<Tag<'_>> {
    let text = &text[..text.floor_char_boundary(MAX_BYTES.min(text.len()))];
    let bytes = text.as_bytes();
    let closing = bytes.get(1) == Some(&b'/');
    let start = if closing { 2 } else { 1 };
    // `<>` and `</>` are JSX fragments.
    if braces && bytes.get(start) == Some(&b'>') {
        let kind = if closing { Kind::Close } else { Kind::Open };
        return Some(Tag { name: "", kind, attributes: Vec::new(), length: start + 1 });
    }
    if !bytes.get(start)?.is_ascii_alphabetic() {
        return None;
    }
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_');
    let mut at = start + bytes[start..].iter().take_while(is_name).count();
    let name = &text[start..at];
    let mut attributes = Vec::new();
    loop {
        let space = skip_space(bytes, at)?;
        match bytes.get(space)? {
            b'>' => {
                let kind = if closing { Kind::Close } else { Kind::Open };
                return Some(Tag { name, kind, attributes, length: space + 1 });
            }
            b'/' if bytes.get(space + 1) == Some(&b'>') => {
                return Some(Tag { name, kind: Kind::Alone, attributes, length: space + 2 });
            }
            b'{' if braces => at = balanced(text, space)?,
            _ if space == at => return None,
            _ => {
                let (attribute, end) = attribute(text, space, braces)?;
                attributes.push(attribute);
                at = end;
            }
        }
    }
}

/// The next byte that is no white space; a blank line ends what was no tag.
fn skip_space(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut lines = 0;
    while let Some(b) = bytes.get(at).filter(|b| b.is_ascii_whitespace()) {
        lines += usize::from(*b == b'\n');
        if lines > 1 {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// Key, value and end of an attribute.
fn attribute(text: &str, start: usize, braces: bool) -> Option<((&str, &str), usize)> {
    let bytes = text.as_bytes();
    let is_key = |b: &&u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'_' | b':' | b'.' | b'@' | b'#' | b'[' | b']' | b'(' | b')' | b'$' | b'*'
            )
    };
    let end = start + bytes[start..].iter().take_while(is_key).count();
    if end == start {
        return None;
    }
    let key = &text[start..end];
    let equals = skip_space(bytes, end)?;
    if bytes.get(equals) != Some(&b'=') {
        return Some(((key, ""), end));
    }
    let value = skip_space(bytes, equals + 1)?;
    match bytes.get(value)? {
        quote @ (b'"' | b'\'') => {
            // Hugo: `href="{{< ref "page" >}}"` holds the quotes it stands in.
            let shortcode = match bytes.get(value + 1..value + 4) {
                Some(b"{{<" | b"{{%") => memchr::memmem::find(&bytes[value..], b"}}").unwrap_or(0),
                _ => 0,
            };
            let inner = value + 1 + shortcode;
            let close = inner + memchr::memchr(*quote, bytes.get(inner..)?)?;
            let text = &text[value + 1..close];
            if !braces && memchr::memmem::find(text.as_bytes(), b"\n\n").is_some() {
                return None;
            }
            Some(((key, text), close + 1))
        }
        b'{' if braces => {
            let close = balanced(text, value)?;
            Some(((key, &text[value..close]), close))
        }
        _ => {
            let is_value = |b: &&u8| !b.is_ascii_whitespace() && !matches!(b, b'>' | b'"' | b'<');
            let mut close = value + bytes[value..].iter().take_while(is_value).count();
            if close > value && bytes.get(close) == Some(&b'>') && bytes[close - 1] == b'/' {
                close -= 1;
            }
            (close > value).then(|| ((key, &text[value..close]), close))
        }
    }
}

/// Where the brace at `start` is closed, one past it: strings, templates and comments of
/// JavaScript may hold braces, too.
pub(super) fn balanced(text: &str, start: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(start + MAX_BYTES)];
    let (mut at, mut depth) = (start, 0usize);
    while let Some(b) = bytes.get(at) {
        match b {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' | b'\'' | b'`' => {
                // An apostrophe in JSX text is not a string: strings end on their line.
                let inner = &bytes[at + 1..];
                let close = memchr::memchr(*b, inner);
                let is_string =
                    |close: &usize| *b == b'`' || memchr::memchr(b'\n', &inner[..*close]).is_none();
                if let Some(close) = close.filter(is_string) {
                    at += close + 1;
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at += 3 + memchr::memmem::find(&bytes[at + 2..], b"*/")?;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') && (at == 0 || bytes[at - 1] != b':') => {
                at += memchr::memchr(b'\n', &bytes[at..])?;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsx_attributes_hold_braces_arrows_and_strings() {
        let text =
            r#"<Tab items={['a', "}"]} on={() => <b>{x}</b>} {...rest} title="A > B" flag>x"#;
        let tag = parse(text, true).unwrap();
        assert_eq!(&text[tag.length..], "x");
        assert_eq!(tag.get("title"), Some("A > B"));
        assert_eq!(tag.get("items"), None);
        assert!(tag.attributes.contains(&("flag", "")));
    }

    #[test]
    fn comparisons_are_not_tags() {
        for text in ["< b", "<3", "<=", "<a\n\nb>", "<a b<c>", "<"] {
            assert_eq!(parse(text, false), None, "{text}");
        }
    }

    #[test]
    fn many_open_braces_cost_little() {
        let text = "<A x=".to_owned() + &"{".repeat(1_000_000);
        assert_eq!(parse(&text, true), None);
    }
}
