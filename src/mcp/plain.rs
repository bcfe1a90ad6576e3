//! A `tools/call` over HTTP that nothing is unusual about, answered without the SDK.
//!
//! For each request the SDK starts tasks, fills channels, and builds and copies values; for a
//! search that is a third of its whole cost. A call is plain if every header and member is one
//! that is known here and agrees with the others. All else goes the SDK's way, which judges and
//! words what is wrong. Both ways give the same answer; `tests/it/http/plain.rs` holds them to it.

use std::borrow::Cow;

use rmcp::model::{ClientCapabilities, Implementation, JsonObject, ProtocolVersion};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::server::Docs;

/// Headers that repeat parts of the body from 2026-07-28 on.
pub(crate) struct Headers<'a> {
    /// `MCP-Protocol-Version`.
    pub(crate) revision: Option<&'a str>,
    /// `Mcp-Method`.
    pub(crate) method: Option<&'a str>,
    /// `Mcp-Name`.
    pub(crate) name: Option<&'a str>,
}

const METHOD: &str = "tools/call";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: IgnoredAny,
    id: Id,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Params<'a>,
}

/// Whole numbers and texts, as the message was checked to have before.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    arguments: Option<JsonObject>,
    #[serde(rename = "_meta", default, borrow)]
    meta: Meta<'a>,
}

/// What counts of `_meta`. A progress token or a log level is no reason for progress or logs, and
/// members that belong to others than the protocol mean nothing here.
#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", borrow)]
    revision: Option<Cow<'a, str>>,
    #[serde(rename = "io.modelcontextprotocol/clientInfo")]
    client: Option<Implementation>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: Option<ClientCapabilities>,
}

impl Docs {
    /// The answer to a plain `tools/call` as the bytes of a JSON-RPC message; none if the SDK has
    /// to look at it. The body was checked to be one message in which nothing stands twice.
    pub(crate) async fn answer_plainly(
        &self,
        headers: &Headers<'_>,
        body: &[u8],
    ) -> Option<Vec<u8>> {
        let (Request { id, params, .. }, modern) = read(headers, body)?;
        let answer = self.run(&params.name, params.arguments).await?;
        write(&id, modern, answer).ok()
    }
}

/// The answer to a `tools/call` that comes to no tool: a message that the model reads.
pub(crate) fn tool_error(
    headers: &Headers<'_>,
    id: &impl Serialize,
    message: String,
) -> serde_json::Result<Vec<u8>> {
    let modern = headers.revision == Some(ProtocolVersion::V_2026_07_28.as_str());
    write(id, modern, Err(message))
}

/// A plain call, and whether it is of the revision without handshakes.
fn read<'a>(headers: &Headers<'_>, body: &'a [u8]) -> Option<(Request<'a>, bool)> {
    let request: Request<'_> = serde_json::from_slice(body).ok()?;
    let modern = is_modern(headers, &request.params)?;
    (request.method == METHOD).then_some((request, modern))
}

/// Whether the call is of the revision without handshakes; none if headers and body disagree.
fn is_modern(headers: &Headers<'_>, params: &Params<'_>) -> Option<bool> {
    let Meta { revision, client, capabilities } = &params.meta;
    let Some(revision) = revision.as_deref() else {
        let mut handshaken =
            ProtocolVersion::KNOWN_VERSIONS.iter().filter(|version| version.has_initialize());
        let spoken = headers
            .revision
            .is_none_or(|revision| handshaken.any(|version| version.as_str() == revision));
        return (spoken && headers.method.is_none() && headers.name.is_none()).then_some(false);
    };
    let agrees = revision == ProtocolVersion::V_2026_07_28.as_str()
        && headers.revision == Some(revision)
        && headers.method == Some(METHOD)
        && headers.name == Some(&params.name);
    (agrees && client.is_some() && capabilities.is_some()).then_some(true)
}

/// Writes the message; what the tool answered is JSON already.
fn write(
    id: &impl Serialize,
    modern: bool,
    answer: Result<String, String>,
) -> serde_json::Result<Vec<u8>> {
    let (text, fails) = match &answer {
        Ok(json) => (json, false),
        Err(message) => (message, true),
    };
    // A text with its quotes and line ends escaped is about a fifth longer.
    let mut out = Vec::with_capacity(text.len() * 9 / 4 + 256);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    serde_json::to_writer(&mut out, id)?;
    out.extend_from_slice(br#","result":{"#);
    if modern {
        out.extend_from_slice(br#""resultType":"complete","#);
    }
    out.extend_from_slice(br#""content":[{"type":"text","text":"#);
    serde_json::to_writer(&mut out, text)?;
    out.extend_from_slice(b"}],");
    if !fails {
        out.extend_from_slice(br#""structuredContent":"#);
        out.extend_from_slice(text.as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(if fails { br#""isError":true}}"# } else { br#""isError":false}}"# });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},
        "io.modelcontextprotocol/clientCapabilities":{},"progressToken":1}"#;

    /// Which era a call is plainly of; none if the SDK has to look at it.
    fn era([revision, method, name]: [&str; 3], params: &str) -> Option<bool> {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let headers =
            Headers { revision: given(revision), method: given(method), name: given(name) };
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#);
        read(&headers, body.as_bytes()).map(|(_, modern)| modern)
    }

    #[test]
    fn calls_that_agree_with_their_headers_are_plain() {
        let search = r#""name":"search","arguments":{"query":"x"}"#;
        assert_eq!(era(["", "", ""], search), Some(false));
        assert_eq!(era(["2025-11-25", "", ""], search), Some(false));
        let modern = format!("{search},{META}");
        assert_eq!(era(["2026-07-28", "tools/call", "search"], &modern), Some(true));
    }

    #[test]
    fn all_else_goes_to_the_sdk() {
        let search = r#""name":"search","arguments":{"query":"x"}"#;
        let modern = format!("{search},{META}");
        for (headers, params) in [
            (["2026-07-28", "", ""], search),
            (["1999-01-01", "", ""], search),
            (["", "tools/call", ""], search),
            (["", "", ""], modern.as_str()),
            (["2026-07-28", "tools/call", "fetch"], &modern),
            (["2026-07-28", "tools/list", "search"], &modern),
            (["2025-11-25", "tools/call", "search"], &modern),
            (["", "", ""], r#""name":"search","arguments":[]"#),
            (["", "", ""], r#""name":"search","task":{}"#),
        ] {
            assert_eq!(era(headers, params), None, "{headers:?} {params}");
        }
    }
}
