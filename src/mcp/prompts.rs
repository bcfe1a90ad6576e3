//! Prompts: `ask`, and the `*.prompt.md` files of the docs' owner.

use rmcp::ErrorData;
use rmcp::model::{
    GetPromptResult, JsonObject, ListPromptsResult, Prompt, PromptArgument, PromptMessage, Role,
};

use super::arguments::shorten;
use super::resources::internal;
use super::server::Docs;
use super::{fetch, search};
use crate::index::{PROMPT, PageRecord, Snapshot};

/// Name of the prompt that every server has.
const ASK: &str = "ask";

/// Whether a page is a prompt: it is offered as such, not as a document.
pub(super) fn is_template(path: &str) -> bool {
    path.ends_with(PROMPT)
}

/// All prompts.
pub(super) fn list(docs: &Docs) -> Result<ListPromptsResult, ErrorData> {
    let question = PromptArgument::new("question")
        .with_title("Question")
        .with_description("What you want to know.")
        .with_required(true);
    let ask = Prompt::new(
        ASK,
        Some("Answers a question from the docs, with citations."),
        Some(vec![question]),
    )
    .with_title("Ask the docs");
    let mut prompts = Vec::new();
    if docs.has(search::NAME) {
        prompts.push(ask);
    }
    let snapshot = docs.snapshot();
    for page in templates(&snapshot)? {
        let text = text(&snapshot, page)?;
        let arguments: Vec<PromptArgument> = placeholders(&text)
            .into_iter()
            .map(|name| PromptArgument::new(name).with_required(true))
            .collect();
        let description = Some(page.description.clone()).filter(|text| !text.is_empty());
        prompts.push(
            Prompt::new(
                name(docs, page),
                description,
                (!arguments.is_empty()).then_some(arguments),
            )
            .with_title(page.title.clone()),
        );
    }
    Ok(ListPromptsResult::with_all_items(prompts)
        .with_ttl_ms(5_000)
        .with_cache_scope(docs.cache_scope()))
}

/// One prompt, filled in.
pub(super) fn get(
    docs: &Docs,
    wanted: &str,
    given: Option<JsonObject>,
) -> Result<GetPromptResult, ErrorData> {
    let given = given.unwrap_or_default();
    let value = |name: &str| match given.get(name) {
        Some(serde_json::Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        _ => {
            Err(ErrorData::invalid_params(format!("the prompt needs the argument {name:?}"), None))
        }
    };
    if wanted == ASK && docs.has(search::NAME) {
        let question = value("question")?;
        let read = if docs.has(fetch::NAME) {
            "Call `fetch` with the id of a section whose passage is not enough."
        } else {
            "Raise `max_tokens` where a passage is cut."
        };
        let text = format!(
            "Answer this question from the documentation.\n\n\
             1. Call `search` with the question, and again in other words if the first hits do not answer it.\n\
             2. {read}\n\
             3. Answer from what you read, and cite the `url` of each section you used. \
             If the documentation does not say, say so.\n\n\
             Question: {question}"
        );
        return Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]));
    }
    let snapshot = docs.snapshot();
    let templates = templates(&snapshot)?;
    let Some(page) = templates.iter().find(|page| name(docs, page) == wanted) else {
        let ask = docs.has(search::NAME).then(|| ASK.to_owned());
        let names: Vec<String> =
            ask.into_iter().chain(templates.iter().map(|page| name(docs, page))).collect();
        let message =
            format!("there is no prompt {:?}; there is: {}", shorten(wanted), names.join(", "));
        return Err(ErrorData::invalid_params(message, None));
    };
    let mut text = text(&snapshot, page)?;
    for name in placeholders(&text) {
        text = text.replace(&format!("${{{name}}}"), &value(&name)?);
    }
    let mut result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
    if !page.description.is_empty() {
        result = result.with_description(page.description.clone());
    }
    Ok(result)
}

fn templates(snapshot: &Snapshot) -> Result<Vec<&PageRecord>, ErrorData> {
    let pages = snapshot.catalog().map_err(internal)?.pages().iter();
    Ok(pages.map(|page| &**page).filter(|page| is_template(&page.path)).collect())
}

/// The file's name without its ending, with its folder where two collections could clash.
fn name(docs: &Docs, page: &PageRecord) -> String {
    let id = docs.links().id(&page.collection, &page.path, "");
    id.trim_end_matches(PROMPT).replace('/', "-")
}

fn text(snapshot: &Snapshot, page: &PageRecord) -> Result<String, ErrorData> {
    let sections = snapshot.sections(&page.collection, &page.path).map_err(internal)?;
    let texts: Vec<&str> = sections.iter().map(|section| section.text.as_str()).collect();
    Ok(texts.join("\n\n"))
}

/// Names in `${name}`, each once, in order.
fn placeholders(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in text.split("${").skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}
