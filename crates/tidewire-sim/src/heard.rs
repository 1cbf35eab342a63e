//! What an application hears of a WebSocket, in what pieces, and whether it is what was said.

use std::time::Duration;

use tidewire_connection::websocket::{Ended, Event};
use tidewire_ws::Role;

use crate::application::{Form, Message, shown};
use crate::connection::{End, Machine, Manners, Socket};
use crate::flaw::Flaw;
use crate::invariants::{Breach, Checked, Invariant, Watch, check};
use crate::random::Random;
use crate::time::Nanos;

/// How many events an application asks for before it does something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    All,
    One,
}

/// How much of what has come is read at once: mostly all that a buffer takes, and now and then a few bytes.
pub(crate) fn piece(available: usize, random: &mut Random) -> usize {
    const BUFFER_LEN: usize = 16 * 1024;
    let len = match random.below(32) {
        0 => random.between(1, 3),
        1 => random.between(1, available as u64),
        _ => BUFFER_LEN as u64,
    };
    available.min(len as usize)
}

/// Now and then an application stops in the middle of what was read, and goes on with the rest.
pub(crate) fn appetite(random: &mut Random) -> Appetite {
    if random.once_in(64) { Appetite::One } else { Appetite::All }
}

/// When and how bytes are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    pub(crate) now: Nanos,
    /// What the reader's clock shows.
    pub(crate) clock: Duration,
    /// Of the direction in which they came.
    pub(crate) salt: u64,
    pub(crate) appetite: Appetite,
    pub(crate) flaw: Option<Flaw>,
}

/// What the application has heard so far.
struct Heard<'a> {
    next_in: &'a mut u64,
    watch: &'a mut Watch,
    told: &'a mut Option<Ended>,
}

impl Heard<'_> {
    /// Takes a message, if it is the next.
    fn message(&mut self, occasion: &Occasion, form: Form, payload: &[u8]) -> Checked {
        check(self.told.is_none(), || {
            Breach::new(Invariant::End, "no message behind the end", shown(payload))
        })?;
        let message = Message::new(occasion.salt, *self.next_in);
        check(message.form == form && message.is(form, payload), || {
            let expected = format!("message {} as it was sent, {message:?}", self.next_in);
            Breach::new(Invariant::Delivery, expected, format!("{form:?} of {}", shown(payload)))
        })?;
        *self.next_in += 1;
        self.watch.message_in(occasion.now);
        Ok(())
    }

    /// Takes the end, if it is the first.
    fn end(&mut self, ended: Ended) -> Checked {
        let before = self.told.replace(ended.clone());
        check(before.is_none(), || {
            Breach::new(Invariant::End, "one end, told once", format!("{before:?} and {ended:?}"))
        })
    }
}

/// Gives bytes to the machine; answers how many it is done with.
pub(crate) fn receive(end: &mut End, occasion: &Occasion, bytes: &mut [u8]) -> Result<usize, Box<Breach>> {
    let End { machine, output, next_in, watch, manners, .. } = end;
    let Machine::WebSocket(socket) = machine else { return Ok(bytes.len()) };
    let Socket { reader, writer, told, .. } = &mut **socket;
    let mut heard = Heard { next_in, watch, told };
    let len = bytes.len();
    let mut events = reader.receive(bytes);
    loop {
        let before = output.len();
        let Some(event) = events.next(occasion.clock, writer, output) else { return Ok(len) };
        match event {
            Event::Text(text) => heard.message(occasion, Form::Text, text.as_bytes())?,
            Event::Binary(payload) => heard.message(occasion, Form::Binary, &payload)?,
            Event::Ping(_) if occasion.flaw == Some(Flaw::NoPongs) => output.truncate(before),
            Event::Ping(_) if *manners == Manners::NeverReplies => {
                output.truncate(before);
                output.extend_from_slice(match writer.role() {
                    Role::Server => b"\x8A\x01?",
                    Role::Client => b"\x8A\x81\0\0\0\0?",
                });
            }
            Event::Ping(_) => {}
            Event::Pong(payload) => heard.watch.pong(payload),
            Event::Ended(ended) => {
                heard.end(ended)?;
                if occasion.flaw == Some(Flaw::LateMessage) {
                    heard.message(occasion, Form::Text, b"late")?;
                }
            }
        }
        if occasion.appetite == Appetite::One {
            return Ok(events.consumed());
        }
    }
}
