//! What the owner of a connection is to do with its transport.

/// What the owner is to do with the transport. It changes with any call that takes `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Read from it, and write what is in the output.
    Open,
    /// Write what is in the output, then shut down the writing side and call `handle_shut_down`.
    ShutDown,
    /// Write what is in the output; read and throw away, telling `handle_discarded`, until the peer's stream ends: to drop a transport with unread
    /// input would destroy what the peer has not yet read.
    Discard,
    /// Write what is in the output, shut down and call `handle_shut_down`: the peer's stream has ended already, or the
    /// peer is gone.
    Finish,
    /// Drop it, and what is in the output with it.
    Closed,
}
