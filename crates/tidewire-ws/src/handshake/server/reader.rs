//! Reads a request head from raw bytes (RFC 6455 §4.2.1).

use super::refusal::Refusal;
use super::request::{Judged, Request};
use crate::handshake::config::Config;
use crate::handshake::head::{Collected, Collector, Progress, TooLong};
use alloc::sync::Arc;

/// Collects the bytes of one request head.
///
/// Each byte is looked at once while it is collected, and the whole head is parsed and judged once, so a client that sends
/// it byte by byte costs no more than one that does not.
#[derive(Debug)]
pub struct HeadReader {
    config: Arc<Config>,
    collector: Collector,
    /// `None` before the head is whole.
    verdict: Option<Result<Judged, Refusal>>,
}

impl HeadReader {
    /// A reader that has seen nothing and owns no memory.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, collector: Collector::new(), verdict: None }
    }

    /// Takes the next bytes. What follows the head is never looked at.
    ///
    /// # Errors
    /// A 431 when the head is longer than [`max_head_len`](Config::max_head_len). It is final: the same answer
    /// comes ever after.
    pub fn receive(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        let progress =
            self.collector.receive(input, self.config.max_head_len).map_err(|TooLong| too_long())?;
        if let (Collected::Head(head), None) = (self.collector.collected(), &self.verdict) {
            self.verdict = Some(Judged::parse(head, self.config.max_headers));
        }
        Ok(progress)
    }

    /// The request, which breaks no rule of §4.2.1. To ask for it costs nothing.
    ///
    /// # Errors
    /// What the client is to be answered: 400, 405, 426 or 431; also 400 when the head is not complete.
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        match (self.collector.collected(), &self.verdict) {
            (Collected::Head(head), Some(Ok(judged))) => Ok(Request::new(head, judged)),
            (Collected::Head(_), Some(Err(refusal))) => Err(refusal.clone()),
            (Collected::Part, _) | (Collected::Head(_), None) => {
                Err(Refusal::bad_request("the request is cut short"))
            }
            (Collected::TooLong, _) => Err(too_long()),
        }
    }
}

fn too_long() -> Refusal {
    Refusal::head_too_large("the request head is too long")
}
