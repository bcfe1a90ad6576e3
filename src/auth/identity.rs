//! What signed tokens say, and whether it is true: the ID token of an identity provider (OpenID
//! Connect Core section 3.1.3.7), and the access token of an authorization server that somebody
//! else runs (RFC 9068).
//!
//! The algorithms are those that were set, never the one that a token asks for; keys come from the
//! issuer's key set alone, whatever else a token names.

use std::str::FromStr;

use anyhow::{Context, bail};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest token that is looked at, in bytes.
const MAX_LENGTH: usize = 8 * 1024;
/// Seconds that the clock of an identity provider may be off.
const LEEWAY: u64 = 60;
/// Longest name of a person (OpenID Connect Core section 2).
const MAX_SUBJECT: usize = 255;

/// Keys of an issuer (RFC 7517).
#[derive(Debug, Default)]
pub struct KeySet(Vec<Jwk>);

impl KeySet {
    /// Reads a key set. Keys of kinds that are not known here are passed over.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn read(body: &[u8]) -> anyhow::Result<KeySet> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set =
            serde_json::from_slice(body).context("the key set is not one of RFC 7517")?;
        Ok(KeySet(
            set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect(),
        ))
    }

    fn find(&self, id: Option<&str>) -> Option<&Jwk> {
        let mut fit = self.0.iter().filter(|key| {
            let signs = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
            signs && (id.is_none() || key.common.key_id.as_deref() == id)
        });
        let found = fit.next();
        // Without a name there must be no choice.
        if id.is_none() && fit.next().is_some() { None } else { found }
    }
}

/// What a token must say.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Who signed it; of one issuer more than one spelling may be in use.
    pub issuers: Vec<String>,
    /// Whom it is for.
    pub audience: String,
    /// How it may be signed; never by a secret that both sides share.
    pub algorithms: Vec<Algorithm>,
    /// What kinds of token it may be, as its header calls it; any if there is none. That an access
    /// token calls itself one keeps other tokens of the same issuer from being taken for one.
    pub kinds: Vec<String>,
    /// What it must allow, if anything.
    pub scope: Option<String>,
}

