//! The two halves of a WebSocket client, for programs that read and write its socket themselves.

use std::sync::Arc;

use tidewire_ws::{
    Role,
    frame::MaskingKey,
    message::{Config, Reader, Writer},
};

/// The halves. The key is always the same, which a server that is our own does not mind; to unmask costs the same.
#[must_use]
pub fn client() -> (Reader, Writer) {
    let config = Arc::new(Config::default());
    let writer = Writer::client(config.clone(), || MaskingKey::from([0x37, 0xFA, 0x21, 0x3D]));
    (Reader::new(Role::Client, config), writer)
}
