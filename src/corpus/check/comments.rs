//! Text that authors keep in comments.

use std::collections::HashMap;

use super::sheet::Sheet;
use super::{Finding, Rule, finding};

/// Pages that may have the same comment; one on more of them was put there by a tool.
const MOST: usize = 2;

/// Comments that are worth a look. Licences and the marks of generators stand on many pages.
pub(super) fn findings(sheets: &[Sheet]) -> Vec<Finding> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    let comments =
        || sheets.iter().flat_map(|sheet| sheet.comments.iter().map(move |it| (sheet, it)));
    for (_, (_, text)) in comments() {
        *count.entry(text.trim()).or_default() += 1;
    }
    let alone = |text: &str| count.get(text.trim()).is_some_and(|n| *n <= MOST);
    let comment = |sheet: &Sheet, line: usize, text: &str| {
        let words = text.split_whitespace().count();
        let message = format!(
            "a comment of {words} words: neither readers nor assistants see it; publish what is worth knowing, delete the rest"
        );
        finding(&sheet.path, line, Rule::InvisibleText, message)
    };
    comments()
        .filter(|(_, (_, text))| alone(text))
        .map(|(sheet, (line, text))| comment(sheet, *line, text))
        .collect()
}
