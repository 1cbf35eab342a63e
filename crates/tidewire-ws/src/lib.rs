//! Sans-IO WebSocket: frames, messages, closing and opening handshake (RFC 6455).
#![no_std]

extern crate alloc;

pub mod frame;
pub mod message;

pub mod handshake;

/// Which endpoint of the connection *we* are.
///
/// It decides who masks: a client masks every frame that it sends, a server none (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accepted the connection: what comes in is masked, what goes out is not.
    Server,
    /// We opened the connection: what goes out is masked, what comes in is not.
    Client,
}
