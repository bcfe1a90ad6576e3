//! A stream that ends when its caller may come in no more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Frame;
use tokio::task::JoinHandle;

use super::door::{Door, Who};
use crate::limits::Place;

/// Lets a stream go on only as long as the door lets its caller in. That is asked before each piece;
/// a stream in which nothing happens says every few seconds that it is there. Its place among those
/// of the caller is free when it ends, or at once if there is no stream.
pub(super) fn held_to(
    door: &Arc<Door>,
    who: Option<&Who>,
    place: Option<Place<String>>,
    response: Response,
) -> Response {
    let streams = |value: &HeaderValue| value.as_bytes().starts_with(b"text/event-stream");
    match who {
        Some(who) if response.headers().get(header::CONTENT_TYPE).is_some_and(streams) => {
            let (door, who) = (door.clone(), who.clone());
            let looking = None;
            response.map(|body| Body::new(Held { body, door, who, _place: place, looking }))
        }
        _ => response,
    }
}

struct Held {
    body: Body,
    door: Arc<Door>,
    who: Who,
    _place: Option<Place<String>>,
    /// Looks up whether who listens may still do so.
    looking: Option<JoinHandle<bool>>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(looking) = &mut self.looking
            && let Poll::Ready(lets_in) = Pin::new(looking).poll(context)
        {
            self.looking = None;
            if !lets_in.unwrap_or(true) {
                return Poll::Ready(None);
            }
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let lets_in = self.door.still_lets_in(&self.who);
        if lets_in.is_none() && self.looking.is_none() {
            let (door, who) = (self.door.clone(), self.who.clone());
            self.looking = Some(tokio::task::spawn_blocking(move || door.lets_in(&who)));
            // It is polled from the next time on, and then wakes this stream when it is known.
            context.waker().wake_by_ref();
        }
        Poll::Ready(frame.filter(|_| lets_in.unwrap_or(true)))
    }
}
