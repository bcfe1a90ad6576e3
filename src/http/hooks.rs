//! `POST /hooks/git/{collection}`: a host of code says that there is something to pull.
//!
//! Who knows the secret can make this server look, and nothing else: what is pulled, and from where,
//! stands in the settings. The body is read only where its signature is the proof.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Site;
use super::door::bearer;
use super::error::{self, Challenge, Error, Refusal};
use super::pages;
use super::rpc;
use crate::auth::HookSecret;

/// What the paths of hooks begin with.
const HOOKS: &str = "/hooks/git/";
/// Largest body that is checked: GitHub sends no larger one.
const MAX_BODY: usize = 25 * 1024 * 1024;

/// What asks for a pull.
pub type Ring = Arc<dyn Fn() + Send + Sync>;

/// The collections that webhooks may tell of; none without a secret.
#[derive(Clone, Default)]
pub struct Hooks {
    secret: Option<HookSecret>,
    bells: Vec<(String, Ring)>,
}

impl Hooks {
    /// Hooks with a secret for these collections.
    pub fn new(secret: Option<HookSecret>, bells: Vec<(String, Ring)>) -> Hooks {
        Hooks { secret, bells }
    }

    /// Whether a request is for a hook, which asks for a secret of its own: also where there is no such
    /// hook, so that nobody without it learns which there are.
    pub(super) fn take(&self, request: &Request) -> bool {
        let is_hook = request.uri().path().starts_with(HOOKS);
        self.secret.is_some() && is_hook && request.method() == Method::POST
    }
}

/// Asks for a pull, if whoever asks knows the secret.
pub(super) async fn hook(
    State(site): State<Arc<Site>>,
    request: Request,
) -> Result<Response, Error> {
    let Hooks { secret: Some(secret), bells } = &site.hooks else {
        return pages::nowhere(State(site.clone()), None, request).await;
    };
    let collection = request.uri().path().trim_start_matches(HOOKS).to_owned();
    let network = site.door.network(&request);
    let (parts, body) = request.into_parts();
    let patience = site.patience;
    let known = tokio::time::timeout(patience.call, proves(secret, &parts.headers, body, &site));
    let known = known.await.unwrap_or_else(|_| {
        let message = "the body did not arrive in time";
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error::TRANSPORT, message).into())
    })?;
    if !known {
        site.door.wrong_secret(network)?;
        return Err(Challenge {
            status: StatusCode::UNAUTHORIZED,
            header: "Bearer realm=\"docent webhooks\"".to_owned(),
            code: "wrong_secret",
            message:
                "sign the body with the secret that both sides know (X-Hub-Signature-256), or \
                      send it as X-Gitlab-Token or as a bearer token"
                    .to_owned(),
        }
        .into());
    }
    let Some((collection, ring)) = bells.iter().find(|(name, _)| *name == collection) else {
        let message = "no collection of this name comes from a git repository";
        return Err(Refusal::new(StatusCode::NOT_FOUND, error::TRANSPORT, message).into());
    };
    tracing::debug!(%collection, "a webhook asks for a pull");
    ring();
    let answer = json!({ "collection": collection, "accepted": true });
    let mut response = (StatusCode::ACCEPTED, Json(answer)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The signature of a body, in hexadecimal: none where there is no such header, `Some(None)` where
/// it cannot be one. Bitbucket has the name that GitHub goes on using for SHA-1.
fn signature(headers: &HeaderMap) -> Option<Option<&str>> {
    let sha256 =
        |name| Some(headers.get(name)?.to_str().ok().and_then(|it| it.strip_prefix("sha256=")));
    sha256("x-hub-signature-256").or_else(|| sha256("x-hub-signature").filter(Option::is_some))
}

/// Whether a request proves that its sender knows the secret. Of several proofs one counts, the
/// strongest: who signs need not show the secret.
async fn proves(
    secret: &HookSecret,
    headers: &HeaderMap,
    mut body: Body,
    site: &Site,
) -> Result<bool, Error> {
    if let Some(signature) = signature(headers) {
        let Some(mut signed) = signature.and_then(|hex| secret.check(hex)) else {
            return Ok(false);
        };
        let mut read = 0;
        while let Some(piece) = rpc::next(&mut body, site.patience.body).await? {
            read += piece.len();
            if read > MAX_BODY {
                let message = "a hook is at most 25 MiB long";
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Refusal::new(status, error::TRANSPORT, message).into());
            }
            signed.take(&piece);
        }
        return Ok(signed.is_good());
    }
    if let Some(token) = headers.get("x-gitlab-token") {
        return Ok(secret.is(token.as_bytes()));
    }
    Ok(bearer(headers).flatten().is_some_and(|token| secret.is(token.as_bytes())))
}
