//! A tunnel through an HTTP proxy to a server (RFC 6455 §4.1, RFC 9110 §9.3.6).

use super::reader::{Awaited, ResponseReader};
use crate::handshake::Config;
use crate::handshake::authority::is_authority;
use crate::handshake::fields::{ExtraFields, InvalidField, Text};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;

/// A CONNECT to be sent to a proxy, before anything else.
///
/// ```
/// use std::sync::Arc;
/// use tidewire_ws::handshake::client::{Answer, Tunnel};
///
/// let tunnel = Tunnel::new("server.example.com:443")?.header("Proxy-Authorization", "Basic dTpw")?;
/// let mut output = Vec::new();
/// tunnel.encode(&mut output);
/// assert_eq!(output, b"CONNECT server.example.com:443 HTTP/1.1\r\nHost: server.example.com:443\r\n\
///     Proxy-Authorization: Basic dTpw\r\n\r\n");
///
/// let mut response = tunnel.into_reader(Arc::default());
/// let input = b"HTTP/1.1 200 Connection established\r\n\r\n";
/// let Answer::Open { consumed, .. } = response.receive(input)? else { panic!() };
/// assert_eq!(consumed, input.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tunnel {
    authority: String,
    headers: ExtraFields,
}

impl Tunnel {
    /// A tunnel to the server at `authority`, host and port.
    ///
    /// # Errors
    /// The authority is not that, or has no port.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# If the client is configured to use a proxy when using the
    //# WebSocket Protocol to connect to host /host/ and port /port/,
    //# then the client SHOULD connect to that proxy and ask it to open a
    //# TCP connection to the host given by /host/ and the port given by
    //# /port/.
    pub fn new(authority: &str) -> Result<Self, InvalidField> {
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        if !has_port || !is_authority(authority.as_bytes()) {
            return Err(InvalidField::Authority);
        }
        Ok(Self { authority: authority.into(), headers: ExtraFields::NONE })
    }

    /// Adds a header for the proxy: `Proxy-Authorization`, `User-Agent`.
    ///
    /// # Errors
    /// The name is not a token, or is the handshake's own, or the value holds a byte that a header cannot.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        self.headers.push(name, value)?;
        Ok(self)
    }

    /// Appends the request to `output`. The caller sends nothing behind it before the response is there.
    pub fn encode(&self, output: &mut Vec<u8>) {
        let mut text = Text(output);
        let authority = &self.authority;
        // Writing to memory does not fail.
        let _ = write!(text, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        for (name, value) in self.headers.iter() {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = text.write_str("\r\n");
    }

    /// The reader of the response to it. [`Open`](super::Answer::Open) is the tunnel: what follows the response is the
    /// server's, and a server does not speak first. Its [`Opened`](super::Opened) has the proxy's headers alone.
    #[must_use]
    pub fn into_reader(self, config: Arc<Config>) -> ResponseReader {
        ResponseReader::new(config, Awaited::Tunnel)
    }
}
