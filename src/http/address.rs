//! The address that clients are told, wherever one is printed or put into an answer.

use std::net::SocketAddr;

/// Address of the server, without a trailing slash: the public one, else where it listens. An
/// address that stands for all of a machine's is none to connect to; this machine's name is.
pub fn address(public_url: Option<&str>, listen: SocketAddr) -> String {
    match public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if listen.ip().is_unspecified() => format!("http://localhost:{}", listen.port()),
        None => format!("http://{listen}"),
    }
}
