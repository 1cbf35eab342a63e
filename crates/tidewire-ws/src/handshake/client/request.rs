//! A client's request (RFC 6455 §4.1).

use super::reader::{Awaited, ResponseReader};
use super::verdict::Expected;
#[cfg(feature = "deflate")]
use crate::deflate::Offer;
use crate::handshake::authority::{Target, is_authority};
use crate::handshake::fields::{ExtraFields, InvalidField, Text};
use crate::handshake::key::{AcceptKey, Key};
use crate::handshake::tokens::as_token;
use crate::handshake::{Config, MAX_SUBPROTOCOLS};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;

/// An opening handshake to be sent.
#[derive(Debug)]
pub struct Request {
    pub(super) authority: String,
    pub(super) target: String,
    key: Key,
    subprotocols: Vec<String>,
    #[cfg(feature = "deflate")]
    offer: Option<Offer>,
    headers: ExtraFields,
}

impl Request {
    /// A request for `target`, path and query, of the server at `authority`, host and port; the port is left out where
    /// it is the scheme's own.
    ///
    /// `nonce` is fresh entropy for each connection, selected at random by the caller (§4.1).
    ///
    /// # Errors
    /// The authority or the target is not what its name says.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The "Request-URI" part of the request MUST match the /resource
    //# name/ defined in Section 3 (a relative URI)
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The request MUST contain a |Host| header field whose value
    //# contains /host/ plus optionally ":" followed by /port/ (when not
    //# using the default port).
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The components of the WebSocket URI passed into this algorithm (/host/,
    //# /port/, /resource name/, and /secure/ flag) MUST be valid according to
    //# the specification of WebSocket URIs specified in Section 3.
    pub fn new(authority: &str, target: &str, nonce: [u8; 16]) -> Result<Self, InvalidField> {
        if !is_authority(authority.as_bytes()) {
            //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
            //# If any of the components are invalid, the client MUST _Fail the
            //# WebSocket Connection_ and abort these steps.
            return Err(InvalidField::Authority);
        }
        match Target::parse(target) {
            Some(Target { authority: None, .. }) => {}
            Some(_) | None => return Err(InvalidField::Target),
        }
        Ok(Self {
            authority: authority.into(),
            target: target.into(),
            key: Key::new(nonce),
            subprotocols: Vec::new(),
            #[cfg(feature = "deflate")]
            offer: None,
            headers: ExtraFields::NONE,
        })
    }

    /// Offers a subprotocol, the most wanted first.
    ///
    /// # Errors
    /// It is not a token, is on offer already, or is one more than [`MAX_SUBPROTOCOLS`].
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The elements that comprise this value
    //# MUST be non-empty strings with characters in the range U+0021 to
    //# U+007E not including separator characters as defined in
    //# [RFC2616] and MUST all be unique strings.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidField> {
        let name = as_token(name.as_bytes()).ok_or(InvalidField::Subprotocol)?;
        let is_known = self.subprotocols.iter().any(|offered| offered == name);
        if is_known || self.subprotocols.len() == MAX_SUBPROTOCOLS {
            return Err(InvalidField::Subprotocol);
        }
        self.subprotocols.push(name.into());
        Ok(self)
    }

    /// Offers compression; what becomes of it is [`Opened::agreement`](super::Opened::agreement).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, offer: Offer) -> Self {
        self.offer = Some(offer);
        self
    }

    /// Adds a header: `Origin`, `Authorization`, `Cookie`; a name may come more than once.
    ///
    /// # Errors
    /// The name is not a token, or is the handshake's own, or the value holds a byte that a header cannot.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        self.headers.push(name, value)?;
        Ok(self)
    }

    /// Appends the request to `output`. The caller sends nothing behind it before the response is there (§4.1).
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The handshake MUST be a valid HTTP request as specified by
    //# [RFC2616].
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The method of the request MUST be GET, and the HTTP version MUST
    //# be at least 1.1.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The request MUST include a header field with the name
    //# |Sec-WebSocket-Version|.  The value of this header field MUST be
    //# 13.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# Once a connection to the server has been established (including a
    //# connection via a proxy or over a TLS-encrypted tunnel), the client MUST
    //# send an opening handshake to the server.
    pub fn encode(&self, output: &mut Vec<u8>) {
        let mut text = Text(output);
        // Writing to memory does not fail.
        let _ = write!(text, "GET {} HTTP/1.1\r\nHost: {}\r\n", self.target, self.authority);
        self.each_field(|name, value| {
            let _ = write!(text, "{name}: {value}\r\n");
        });
        let _ = text.write_str("\r\n");
    }

    /// The reader of the response to it.
    #[must_use]
    pub fn into_reader(self, config: Arc<Config>) -> ResponseReader {
        ResponseReader::new(config, Awaited::WebSocket(self.into_expected()))
    }

    pub(super) fn into_expected(self) -> Expected {
        Expected {
            accept: AcceptKey::to(&self.key),
            subprotocols: self.subprotocols,
            #[cfg(feature = "deflate")]
            offer: self.offer,
        }
    }

    /// The fields but `Host`, in the order in which they are written.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The request MUST contain an |Upgrade| header field whose value
    //# MUST include the "websocket" keyword.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The request MUST contain a |Connection| header field whose value
    //# MUST include the "Upgrade" token.
    pub(super) fn each_field(&self, mut write: impl FnMut(&str, &str)) {
        write("Upgrade", "websocket");
        write("Connection", "Upgrade");
        //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
        //# The request MUST include a header field with the name
        //# |Sec-WebSocket-Key|.
        write("Sec-WebSocket-Key", self.key.as_str());
        write("Sec-WebSocket-Version", "13");
        if !self.subprotocols.is_empty() {
            write("Sec-WebSocket-Protocol", &self.subprotocols.join(", "));
        }
        #[cfg(feature = "deflate")]
        if let Some(offer) = &self.offer {
            write("Sec-WebSocket-Extensions", &offer.header_value());
        }
        for (name, value) in self.headers.iter() {
            write(name, value);
        }
    }
}
