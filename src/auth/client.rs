//! What a client says of itself: in a registration (RFC 7591) or in a metadata document (Client ID
//! Metadata Documents). Of both, what is needed to send people back is taken and the rest left.

use oauth_as::{CimdPolicy, ClientIdUrl};
use serde_json::{Map, Value, json};

use super::{redirect, secret};
use crate::store::Client;

/// Addresses that a client may register; of known clients none has more than three.
const MAX_REDIRECT_URIS: usize = 16;
/// Bytes of them in all.
const MAX_REDIRECT_BYTES: usize = 8 * 1024;
/// Characters of a name that people are shown.
const MAX_NAME: usize = 64;

/// Why a client cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The code of RFC 7591 section 3.2.2.
    pub code: &'static str,
    /// What is wrong, for who wrote it.
    pub why: String,
}

fn unfit(code: &'static str, why: impl Into<String>) -> Unfit {
    Unfit { code, why: why.into() }
}

const METADATA: &str = "invalid_client_metadata";
const REDIRECT: &str = "invalid_redirect_uri";

/// Reads a registration; the client gets a name of ours. `apps` are the schemes of apps that people
/// may be sent back to.
///
/// # Errors
///
/// What RFC 7591 calls the fault; a client without a way back.
pub fn registered(
    body: &Value,
    apps: &[String],
    now: u64,
) -> Result<anyhow::Result<Client>, Unfit> {
    let Value::Object(body) = body else {
        return Err(unfit(METADATA, "a registration is a JSON object"));
    };
    if body.contains_key("software_statement") {
        let why = "software statements are not read here; leave software_statement out";
        return Err(unfit("invalid_software_statement", why));
    }
    let redirect_uris = redirect_uris(body, apps)?;
    let name = name(body)?.unwrap_or_else(|| short(&redirect::shown_host(&redirect_uris[0])));
    Ok(secret::chance(22).map(|id| Client {
        id,
        name,
        redirect_uris,
        created: now,
        used: None,
        fresh_until: None,
    }))
}

/// The answer to a registration: what was kept of it.
pub fn answer(client: &Client, scope: &str) -> Value {
    json!({
        "client_id": client.id,
        "client_id_issued_at": client.created,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": scope,
    })
}

/// Whether a client calls itself by the address of a document. What only begins like one is refused
/// where the document would be fetched.
pub fn is_document(id: &str) -> bool {
    id.contains("://")
}

/// Whether an address can be that of a document: `https`, a path, nothing that two readers would
/// read differently, no address of a special network. What its name resolves to is another
/// question, for who fetches it.
///
/// # Errors
///
/// The reason.
pub fn check_document_address(id: &str) -> Result<(), String> {
    ClientIdUrl::parse(id, &CimdPolicy::new()).map(drop).map_err(|error| error.to_string())
}

/// Reads the document at an address.
///
/// # Errors
///
/// It is not the document of this address, or lacks what it must have.
pub fn documented(
    id: &str,
    document: &[u8],
    apps: &[String],
    now: u64,
    fresh_until: u64,
) -> Result<Client, Unfit> {
    let document: Value = serde_json::from_slice(document)
        .map_err(|_| unfit(METADATA, "the document is not JSON"))?;
    let Value::Object(document) = document else {
        return Err(unfit(METADATA, "the document is not a JSON object"));
    };
    if document.get("client_id").and_then(Value::as_str) != Some(id) {
        return Err(unfit(METADATA, "client_id in the document is not its address"));
    }
    let method = document.get("token_endpoint_auth_method").and_then(Value::as_str);
    // What everybody can read is no secret. Of a client that has a key of its own and is also
    // content without, no proof is asked.
    if method.is_some_and(|method| method.starts_with("client_secret"))
        || document.contains_key("client_secret")
    {
        return Err(unfit(METADATA, "a public document cannot hold a secret"));
    }
    let redirect_uris = redirect_uris(&document, apps)?;
    let name = name(&document)?.ok_or_else(|| unfit(METADATA, "client_name is missing"))?;
    Ok(Client {
        id: id.to_owned(),
        name,
        redirect_uris,
        created: now,
        used: None,
        fresh_until: Some(fresh_until),
    })
}

