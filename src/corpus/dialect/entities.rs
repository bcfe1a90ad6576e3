//! HTML entities: the ones docs use, by name, and all by number.

/// Names without `&` and `;`, and what they stand for; sorted.
#[rustfmt::skip] // One entity a line would be a hundred lines of no interest.
const NAMED: [(&str, &str); 120] = [
    ("Agrave", "À"), ("Auml", "Ä"), ("Delta", "Δ"), ("Eacute", "É"), ("NewLine", " "),
    ("Omega", "Ω"), ("Ouml", "Ö"), ("Sigma", "Σ"), ("Tab", " "), ("Uuml", "Ü"), ("aacute", "á"),
    ("acute", "´"), ("agrave", "à"), ("alpha", "α"), ("amp", "&"), ("apos", "'"),
    ("approx", "≈"), ("aring", "å"), ("ast", "*"), ("asymp", "≈"), ("auml", "ä"),
    ("bdquo", "„"), ("beta", "β"), ("bsol", "\\"), ("bull", "•"), ("ccedil", "ç"),
    ("cent", "¢"), ("check", "✓"), ("colon", ":"), ("comma", ","), ("commat", "@"),
    ("copy", "©"), ("crarr", "↵"), ("cross", "✗"), ("darr", "↓"), ("deg", "°"), ("delta", "δ"),
    ("divide", "÷"), ("dollar", "$"), ("eacute", "é"), ("egrave", "è"), ("emptyset", "∅"),
    ("emsp", " "), ("ensp", " "), ("epsilon", "ε"), ("equals", "="), ("equiv", "≡"),
    ("euro", "€"), ("frac12", "½"), ("frac14", "¼"), ("frac34", "¾"), ("gamma", "γ"),
    ("ge", "≥"), ("grave", "`"), ("gt", ">"), ("hArr", "⇔"), ("half", "½"), ("harr", "↔"),
    ("hellip", "…"), ("iacute", "í"), ("infin", "∞"), ("lambda", "λ"), ("laquo", "«"),
    ("larr", "←"), ("lbrace", "{"), ("lbrack", "["), ("lcub", "{"), ("ldquo", "“"), ("le", "≤"),
    ("lowast", "*"), ("lowbar", "_"), ("lpar", "("), ("lrm", ""), ("lsqb", "["), ("lsquo", "‘"),
    ("lt", "<"), ("mdash", "—"), ("micro", "µ"), ("middot", "·"), ("minus", "−"), ("mu", "μ"),
    ("nbsp", " "), ("ndash", "–"), ("ne", "≠"), ("ntilde", "ñ"), ("num", "#"), ("oacute", "ó"),
    ("ouml", "ö"), ("para", "¶"), ("percnt", "%"), ("pi", "π"), ("plus", "+"), ("plusmn", "±"),
    ("quot", "\""), ("raquo", "»"), ("rarr", "→"), ("rbrace", "}"), ("rbrack", "]"),
    ("rcub", "}"), ("rdquo", "”"), ("reg", "®"), ("rlm", ""), ("rpar", ")"), ("rsqb", "]"),
    ("rsquo", "’"), ("sect", "§"), ("semi", ";"), ("shy", ""), ("sol", "/"), ("sup2", "²"),
    ("szlig", "ß"), ("thinsp", " "), ("times", "×"), ("trade", "™"), ("uarr", "↑"),
    ("uuml", "ü"), ("verbar", "|"), ("vert", "|"), ("zwj", ""), ("zwnj", ""),
];

/// What the entity at the start of `text` stands for, and its length.
pub(super) fn entity(text: &str) -> Option<(Entity, usize)> {
    let bytes = text.as_bytes();
    let end = bytes.iter().take(12).position(|b| *b == b';')?;
    let name = text.get(1..end)?;
    let length = end + 1;
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        let c = char::from_u32(code).filter(|c| *c != '\0')?;
        let c = if c == '\u{a0}' || c == '\n' || c == '\t' { ' ' } else { c };
        let hidden = super::is_invisible(c);
        return Some((if hidden { Entity::Text("") } else { Entity::Char(c) }, length));
    }
    let at = NAMED.binary_search_by_key(&name, |(name, _)| name).ok()?;
    Some((Entity::Text(NAMED[at].1), length))
}

/// What an entity stands for.
pub(super) enum Entity {
    Text(&'static str),
    Char(char),
}

impl Entity {
    pub(super) fn push_to(&self, out: &mut String) {
        match self {
            Entity::Text(text) => out.push_str(text),
            Entity::Char(c) => out.push(*c),
        }
    }

    /// The character, if it is one that means something in Markdown.
    pub(super) fn markup(&self) -> Option<char> {
        let c = match self {
            Entity::Text(text) => text.chars().next()?,
            Entity::Char(c) => *c,
        };
        matches!(c, '*' | '_' | '`' | '[' | ']' | '|' | '#' | '\\' | '~').then_some(c)
    }
}

/// `text` with its entities replaced.
pub(super) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match entity(rest) {
            Some((entity, length)) => {
                entity.push_to(&mut out);
                length
            }
            None => {
                out.push('&');
                1
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(NAMED.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn named_numbered_and_unknown_entities() {
        assert_eq!(decode("a &lt; b &amp;&amp; c&#33; &#x41; &nope; &"), "a < b && c! A &nope; &");
        assert_eq!(decode("a&nbsp;b&zwj;c&#8203;d"), "a bcd");
    }
}
