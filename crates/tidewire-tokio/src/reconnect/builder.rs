//! What a client is built with: request, connector, schedule, and how to go on.

use std::{future::Future, sync::Arc};

use tidewire_lifecycle::reconnect::Config;

use super::client::{Connect, ReconnectingWebSocket};
use super::resume::Resume;
use crate::{
    connect::{ConnectError, Connector, InvalidRequest, Opened, Request, Stream},
    websocket::WebSocket,
};

/// A client in the making; see [`ReconnectingWebSocket::builder`].
#[must_use]
pub struct Builder<R = (), IO = Stream> {
    request: Request,
    connect: Connect<IO>,
    schedule: Config,
    resume: R,
    entropy: u64,
}

impl Builder {
    pub(super) fn new(request: Request) -> Self {
        let (schedule, entropy) = (Config::default(), rand::random());
        Self { request, connect: by(Connector::default()), schedule, resume: (), entropy }
    }
}

impl<R: Resume> Builder<R, Stream> {
    /// Sets how connections are made, and what they may cost.
    pub fn connector(mut self, connector: Connector) -> Self {
        self.connect = by(connector);
        self
    }
}

impl<R: Resume, IO> Builder<R, IO> {
    /// Connects in a way of the caller's own: over a Unix socket say, with
    /// [`Connector::connect_over`](crate::connect::Connector::connect_over).
    pub fn connect_by<Other, F>(
        self,
        mut connect: impl FnMut(Request) -> F + Send + 'static,
    ) -> Builder<R, Other>
    where
        F: Future<Output = Result<(WebSocket<Other>, Opened), ConnectError>> + Send + 'static,
    {
        let Self { request, schedule, resume, entropy, .. } = self;
        let connect: Connect<Other> = Box::new(move |request| Box::pin(connect(request)));
        Builder { request, connect, schedule, resume, entropy }
    }

    /// Sets the delays between attempts, and how many there may be.
    pub fn schedule(mut self, schedule: Config) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets what it does to go on where it was.
    pub fn resume<Other: Resume>(self, resume: Other) -> Builder<Other, IO> {
        let Self { request, connect, schedule, entropy, .. } = self;
        Builder { request, connect, schedule, resume, entropy }
    }

    #[doc(hidden)]
    /// Draws its delays by these bits: to show that they are the schedule's.
    pub fn entropy(mut self, entropy: u64) -> Self {
        self.entropy = entropy;
        self
    }

    /// The client. It connects when it is polled.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn connect(self) -> Result<ReconnectingWebSocket<R, IO>, InvalidRequest> {
        self.request.check()?;
        let Self { request, connect, schedule, resume, entropy } = self;
        Ok(ReconnectingWebSocket::new(request, connect, Arc::new(schedule), resume, entropy))
    }
}

impl<R, IO> std::fmt::Debug for Builder<R, IO> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Builder");
        shown.field("request", &self.request).field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

fn by(connector: Connector) -> Connect<Stream> {
    Box::new(move |request| {
        let connector = connector.clone();
        Box::pin(async move { connector.connect(request).await })
    })
}
