//! A double of an identity provider, for answers that a real one would never give. (The real one,
//! which is certified, is in `tests/clients`.)

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// What the provider knows docent by.
pub(crate) const CLIENT_ID: &str = "docent.apps.example";
/// And how it knows that it is docent.
pub(crate) const CLIENT_SECRET: &str = "GOCSPX-a-secret-of-the-test";

/// A form, name and value in order.
type Form = Vec<(String, String)>;

/// How it answers.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// Who signs in.
    pub(crate) subject: String,
    /// Changes the claims of the ID token before it is signed.
    pub(crate) claims: Arc<dyn Fn(&mut Value) + Send + Sync>,
    /// The header of the ID token.
    pub(crate) header: Header,
    /// Puts another token in the place of the signed one.
    pub(crate) token: Arc<dyn Fn(String) -> String + Send + Sync>,
    /// The whole answer of the token endpoint, if it is to be another.
    pub(crate) answer: Option<Arc<dyn Fn() -> Response + Send + Sync>>,
    /// The key set, if it is to be another.
    pub(crate) keys: Option<String>,
    /// What it says of itself, changed.
    pub(crate) metadata: Arc<dyn Fn(&mut Value) + Send + Sync>,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    key: Arc<EncodingKey>,
    jwk: Value,
    behaviour: Arc<Mutex<Behaviour>>,
    /// The forms that its token endpoint was sent.
    pub(crate) forms: Arc<Mutex<Vec<Form>>>,
    /// The nonce of the next sign-in.
    nonce: Arc<Mutex<String>>,
}

impl Provider {
    /// Starts one on a free port of this machine; it runs as long as the test's runtime.
    pub(crate) async fn start(now: u64) -> Provider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let (key, jwk) = key("k1");
        let provider = Provider {
            issuer,
            key: Arc::new(key),
            jwk,
            behaviour: Arc::new(Mutex::new(Provider::honest(now))),
            forms: Arc::default(),
            nonce: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// How an honest one answers.
    pub(crate) fn honest(now: u64) -> Behaviour {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("k1".into());
        Behaviour {
            subject: "108234567890123456789".into(),
            claims: Arc::new(|_| {}),
            header,
            token: Arc::new(|token| token),
            answer: None,
            keys: None,
            metadata: Arc::new(|_| {}),
            now,
        }
    }

    /// Changes how it answers from now on.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lies in the claims of the ID token.
    pub(crate) fn lie(&self, claims: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.behave(|behaviour| behaviour.claims = Arc::new(claims));
    }

    /// The browser comes by with this nonce.
    pub(crate) fn visited(&self, nonce: &str) {
        nonce.clone_into(&mut self.nonce.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The public key, which everybody knows.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.jwk["n"].as_str().expect("it has one").as_bytes().to_vec()
    }

    /// Signs claims with the provider's key.
    pub(crate) fn sign(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).expect("a token")
    }

    fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A key pair, and its public half as a JSON Web Key.
fn key(id: &str) -> (EncodingKey, Value) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key");
    // The library takes RSA keys in the older form, which is the last part of this one.
    let encoding = EncodingKey::from_rsa_der(pkcs1(der.as_ref()));
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let modulus = public.modulus().big_endian_without_leading_zero();
    let exponent = public.exponent().big_endian_without_leading_zero();
    let jwk = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": part(modulus),
        "e": part(exponent) });
    // It is a key that is taken.
    DecodingKey::from_rsa_components(&part(modulus), &part(exponent)).expect("a key");
    (encoding, jwk)
}

/// The RSA private key within a PKCS #8 structure: what its last octet string holds.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    // version INTEGER (3), algorithm SEQUENCE (15), then OCTET STRING with a length in two bytes.
    let body = &pkcs8[4 + 3 + 15..];
    assert_eq!(&body[..2], [0x04, 0x82], "an octet string");
    &body[4..]
}

async fn metadata(State(provider): State<Provider>) -> Response {
    let issuer = &provider.issuer;
    let mut metadata = json!({ "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys") });
    (provider.behaviour().metadata)(&mut metadata);
    axum::Json(metadata).into_response()
}

async fn keys(State(provider): State<Provider>) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let set = provider.behaviour().keys;
    (json, set.unwrap_or_else(|| json!({ "keys": [provider.jwk] }).to_string())).into_response()
}

async fn token(State(provider): State<Provider>, body: Bytes) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    provider.forms.lock().unwrap_or_else(PoisonError::into_inner).push(form.clone());
    let behaviour = provider.behaviour();
    if let Some(answer) = behaviour.answer {
        return answer();
    }
    let is = |name: &str, value: &str| form.iter().any(|(n, v)| n == name && v == value);
    if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) || !is("code", "good") {
        let error = axum::Json(json!({ "error": "invalid_grant" }));
        return (StatusCode::BAD_REQUEST, error).into_response();
    }
    let nonce = provider.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut claims = json!({ "iss": provider.issuer, "aud": CLIENT_ID, "sub": behaviour.subject,
        "iat": behaviour.now, "exp": behaviour.now + 3600, "nonce": nonce,
        "email": "somebody@example.com", "name": "Some Body" });
    (behaviour.claims)(&mut claims);
    let signed = (behaviour.token)(provider.sign(&behaviour.header, &claims));
    let tokens = json!({ "access_token": "ya29.upstream-access-token", "token_type": "Bearer",
        "expires_in": 3599, "id_token": signed });
    axum::Json(tokens).into_response()
}
