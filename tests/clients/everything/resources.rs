//! Resources and their template.

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceTemplate};
use serde_json::json;

use super::media::PNG;
use super::{complete, typed};

/// All resources.
pub(crate) fn list() -> Vec<Resource> {
    let resources = [
        ("test://static-text", "A text", "text/plain"),
        ("test://static-binary", "A picture", "image/png"),
        ("test://watched-resource", "A text that may change", "text/plain"),
    ];
    let resource = |(uri, name, kind)| typed(json!({"uri": uri, "name": name, "mimeType": kind}));
    resources.map(resource).to_vec()
}

/// The one template.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![typed(json!({
        "uriTemplate": "test://template/{id}/data",
        "name": "A record",
        "mimeType": "application/json",
    }))]
}

/// What stands at an address.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
    let content = match (uri, id) {
        ("test://static-text", _) => {
            let text = "This is the content of the static text resource.";
            json!({"uri": uri, "mimeType": "text/plain", "text": text})
        }
        ("test://static-binary", _) => json!({"uri": uri, "mimeType": "image/png", "blob": PNG}),
        ("test://watched-resource", _) => {
            json!({"uri": uri, "mimeType": "text/plain", "text": "Nothing has changed."})
        }
        (_, Some(id)) => {
            let record =
                json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            json!({"uri": uri, "mimeType": "application/json", "text": record.to_string()})
        }
        _ => {
            return Err(ErrorData::resource_not_found(
                "no such resource",
                Some(json!({"uri": uri})),
            ));
        }
    };
    Ok(complete(json!({"contents": [content]})))
}