/// Reads the name of an algorithm that can be set.
///
/// # Errors
///
/// It is none, or one by which whoever can check a token can also make one.
pub fn algorithm(name: &str) -> anyhow::Result<Algorithm> {
    match Algorithm::from_str(name) {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => bail!(
            "{name:?} is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
        ),
        Ok(algorithm) => Ok(algorithm),
    }
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrue {
    /// It names a key that is not in the set; the set may be an old one.
    UnknownKey,
    /// It is good, but does not allow what it must.
    Narrow,
    /// It cannot be read, is signed wrongly, or says something else than it must.
    Wrong(&'static str),
}

/// A person, as an issuer names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The issuer, as it was set.
    pub issuer: String,
    /// The name, which is unique there.
    pub name: String,
}

/// Who an ID token speaks of, at this time (seconds since 1970).
///
/// # Errors
///
/// It is not believed.
pub fn signed_in(
    token: &str,
    keys: &KeySet,
    expected: &Expected,
    nonce: &str,
    now: u64,
) -> Result<Subject, Untrue> {
    let claims = claims(token, keys, expected)?;
    timely(&claims, now, LEEWAY)?;
    if seconds(&claims, "iat").is_none_or(|iat| iat > now + LEEWAY) {
        return Err(Untrue::Wrong("it is not of now"));
    }
    if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
        return Err(Untrue::Wrong("its nonce is not that of this sign-in"));
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claims.get("azp").map(|party| party.as_str() == Some(&expected.audience)) {
        Some(false) => return Err(Untrue::Wrong("it was issued to another client")),
        None if several => return Err(Untrue::Wrong("it does not say whom it was issued to")),
        _ => {}
    }
    subject(&claims, expected)
}

/// Who shows an access token, at this time (seconds since 1970), and until when it is good.
///
/// # Errors
///
/// It is not believed, or does not allow what it must.
pub fn calling(
    token: &str,
    keys: &KeySet,
    expected: &Expected,
    now: u64,
) -> Result<(Subject, u64), Untrue> {
    let claims = claims(token, keys, expected)?;
    timely(&claims, now, 0)?;
    if let Some(scope) = &expected.scope {
        // One text in RFC 9068, a list with some issuers, and with some under another name.
        let granted = ["scope", "scp"].iter().filter_map(|name| claims.get(*name));
        let mut words = granted.flat_map(|granted| match granted {
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
            other => other.as_str().unwrap_or_default().split(' ').collect(),
        });
        if !words.any(|word| word == scope) {
            return Err(Untrue::Narrow);
        }
    }
    let until = seconds(&claims, "exp").unwrap_or(now);
    Ok((subject(&claims, expected)?, until))
}

/// Whether a token could be one that is believed, before any key is looked for: nobody is asked for
/// keys because of what is none.
pub fn is_plausible(token: &str, expected: &Expected) -> bool {
    check_header(token, expected).is_ok()
}

/// The claims of a token that is signed as it must be, by and for whom it must be.
fn claims(token: &str, keys: &KeySet, expected: &Expected) -> Result<Map<String, Value>, Untrue> {
    let header = check_header(token, expected)?;
    let key = keys.find(header.kid.as_deref()).ok_or(Untrue::UnknownKey)?;
    if key
        .common
        .key_algorithm
        .is_some_and(|named| named.to_string() != format!("{:?}", header.alg))
    {
        return Err(Untrue::Wrong("its key is for another algorithm"));
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| Untrue::Wrong("its key cannot be used"))?;
    let mut validation = Validation::new(header.alg);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    validation.set_issuer(&expected.issuers);
    validation.set_audience(&[&expected.audience]);
    // The time is ours to look at: the library asks the system.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let read = decode::<Map<String, Value>>(token, &key, &validation);
    read.map(|read| read.claims)
        .map_err(|_| Untrue::Wrong("its signature, issuer or audience is not right"))
}

fn check_header(token: &str, expected: &Expected) -> Result<Header, Untrue> {
    if token.len() > MAX_LENGTH {
        return Err(Untrue::Wrong("it is too long"));
    }
    let header = decode_header(token).map_err(|_| Untrue::Wrong("it is no signed token"))?;
    if !expected.algorithms.contains(&header.alg) {
        return Err(Untrue::Wrong("it is signed in a way that was not agreed on"));
    }
    let kind = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    let kinds = &expected.kinds;
    if !kinds.is_empty() && !kinds.iter().any(|expected| expected.eq_ignore_ascii_case(kind)) {
        return Err(Untrue::Wrong("it is a token of another kind"));
    }
    // What a token calls critical must be understood, and nothing of the kind is (RFC 7515 section
    // 4.1.11).
    if header.crit.is_some() {
        return Err(Untrue::Wrong("it asks for more than is understood"));
    }
    Ok(header)
}

fn timely(claims: &Map<String, Value>, now: u64, leeway: u64) -> Result<(), Untrue> {
    if seconds(claims, "exp").is_none_or(|exp| exp.saturating_add(leeway) <= now) {
        return Err(Untrue::Wrong("it has ended"));
    }
    if claims.contains_key("nbf") && seconds(claims, "nbf").is_none_or(|nbf| nbf > now + leeway) {
        return Err(Untrue::Wrong("it is not good yet"));
    }
    Ok(())
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = claims.get(name)?;
    // Some issuers write fractions.
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|it| (0.0..1e12).contains(it)).map(|it| it as u64))
}

