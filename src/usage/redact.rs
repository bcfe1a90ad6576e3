//! What of a text is not kept: what looks like an e-mail address, a key, or a number that may be
//! somebody's. What it leaves is enough to see what was asked.

use std::sync::LazyLock;

use regex::{Captures, Regex};

const EMAIL: &str = "[e-mail]";
const KEY: &str = "[key]";
const NUMBER: &str = "[number]";

/// Digits of a number that may be somebody's: shorter ones are ports, versions, statuses.
const DIGITS: usize = 5;
/// The same where signs or spaces part the digits, as in a telephone number.
const PARTED_DIGITS: usize = 7;
/// Length of a run of letters and digits that nobody makes up as a name.
const RANDOM: usize = 16;

struct Patterns {
    email: Regex,
    /// Who signs in by an address: `https://me:secret@…`.
    signed_in: Regex,
    /// What is said to be a secret.
    named: Regex,
    /// What begins as services let their keys begin.
    marked: Regex,
    token: Regex,
    ipv4: Regex,
    ipv6: Regex,
    digits: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |pattern| Regex::new(pattern).unwrap_or_else(|error| unreachable!("{error}"));
    Patterns {
        email: regex(r"[\p{L}\p{N}._%+'-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}"),
        signed_in: regex(r"://[^\s@]*[:@][^\s@]*@|://[^/\s@]+@"),
        named: regex(
            r#"(?xi) (?: \b | _ | ^ | \s ) (
                (?: pass(?:word|wd|phrase)? | pwd | secret | token | (?:api|access|private|secret)[_-]?key )
                [\w-]* ["']? \s* [=:] \s* ["']?
                | (?:bearer|basic) \s+
                | (?: --password | --token | --secret | -p | -u | --user ) [\s=] \s*
            ) ([^\s"',;]{6,})"#,
        ),
        marked: regex(
            r"(?x) \b (?:
                (?: sk | pk | rk | whsec | gh[oprsu] | github_pat | glpat | xox[abeoprs] | dk_live
                  | hf | npm | pypi | dop_v1 | SG ) [-_.] [\w.-]{10,}
                | A[KS]IA[0-9A-Z]{12,}
                | AIza[\w-]{20,}
                | eyJ[\w-]{8,} (?:\.[\w-]*)*
            )",
        ),
        token: regex(r"[\w+/=.~-]{16,}"),
        ipv4: regex(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
        ipv6: regex(
            r"(?i)\b(?:[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}|f[cde][0-9a-f]{2}::[0-9a-f:]+)",
        ),
        digits: regex(r"\+?\(?\d(?:[ ().,/_-]{0,2}\d)*"),
    }
});

/// Addresses that stand for no one.
const EVERYBODYS: [&str; 3] = ["127.0.0.1", "0.0.0.0", "255.255.255.255"];

/// A text without what is not kept, on one line.
pub fn redacted(text: &str) -> String {
    let text = text.split(|c: char| c.is_whitespace() || c.is_control());
    let text = text.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if is_plain(&text) { text } else { without(&text) }
}

/// A text without what fits a pattern.
fn without(text: &str) -> String {
    let Patterns { email, signed_in, named, marked, token, ipv4, ipv6, digits } = &*PATTERNS;
    let text = signed_in.replace_all(text, format!("://{KEY}@"));
    let text = email.replace_all(&text, EMAIL);
    let text = named.replace_all(&text, |found: &Captures<'_>| {
        let [whole, name, value] = [0, 1, 2].map(|at| &found[at]);
        // Docs have passwords: resetting and basic authentication, too.
        let is_option = name.starts_with('-');
        let is_secret = name.contains('=') || value.contains(|c: char| c.is_numeric());
        let (before, _) = whole.split_at(whole.len() - name.len() - value.len());
        if is_secret || (is_option && value.contains(':')) {
            format!("{before}{name}{KEY}")
        } else {
            whole.to_owned()
        }
    });
    let text = marked.replace_all(&text, KEY);
    let text = token.replace_all(&text, |found: &Captures<'_>| {
        let token = &found[0];
        if token.split(['/', '.', '-', '_', '=', '+', '~']).any(is_random) || is_uuid(token) {
            KEY.to_owned()
        } else {
            token.to_owned()
        }
    });
    let text = ipv4.replace_all(&text, |found: &Captures<'_>| {
        let address = &found[0];
        if EVERYBODYS.contains(&address) { address.to_owned() } else { NUMBER.to_owned() }
    });
    let text = ipv6.replace_all(&text, NUMBER);
    digits
        .replace_all(&text, |found: &Captures<'_>| {
            let run = &found[0];
            let count = run.chars().filter(|c| c.is_numeric()).count();
            let longest =
                run.split(|c: char| !c.is_numeric()).map(|part| part.chars().count()).max();
            let is_ones = count >= PARTED_DIGITS || longest.unwrap_or(0) >= DIGITS;
            if is_ones { NUMBER.to_owned() } else { run.to_owned() }
        })
        .into_owned()
}

