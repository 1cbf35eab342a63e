//! The body of the answer that opens a WebSocket. It is empty, and tells whether the answer was sent.
//!
//! hyper hands out the transport of a request with `Upgrade` when the connection ends, whatever was answered. If the 101 was
//! replaced on its way, by a layer that answers 403 and closes, then what the client sends is no frames (RFC 9931). A server
//! asks the body of the response that it sends, and of no other, whether it is at its end.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of the answer that opens a WebSocket: empty, and to be sent with it, in a box if need be. Without it there is no
/// telling that the answer was sent, and no connection comes of it.
#[derive(Debug)]
pub struct Answer(Arc<AtomicBool>);

/// Whether the answer was sent.
#[derive(Debug)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Answer {
    pub(super) fn new() -> (Self, Sent) {
        let sent = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&sent)), Sent(sent))
    }
}

impl Sent {
    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.0.store(true, Ordering::Release);
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
