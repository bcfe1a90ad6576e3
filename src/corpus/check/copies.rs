//! Pages that differ in nothing.

use std::collections::HashMap;

use super::sheet::Sheet;
use super::{Finding, Rule, finding};

/// Each page whose text an earlier one has.
pub(super) fn findings(sheets: &[Sheet]) -> Vec<Finding> {
    let mut first: HashMap<[u8; 32], Vec<&Sheet>> = HashMap::new();
    let mut found = Vec::new();
    for sheet in sheets {
        let Some(text) = sheet.text else { continue };
        let same = first.entry(text).or_default();
        // Versions and translations of one page may be alike: that is what folders for them are for.
        if let Some(other) = same.iter().find(|other| !is_variant(&sheet.path, &other.path)) {
            let message = format!(
                "the page says what {} says, word for word: an assistant gets either and may cite the wrong one; keep one and name the other's address in its `aliases`",
                other.path
            );
            found.push(finding(&sheet.path, 1, Rule::DuplicatePage, message));
        }
        same.push(sheet);
    }
    found
}

/// Do two paths differ in a folder that names a version or a language, and in nothing else?
fn is_variant(a: &str, b: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('/').collect(), b.split('/').collect());
    let different: Vec<_> = a.iter().zip(&b).filter(|(a, b)| a != b).collect();
    let names_variant = |part: &str| {
        let rest = part.trim_start_matches("version-").trim_start_matches(['v', 'V']);
        let is_version = rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'x' | b'-'));
        let is_language = part.split(['-', '_']).next().is_some_and(|it| it.len() == 2)
            && part.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
        is_version
            || is_language
            || matches!(part, "latest" | "next" | "current" | "stable" | "main")
    };
    a.len() == b.len()
        && different.len() == 1
        && different.iter().all(|(a, b)| names_variant(a) && names_variant(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_translations_are_variants() {
        assert!(is_variant("v1/a.md", "v2/a.md"));
        assert!(is_variant("version-1.0/a.md", "version-1.1/a.md"));
        assert!(is_variant("docs/en/a.md", "docs/pt-BR/a.md"));
        assert!(!is_variant("v1/a.md", "v2/b.md"));
        assert!(!is_variant("a.md", "b.md"));
        assert!(!is_variant("guide/a.md", "tour/a.md"));
    }
}