fn redirect_uris(body: &Map<String, Value>, apps: &[String]) -> Result<Vec<String>, Unfit> {
    // A client may name more kinds of grants and answers than there are here.
    for (member, ours) in [("grant_types", "authorization_code"), ("response_types", "code")] {
        let missing = match body.get(member) {
            None | Some(Value::Null) => false,
            Some(Value::Array(kinds)) => !kinds.iter().any(|kind| kind == ours),
            Some(_) => true,
        };
        if missing {
            return Err(unfit(METADATA, format!("{member} must be a list with {ours} in it")));
        }
    }
    let uris = match body.get("redirect_uris") {
        Some(Value::Array(uris)) if !uris.is_empty() => uris,
        _ => return Err(unfit(REDIRECT, "redirect_uris must be a list with one or more")),
    };
    if uris.len() > MAX_REDIRECT_URIS {
        let why = format!("there are more than {MAX_REDIRECT_URIS} redirect_uris");
        return Err(unfit(REDIRECT, why));
    }
    if uris.iter().filter_map(Value::as_str).map(str::len).sum::<usize>() > MAX_REDIRECT_BYTES {
        return Err(unfit(REDIRECT, "the redirect_uris are too long"));
    }
    let checked = uris.iter().map(|uri| {
        let uri = uri.as_str().ok_or_else(|| unfit(REDIRECT, "redirect_uris are strings"))?;
        match redirect::check(uri, apps) {
            Ok(()) => Ok(uri.to_owned()),
            Err(why) => {
                let shown: String = uri.chars().take(100).flat_map(char::escape_default).collect();
                Err(unfit(REDIRECT, format!("the redirect URI \"{shown}\" {why}")))
            }
        }
    });
    checked.collect()
}

/// The name as people may be shown it: one line without characters that turn or hide text.
fn name(body: &Map<String, Value>) -> Result<Option<String>, Unfit> {
    let name = match body.get("client_name") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(name)) => name,
        Some(_) => return Err(unfit(METADATA, "client_name is a string")),
    };
    let words = name.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<String> = words
        .map(|word| word.chars().filter(|c| !is_invisible(*c)).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    Ok(Some(short(&words.join(" "))).filter(|name| !name.is_empty()))
}

