//! Reads a request head from raw bytes (RFC 6455 §4.2.1).

use super::refusal::Refusal;
use super::request::Request;
use crate::handshake::config::Config;
use crate::handshake::head::{Collected, Collector, Progress, TooLong};
use alloc::sync::Arc;

/// Collects the bytes of one request head.
///
/// Each byte is looked at once while it is collected, and the whole head is parsed once, so a client that sends it
/// byte by byte costs no more than one that does not.
#[derive(Debug)]
pub struct HeadReader {
    config: Arc<Config>,
    collector: Collector,
}

impl HeadReader {
    /// A reader that has seen nothing and owns no memory.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, collector: Collector::new() }
    }

    /// Takes the next bytes. What follows the head is never looked at.
    ///
    /// # Errors
    /// A 431 when the head is longer than [`max_head_len`](Config::max_head_len). It is final: the same answer
    /// comes ever after.
    pub fn receive(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        self.collector.receive(input, self.config.max_head_len).map_err(|TooLong| too_long())
    }

    /// The request, parsed and judged by every rule of §4.2.1.
    ///
    /// # Errors
    /// What the client is to be answered: 400, 405, 426 or 431; also 400 when the head is not complete.
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        match self.collector.collected() {
            Collected::Head(head) => Request::parse(head, self.config.max_headers),
            Collected::Part => Err(Refusal::bad_request("the request is cut short")),
            Collected::TooLong => Err(too_long()),
        }
    }
}

fn too_long() -> Refusal {
    Refusal::head_too_large("the request head is too long")
}
