//! What clients must know before they can sign anybody in. All addresses come from the settings.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::{AUTHORIZE, REGISTER, REVOKE, TOKEN, answer};
use crate::auth::SCOPE;
use crate::http::Site;

/// Routes of the authorization server's metadata (RFC 8414): where the issuer has it, where OpenID
/// Connect has it, and where clients look that put the endpoint's path there.
pub(super) fn authorization_server() -> Router<Arc<Site>> {
    let server = || {
        get(|State(site): State<Arc<Site>>| async move {
            match site.sign_in() {
                Ok(sign_in) => {
                    document(&about_server(&sign_in.origin, sign_in.documents.is_some()))
                }
                Err(error) => super::failed(&error),
            }
        })
    };
    Router::new()
        .route("/.well-known/oauth-authorization-server", server())
        .route("/.well-known/oauth-authorization-server/mcp", server())
        .route("/.well-known/openid-configuration", server())
        .route("/.well-known/openid-configuration/mcp", server())
        .route("/mcp/.well-known/openid-configuration", server())
}

/// Where the metadata of the protected resource is (RFC 9728 section 3.1).
pub(in crate::http) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

/// Routes of the protected resource's metadata (RFC 9728), for a server whose callers show tokens
/// of an authorization server.
pub(in crate::http) fn protected_resource() -> Router<Arc<Site>> {
    let resource = || {
        get(|State(site): State<Arc<Site>>| async move {
            let rules = site.door.rules();
            let issuers: Vec<&str> = rules.issuer().into_iter().collect();
            let mut body = json!({
                "resource": site.endpoint,
                "authorization_servers": issuers,
                "bearer_methods_supported": ["header"],
            });
            if let Some(scope) = rules.scope() {
                body["scopes_supported"] = json!([scope]);
            }
            document(&body)
        })
    };
    Router::new()
        .route("/.well-known/oauth-protected-resource", resource())
        .route(RESOURCE_METADATA, resource())
}

fn about_server(origin: &str, takes_documents: bool) -> Value {
    json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}{AUTHORIZE}"),
        "token_endpoint": format!("{origin}{TOKEN}"),
        "registration_endpoint": format!("{origin}{REGISTER}"),
        "revocation_endpoint": format!("{origin}{REVOKE}"),
        "scopes_supported": [SCOPE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": takes_documents,
    })
}

fn document(body: &Value) -> Response {
    let mut response = answer(StatusCode::OK, body);
    let minutes = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(header::CACHE_CONTROL, minutes);
    response.headers_mut().remove(header::PRAGMA);
    response
}
