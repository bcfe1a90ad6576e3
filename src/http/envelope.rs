//! Reads the outside of a JSON-RPC message, so that what is refused is refused once, here, and
//! all that read the body later read the same message.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};
use serde_json::value::RawValue;

use crate::mcp::Client;

/// Deeper than any message, and than what the parser behind takes (128).
const MAX_DEPTH: usize = 100;
/// Longer than any id that a client makes.
const MAX_ID: usize = 1024;

/// Why a body is no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is not JSON.
    Syntax(String),
    /// It is an array.
    Batch,
    /// It is JSON, but no message.
    Shape(String),
}

/// The id of a request. MCP takes whole numbers and texts only.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(i64),
    Text(String),
}

/// What is known of a message from its outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Of a request, or of what it answers.
    pub(super) id: Option<Id>,
    /// None for an answer.
    pub(super) method: Option<Cow<'a, str>>,
    /// What its parameters say of the call.
    pub(super) about: About,
}

/// What the parameters of a request say of the call, as far as it is of use outside of the protocol.
/// What is of a wrong type is not there: it is for others to refuse.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// `name`: of a tool or a prompt.
    pub(super) name: Option<String>,
    /// Who calls, in `_meta` or, where a revision shakes hands, in its `initialize`.
    pub(super) client: Option<Client>,
    /// `traceparent` of W3C Trace Context, in `_meta` (SEP-414).
    pub(super) trace: Option<String>,
}

/// `_meta`, as far as it is read here.
#[derive(Default, serde::Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/clientInfo", borrow)]
    client: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct ClientInfo<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Cow<'a, str>,
}

/// What a piece of JSON says, if it is of that type.
fn of<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn client(raw: &RawValue) -> Option<Client> {
    let ClientInfo { name, version } = of(raw)?;
    Client::new(&name, &version)
}

/// The members of a message, each at most once (serde refuses a second one).
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "required")]
    id: Option<Id>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    params: Option<About>,
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// Checks a body.
pub(super) fn check(body: &[u8]) -> Result<Message<'_>, Flaw> {
    let text = std::str::from_utf8(body).map_err(|_| Flaw::Syntax("it is not UTF-8".into()))?;
    if depth(body) > MAX_DEPTH {
        return Err(Flaw::Syntax(format!("it is nested deeper than {MAX_DEPTH} levels")));
    }
    let flaw = |error: serde_json::Error| {
        if error.is_data() { Flaw::Shape(brief(&error)) } else { Flaw::Syntax(brief(&error)) }
    };
    if text.trim_ascii_start().starts_with('[') {
        serde_json::from_str::<IgnoredAny>(text).map_err(flaw)?;
        return Err(Flaw::Batch);
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(flaw)?;
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(Flaw::Shape("`jsonrpc` must be \"2.0\"".into()));
    }
    let answers = envelope.result.is_some() || envelope.error.is_some();
    if envelope.method.is_some() == answers {
        return Err(Flaw::Shape("a message has a `method`, or a `result` or `error`".into()));
    }
    let about = envelope.params.unwrap_or_default();
    Ok(Message { id: envelope.id, method: envelope.method, about })
}

/// How deep brackets nest outside of texts.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for &byte in body {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The parser's sentence, which may repeat what was sent: not too much of it.
fn brief(error: &serde_json::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Reads an id that is there: `null` is not one.
fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
    struct Ids;
    impl Visitor<'_> for Ids {
        type Value = Id;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "an id (a whole number, or a text of at most {MAX_ID} bytes)")
        }

        fn visit_i64<E>(self, number: i64) -> Result<Id, E> {
            Ok(Id::Number(number))
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Id, E> {
            let unexpected = serde::de::Unexpected::Unsigned(number);
            let whole = i64::try_from(number).map(Id::Number);
            whole.map_err(|_| E::invalid_value(unexpected, &self))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
            if text.len() > MAX_ID {
                return Err(E::invalid_length(text.len(), &self));
            }
            Ok(Id::Text(text.to_owned()))
        }
    }
    deserializer.deserialize_any(Ids).map(Some)
}

/// An object of which no name may stand twice: the tool's name is in there, and two readers could
/// take different ones.
impl<'de> Deserialize<'de> for About {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<About, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = About;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<About, A::Error> {
                let mut about = About::default();
                let mut names: Vec<Cow<'de, str>> = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    match &*name {
                        "name" => about.name = of(map.next_value()?),
                        "clientInfo" => about.client = client(map.next_value()?),
                        "_meta" => {
                            let meta: Meta<'_> = of(map.next_value()?).unwrap_or_default();
                            about.client = meta.client.and_then(client).or(about.client);
                            about.trace = meta.traceparent.and_then(of);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    if names.contains(&name) {
                        return Err(serde::de::Error::custom("a member of `params` stands twice"));
                    }
                    // Requests have a handful; more are the parser's behind to judge.
                    if names.len() < 16 {
                        names.push(name);
                    }
                }
                Ok(about)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A member's name, borrowed where it can be.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of a message.
    fn id(body: &[u8]) -> Result<Option<Id>, Flaw> {
        check(body).map(|message| message.id)
    }

