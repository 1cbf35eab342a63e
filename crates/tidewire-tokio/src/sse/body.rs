//! The body of an event stream: a frame for each event, a keep-alive in silence, and its end when it is time.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;
use pin_project_lite::pin_project;
use tidewire_connection::event_stream::EventStream;
use tidewire_lifecycle::Timer;
use tidewire_sse::{Encoded, body};

use super::timing::{Timing, hear_of_drain};
use crate::{alarm::Alarm, drain::Notice};

pin_project! {
    /// The body of an [`Sse`](super::Sse), a frame for each event.
    #[derive(Debug)]
    pub struct Body<S> {
        // `None` behind its end.
        #[pin]
        events: Option<body::Body<S>>,
        stream: EventStream,
        alarm: Alarm,
        // Until it has heard of the drain.
        notice: Option<Notice>,
    }
}

impl<S> Body<S> {
    pub(super) fn new(events: S, timing: Timing) -> Self {
        let alarm = Alarm::new();
        let (stream, notice) = timing.begin(alarm.now());
        Self { events: Some(body::Body::new(events)), stream, alarm, notice }
    }

    /// The keep-alive that is due, or `None` when a limit of time ends the body.
    fn poll_silence(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.project();
        loop {
            let mut output = Vec::new();
            this.stream.handle_timeout(this.alarm.now(), &mut output);
            if !output.is_empty() {
                this.stream.handle_sent(this.alarm.now(), output.len(), 0);
                return Poll::Ready(Some(output.into()));
            }
            if this.stream.ended().is_some() {
                return Poll::Ready(None);
            }
            let Some((deadline, _)) = this.stream.poll_timeout() else { return Poll::Pending };
            ready!(this.alarm.poll(cx, deadline));
        }
    }
}

/// A body whose events never pause gets no older than it may, and goes when it is told to. Silence is looked at when none
/// comes.
fn end_if_it_is_time(stream: &mut EventStream, now: Duration) {
    if let Some((at, Timer::MaxAge | Timer::Drain)) = stream.poll_timeout() {
        if at <= now {
            // A stream has no words for its end.
            stream.handle_timeout(now, &mut Vec::new());
        }
    }
}

impl<S, E> http_body::Body for Body<S>
where
    S: Stream<Item = Result<Encoded, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.as_mut().project();
        let now = this.alarm.now();
        hear_of_drain(this.notice, this.stream, cx, now);
        end_if_it_is_time(this.stream, now);
        if this.stream.ended().is_some() {
            this.events.set(None);
        }
        let Some(events) = this.events.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = match events.poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                    let now = this.alarm.now();
                    // Whoever takes a frame off a body is its transport.
                    if this.stream.admit_encoded(now).is_ok() {
                        this.stream.handle_sent(now, data.map_or(0, Bytes::len), 0);
                    }
                }
                frame
            }
            Poll::Pending => {
                ready!(self.as_mut().poll_silence(cx)).map(|keep_alive| Ok(Frame::data(keep_alive)))
            }
        };
        if !matches!(frame, Some(Ok(_))) {
            let mut this = self.project();
            this.stream.end(this.alarm.now());
            this.events.set(None);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none()
    }
}
