//! Tools that answer in one go.

use rmcp::model::{CallToolResult, JsonObject, Tool};
use serde_json::{Value, json};

use super::media::{PNG, WAV};
use super::{complete, questions, typed};

/// Tools that the server itself does, because they need more than their arguments.
const DEEDS: [(&str, &str); 7] = [
    ("test_tool_with_progress", "Reports its progress while it runs"),
    ("test_tool_with_logging", "Logs to the client while it runs"),
    ("test_logging_tool", "Logs to the client while it runs, if the request asks for it"),
    ("test_missing_capability", "Runs for clients that offer sampling"),
    ("test_streaming_elicitation", "Asks the user while it runs"),
    ("test_trigger_tool_change", "Says that the list of tools has changed"),
    ("test_trigger_prompt_change", "Says that the list of prompts has changed"),
];

/// Tools whose answer never changes.
const CONSTANT: [(&str, &str); 6] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with a picture"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    ("test_multiple_content_types", "Answers with a text, a picture and a resource"),
    ("test_error_handling", "Fails, always"),
];

/// All tools, always in this order.
pub(crate) fn list() -> Vec<Tool> {
    let plain = CONSTANT.iter().chain(&DEEDS).map(|(name, description)| (*name, *description));
    let plain = plain.chain(questions::TOOLS.iter().map(|name| (*name, "Asks back")));
    let without_arguments = plain.map(|(name, description)| {
        let schema = json!({"type": "object", "properties": {}});
        json!({"name": name, "description": description, "inputSchema": schema})
    });
    without_arguments.chain([with_rich_schema(), with_headers()]).map(typed).collect()
}

/// Keywords of JSON Schema that a server may lose on the way, if it knows only simple ones.
fn with_rich_schema() -> Value {
    let text = json!({"type": "string"});
    json!({
        "name": "json_schema_2020_12_tool",
        "description": "Has a schema of many keywords",
        "inputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {
                    "$anchor": "berth",
                    "type": "object",
                    "properties": {"pier": text, "berth": text},
                },
            },
            "properties": {
                "address": {"$ref": "#/$defs/address"},
                "by": {"enum": ["radio", "flag"]},
                "channel": {"type": "integer"},
                "colour": text,
            },
            "allOf": [{"anyOf": [{"required": ["channel"]}, {"required": ["colour"]}]}],
            "if": {"properties": {"by": {"const": "radio"}}},
            "then": {"required": ["channel"]},
            "else": {"required": ["colour"]},
            "additionalProperties": false,
        },
    })
}

/// Arguments that must stand in headers, too.
fn with_headers() -> Value {
    json!({
        "name": "test_custom_headers",
        "description": "Has arguments that proxies can read in headers",
        "inputSchema": {
            "type": "object",
            "properties": {
                "region": {"type": "string", "x-mcp-header": "Region"},
                "priority": {"type": "integer", "x-mcp-header": "Priority"},
            },
            "required": ["region", "priority"],
        },
    })
}

/// The answer of a tool that needs nothing but its arguments; none if there is no such tool.
pub(crate) fn answer(name: &str, arguments: Option<&JsonObject>) -> Option<CallToolResult> {
    let text = |text: &str| json!({"type": "text", "text": text});
    let image = || json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    let resource = |uri: &str, kind: &str, text: &str| json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}});
    let content = match name {
        "test_simple_text" => vec![text("This is a simple text response for testing.")],
        "test_image_content" => vec![image()],
        "test_audio_content" => {
            vec![json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})]
        }
        "test_embedded_resource" => {
            let content = "This is an embedded resource content.";
            vec![resource("test://embedded-resource", "text/plain", content)]
        }
        "test_multiple_content_types" => {
            let content = json!({"test": "data", "value": 123}).to_string();
            let uri = "test://mixed-content-resource";
            let resource = resource(uri, "application/json", &content);
            vec![text("Multiple content types test:"), image(), resource]
        }
        "test_error_handling" => {
            let content = text("This tool intentionally returns an error for testing");
            return Some(complete(json!({"content": [content], "isError": true})));
        }
        "json_schema_2020_12_tool" | "test_custom_headers" => {
            vec![text(&json!(arguments).to_string())]
        }
        _ => return None,
    };
    Some(complete(json!({"content": content})))
}