fn subject(claims: &Map<String, Value>, expected: &Expected) -> Result<Subject, Untrue> {
    let name = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let plain = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if name.is_empty() || name.len() > MAX_SUBJECT || !plain {
        return Err(Untrue::Wrong("it names nobody"));
    }
    let issuer = expected.issuers.first().cloned().unwrap_or_default();
    Ok(Subject { issuer, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, encode};
    use rcgen::{KeyPair, PublicKeyData};
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    /// An issuer that signs with one key.
    struct Issuer {
        key: EncodingKey,
        set: KeySet,
    }

    impl Issuer {
        fn new(more: &Value) -> Issuer {
            let pair = KeyPair::generate().unwrap();
            let (x, y) = pair.der_bytes()[1..].split_at(32);
            let mut key = json!({"kty": "EC", "crv": "P-256", "kid": "a"});
            let coordinates =
                json!({"x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
            for more in [&coordinates, more] {
                key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            }
            Issuer {
                key: EncodingKey::from_ec_der(&pair.serialize_der()),
                set: KeySet::read(json!({"keys": [key]}).to_string().as_bytes()).unwrap(),
            }
        }

        fn sign(&self, header: &Header, more: &Value) -> String {
            let mut claims = json!({"iss": "https://issuer", "aud": "docent", "sub": "ada",
                "exp": NOW + 600, "iat": NOW, "nonce": "n"});
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            encode(header, &claims, &self.key).unwrap()
        }
    }

    fn header() -> Header {
        Header { kid: Some("a".to_owned()), ..Header::new(Algorithm::ES256) }
    }

    fn expected() -> Expected {
        Expected {
            issuers: vec!["https://issuer".to_owned(), "issuer".to_owned()],
            audience: "docent".to_owned(),
            algorithms: vec![Algorithm::ES256],
            kinds: Vec::new(),
            scope: None,
        }
    }

    fn told(more: &Value) -> Result<Subject, Untrue> {
        let issuer = Issuer::new(&json!({}));
        signed_in(&issuer.sign(&header(), more), &issuer.set, &expected(), "n", NOW)
    }

    fn wrong(why: &'static str) -> Result<Subject, Untrue> {
        Err(Untrue::Wrong(why))
    }

    fn ada() -> Subject {
        Subject { issuer: "https://issuer".to_owned(), name: "ada".to_owned() }
    }

    #[test]
    fn an_id_token_is_believed_while_it_is_good_with_a_minute_more() {
        let ended = "it has ended";
        let unread = "its signature, issuer or audience is not right";
        let early = "it is not good yet";
        let not_now = "it is not of now";
        for (claims, answer) in [
            (json!({}), Ok(ada())),
            (json!({"iss": "issuer"}), Ok(ada())),
            (json!({"exp": NOW - 59}), Ok(ada())),
            (json!({"exp": NOW - 60}), wrong(ended)),
            (json!({"exp": u64::MAX}), Ok(ada())),
            (json!({"exp": 1_800_000_000.5}), Ok(ada())),
            (json!({"exp": -1.5}), wrong(unread)),
            (json!({"exp": 1e12}), wrong(ended)),
            (json!({"exp": "soon"}), wrong(unread)),
            (json!({"nbf": NOW + 60}), Ok(ada())),
            (json!({"nbf": NOW + 61}), wrong(early)),
            (json!({"nbf": "soon"}), wrong(early)),
            (json!({"iat": NOW + 60}), Ok(ada())),
            (json!({"iat": NOW + 61}), wrong(not_now)),
            (json!({"iat": null}), wrong(not_now)),
        ] {
            assert_eq!(told(&claims), answer, "{claims}");
        }
    }

    #[test]
    fn an_id_token_is_believed_where_it_is_meant_for_this_sign_in() {
        let other = "it was issued to another client";
        let unsaid = "it does not say whom it was issued to";
        let nonce = "its nonce is not that of this sign-in";
        let foreign = "its signature, issuer or audience is not right";
        for (claims, answer) in [
            (json!({"nonce": "m"}), wrong(nonce)),
            (json!({"nonce": null}), wrong(nonce)),
            (json!({"aud": ["docent"]}), Ok(ada())),
            (json!({"aud": ["docent", "x"]}), wrong(unsaid)),
            (json!({"aud": ["docent", "x"], "azp": "docent"}), Ok(ada())),
            (json!({"azp": "docent"}), Ok(ada())),
            (json!({"azp": "x"}), wrong(other)),
            (json!({"aud": "x"}), wrong(foreign)),
            (json!({"iss": "https://other"}), wrong(foreign)),
        ] {
            assert_eq!(told(&claims), answer, "{claims}");
        }
    }

    #[test]
    fn a_person_has_a_name_in_plain_ascii_of_at_most_255() {
        let nobody = || wrong("it names nobody");
        let longest = "a".repeat(255);
        assert_eq!(told(&json!({"sub": longest})).unwrap().name, longest);
        for name in [&*"a".repeat(256), "", "a\u{e9}", "a\n", "a\u{7f}"] {
            assert_eq!(told(&json!({"sub": name})), nobody(), "{name:?}");
        }
        assert!(told(&json!({"sub": 7})).is_err());
    }

    #[test]
    fn a_header_asks_for_nothing_that_was_not_agreed_on() {
        let issuer = Issuer::new(&json!({}));
        let token = |header: &Header, more| issuer.sign(header, &json!({"x": "x".repeat(more)}));
        let strict = Expected { kinds: vec!["at+jwt".to_owned()], ..expected() };
        let plain = token(&header(), 0);
        assert!(is_plausible(&plain, &expected()));
        for kind in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            let header = Header { typ: Some(kind.to_owned()), ..header() };
            assert!(is_plausible(&token(&header, 0), &strict), "{kind}");
        }
        let none = Header { typ: None, ..header() };
        let critical = Header { crit: Some(vec!["exp".to_owned()]), ..header() };
        let other = Expected { algorithms: vec![Algorithm::RS256], ..expected() };
        for (token, expected) in [
            ("x", &expected()),
            (&plain, &strict),
            (&plain, &other),
            (&token(&none, 0), &strict),
            (&token(&critical, 0), &expected()),
        ] {
            assert!(!is_plausible(token, expected), "{token}");
        }
        // Three bytes of what is signed are four of the token.
        let longest = (0..)
            .map(|more| token(&header(), more))
            .take_while(|token| token.len() <= 8192)
            .last()
            .unwrap();
        assert!(8192 - longest.len() < 2 && is_plausible(&longest, &expected()));
        assert!(!is_plausible(&format!("{longest}xx"), &expected()));
    }

    #[test]
    fn a_key_is_found_by_its_name_or_where_there_is_no_choice() {
        let issuer = Issuer::new(&json!({"use": "sig", "alg": "ES256"}));
        let nameless = Header { kid: None, ..header() };
        let claims = |header: &Header, set| {
            let token = issuer.sign(header, &json!({}));
            signed_in(&token, set, &expected(), "n", NOW)
        };
        assert_eq!(claims(&header(), &issuer.set), Ok(ada()));
        assert_eq!(claims(&nameless, &issuer.set), Ok(ada()));
        let other = Header { kid: Some("b".to_owned()), ..header() };
        assert_eq!(claims(&other, &issuer.set), Err(Untrue::UnknownKey));
        let two = KeySet([issuer.set.0.clone(), Issuer::new(&json!({"kid": "b"})).set.0].concat());
        assert_eq!(claims(&header(), &two), Ok(ada()));
        assert_eq!(claims(&nameless, &two), Err(Untrue::UnknownKey));
        assert!(matches!(claims(&other, &two), Err(Untrue::Wrong(_))));
        let locks = Issuer::new(&json!({"use": "enc"}));
        let token = locks.sign(&header(), &json!({}));
        assert_eq!(signed_in(&token, &locks.set, &expected(), "n", NOW), Err(Untrue::UnknownKey));
        let named = Issuer::new(&json!({"alg": "ES384"}));
        let token = named.sign(&header(), &json!({}));
        let answer = signed_in(&token, &named.set, &expected(), "n", NOW);
        assert_eq!(answer, wrong("its key is for another algorithm"));
        assert!(KeySet::read(b"{}").is_err());
        assert!(KeySet::read(br#"{"keys": [7]}"#).unwrap().0.is_empty());
    }

    #[test]
    fn an_access_token_is_good_to_the_second_and_allows_what_it_must() {
        let issuer = Issuer::new(&json!({}));
        let scoped = Expected { scope: Some("docs".to_owned()), ..expected() };
        let called = |claims: &Value, expected: &Expected| {
            calling(&issuer.sign(&header(), claims), &issuer.set, expected, NOW)
        };
        assert_eq!(called(&json!({}), &expected()), Ok((ada(), NOW + 600)));
        assert_eq!(called(&json!({"exp": NOW + 1}), &expected()), Ok((ada(), NOW + 1)));
        let ended = Err(Untrue::Wrong("it has ended"));
        assert_eq!(called(&json!({"exp": NOW}), &expected()), ended);
        for granted in [
            json!({"scope": "docs"}),
            json!({"scope": "mail docs"}),
            json!({"scp": "docs"}),
            json!({"scp": ["mail", "docs"]}),
        ] {
            assert_eq!(called(&granted, &scoped), Ok((ada(), NOW + 600)), "{granted}");
        }
        for granted in [json!({}), json!({"scope": "docs2 mail"}), json!({"scp": [7]})] {
            assert_eq!(called(&granted, &scoped), Err(Untrue::Narrow), "{granted}");
        }
    }

    #[test]
    fn whoever_can_check_a_token_can_never_make_one() {
        assert_eq!(algorithm("ES256").unwrap(), Algorithm::ES256);
        for name in ["HS256", "HS384", "HS512", "none", ""] {
            assert!(algorithm(name).unwrap_err().to_string().contains("RS256"), "{name}");
        }
    }
}
