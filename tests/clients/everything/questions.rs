//! Tools and a prompt that ask the client back before they answer (2026-07-28).
//!
//! Nothing is kept between the rounds: what the server must know again travels as a sealed state
//! with the question.

use rmcp::ErrorData;
use rmcp::model::{ClientCapabilities, InputRequiredResult, InputResponses};
use serde_json::{Value, json};

use super::typed;

/// Tools that ask.
pub(crate) const TOOLS: [&str; 8] = [
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];
/// The prompt that asks.
pub(crate) const PROMPT: &str = "test_input_required_result_prompt";

/// What a call comes to.
pub(crate) enum Turn {
    /// The client has to answer first.
    Ask(InputRequiredResult),
    /// All is answered; this is what was said.
    Answered(String),
}

/// A question, and the name that its answer is to have.
type Question = (&'static str, Value);

/// The rounds of what asks under this name, each with its questions; none if nothing does.
fn rounds(name: &str) -> Option<Vec<Vec<Question>>> {
    let elicit = |message: &str, field: &str, kind: &str| {
        let schema =
            json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
        let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
        json!({"method": "elicitation/create", "params": params})
    };
    let sample = |text: &str| {
        let message = json!({"role": "user", "content": {"type": "text", "text": text}});
        json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}})
    };
    let roots = || json!({"method": "roots/list", "params": {}});
    let who = || elicit("What is your name?", "name", "string");
    let confirm = || vec![vec![("confirm", elicit("Please confirm", "ok", "boolean"))]];
    Some(match name {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
            vec![vec![("user_name", who())]]
        }
        "test_input_required_result_sampling" => {
            vec![vec![("capital_question", sample("What is the capital of France?"))]]
        }
        "test_input_required_result_list_roots" => vec![vec![("client_roots", roots())]],
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => confirm(),
        "test_input_required_result_multiple_inputs" => {
            let greeting = sample("Generate a greeting");
            vec![vec![("user_name", who()), ("greeting", greeting), ("client_roots", roots())]]
        }
        "test_input_required_result_multi_round" => vec![
            vec![("step1", elicit("Step 1: What is your name?", "name", "string"))],
            vec![("step2", elicit("Step 2: What is your favorite color?", "color", "string"))],
        ],
        "test_input_required_result_capabilities" => {
            vec![vec![("user_name", who()), ("greeting", sample("Generate a greeting"))]]
        }
        PROMPT => {
            let which = "What context should the prompt use?";
            vec![vec![("user_context", elicit(which, "context", "string"))]]
        }
        _ => return None,
    })
}

/// Those whose question comes with a state, and who take no answer without it.
fn is_stateful(name: &str) -> bool {
    ["request_state", "tampered_state", "multiple_inputs", "multi_round"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Asks, or takes the answers; none if nothing under this name asks.
pub(crate) fn turn(
    name: &str,
    answers: Option<&InputResponses>,
    state: Option<&str>,
    client: Option<&ClientCapabilities>,
) -> Result<Option<Turn>, ErrorData> {
    let Some(rounds) = rounds(name) else { return Ok(None) };
    let stateful = is_stateful(name);
    let opened = match state {
        Some(state) if stateful => Some(open(name, state)?),
        _ => None,
    };
    let round = opened.unwrap_or(0);
    let questions = askable(&rounds[round], client);
    let answered = |(key, question): &Question| {
        answers.and_then(|answers| answers.get(*key)).is_some_and(|answer| fits(question, answer))
    };
    let done = (opened.is_some() || !stateful) && questions.iter().all(answered);
    let (round, questions) = match rounds.get(round + 1) {
        Some(next) if done => (round + 1, askable(next, client)),
        None if done => return Ok(Some(Turn::Answered(json!(answers).to_string()))),
        _ => (round, questions),
    };
    if questions.is_empty() {
        let needed = typed(json!({"elicitation": {}, "sampling": {}, "roots": {}}));
        return Err(ErrorData::missing_required_client_capability(needed));
    }
    let questions = questions.into_iter().map(|(key, question)| (key.to_owned(), typed(question)));
    let state = stateful.then(|| seal(name, round));
    Ok(Some(Turn::Ask(InputRequiredResult::new(Some(questions.collect()), state))))
}

/// The questions that the client says it can answer.
fn askable(questions: &[Question], client: Option<&ClientCapabilities>) -> Vec<Question> {
    let client = json!(client);
    let can = |(_, question): &&Question| {
        let method = question["method"].as_str().unwrap_or_default();
        let capability = method.split('/').next().unwrap_or_default();
        client.get(capability).is_some()
    };
    questions.iter().filter(can).cloned().collect()
}

/// Whether an answer has what its question asks for.
fn fits(question: &Value, answer: &Value) -> bool {
    match question["method"].as_str() {
        Some("elicitation/create") => {
            let required = question["params"]["requestedSchema"]["required"].as_array();
            let mut fields = required.into_iter().flatten().filter_map(Value::as_str);
            answer["action"] == "accept"
                && fields.all(|field| answer["content"].get(field).is_some())
        }
        Some("sampling/createMessage") => answer["content"].is_object(),
        _ => answer["roots"].is_array(),
    }
}

/// A round, as a text that only this server can make and that is good for one name only.
fn seal(name: &str, round: usize) -> String {
    let key = blake3::derive_key("docent tests 2026 state of a question", b"not a secret");
    let seal = blake3::keyed_hash(&key, format!("{name} {round}").as_bytes());
    format!("{round}.{}", seal.to_hex())
}

fn open(name: &str, state: &str) -> Result<usize, ErrorData> {
    let round = state.split('.').next().and_then(|round| round.parse().ok());
    round
        .filter(|round| seal(name, *round) == state)
        .ok_or_else(|| ErrorData::invalid_params("`requestState` is not what was sent", None))
}
