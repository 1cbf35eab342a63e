//! What an event stream does by itself as time goes by, whoever writes it: how that is set, and how it begins.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tidewire_connection::event_stream::EventStream;
use tidewire_lifecycle::{Config, Heartbeat};

use crate::drain::{Drain, Notice};

/// The limits of time of an event stream, and the drain that it hears of.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    pub(super) config: Arc<Config>,
    pub(super) keep_alive: Option<Duration>,
    pub(super) drain: Option<Drain>,
}

impl Timing {
    pub(super) fn new() -> Self {
        Self { config: Arc::new(Config::event_stream()), keep_alive: None, drain: None }
    }

    /// The stream begins, and waits to be told of the drain.
    pub(crate) fn begin(self, now: Duration) -> (EventStream, Option<Notice>) {
        let mut config = self.config;
        if let Some(interval) = self.keep_alive {
            Arc::make_mut(&mut config).heartbeat = Heartbeat::KeepAlive { interval };
        }
        (EventStream::new(config, now), self.drain.as_ref().map(Drain::notice))
    }
}

/// Says when the server goes away, once that is known.
pub(crate) fn hear_of_drain(
    notice: &mut Option<Notice>,
    stream: &mut EventStream,
    cx: &mut Context<'_>,
    now: Duration,
) {
    if let Some(Poll::Ready(told_in)) = notice.as_mut().map(|notice| notice.poll_told(cx)) {
        *notice = None;
        stream.begin_drain(now, now.saturating_add(told_in));
    }
}
