//! One deadline over all that connecting takes: from the name to the response, redirects included.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, ready},
    time::Duration,
};

use tidewire_lifecycle::Config;

use super::error::{ConnectError, Stage};
use crate::alarm::Alarm;

/// How long the body of a response that declines is waited for.
pub(super) const DECLINED_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Since when a client connects, and until when.
#[derive(Debug)]
pub(super) struct Deadline {
    pub(super) alarm: Alarm,
    pub(super) started_at: Duration,
    at: Option<Duration>,
}

impl Deadline {
    /// A client that begins to connect.
    pub(super) fn start(config: &Config) -> Self {
        let alarm = Alarm::new();
        let started_at = alarm.now();
        let at = config.opening_timeout.map(|timeout| started_at.saturating_add(timeout));
        Self { alarm, started_at, at }
    }

    /// Waits for the future, but no longer than the deadline.
    pub(super) async fn within<T>(
        &mut self,
        stage: Stage,
        future: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(done) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            let Some(at) = self.at else { return Poll::Pending };
            ready!(self.alarm.poll(cx, at));
            Poll::Ready(Err(ConnectError::Timeout(stage)))
        })
        .await
    }
}
