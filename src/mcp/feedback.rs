//! The tool `feedback`: what an agent has to say of a page to those who write it. It is there only
//! where the owner wants it.

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::arguments::{Arguments, shorten};
use super::server::Docs;
use super::{ToolError, fetch};

/// Name of the tool.
pub(super) const NAME: &str = "feedback";

const ARGUMENTS: &[&str] = &["id", "problem", "comment"];
const ALIASES: &[(&str, &str)] = &[
    ("page", "id"),
    ("path", "id"),
    ("uri", "id"),
    ("url", "id"),
    ("type", "problem"),
    ("kind", "problem"),
    ("text", "comment"),
    ("message", "comment"),
    ("feedback", "comment"),
];
const PROBLEMS: [&str; 3] = ["wrong", "stale", "missing"];
/// Characters of a sentence.
const LONGEST: usize = 400;

/// Schema of the arguments.
pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "The page or section, as search or fetch gave it; leave it out only where there is none."},
            "problem": {"type": "string", "enum": PROBLEMS, "description": "wrong: it says what is not so. stale: it was so once. missing: the docs do not say it."},
            "comment": {"type": "string", "maxLength": LONGEST, "description": "One sentence: what is wrong, or what was looked for."},
        },
        "required": ["problem", "comment"],
        "additionalProperties": false
    })
}

/// Schema of the answer.
pub(super) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "received": {"type": "boolean"},
            "notice": {"type": "string", "description": "What to do now."},
        },
        "required": ["received"]
    })
}

/// Runs the tool.
pub(super) fn call(docs: &Docs, given: Option<JsonObject>) -> Result<String, ToolError> {
    let mut arguments = Arguments::new(NAME, ARGUMENTS, ALIASES, given)?;
    let id = arguments.text("id")?.filter(|id| !id.trim().is_empty());
    let said = arguments.text("problem")?.unwrap_or_default();
    let problem = PROBLEMS.into_iter().find(|known| known.eq_ignore_ascii_case(said.trim()));
    let problem = problem.ok_or_else(|| {
        ToolError(format!("feedback needs \"problem\", one of: {}", PROBLEMS.join(", ")))
    })?;
    let comment = arguments.text("comment")?.unwrap_or_default();
    let comment: String = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    if comment.is_empty() || comment.chars().count() > LONGEST {
        return Err(ToolError(format!(
            "feedback needs \"comment\": one sentence of at most {LONGEST} characters"
        )));
    }
    let page = match id {
        Some(id) => {
            let snapshot = docs.snapshot();
            let found = fetch::find(docs, &snapshot, &id).and_then(|(target, page)| {
                fetch::named(docs, &snapshot, &target, page)?;
                Ok(target)
            });
            // What is near is for those who may read it.
            let target = found.map_err(|error| match docs.has(fetch::NAME) {
                true => error,
                false => ToolError(format!("there is no page or section {:?}", shorten(&id))),
            })?;
            Some(docs.links().id(&target.collection, &target.path, &target.anchor))
        }
        None if problem == "missing" => None,
        None => {
            return Err(ToolError(format!(
                "feedback needs \"id\", the page that is {problem}, as search or fetch gave it"
            )));
        }
    };
    docs.hear(page, problem, comment);
    let notice = "Those who write these docs will see it. Go on with what you were asked.";
    Ok(json!({ "received": true, "notice": notice }).to_string())
}
