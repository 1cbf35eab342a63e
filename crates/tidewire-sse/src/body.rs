//! A response body over a stream of encoded events (WHATWG HTML §9.2.5).
//!
//! An [`Encoded`] cannot hold what would inject: an event that has a line break in its ID or type is refused where it is
//! [encoded](crate::Event::encoded), which is by its producer. Its [`InvalidField`](crate::InvalidField) is an error like
//! any other of the producer's; handed on to the body it ends that, so that the client sees a connection that broke off,
//! and comes back.
//!
//! There is no time here, and so no keep-alive: `tidewire_tokio::sse` has the body that has one.
//!
//! ```
//! use futures_util::{StreamExt, stream};
//! use http_body::Body as _;
//! use tidewire_sse::{Event, body::Body};
//!
//! let tokens = stream::iter(["Hel", "lo"]);
//! let mut body = Body::new(tokens.map(|token| Event::new().event("token").data(token).encoded()));
//!
//! let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! let std::task::Poll::Ready(Some(Ok(frame))) = std::pin::pin!(body).poll_frame(&mut context) else { panic!() };
//! assert_eq!(frame.into_data().unwrap(), "event: token\ndata: Hel\n\n");
//! ```

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;
use pin_project_lite::pin_project;

use crate::encoded::Encoded;

pin_project! {
    /// A response body over a stream of encoded events, one frame for each, which is asked for when there is room for it.
    ///
    /// It ends where the stream ends, and with the first error. The stream is dropped then, or with the body.
    #[derive(Debug)]
    pub struct Body<S> {
        // `None` behind its end.
        #[pin]
        events: Option<S>,
    }
}

impl<S> Body<S> {
    /// A body of these events. Serve it with [`HEADERS`](crate::content::HEADERS).
    pub const fn new(events: S) -> Self {
        Self { events: Some(events) }
    }
}

impl<S, E> http_body::Body for Body<S>
where
    S: Stream<Item = Result<Encoded, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        let Some(events) = this.events.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let next = ready!(events.poll_next(cx));
        if !matches!(next, Some(Ok(_))) {
            this.events.set(None);
        }
        Poll::Ready(next.map(|next| next.map(|encoded| Frame::data(encoded.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none()
    }
}
