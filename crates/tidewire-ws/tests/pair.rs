//! A client and a server joined in memory: whatever they do, in whatever order and pieces, the model holds.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseCode, MaskingKey};
use tidewire_ws::message::{Config, Eof, Event, Fragment, MessageKind, Reader, SendError, Writer};

const WITHIN_TEXT: SendError = SendError::WithinMessage(MessageKind::Text);

#[derive(Clone, Debug)]
enum Operation {
    Text(String),
    Binary(Vec<u8>),
    /// A piece of a text message.
    Piece(String, Fragment),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
    /// So many bytes of the other side's output arrive.
    Deliver(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => "(?s).{0,60}".prop_map(Operation::Text),
        3 => prop::collection::vec(any::<u8>(), 0..300).prop_map(Operation::Binary),
        3 => ("(?s).{0,60}", prop::sample::select(vec![Fragment::More, Fragment::Final]))
            .prop_map(|(piece, fragment)| Operation::Piece(piece, fragment)),
        2 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Operation::Ping),
        1 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Operation::Pong),
        1 => (3000u16..5000).prop_map(Operation::Close),
        8 => (0usize..500).prop_map(Operation::Deliver),
    ]
}

/// What the peer has to see, in this order. Pongs are not part of it: how many come depends on the output.
#[derive(Debug, PartialEq)]
enum Expected {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Close(u16),
}

struct Side {
    reader: Reader,
    writer: Writer,
    output: Vec<u8>,
    /// Sent, not yet seen by the other side.
    expected: VecDeque<Expected>,
    /// What was sent of a message in pieces.
    begun: Option<String>,
    /// Payloads that a pong may have here: of pings that the other side saw, or of its own accord.
    pongs_allowed: Vec<Vec<u8>>,
}

impl Side {
    fn new(role: Role) -> Self {
        let mut config = Config::default();
        config.pong_high_water = 400;
        let config = Arc::new(config);
        let writer = match role {
            Role::Server => Writer::server(config.clone()),
            Role::Client => {
                let mut key = 0u32;
                Writer::client(config.clone(), move || {
                    key = key.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
                    MaskingKey(key.to_be_bytes())
                })
            }
        };
        let reader = Reader::new(role, config);
        Self {
            reader,
            writer,
            output: Vec::new(),
            expected: VecDeque::new(),
            begun: None,
            pongs_allowed: Vec::new(),
        }
    }

    fn send(&mut self, other: &mut Self, operation: Operation) {
        let (open, before) = (!self.writer.close_sent(), self.output.len());
        let between_messages = open && self.begun.is_none();
        let (sent, expected) = match operation {
            Operation::Text(_) | Operation::Binary(_) if open && !between_messages => {
                // Within a message in pieces no other can begin; the next piece is no other.
                assert_eq!(self.writer.send_text("x", &mut self.output), Err(WITHIN_TEXT));
                assert_eq!(self.writer.send_binary(b"x", &mut self.output), Err(WITHIN_TEXT));
                assert_eq!(self.output.len(), before);
                return;
            }
            Operation::Piece(piece, fragment) => {
                let sent = self.writer.send_text_piece(&piece, fragment, &mut self.output).is_ok();
                let text = self.begun.take().unwrap_or_default() + &piece;
                match fragment {
                    Fragment::Final => (sent, Some(Expected::Text(text))),
                    Fragment::More => {
                        self.begun = Some(text);
                        (sent, None)
                    }
                }
            }
            Operation::Text(text) => {
                (self.writer.send_text(&text, &mut self.output).is_ok(), Some(Expected::Text(text)))
            }
            Operation::Binary(bytes) => {
                (self.writer.send_binary(&bytes, &mut self.output).is_ok(), Some(Expected::Binary(bytes)))
            }
            Operation::Ping(payload) => {
                (self.writer.send_ping(&payload, &mut self.output).is_ok(), Some(Expected::Ping(payload)))
            }
            Operation::Pong(payload) => {
                let sent = self.writer.send_pong(&payload, &mut self.output).is_ok();
                other.pongs_allowed.push(payload);
                (sent, None)
            }
            Operation::Close(code) => {
                let body = (CloseCode::new(code).unwrap(), "bye");
                let sent = self.writer.close(Some(body), &mut self.output).is_ok();
                (sent, Some(Expected::Close(code)))
            }
            Operation::Deliver(_) => return,
        };
        assert_eq!(sent, open, "everything can be sent until the close, nothing after it");
        if open {
            self.expected.extend(expected);
        } else {
            assert_eq!(self.output.len(), before);
        }
    }

