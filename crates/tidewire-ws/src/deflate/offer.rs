//! A client's offers, and what a server may make of them (RFC 7692 §5.1, §7.1).

use super::agreement::{Agreement, NINE};
use super::parameters::{ClientBits, Named, Parameters};
use super::pool::Reservation;
use super::{ContextTakeover, NAME, Pool, WindowBits};
use crate::Role;
use crate::handshake::extensions::{self, MalformedExtensions};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// What a client offers, most wanted first; it holds the memory that taking over needs until it is answered.
#[derive(Debug)]
pub struct Offer {
    pool: Pool,
    offered: Vec<Parameters>,
    reservation: Reservation,
}

/// A response that a server may not give (RFC 7692 §5.1): the connection has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidAgreement {
    /// The header is no list of extensions.
    Malformed(MalformedExtensions),
    /// An extension that was not offered.
    NotOffered,
    /// More than one permessage-deflate.
    Twice,
    /// Parameters that are no answer to what was offered.
    Parameters,
}

impl fmt::Display for InvalidAgreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::NotOffered => f.write_str("expected permessage-deflate or no extension, got another one"),
            Self::Twice => f.write_str("expected permessage-deflate once, got it twice"),
            Self::Parameters => {
                f.write_str("expected permessage-deflate with parameters that answer the offer, got others")
            }
        }
    }
}

impl core::error::Error for InvalidAgreement {}

impl Pool {
    /// What to offer, as a client.
    ///
    /// ```
    /// use tidewire_ws::deflate::{ContextTakeover, Pool};
    /// let offer = Pool::default().offer();
    /// assert_eq!(
    ///     offer.header_value(),
    ///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    /// );
    /// let response = b"permessage-deflate; server_no_context_takeover; client_max_window_bits=10";
    /// let agreement = offer.agree([&response[..]])?.expect("it was agreed to");
    /// assert_eq!(agreement.sending().max_window_bits.value(), 10);
    /// assert_eq!(agreement.sending().takeover, ContextTakeover::Off);
    /// # Ok::<(), tidewire_ws::deflate::InvalidAgreement>(())
    /// ```
    #[must_use]
    pub fn offer(&self) -> Offer {
        let config = self.config();
        let reservation = self.reserve(config.send_takeover, config.receive_takeover);
        let named = |takeover| match takeover {
            ContextTakeover::On => Named::Absent,
            ContextTakeover::Off => Named::Present,
        };
        let send_bits = config.send_max_window_bits.max(NINE);
        let plain = Parameters {
            server_no_context_takeover: named(reservation.receive),
            client_no_context_takeover: named(reservation.send),
            server_max_window_bits: None,
            client_max_window_bits: match send_bits {
                WindowBits::MAX => ClientBits::Any,
                bits => ClientBits::At(bits),
            },
        };
        let mut offered = Vec::new();
        if config.receive_max_window_bits < WindowBits::MAX {
            // A server that cannot limit its window takes the second offer.
            offered
                .push(Parameters { server_max_window_bits: Some(config.receive_max_window_bits), ..plain });
        }
        offered.push(plain);
        Offer { pool: self.clone(), offered, reservation }
    }
}

impl Offer {
    /// The value of `Sec-WebSocket-Extensions` in a client's request.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::new();
        for offer in &self.offered {
            let separator = if value.is_empty() { "" } else { ", " };
            // Writing to memory does not fail.
            let _ = write!(value, "{separator}{offer}");
        }
        value
    }

    /// What the server made of it; `values` are those of `Sec-WebSocket-Extensions` in its response. `None` when it
    /// declined.
    ///
    /// # Errors
    /// The response is no answer to the offer.
    //= https://www.rfc-editor.org/rfc/rfc7692#section-7.1
    //# A client MUST _Fail the WebSocket Connection_ if the peer server
    //# accepted an extension negotiation offer for this extension with an
    //# extension negotiation response meeting any of the following
    //# conditions:
    //= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
    //# Note that the client is only offering to use any advertised extensions
    //# and MUST NOT use them unless the server indicates that it wishes to use
    //# the extension.
    pub fn agree<'h>(
        self,
        values: impl IntoIterator<Item = &'h [u8]>,
    ) -> Result<Option<Agreement>, InvalidAgreement> {
        let listed = extensions::parse(values).map_err(InvalidAgreement::Malformed)?;
        let response = match listed.as_slice() {
            [] => return Ok(None),
            [one] if one.name == NAME => one,
            more if more.iter().all(|one| one.name == NAME) => return Err(InvalidAgreement::Twice),
            _ => return Err(InvalidAgreement::NotOffered),
        };
        let response = Parameters::read(response).map_err(|_| InvalidAgreement::Parameters)?;
        if !self.offered.iter().any(|offer| response.answers(offer)) {
            return Err(InvalidAgreement::Parameters);
        }
        Ok(Some(Agreement::new(Role::Client, &self.pool, response, self.reservation)))
    }
}
