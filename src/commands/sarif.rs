//! Findings as SARIF 2.1.0, the format in which code hosts take the results of linters.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::check::Located;
use crate::corpus::check::Rule;

/// What a path in a URI may not hold as it is.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The log of one run.
pub(super) fn log(found: &[Located]) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .into_iter()
        .map(|rule| {
            json!({
                "id": rule.name(),
                "shortDescription": {"text": rule.summary()},
                "defaultConfiguration": {"level": rule.severity().name()},
            })
        })
        .collect();
    let results: Vec<Value> = found.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "docent",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Lines and columns are counted as editors do.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(Located { path, finding, .. }: &Located) -> Value {
    let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    json!({
        "ruleId": finding.rule.name(),
        "ruleIndex": index,
        "level": finding.rule.severity().name(),
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(path)},
            "region": {"startLine": finding.line},
        }}],
    })
}

/// The path as a relative reference; code hosts take it from the root of the repository, which is
/// where CI runs.
fn uri(path: &str) -> String {
    let here = std::env::current_dir().ok();
    let here = here.as_ref().map(|here| here.to_string_lossy().replace('\\', "/"));
    let inside = here.and_then(|here| path.strip_prefix(&here)?.strip_prefix('/'));
    let path = inside.unwrap_or(path).trim_start_matches('/');
    utf8_percent_encode(path, NOT_IN_PATHS).to_string()
}
