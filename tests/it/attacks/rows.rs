//! The list of rows is whole: none is without a test.

use std::collections::BTreeSet;
use std::path::Path;

/// The rows by letter, and how many there are of each.
const ROWS: [(char, u32); 6] = [('d', 23), ('q', 12), ('h', 19), ('n', 5), ('o', 58), ('k', 17)];

/// Rows that real clients and judges hold, in `tests/clients`: by a check whose name begins with
/// the row.
const BY_CLIENTS: [&str; 2] = ["k14", "o54"];

/// Rows that come later: limits are in one process yet, and there is no store beside it that could
/// be down.
const LATER: [&str; 1] = ["k09"];

/// Names of rows with a test in a source: those that a test function's name begins with.
fn tested(source: &str) -> impl Iterator<Item = String> {
    source.split("#[test").chain(source.split("#[tokio::test")).skip(1).filter_map(|part| {
        let (_, rest) = part.split_once("fn ")?;
        let (row, _) = rest.split_once('_')?;
        let (letter, number) = row.split_at_checked(1)?;
        let is_row = number.len() == 2 && number.bytes().all(|c| c.is_ascii_digit());
        (is_row && ROWS.iter().any(|(it, _)| letter.starts_with(*it))).then(|| row.to_owned())
    })
}

/// The scripts in a folder and in those below, except those that are hidden.
fn scripts(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            text += &scripts(&path);
        } else if name.ends_with(".mjs") || name.ends_with(".py") {
            text += &std::fs::read_to_string(&path).expect("a script");
        }
    }
    text
}

#[test]
fn no_row_is_without_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/attacks");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        found.extend(tested(&std::fs::read_to_string(entry.path()).expect("a source")));
    }
    let rows: BTreeSet<String> = ROWS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n:02}")))
        .collect();
    let unknown: Vec<_> = found.difference(&rows).collect();
    assert!(unknown.is_empty(), "there are no such rows: {unknown:?}");
    let elsewhere = |row: &String| {
        let row = row.as_str();
        BY_CLIENTS.contains(&row) || LATER.contains(&row)
    };
    let missing: Vec<_> = rows.difference(&found).filter(|row| !elsewhere(row)).collect();
    assert!(missing.is_empty(), "rows without a test: {missing:?}");
}

#[test]
fn rows_that_clients_hold_have_a_check_there() {
    let clients = scripts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients"));
    for row in BY_CLIENTS {
        let checks = ["'", "`", "\""].map(|quote| format!("check({quote}{row} "));
        let held = checks.iter().any(|check| clients.contains(check));
        assert!(held, "no check of tests/clients is called {row}");
    }
}
