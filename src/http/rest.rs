//! The rest of a body that nobody read: who is not let in is told so from the head alone. What still
//! comes is thrown away before the answer, so that the connection can take another request. hyper
//! would close it without a word, and clients that send head and body one after the other would
//! lose their next request to that.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// Most that is thrown away, in bytes.
const MOST: usize = 256 * 1024;

/// Gives a body to a handler, and back what is left of it.
pub(super) fn lend(body: Incoming) -> (Body, Rest) {
    let (owner, rest) = oneshot::channel();
    let lent = Lent { body: Some(body), owner: Some(owner) };
    (Body::new(lent), Rest(rest))
}

/// What is left of a body when its reader has dropped it.
pub(super) struct Rest(oneshot::Receiver<Incoming>);

impl Rest {
    /// Throws it away, if it comes within `patience`; false if there is more of it.
    pub(super) async fn discard(mut self, patience: Duration) -> bool {
        // None: it was read to its end, or a stream still reads it.
        let Ok(mut body) = self.0.try_recv() else { return true };
        if body.size_hint().lower() > MOST as u64 {
            return false;
        }
        let whole = async {
            let mut read = 0;
            while read <= MOST {
                let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
                match frame.await {
                    Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
            false
        };
        tokio::time::timeout(patience, whole).await.unwrap_or(false)
    }
}

struct Lent {
    body: Option<Incoming>,
    owner: Option<oneshot::Sender<Incoming>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(owner)) = (body, self.owner.take()) {
            // Where the answer is given already, nobody waits for it.
            let _ = owner.send(body);
        }
    }
}
