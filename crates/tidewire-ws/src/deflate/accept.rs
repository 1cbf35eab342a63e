//! A server's answer to the offers of a client (RFC 7692 §5.1, §7.1).

use super::agreement::{Agreement, NINE};
use super::parameters::{ClientBits, Named, Parameters};
use super::{Config, ContextTakeover, NAME, Pool, WindowBits};
use crate::Role;
use crate::handshake::extensions;

impl Pool {
    /// Takes the first offer that fits, as a server; `values` are those of `Sec-WebSocket-Extensions`. `None` when none
    /// fits, or when they are no such list: then nothing is compressed.
    ///
    /// ```
    /// use tidewire_ws::deflate::Pool;
    /// let offered = b"permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits";
    /// let agreement = Pool::default().accept([&offered[..]]).expect("the second offer fits");
    /// assert_eq!(
    ///     agreement.header_value(),
    ///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    /// );
    /// ```
    //= https://www.rfc-editor.org/rfc/rfc7692#section-5.1
    //# A server MUST NOT accept a PMCE extension negotiation offer together
    //# with another extension if the PMCE will conflict with the extension
    //# on their use of the RSV1 bit.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# If the server supports multiple extensions, then the value MUST be
    //# derived from the client's handshake, specifically by selecting one or
    //# more of the values from the |Sec-WebSocket-Extensions| field.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.8
    //# The endpoints of a connection MUST negotiate the use of any extensions
    //# during the opening handshake.
    #[must_use]
    pub fn accept<'h>(&self, values: impl IntoIterator<Item = &'h [u8]>) -> Option<Agreement> {
        let offers = extensions::parse(values).ok()?;
        let offers = offers.iter().filter(|extension| extension.name == NAME);
        let fitting = offers.filter_map(|extension| Parameters::read(extension).ok()).find(|offer| {
            //= https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.1
            //# A server accepts an extension negotiation offer with this parameter
            //# by including the "server_max_window_bits" extension parameter in the
            //# extension negotiation response to send back to the client with the
            //# same or smaller value as the offer.
            offer.server_max_window_bits != Some(WindowBits::MIN)
        })?;
        let config = self.config();
        let send = match fitting.server_no_context_takeover {
            Named::Absent => config.send_takeover,
            Named::Present => ContextTakeover::Off,
        };
        let receive = match fitting.client_no_context_takeover {
            Named::Absent => config.receive_takeover,
            Named::Present => ContextTakeover::Off,
        };
        let reservation = self.reserve(send, receive);
        let response = respond(&fitting, reservation.send, reservation.receive, config);
        Some(Agreement::new(Role::Server, self, response, reservation))
    }
}

fn respond(
    offer: &Parameters,
    send: ContextTakeover,
    receive: ContextTakeover,
    config: &Config,
) -> Parameters {
    let named = |takeover| match takeover {
        ContextTakeover::On => Named::Absent,
        ContextTakeover::Off => Named::Present,
    };
    let send_bits = config.send_max_window_bits.max(NINE);
    let receive_bits = config.receive_max_window_bits;
    Parameters {
        server_no_context_takeover: named(send),
        client_no_context_takeover: named(receive),
        server_max_window_bits: match offer.server_max_window_bits {
            Some(offered) => Some(offered.min(send_bits)),
            None => Some(send_bits).filter(|bits| *bits < WindowBits::MAX),
        },
        //= https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.2
        //# If a received extension negotiation offer doesn't have the
        //# "client_max_window_bits" extension parameter, the corresponding
        //# extension negotiation response to the offer MUST NOT include the
        //# "client_max_window_bits" extension parameter.
        client_max_window_bits: match offer.client_max_window_bits {
            ClientBits::Absent => ClientBits::Absent,
            ClientBits::Any if receive_bits < WindowBits::MAX => ClientBits::At(receive_bits),
            ClientBits::Any => ClientBits::Absent,
            ClientBits::At(offered) => ClientBits::At(offered.min(receive_bits)),
        },
    }
}
