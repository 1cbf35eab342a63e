//! The four parameters, in an offer and in a response (RFC 7692 §7.1).

use super::WindowBits;
use crate::handshake::extensions::Extension;
use core::fmt;

/// What follows from a parameter that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Named {
    #[default]
    Absent,
    Present,
}

/// `client_max_window_bits`, which an offer may have without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClientBits {
    #[default]
    Absent,
    Any,
    At(WindowBits),
}

/// The parameters of one offer or of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) server_no_context_takeover: Named,
    pub(super) client_no_context_takeover: Named,
    pub(super) server_max_window_bits: Option<WindowBits>,
    pub(super) client_max_window_bits: ClientBits,
}

/// A parameter that the extension does not have, or not like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusable;

impl Parameters {
    /// Reads the parameters of an extension that has the right name.
    //= https://www.rfc-editor.org/rfc/rfc7692#section-7.1
    //# A server MUST decline an extension negotiation offer for this
    //# extension if any of the following conditions are met:
    //= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
    //# The parameters supplied with any given extension MUST be defined for
    //# that extension.
    pub(super) fn read(extension: &Extension<'_>) -> Result<Self, Unusable> {
        let mut read = Self::default();
        for (name, value) in &extension.parameters {
            match (*name, value.as_deref()) {
                ("server_no_context_takeover", None) => once(&mut read.server_no_context_takeover)?,
                ("client_no_context_takeover", None) => once(&mut read.client_no_context_takeover)?,
                ("server_max_window_bits", Some(bits)) if read.server_max_window_bits.is_none() => {
                    read.server_max_window_bits = Some(window_bits(bits)?);
                }
                ("client_max_window_bits", bits) if read.client_max_window_bits == ClientBits::Absent => {
                    read.client_max_window_bits = match bits {
                        None => ClientBits::Any,
                        Some(bits) => ClientBits::At(window_bits(bits)?),
                    };
                }
                (_, _) => return Err(Unusable),
            }
        }
        Ok(read)
    }

    /// Whether these, of a response, answer those of an offer.
    pub(super) fn answers(&self, offer: &Self) -> bool {
        let response = self;
        //= https://www.rfc-editor.org/rfc/rfc7692#section-7.1.1.1
        //# A server accepts an extension negotiation offer that includes the
        //# "server_no_context_takeover" extension parameter by including the
        //# "server_no_context_takeover" extension parameter in the corresponding
        //# extension negotiation response to send back to the client.
        let takeover = match (offer.server_no_context_takeover, response.server_no_context_takeover) {
            (Named::Present, Named::Absent) => false,
            (Named::Present, Named::Present) | (Named::Absent, Named::Absent | Named::Present) => true,
        };
        let server_bits = match (offer.server_max_window_bits, response.server_max_window_bits) {
            (Some(offered), Some(bits)) => bits <= offered,
            (Some(_), None) => false,
            (None, _) => true,
        };
        //= https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.2
        //# If a received extension negotiation offer doesn't have the
        //# "client_max_window_bits" extension parameter, the corresponding
        //# extension negotiation response to the offer MUST NOT include the
        //# "client_max_window_bits" extension parameter.
        let client_bits = match (offer.client_max_window_bits, response.client_max_window_bits) {
            (_, ClientBits::Absent) => true,
            (ClientBits::At(offered), ClientBits::At(bits)) => bits <= offered,
            (ClientBits::Any, ClientBits::At(_)) => true,
            (ClientBits::Absent, ClientBits::At(_)) | (_, ClientBits::Any) => false,
        };
        takeover && server_bits && client_bits
    }
}

fn once(named: &mut Named) -> Result<(), Unusable> {
    match core::mem::replace(named, Named::Present) {
        Named::Absent => Ok(()),
        Named::Present => Err(Unusable),
    }
}

//= https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.1
//# This parameter has a decimal integer value
//# without leading zeroes between 8 to 15, inclusive
fn window_bits(value: &str) -> Result<WindowBits, Unusable> {
    let bits = match value.as_bytes() {
        [digit @ b'8'..=b'9'] => digit - b'0',
        [b'1', digit @ b'0'..=b'5'] => 10 + digit - b'0',
        _ => return Err(Unusable),
    };
    WindowBits::new(bits).ok_or(Unusable)
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::NAME)?;
        if self.server_no_context_takeover == Named::Present {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover == Named::Present {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        match self.client_max_window_bits {
            ClientBits::Absent => Ok(()),
            ClientBits::Any => f.write_str("; client_max_window_bits"),
            ClientBits::At(bits) => write!(f, "; client_max_window_bits={bits}"),
        }
    }
}