    /// Up to `len` bytes that `from` has sent arrive here.
    fn deliver(&mut self, from: &mut Self, len: usize) {
        let mut input: Vec<u8> = from.output.drain(..len.min(from.output.len())).collect();
        from.writer.poll_pong(&mut from.output);
        let mut events = self.reader.receive(&mut input);
        while let Some(next) = events.next(&mut self.writer, &mut self.output) {
            let seen = match next.unwrap() {
                Event::Text(text) => Expected::Text(text.into_owned()),
                Event::Binary(bytes) => Expected::Binary(bytes.into_owned()),
                Event::Ping(payload) => {
                    from.pongs_allowed.push(payload.to_vec());
                    Expected::Ping(payload.to_vec())
                }
                Event::Pong(payload) => {
                    assert!(self.pongs_allowed.iter().any(|allowed| allowed == payload), "{payload:?}");
                    continue;
                }
                Event::Close(frame) => Expected::Close(frame.unwrap().code().value()),
            };
            match (from.expected.pop_front(), seen) {
                (Some(expected), seen) => assert_eq!(expected, seen),
                // The echo carries the code of our own close, and nothing else is left to come.
                (None, seen) => assert!(matches!(seen, Expected::Close(_)) && self.writer.close_sent()),
            }
        }
        assert_eq!(events.consumed(), input.len());
        if self.reader.close_received() {
            assert!(self.writer.close_sent() && self.reader.held_len_bytes() == 0);
        }
    }
}

/// How the pair compresses.
#[derive(Clone, Copy, Debug)]
enum Compression {
    None,
    #[cfg(feature = "deflate")]
    Each,
    #[cfg(feature = "deflate")]
    Takeover,
}

fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![
        Compression::None,
        #[cfg(feature = "deflate")]
        Compression::Each,
        #[cfg(feature = "deflate")]
        Compression::Takeover,
    ])
}

fn pair(compression: Compression) -> (Side, Side) {
    let (client, server) = (Side::new(Role::Client), Side::new(Role::Server));
    #[cfg(not(feature = "deflate"))]
    let Compression::None = compression;
    #[cfg(feature = "deflate")]
    {
        use tidewire_ws::deflate::{self, ContextTakeover, Pool};
        let takeover = match compression {
            Compression::None => return (client, server),
            Compression::Each => ContextTakeover::Off,
            Compression::Takeover => ContextTakeover::On,
        };
        let mut config = deflate::Config::default();
        config.min_len = 10;
        (config.send_takeover, config.receive_takeover) = (takeover, takeover);
        let pool = Pool::new(config);
        let offer = pool.offer();
        let of_server = pool.accept([offer.header_value().as_bytes()]).unwrap();
        let of_client = offer.agree([of_server.header_value().as_bytes()]).unwrap().unwrap();
        (client.with_deflate(&of_client), server.with_deflate(&of_server))
    }
    #[cfg(not(feature = "deflate"))]
    (client, server)
}

#[cfg(feature = "deflate")]
impl Side {
    fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        Self {
            reader: self.reader.with_deflate(agreement),
            writer: self.writer.with_deflate(agreement),
            ..self
        }
    }
}

proptest! {
    #[test]
    fn random_operations_on_both_sides_end_in_a_clean_close(
        compression in compression(),
        operations in prop::collection::vec((any::<bool>(), operation()), 0..80),
    ) {
        let (mut client, mut server) = pair(compression);
        for (by_client, operation) in operations {
            let (actor, other) = if by_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
            match operation {
                Operation::Deliver(len) => actor.deliver(other, len),
                Operation::Text(_) | Operation::Binary(_) | Operation::Piece(..) | Operation::Ping(_) | Operation::Pong(_) | Operation::Close(_) => {
                    actor.send(other, operation);
                }
            }
        }
        client.send(&mut server, Operation::Close(4000));
        while !client.output.is_empty() || !server.output.is_empty() {
            server.deliver(&mut client, 64);
            client.deliver(&mut server, 64);
        }
        for side in [&mut client, &mut server] {
            prop_assert!(side.expected.is_empty(), "lost: {:?}", side.expected);
            prop_assert!(side.reader.close_received() && side.writer.close_sent());
            prop_assert!(!side.writer.has_kept_pong());
            prop_assert_eq!(side.reader.handle_eof(), Eof::Clean);
        }
    }
}
