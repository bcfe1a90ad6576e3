//! Characters that a reader of the site does not see, and a model would: they leave the text.

use std::borrow::Cow;

/// Is it a character without a mark on the page: a control, a format character, a tag?
pub(in crate::corpus) fn is_invisible(c: char) -> bool {
    kind(c).is_some()
}

/// What an invisible character is called, if it is one.
fn kind(c: char) -> Option<&'static str> {
    Some(match c {
        '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' | '\t' | '\n' => "control character",
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' => {
            "zero-width character"
        }
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "invisible filler",
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => {
            "bidirectional control"
        }
        '\u{ad}' => "soft hyphen",
        '\u{fff9}'..='\u{fffb}' => "annotation control",
        '\u{e0000}'..='\u{e007f}' => "tag character",
        '\u{e0100}'..='\u{e01ef}' => "variation selector",
        _ => return None,
    })
}

/// Drops invisible characters and makes every line end `\n`. Each line that loses something but a
/// carriage return gets a note.
pub(in crate::corpus) fn strip_invisible<'a>(
    text: &'a str,
    notes: &mut Vec<(usize, String)>,
) -> Cow<'a, str> {
    let bytes = text.as_bytes();
    let Some(first) = bytes.iter().position(|b| SUSPECT[*b as usize]) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len());
    let (mut at, mut copied, mut noted) = (first, 0, 0);
    let (mut line, mut counted) = (1, 0);
    while let Some(step) = bytes[at..].iter().position(|b| SUSPECT[*b as usize]) {
        at += step;
        let Some(c) = text[at..].chars().next() else { break };
        let end = at + c.len_utf8();
        if kind(c).is_none() || is_wanted(c, &text[..at]) {
            at = end;
            continue;
        }
        out.push_str(&text[copied..at]);
        copied = end;
        if c == '\r' {
            // A lone carriage return is the old Macintosh line end.
            if bytes.get(end) != Some(&b'\n') {
                out.push('\n');
            }
        } else if c == '\x1b' {
            copied = escape_end(bytes, end);
        } else if c == '\x0b' || c == '\x0c' {
            out.push(' ');
        }
        // Soft hyphens are typography, not a hiding place.
        if !matches!(c, '\r' | '\u{ad}') {
            line += memchr::memchr_iter(b'\n', &bytes[counted..at]).count();
            counted = at;
            if line != noted && notes.len() < 50 {
                noted = line;
                let name = kind(c).unwrap_or_default();
                notes.push((line, format!("{name} U+{:04X} removed", u32::from(c))));
            }
        }
        at = copied;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Joiners that spell words of Arabic or Indic scripts or compose emoji, selectors that pick the
/// shape of a Han character, tabs.
fn is_wanted(c: char, before: &str) -> bool {
    let previous = before.chars().next_back().unwrap_or(' ');
    match c {
        '\t' | '\n' => true,
        '\u{200c}' | '\u{200d}' => {
            matches!(previous, '\u{600}'..='\u{1cff}' | '\u{2600}'..='\u{27bf}'
                | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
        }
        '\u{e0100}'..='\u{e01ef}' => {
            matches!(previous, '\u{2e80}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
        }
        _ => false,
    }
}

/// Where an ANSI escape sequence ends that starts before `at`: `[…letter`, or `]…` up to BEL or ST.
fn escape_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..bytes.len().min(at + 512)];
    match rest.first() {
        Some(b'[') => {
            let length = rest[1..].iter().take_while(|b| (0x20..0x40).contains(*b)).count();
            let last = rest.get(1 + length).is_some_and(|b| (0x40..0x7f).contains(b));
            at + 1 + length + usize::from(last)
        }
        Some(b']') => {
            let line = rest.iter().position(|b| matches!(b, b'\n' | 0x07 | 0x1b));
            match line {
                Some(end) if rest[end] == 0x07 => at + end + 1,
                Some(end) if rest[end] == 0x1b && rest.get(end + 1) == Some(&b'\\') => at + end + 2,
                _ => at,
            }
        }
        _ => at,
    }
}

/// First bytes of all invisible characters; most pages have none of them.
const SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 32 {
        table[b] = b != b'\n' as usize && b != b'\t' as usize;
        b += 1;
    }
    table[0x7f] = true;
    // C1 controls and soft hyphen; U+061C; U+115F; U+180E; U+2000 to U+2FFF; U+3164; U+F000 up;
    // the tags.
    let leads = [0xc2, 0xd8, 0xe1, 0xe2, 0xe3, 0xef, 0xf3];
    let mut i = 0;
    while i < leads.len() {
        table[leads[i]] = true;
        i += 1;
    }
    table
};