fn short(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// Characters that Unicode counts as not to be shown (`Default_Ignorable_Code_Point`): marks of
/// direction, joiners, tags, and what has no width.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apps() -> Vec<String> {
        redirect::APPS.map(str::to_owned).to_vec()
    }

    fn registered_name(name: &str) -> String {
        let body = json!({ "client_name": name, "redirect_uris": ["https://a.example/cb"] });
        registered(&body, &apps(), 1).unwrap().unwrap().name
    }

    #[test]
    fn a_name_is_one_short_line_that_shows_what_it_is() {
        assert_eq!(registered_name("  Claude \n Code\t"), "Claude Code");
        assert_eq!(registered_name("a\u{202e}b\u{200b}c\u{e0041}\u{1d173}"), "abc");
        assert_eq!(registered_name(&"x".repeat(10_000)).len(), 64);
        assert_eq!(registered_name("\u{200b}"), "a.example");
        assert_eq!(registered_name("<img onerror=x>"), "<img onerror=x>");
        // Nor is one that has no name shown as more.
        let host = format!("https://{}.example/", "a".repeat(1000));
        let body = json!({ "redirect_uris": [host] });
        assert_eq!(registered(&body, &apps(), 1).unwrap().unwrap().name, "a".repeat(64));
    }

    #[test]
    fn what_a_registration_lacks_or_has_too_much_of_is_said() {
        let fault = |body: Value| registered(&body, &apps(), 1).unwrap_err();
        assert_eq!(fault(json!([])).code, METADATA);
        assert_eq!(fault(json!({})).code, REDIRECT);
        assert_eq!(fault(json!({ "redirect_uris": [] })).code, REDIRECT);
        assert_eq!(fault(json!({ "redirect_uris": "https://a.example" })).code, REDIRECT);
        assert_eq!(fault(json!({ "redirect_uris": [1] })).code, REDIRECT);
        let bad = fault(json!({ "redirect_uris": ["https://a.example/", "javascript:alert(1)"] }));
        assert!(bad.why.contains("javascript:alert(1)"), "{bad:?}");
        let many = vec!["https://a.example/cb"; 17];
        assert_eq!(fault(json!({ "redirect_uris": many })).code, REDIRECT);
        let uris = ["https://a.example/cb"];
        for (member, value) in [
            ("grant_types", json!(["client_credentials"])),
            ("grant_types", json!("authorization_code")),
            ("response_types", json!(["token"])),
            ("client_name", json!(7)),
        ] {
            let body = json!({ "redirect_uris": uris, member: value });
            assert_eq!(fault(body).code, METADATA, "{member}");
        }
        let body = json!({ "redirect_uris": uris, "software_statement": "x" });
        assert_eq!(fault(body).code, "invalid_software_statement");
    }

    #[test]
    fn a_registration_may_name_so_many_addresses_of_so_many_bytes() {
        let is_taken =
            |uris: Vec<String>| registered(&json!({ "redirect_uris": uris }), &apps(), 1).is_ok();
        let uri = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        assert!(is_taken(vec![uri(100); 16]) && !is_taken(vec![uri(100); 17]));
        assert!(is_taken(vec![uri(2048); 4]), "8 KiB");
        assert!(!is_taken([vec![uri(2048); 3], vec![uri(1024); 2], vec![uri(20)]].concat()));
        assert!(!is_taken(vec![uri(2049)]));
    }

    #[test]
    fn what_was_kept_of_a_registration_is_told() {
        let body = json!({ "client_name": "App", "redirect_uris": ["https://a.example/cb"] });
        let client = registered(&body, &apps(), 7).unwrap().unwrap();
        let told = answer(&client, "docs:read");
        for (member, value) in [
            ("client_id", json!(client.id)),
            ("client_id_issued_at", json!(7)),
            ("client_name", json!("App")),
            ("redirect_uris", json!(["https://a.example/cb"])),
            ("token_endpoint_auth_method", json!("none")),
            ("scope", json!("docs:read")),
        ] {
            assert_eq!(told[member], value, "{member}");
        }
    }

    #[test]
    fn a_document_is_that_of_its_address() {
        let id = "https://app.example/client.json";
        let read = |document: Value| {
            documented(id, document.to_string().as_bytes(), &apps(), 1, 2).map_err(|it| it.why)
        };
        let document = json!({ "client_id": id, "client_name": "App",
            "redirect_uris": ["http://localhost/callback"],
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://app.example/jwks", "logo_uri": "javascript:alert(1)" });
        let client = read(document.clone()).unwrap();
        assert_eq!((client.id.as_str(), client.fresh_until), (id, Some(2)));
        let without = |member: &str, value: Value| {
            let mut document = document.clone();
            document[member] = value;
            read(document).unwrap_err()
        };
        without("client_id", json!("https://app.example/client.json/"));
        without("client_id", json!("HTTPS://app.example/client.json"));
        without("client_id", Value::Null);
        without("client_name", Value::Null);
        without("redirect_uris", json!([]));
        without("token_endpoint_auth_method", json!("client_secret_post"));
        without("client_secret", json!("x"));
        assert!(documented(id, b"<html>", &apps(), 1, 2).is_err());
        assert!(documented(id, b"[]", &apps(), 1, 2).is_err());
    }

    #[test]
    fn an_address_of_a_document_can_be_read_in_one_way() {
        assert!(!is_document("Zx81fWb0qPz6XcVbNmAsDf"), "a name that was given here");
        for good in ["https://a.example/x", "https://a.example:8443/x.json"] {
            assert!(check_document_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/x",
            "https://a.example",
            "https://a.example/../x",
            "https://a.example/x#y",
            "https://a@b.example/x",
            "https://127.0.0.1/x",
            "https://127.1/x",
            "https://0x7f000001/x",
            "https://2130706433/x",
            "https://[::1]/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://[64:ff9b::1]/x",
            "https://169.254.169.254/x",
            "https://a.example\\x/y",
            "ftp://a.example/x",
        ] {
            assert!(is_document(bad) && check_document_address(bad).is_err(), "{bad}");
        }
    }
}
