//! The 101 of a server (RFC 6455 §4.2.2, item 5), with fields that cannot hold a line break.

#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
use crate::handshake::fields::{ExtraFields, InvalidField};
use crate::handshake::key::AcceptKey;
use crate::handshake::tokens::as_token;
use alloc::string::String;
use alloc::vec::Vec;

/// What the 101 says beyond the handshake itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    agreement: Option<Agreed>,
    headers: ExtraFields,
}

/// What was agreed to, and how it is written.
#[cfg(feature = "deflate")]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agreed {
    agreement: Agreement,
    header_value: String,
}

impl Response {
    /// A bare 101.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol; it must be one of those on offer when the response is used.
    ///
    /// # Errors
    /// It is not a token.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidField> {
        self.subprotocol = Some(as_token(name.as_bytes()).ok_or(InvalidField::Subprotocol)?.into());
        Ok(self)
    }

    /// Chooses the first subprotocol on offer that `supports` says yes to, or none.
    ///
    /// ```
    /// use tidewire_ws::handshake::Response;
    /// let response = Response::new().choose_subprotocol(["v9", "v2", "v1"], |name| ["v1", "v2"].contains(&name));
    /// assert_eq!(response, Response::new().subprotocol("v2")?);
    /// # Ok::<(), tidewire_ws::handshake::InvalidField>(())
    /// ```
    #[must_use]
    pub fn choose_subprotocol(
        mut self,
        offered: impl IntoIterator<Item = impl AsRef<str>>,
        mut supports: impl FnMut(&str) -> bool,
    ) -> Self {
        let chosen = offered.into_iter().find(|name| supports(name.as_ref()));
        self.subprotocol = chosen.and_then(|name| as_token(name.as_ref().as_bytes()).map(String::from));
        self
    }

    /// Says what was agreed to about compression; it must answer an offer of the request that the response is used for.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, agreement: &Agreement) -> Self {
        self.agreement =
            Some(Agreed { agreement: agreement.clone(), header_value: agreement.header_value() });
        self
    }

    /// What was agreed to about compression, if something was.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref().map(|agreed| &agreed.agreement)
    }

    /// Adds a header; a name may come more than once.
    ///
    /// # Errors
    /// The name is not a token, or is the handshake's own, or the value holds a byte that a header cannot.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        self.headers.push(name, value)?;
        Ok(self)
    }

    /// The fields in the order in which they are written: the subprotocol first.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let subprotocol = self.subprotocol.as_deref().map(|name| ("Sec-WebSocket-Protocol", name));
        #[cfg(feature = "deflate")]
        let extensions =
            self.agreement.as_ref().map(|agreed| ("Sec-WebSocket-Extensions", &*agreed.header_value));
        #[cfg(not(feature = "deflate"))]
        let extensions = None;
        subprotocol.into_iter().chain(extensions).chain(self.headers.iter())
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# The value chosen MUST be derived
    //# from the client's handshake, specifically by selecting one of
    //# the values from the |Sec-WebSocket-Protocol| field that the
    //# server is willing to use for this connection (if any).
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# Extensions not listed by the client MUST NOT be
    //# listed.
    pub(super) fn check_offer<'r>(
        &self,
        subprotocols: &[&str],
        extensions: impl Iterator<Item = &'r [u8]>,
    ) -> Result<(), InvalidField> {
        let is_offered = self.subprotocol.as_deref().is_none_or(|chosen| subprotocols.contains(&chosen));
        if is_offered && self.extension_is_offered(extensions) {
            Ok(())
        } else {
            Err(InvalidField::NotOffered)
        }
    }

    #[cfg(feature = "deflate")]
    fn extension_is_offered<'r>(&self, offered: impl Iterator<Item = &'r [u8]>) -> bool {
        self.agreement().is_none_or(|agreement| agreement.is_offered(offered))
    }

    #[cfg(not(feature = "deflate"))]
    fn extension_is_offered<'r>(&self, _: impl Iterator<Item = &'r [u8]>) -> bool {
        true
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//# If the server chooses to accept the incoming connection, it MUST
//# reply with a valid HTTP response indicating the following.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//# The absence
//# of such a field is equivalent to the null value (meaning that
//# if the server does not wish to agree to one of the suggested
//# subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol|
//# header field in its response).
pub(super) fn write_accept(accept: &AcceptKey, response: &Response, output: &mut Vec<u8>) {
    const BEGINNING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: ";
    let accept = accept.as_str();
    let fields: usize = response.fields().map(|(name, value)| name.len() + value.len() + 4).sum();
    output.reserve(BEGINNING.len() + accept.len() + fields + 4);
    let mut write = |text: &str| output.extend_from_slice(text.as_bytes());
    write(BEGINNING);
    write(accept);
    for (name, value) in response.fields() {
        for part in ["\r\n", name, ": ", value] {
            write(part);
        }
    }
    write("\r\n\r\n");
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn of_all_bytes_only_token_characters_make_a_subprotocol() {
        for byte in 0..=255u8 {
            let text = std::string::String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
            let is_token = as_token(text.as_bytes()).is_some();
            assert_eq!(Response::new().subprotocol(&text).is_ok(), is_token, "{byte:#04x}");
            let chosen = Response::new().choose_subprotocol([&text], |_| true);
            assert_eq!(chosen.subprotocol.is_some(), is_token, "{byte:#04x}");
        }
        assert_eq!(Response::new().choose_subprotocol(["a"], |_| false), Response::new());
    }
}
