//! What all composites have in common: a life, a transport, and the steps by which one follows the other.

use crate::Transport;
use core::time::Duration;
use tidewire_lifecycle::{Lifecycle, Phase};

/// A connection's life, and what its owner is to do with the transport.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) transport: Transport,
}

impl Course {
    pub(crate) fn new(lifecycle: Lifecycle) -> Self {
        Self { lifecycle, transport: Transport::Open }
    }

    /// The transport took `len` bytes of the output, 0 among them; `left` wait on. Only so does a stall show.
    #[inline]
    pub(crate) fn sent(&mut self, now: Duration, len: usize, left: usize) {
        self.lifecycle.handle_sent(now, len);
        if left > 0 {
            self.lifecycle.handle_blocked(now);
        } else {
            self.lifecycle.handle_unblocked(now);
        }
    }

    /// The writing side is shut down: what the peer may still send is heard out, unless its stream has ended already.
    pub(crate) fn shut_down(&mut self, now: Duration) {
        match self.transport {
            Transport::ShutDown => {
                self.lifecycle.begin_linger(now);
                self.transport = Transport::Discard;
            }
            Transport::Finish => self.close(now),
            Transport::Open | Transport::Discard | Transport::Closed => {}
        }
    }

    /// The end is under way; its deadline runs from the first time.
    pub(crate) fn begin_closing(&mut self, now: Duration) {
        match self.lifecycle.phase() {
            Phase::Opening | Phase::Open => self.lifecycle.begin_closing(now),
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// The transport is to be dropped.
    pub(crate) fn close(&mut self, now: Duration) {
        self.transport = Transport::Closed;
        self.lifecycle.handle_closed(now);
    }
}
