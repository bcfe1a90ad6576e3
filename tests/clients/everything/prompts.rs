//! Prompts that answer in one go.

use rmcp::ErrorData;
use rmcp::model::{GetPromptResult, JsonObject, Prompt};
use serde_json::json;

use super::media::PNG;
use super::{complete, questions, text, typed};

/// All prompts.
pub(crate) fn list() -> Vec<Prompt> {
    let prompts: [(&str, &[&str]); 5] = [
        ("test_simple_prompt", &[]),
        ("test_prompt_with_arguments", &["arg1", "arg2"]),
        ("test_prompt_with_embedded_resource", &["resourceUri"]),
        ("test_prompt_with_image", &[]),
        (questions::PROMPT, &[]),
    ];
    let prompt = |(name, arguments): (&str, &[&str])| {
        let argument = |name: &&str| json!({"name": name, "required": true});
        let arguments: Vec<_> = arguments.iter().map(argument).collect();
        typed(json!({"name": name, "description": "For the suite", "arguments": arguments}))
    };
    prompts.map(prompt).to_vec()
}

/// A prompt, filled in.
pub(crate) fn get(name: &str, given: Option<&JsonObject>) -> Result<GetPromptResult, ErrorData> {
    let words = |text: &str| json!({"type": "text", "text": text});
    let contents = match name {
        "test_simple_prompt" => vec![words("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (text(given, "arg1")?, text(given, "arg2")?);
            vec![words(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let resource = json!({
                "uri": text(given, "resourceUri")?,
                "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            });
            let embedded = json!({"type": "resource", "resource": resource});
            vec![embedded, words("Please process the embedded resource above.")]
        }
        "test_prompt_with_image" => {
            let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
            vec![image, words("Please analyze the image above.")]
        }
        _ => return Err(ErrorData::invalid_params("no such prompt", None)),
    };
    let message = |content| json!({"role": "user", "content": content});
    let messages: Vec<_> = contents.into_iter().map(message).collect();
    Ok(complete(json!({"messages": messages})))
}
