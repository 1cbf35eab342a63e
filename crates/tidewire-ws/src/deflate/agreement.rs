//! What both sides have agreed to (RFC 7692 §7.1).

use super::parameters::{ClientBits, Named, Parameters};
use super::pool::Reservation;
use super::{ContextTakeover, NAME, Pool, WindowBits};
use crate::Role;
use crate::handshake::extensions;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

/// How one side compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Whether it may keep its window from one message to the next.
    pub takeover: ContextTakeover,
    /// The largest window that it may use. Who may use no more than 8 sends nothing compressed, if it is we.
    pub max_window_bits: WindowBits,
}

/// The extension as it is in use on one connection; a clone is of the same connection.
///
/// It holds the memory that was set aside for contexts that are taken over: keep it as long as the connection, which
/// [`Reader`](crate::message::Reader) and [`Writer`](crate::message::Writer) do.
#[derive(Clone, Debug)]
pub struct Agreement {
    role: Role,
    pool: Pool,
    sending: Direction,
    receiving: Direction,
    response: Parameters,
    _reservation: Arc<Reservation>,
}

impl Agreement {
    pub(super) fn new(role: Role, pool: &Pool, response: Parameters, mut reservation: Reservation) -> Self {
        let takeover = |absent| match absent {
            Named::Absent => ContextTakeover::On,
            Named::Present => ContextTakeover::Off,
        };
        let server = Direction {
            takeover: takeover(response.server_no_context_takeover),
            max_window_bits: response.server_max_window_bits.unwrap_or(WindowBits::MAX),
        };
        let client = Direction {
            takeover: takeover(response.client_no_context_takeover),
            max_window_bits: match response.client_max_window_bits {
                ClientBits::Absent | ClientBits::Any => WindowBits::MAX,
                ClientBits::At(bits) => bits,
            },
        };
        let (mut sending, receiving) = match role {
            Role::Server => (server, client),
            Role::Client => (client, server),
        };
        // What we may take over we need not.
        if reservation.send == ContextTakeover::Off {
            sending.takeover = ContextTakeover::Off;
        }
        sending.max_window_bits = sending.max_window_bits.min(pool.config().send_max_window_bits.max(NINE));
        reservation.keep(sending.takeover, receiving.takeover);
        let _reservation = Arc::new(reservation);
        Self { role, pool: pool.clone(), sending, receiving, response, _reservation }
    }

    /// Which endpoint we are.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The pool that serves the connection.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How we compress.
    #[must_use]
    pub fn sending(&self) -> Direction {
        self.sending
    }

    /// How the peer compresses.
    #[must_use]
    pub fn receiving(&self) -> Direction {
        self.receiving
    }

    /// The value of `Sec-WebSocket-Extensions` in a server's response.
    #[must_use]
    pub fn header_value(&self) -> String {
        self.response.to_string()
    }

    /// Whether it answers one of these offers, values of `Sec-WebSocket-Extensions`.
    pub(crate) fn is_offered<'h>(&self, values: impl IntoIterator<Item = &'h [u8]>) -> bool {
        extensions::parse(values).is_ok_and(|offered| {
            let offers = offered.iter().filter(|extension| extension.name == NAME);
            offers.filter_map(|offer| Parameters::read(offer).ok()).any(|offer| self.response.answers(&offer))
        })
    }

    /// The window that messages are compressed with, if they can be.
    pub(crate) fn window(&self) -> Option<WindowBits> {
        Some(self.sending.max_window_bits).filter(|bits| *bits >= NINE)
    }
}

/// Whether the terms are the same, of whichever connections.
impl PartialEq for Agreement {
    fn eq(&self, other: &Self) -> bool {
        let terms =
            |agreement: &Self| (agreement.role, agreement.sending, agreement.receiving, agreement.response);
        terms(self) == terms(other)
    }
}

impl Eq for Agreement {}

/// The smallest window that zlib compresses with.
pub(super) const NINE: WindowBits = match WindowBits::new(9) {
    Some(bits) => bits,
    None => WindowBits::MAX,
};
