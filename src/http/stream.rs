//! A stream that ends when its caller may come in no more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Frame;

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
            response.map(|body| Body::new(Held { body, door, who, _place: place }))
        }
        _ => response,
    }
}

struct Held {
    body: Body,
    door: Arc<Door>,
    who: Who,
    _place: Option<Place<String>>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.filter(|_| self.door.still_lets_in(&self.who)))
    }
}
