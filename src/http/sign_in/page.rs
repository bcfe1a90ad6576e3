//! What people see of a sign-in: the question whether they agree, and why it does not go on.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::CONSENT;
use super::authorize::proved_host;
use crate::auth::{self, Client, SIGN_IN};
use crate::http::Site;
use crate::http::html::{Page, Powers, escaped};

/// The question.
pub(super) fn consent(site: &Site, client: &Client, back: &str, id: &str, token: &str) -> Response {
    let name = escaped(&client.name);
    let host = match proved_host(client) {
        Some(host) => format!("It belongs to <strong>{}</strong>.", escaped(&host)),
        None => {
            "It has registered by itself; <strong>nobody has checked what it calls itself</strong>."
                .to_owned()
        }
    };
    let local = if auth::is_local(back) {
        "<p class=\"warning\">It runs on your own computer. Go on only if you have just begun to \
         connect an app there: any program on it could pretend to be this one.</p>\n"
    } else {
        ""
    };
    let rules = site.door.rules();
    let provider = escaped(rules.sign_in.as_ref().map_or("", |sign_in| sign_in.provider_name()));
    let limit = rules.user.to_string().replacen('/', " calls per ", 1);
    let days = SIGN_IN.as_secs() / (24 * 60 * 60);
    let content = format!(
        "<h1>Let {name} read these docs as you?</h1>\n\
         <p><strong>{name}</strong> asks to use this server in your name. {host}</p>\n\
         <p>It will send you back to <strong class=\"host\">{back}</strong>.</p>\n{local}\
         <h2>What it gets</h2>\n<ul>\n\
         <li>It may search and read the documentation served here: {limit}, shared by all your \
         apps.</li>\n\
         <li>It learns nothing about your {provider} account, not even your name or e-mail address. \
         This server asks {provider} for no more than a number that stands for you, and keeps a \
         code made from it.</li>\n\
         <li>It ends after {days} days, or when the app signs you out.</li>\n</ul>\n\
         <form method=\"post\" action=\"{CONSENT}\">\n\
         <input type=\"hidden\" name=\"sign_in\" value=\"{id}\">\n\
         <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
         <button name=\"answer\" value=\"allow\" class=\"main\">Allow, and sign in with {provider}</button>\n\
         <button name=\"answer\" value=\"deny\">Do not allow</button>\n</form>\n",
        back = escaped(&auth::shown_host(back)),
        id = escaped(id),
        token = escaped(token),
    );
    shown(site, "Allow access", content, StatusCode::OK)
}

/// A request that cannot be answered by sending the person back: whoever made it may be anybody.
pub(super) fn refused(site: &Site, why: &str) -> Response {
    let content = format!(
        "<h1>This sign-in cannot go on</h1>\n<p>{}</p>\n\
         <p>Nothing was allowed. Close this page; if you came from an app that you trust, tell those \
         who make it.</p>",
        escaped(why)
    );
    shown(site, "Sign-in stopped", content, StatusCode::BAD_REQUEST)
}

/// A sign-in that is over: done, too old, or of before the server was started again.
pub(super) fn expired(site: &Site) -> Response {
    let content = "<h1>This sign-in is over</h1>\n\
         <p>It was used already, or it took longer than ten minutes.</p>\n\
         <p>Go back to your app and connect again from there.</p>"
        .to_owned();
    shown(site, "Sign-in over", content, StatusCode::BAD_REQUEST)
}

/// A sign-in that began elsewhere.
pub(super) fn elsewhere(site: &Site) -> Response {
    let content = "<h1>This sign-in began in another browser</h1>\n\
         <p>A sign-in must end in the browser in which it began, with cookies allowed for this site. \
         If somebody sent you a link to this page, they wanted you to sign in for them: nothing was \
         allowed.</p>\n\
         <p>To connect an app of your own, begin in the app.</p>"
        .to_owned();
    shown(site, "Sign-in stopped", content, StatusCode::FORBIDDEN)
}

/// More requests from an address than anybody needs.
pub(super) fn too_many(site: &Site, seconds: u64) -> Response {
    let minutes = seconds.div_ceil(60);
    let content = format!(
        "<h1>Too many sign-ins</h1>\n<p>Too many sign-ins were begun from your network. Try again in \
         {minutes} min.</p>"
    );
    let mut response = shown(site, "Too many sign-ins", content, StatusCode::TOO_MANY_REQUESTS);
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// The server's own failure.
pub(super) fn failed(site: &Site, error: &anyhow::Error) -> Response {
    tracing::error!(error = format!("{error:#}"), "a sign-in failed");
    let content = "<h1>The server failed</h1>\n\
         <p>This is not your fault. Try again in a while; the cause is in the server's log.</p>"
        .to_owned();
    shown(site, "Server failed", content, StatusCode::INTERNAL_SERVER_ERROR)
}

fn shown(site: &Site, title: &str, content: String, status: StatusCode) -> Response {
    let page = Page { title, base: &site.base, content, powers: Powers::Form, ..Page::default() };
    let mut response = page.answer(status);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
