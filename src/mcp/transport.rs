//! How the handler meets the wire.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rmcp::model::ProtocolVersion;
use rmcp::service::ServerInitializeError;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, ServiceExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::server::Docs;

/// Longest message on standard input in bytes; a call is a few hundred.
const MAX_LINE: usize = 4 << 20;

/// Revisions of MCP that are spoken, newest first.
pub(crate) fn revisions() -> Vec<&'static str> {
    ProtocolVersion::KNOWN_VERSIONS.iter().rev().map(ProtocolVersion::as_str).collect()
}

/// The Streamable HTTP service: no protocol sessions (each costs memory and binds a client to one
/// replica), JSON answers, SSE only for subscriptions. Host, Origin and size are checked in front
/// of it, where the refusal can name the setting.
///
/// The handler is cloned for each request.
pub fn http_service<H: ServerHandler + Clone>(
    handler: H,
    cancel: CancellationToken,
) -> StreamableHttpService<H, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_cancellation_token(cancel);
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::default(), config)
}

/// Serves one client on standard input and output, until it closes its side.
///
/// # Errors
///
/// A pipe that breaks in the middle of a message.
pub async fn serve_stdio(docs: &Docs) -> anyhow::Result<()> {
    serve_pipe(docs, rmcp::transport::stdio()).await
}

/// The same on any pair of an input and an output.
///
/// # Errors
///
/// As [`serve_stdio`].
pub async fn serve_pipe<R, W>(docs: &Docs, (input, output): (R, W)) -> anyhow::Result<()>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let input = Lines { input, length: 0 };
    match docs.pushing().serve((input, output)).await {
        Ok(service) => {
            service.waiting().await?;
            Ok(())
        }
        // A client that closed before it said anything is none of our failures.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// An input that fails at a line without end: the SDK keeps in memory what it waits for the end of.
struct Lines<R> {
    input: R,
    /// Bytes since the last line end.
    length: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.input).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        self.length = match read.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => read.len() - end - 1,
            None => self.length + read.len(),
        };
        if self.length > MAX_LINE {
            tracing::error!("a message is longer than {} MiB: no more is read", MAX_LINE >> 20);
            buffer.set_filled(before);
        }
        Poll::Ready(Ok(()))
    }
}