    fn shape(body: &str) -> bool {
        matches!(check(body.as_bytes()), Err(Flaw::Shape(_)))
    }

    fn syntax(body: &[u8]) -> bool {
        matches!(check(body), Err(Flaw::Syntax(_)))
    }

    #[test]
    fn requests_notifications_and_answers_are_messages() {
        let request = br#" {"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert_eq!(id(request), Ok(Some(Id::Number(1))));
        let request =
            br#"{"method":"tools/call","params":{"name":"a"},"id":"x\"y","jsonrpc":"2.0"}"#;
        assert_eq!(id(request), Ok(Some(Id::Text("x\"y".into()))));
        let message = check(request).unwrap();
        assert_eq!(message.method.as_deref(), Some("tools/call"));
        let notification = br#"{"jsonrpc":"2.0","method":"notifications/initialized","more":[1]}"#;
        assert_eq!(id(notification), Ok(None));
        assert_eq!(id(br#"{"jsonrpc":"2.0","id":3,"result":{}}"#), Ok(Some(Id::Number(3))));
    }

    #[test]
    fn what_parameters_say_of_a_call_is_read_and_never_a_flaw() {
        let about = |params: &str| {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#);
            check(body.as_bytes()).map(|message| message.about)
        };
        let call = r#"{"name":"se\u0061rch","arguments":{"name":"x"},"_meta":{"traceparent":"00-a",
            "io.modelcontextprotocol/clientInfo":{"name":"Claude","version":"1.2","title":"t"}}}"#;
        let client = Client::new("Claude", "1.2");
        let trace = Some("00-a".to_owned());
        let name = Some("search".to_owned());
        assert_eq!(about(call), Ok(About { name, client: client.clone(), trace }));
        let hello =
            r#"{"protocolVersion":"2025-11-25","clientInfo":{"name":"Claude\n","version":"1.2"}}"#;
        assert_eq!(about(hello), Ok(About { client, ..About::default() }));
        for odd in [
            r#"{"name":7,"_meta":[],"clientInfo":"x"}"#,
            r#"{"_meta":{"traceparent":{},"io.modelcontextprotocol/clientInfo":{"version":1}}}"#,
            r#"{"_meta":null}"#,
        ] {
            assert_eq!(about(odd), Ok(About::default()), "{odd}");
        }
    }

    #[test]
    fn what_is_not_json_is_a_flaw_of_syntax() {
        let bombs = [
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
            format!("{{\"a\":{}", "[".repeat(101)),
        ];
        for bomb in &bombs {
            assert!(syntax(bomb.as_bytes()));
        }
        for bad in ["", "{", "[", "nul", "{\"jsonrpc\":\"2.0\",}", "{} {}", "\u{feff}{}"] {
            assert!(syntax(bad.as_bytes()), "{bad}");
        }
        assert!(syntax(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}"));
    }

    #[test]
    fn brackets_in_texts_do_not_nest() {
        let text = "[".repeat(200);
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"q":"\"{text}"}}}}"#);
        assert_eq!(id(body.as_bytes()), Ok(Some(Id::Number(1))));
    }

    #[test]
    fn a_batch_is_no_message() {
        assert_eq!(id(b" []"), Err(Flaw::Batch));
        let many =
            format!("[{}]", vec![r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#; 5000].join(","));
        assert_eq!(id(many.as_bytes()), Err(Flaw::Batch));
    }

    #[test]
    fn a_member_that_stands_twice_is_a_flaw() {
        assert!(shape(r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#));
        assert!(shape(r#"{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}"#));
        assert!(shape(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#));
        assert!(shape(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}"#));
        assert!(shape(
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"x","n\u0061me":"y"}}"#
        ));
    }

    #[test]
    fn an_id_is_a_whole_number_or_a_text() {
        for id in ["null", "1.5", "{}", "[1]", "true", "18446744073709551615"] {
            assert!(shape(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#)), "{id}");
        }
        let long = "i".repeat(2000);
        assert!(shape(&format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"a"}}"#)));
        assert!(syntax(br#"{"jsonrpc":"2.0","id":1e400,"method":"a"}"#));
    }

    #[test]
    fn what_is_json_but_no_message_is_a_flaw_of_shape() {
        for bad in [
            "1",
            "null",
            "\"x\"",
            "{}",
            r#"{"id":1,"method":"a"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#,
        ] {
            assert!(shape(bad), "{bad}");
        }
    }
}