/// Whether no pattern can fit, which is so for most questions: each of them needs a digit, one of these
/// signs, or a word as long as the shortest mark with its key.
fn is_plain(text: &str) -> bool {
    let odd = |c: char| c.is_numeric() || matches!(c, '@' | '%' | '=' | ':');
    let is_long = |word: &str| {
        let length = word.len();
        let is_odd = word.contains(|c: char| !c.is_alphabetic()) || word.contains("eyJ");
        length >= 16 || (length >= 11 && is_odd)
    };
    !text.contains(odd) && !text.split(' ').any(is_long)
}

/// Whether nobody made up a word: long, with digits between its letters.
fn is_random(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let turns =
        word.as_bytes().windows(2).filter(|it| it[0].is_ascii_digit() != it[1].is_ascii_digit());
    word.len() >= RANDOM && digits >= 3 && letters >= 3 && turns.count() >= 4
}

fn is_uuid(token: &str) -> bool {
    let parts: Vec<usize> = token.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && token.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_somebodys_is_not_kept() {
        for (text, kept) in [
            ("mail me at jane.doe+x@mail.example.com, please", "mail me at [e-mail], please"),
            ("jane%40example.com", "[e-mail]"),
            ("why does sk-proj-abcdefghijkl1234 fail", "why does [key] fail"),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[key]"),
            ("AKIAIOSFODNN7EXAMPLE is my key", "[key] is my key"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_def", "[key]"),
            ("Authorization: Bearer abcdefg7", "Authorization: Bearer [key]"),
            ("password=swordfish does not work", "password=[key] does not work"),
            ("with \"token\": \"s3cret-thing\"", "with \"token\": \"[key]\""),
            ("DB_PASSWORD=swordfish", "DB_PASSWORD=[key]"),
            ("OPENAI_API_KEY=abcdef", "OPENAI_API_KEY=[key]"),
            ("client_secret=abcdefgh", "client_secret=[key]"),
            ("secret_key_base=abcdefgh", "secret_key_base=[key]"),
            ("curl -u jane:hunter2 x", "curl -u [key] x"),
            ("mysql --password hunter22", "mysql --password [key]"),
            ("mysql://root:s3cr/et@host", "mysql://[key]@host"),
            ("ping fe80::1", "ping [number]"),
            (
                "git clone https://me:s3cret@host.example/x",
                "git clone https://[key]@host.example/x",
            ),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "[key]"),
            ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit [key]"),
            ("call +49 (170) 123 45 67 now", "call [number] now"),
            ("card 4111 1111 1111 1111", "card [number]"),
            ("customer 12345", "customer [number]"),
            ("ping 203.0.113.9 from 127.0.0.1", "ping [number] from 127.0.0.1"),
            ("ping 2001:db8:0:1::17", "ping [number]"),
            ("two\nlines\u{1b}[2J", "two lines [2J"),
        ] {
            assert_eq!(redacted(text), kept);
        }
    }

    #[test]
    fn what_is_taken_for_plain_fits_no_pattern() {
        for text in [
            "why does sk-abcdefghij fail",
            "npm_abcdefghij",
            "password=swordfish",
            "Bearer abcdefghijklmnop",
            "AKIAABCDEFGHIJKLMNOP",
            "eyJabcdefgh",
            "eyJabcdefghijk.x",
            "https://me@x",
            "a@b.cd",
            "a%40b.cd",
            "how do I sort a table by a column of dates",
            "what is the difference between a Deployment and a StatefulSet",
        ] {
            assert!(!is_plain(text) || without(text) == text, "{text}");
        }
        assert!(is_plain("what is the difference between a Deployment and a StatefulSet"));
    }

    #[test]
    fn what_the_docs_are_about_is_kept() {
        for text in [
            "how do I change the port to 8080?",
            "E0382 use of moved value",
            "HTTP 404 and 503",
            "python 3.12.1 on Debian 12",
            "std::collections::HashMap::entry",
            "getServerSideProps2 in Next.js 15",
            "@types/node@22.1.0",
            "kubectl get pods --sort-by=.status.startTime",
            "topologySpreadConstraints whenUnsatisfiable",
            "--max-old-space-size=4096",
            "what is a token: bucket",
            "basic authentication with bearer tokens",
            "spec.template.spec.containers[0].image",
            "安装 端口 8080",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
