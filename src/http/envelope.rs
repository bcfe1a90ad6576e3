//! Reads the outside of a JSON-RPC message, so that what is refused is refused once, here, and
//! all that read the body later read the same message.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};

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
    params: Option<Container>,
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
    let _ = envelope.params;
    Ok(Message { id: envelope.id, method: envelope.method })
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

/// An object whose content does not matter here, except that no name in it may stand twice:
/// the tool's name is in there, and two readers could take different ones.
struct Container;

impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Container, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Container;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Container, A::Error> {
                let mut names: Vec<Cow<'de, str>> = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    map.next_value::<IgnoredAny>()?;
                    if names.contains(&name) {
                        return Err(serde::de::Error::custom("a member of `params` stands twice"));
                    }
                    // Requests have a handful; more are the parser's behind to judge.
                    if names.len() < 16 {
                        names.push(name);
                    }
                }
                Ok(Container)
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
