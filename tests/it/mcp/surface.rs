//! What clients list: tools, schemas, sizes.

use serde_json::Value;

use super::protocol::Server;
use crate::harness::docs;

/// Calls a check on every schema object below a value.
fn each_schema(value: &Value, check: &mut dyn FnMut(&Value)) {
    match value {
        Value::Object(object) => {
            check(value);
            object.values().for_each(|inner| each_schema(inner, check));
        }
        Value::Array(list) => list.iter().for_each(|inner| each_schema(inner, check)),
        _ => {}
    }
}

#[tokio::test]
async fn schemas_hold_nothing_that_clients_choke_on() {
    let (_folder, docs) = docs(&[("a.md", "# A\n")]);
    let mut server = Server::legacy(&docs).await;
    let listed = server.request("tools/list", serde_json::json!({})).await;
    for tool in listed["tools"].as_array().expect("tools") {
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!(schema["type"], "object");
            each_schema(schema, &mut |object| {
                assert!(!object["type"].is_array(), "a union of types: {object}");
                assert!(object["format"].is_null(), "a format: {object}");
                for word in ["anyOf", "oneOf", "allOf", "$ref", "$defs"] {
                    assert!(object[word].is_null(), "{word}: {object}");
                }
            });
        }
        let annotations = &tool["annotations"];
        assert_eq!(annotations["readOnlyHint"], true);
        assert_eq!(annotations["idempotentHint"], true);
        assert_eq!(annotations["openWorldHint"], false);
        assert!(tool["description"].as_str().expect("a description").len() <= 2048);
    }
}

#[tokio::test]
async fn tools_and_instructions_are_small() {
    let (_folder, docs) = docs(&[("a.md", "# A\n")]);
    let mut server = Server::legacy(&docs).await;
    let listed = server.request("tools/list", serde_json::json!({})).await;
    let names: Vec<_> = listed["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .map(|tool| tool["name"].clone())
        .collect();
    assert_eq!(names, ["search", "fetch", "outline"]);
    let size = docent::corpus::tokens::estimate(&listed["tools"].to_string());
    assert!(size < 1500, "{size} tokens");
    let instructions = server.greeting["instructions"].as_str().expect("instructions");
    assert!(instructions.len() <= 2048 && instructions.contains("(1 page)"), "{instructions}");
}
