//! A client and a server of tidewire-ws joined in memory, driven by bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::deflate::{self, ContextTakeover, Pool};
use tidewire_ws::frame::{CloseCode, MaskingKey};
use tidewire_ws::message::{Config, Eof, Event, Fragment, Piece, Reader, Writer};

/// What the other side has to see, in this order.
#[derive(Debug, PartialEq)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Close(u16),
}

struct Side {
    reader: Reader,
    writer: Writer,
    output: Vec<u8>,
    sent: VecDeque<Sent>,
    /// What went out of a message in pieces.
    begun: Vec<u8>,
    /// What came in of a message in pieces.
    lent: Vec<u8>,
}

/// How what arrives is taken.
#[derive(Clone, Copy)]
enum Taking {
    Whole,
    /// One event at a time, as one does who is held back by what it does with them.
    OneByOne,
    InPieces,
}

impl Side {
    fn new(role: Role) -> Self {
        let mut config = Config::default();
        config.pong_high_water = 300;
        let config = Arc::new(config);
        let writer = match role {
            Role::Server => Writer::server(config.clone()),
            Role::Client => Writer::client(config.clone(), || MaskingKey([0x37, 0xFA, 0x21, 0x3D])),
        };
        let reader = Reader::new(role, config);
        Self {
            reader,
            writer,
            output: Vec::new(),
            sent: VecDeque::new(),
            begun: Vec::new(),
            lent: Vec::new(),
        }
    }

    fn with_deflate(self, agreement: &deflate::Agreement) -> Self {
        Self {
            reader: self.reader.with_deflate(agreement),
            writer: self.writer.with_deflate(agreement),
            ..self
        }
    }

    /// Does what two bytes say.
    fn act(&mut self, operation: u8, argument: u8) {
        let payload = vec![argument; usize::from(argument)];
        let text = char::from(argument).to_string().repeat(usize::from(argument % 50));
        let output = &mut self.output;
        let before = output.len();
        let (sent, accepted) = match operation % 7 {
            0 => (Some(Sent::Text(text.clone())), self.writer.send_text(&text, output).is_ok()),
            1 => (Some(Sent::Binary(payload.clone())), self.writer.send_binary(&payload, output).is_ok()),
            2 => {
                let accepted = self.writer.send_ping(&payload, output).is_ok();
                (Some(Sent::Ping(payload)), accepted)
            }
            3 => (None, self.writer.send_pong(&payload, output).is_ok()),
            4 | 5 => {
                let fragment = if operation % 7 == 4 { Fragment::More } else { Fragment::Final };
                let (piece, sent, accepted) = if argument < 0x80 {
                    let accepted = self.writer.send_text_piece(&text, fragment, output).is_ok();
                    (text.as_bytes(), Sent::text as fn(Vec<u8>) -> Sent, accepted)
                } else {
                    let accepted = self.writer.send_binary_piece(&payload, fragment, output).is_ok();
                    (&payload[..], Sent::Binary as fn(Vec<u8>) -> Sent, accepted)
                };
                if accepted {
                    self.begun.extend_from_slice(piece);
                }
                match fragment {
                    Fragment::Final if accepted => (Some(sent(std::mem::take(&mut self.begun))), true),
                    Fragment::Final | Fragment::More => (None, accepted),
                }
            }
            _ => {
                let code = CloseCode::new(3000 + u16::from(argument)).expect("3000 to 4999 are for all");
                (Some(Sent::Close(code.value())), self.writer.close(Some((code, "")), output).is_ok())
            }
        };
        if accepted {
            self.sent.extend(sent);
        } else {
            assert_eq!(self.output.len(), before, "what is refused leaves nothing");
        }
    }

    /// Up to `len` bytes of what `from` has put out arrive here.
    fn deliver(&mut self, from: &mut Self, len: usize, taking: Taking) {
        let mut input: Vec<u8> = from.output.drain(..len.min(from.output.len())).collect();
        from.writer.poll_pong(&mut from.output);
        let mut rest = &mut input[..];
        while !rest.is_empty() {
            let consumed = match taking {
                Taking::Whole | Taking::OneByOne => self.take_events(rest, from, taking),
                Taking::InPieces => self.take_pieces(rest, from),
            };
            rest = &mut rest[consumed..];
        }
    }

    fn take_events(&mut self, input: &mut [u8], from: &mut Self, taking: Taking) -> usize {
        let mut events = self.reader.receive(input);
        while let Some(event) = events.next(&mut self.writer, &mut self.output) {
            let seen = match event.expect("both sides keep the rules") {
                // A part of it may have been lent.
                Event::Text(text) => {
                    self.lent.extend_from_slice(text.as_bytes());
                    Sent::text(std::mem::take(&mut self.lent))
                }
                Event::Binary(bytes) => {
                    self.lent.extend_from_slice(&bytes);
                    Sent::Binary(std::mem::take(&mut self.lent))
                }
                Event::Ping(payload) => Sent::Ping(payload.to_vec()),
                Event::Pong(_) => continue,
                Event::Close(frame) => Sent::Close(frame.map_or(1005, |frame| frame.code().value())),
            };
            from.expect(seen, &self.writer);
            if let Taking::OneByOne = taking {
                break;
            }
        }
        events.consumed()
    }

    fn take_pieces(&mut self, input: &mut [u8], from: &mut Self) -> usize {
        let mut pieces = self.reader.receive_pieces(input);
        while let Some(piece) = pieces.next(&mut self.writer, &mut self.output) {
            let seen = match piece.expect("both sides keep the rules") {
                Piece::Text(text, fragment) => {
                    self.lent.extend_from_slice(text.as_bytes());
                    match fragment {
                        Fragment::More => continue,
                        Fragment::Final => Sent::text(std::mem::take(&mut self.lent)),
                    }
                }
                Piece::Binary(bytes, fragment) => {
                    self.lent.extend_from_slice(&bytes);
                    match fragment {
                        Fragment::More => continue,
                        Fragment::Final => Sent::Binary(std::mem::take(&mut self.lent)),
                    }
                }
                Piece::Ping(payload) => Sent::Ping(payload.to_vec()),
                Piece::Pong(_) => continue,
                Piece::Close(frame) => Sent::Close(frame.map_or(1005, |frame| frame.code().value())),
            };
            from.expect(seen, &self.writer);
        }
        pieces.consumed()
    }

    /// The other side, which sends with `other`, has seen this of ours.
    fn expect(&mut self, seen: Sent, other: &Writer) {
        match self.sent.pop_front() {
            Some(sent) => assert_eq!(seen, sent),
            // The echo of its own close.
            None => assert!(matches!(seen, Sent::Close(_)) && other.close_sent(), "{seen:?}"),
        }
    }
}

impl Sent {
    fn text(bytes: Vec<u8>) -> Self {
        Self::Text(String::from_utf8(bytes).expect("pieces of a text are cut between characters"))
    }
}

/// Whatever two sides do in whatever order, nothing is lost, changed or doubled, and both end with a clean close.
///
/// # Panics
/// When it is not so.
pub fn operations(data: &[u8]) {
    let Some((setting, data)) = data.split_first() else { return };
    let (mut client, mut server) = (Side::new(Role::Client), Side::new(Role::Server));
    if setting % 3 > 0 {
        let takeover = if setting % 3 == 1 { ContextTakeover::Off } else { ContextTakeover::On };
        let mut config = deflate::Config::default();
        config.min_len = 10;
        (config.send_takeover, config.receive_takeover) = (takeover, takeover);
        let pool = Pool::new(config);
        let offer = pool.offer();
        let of_server = pool.accept([offer.header_value().as_bytes()]).expect("our own offer");
        let of_client = offer.agree([of_server.header_value().as_bytes()]).expect("our own response");
        client = client.with_deflate(&of_client.expect("an agreement"));
        server = server.with_deflate(&of_server);
    }
    for step in data.chunks_exact(2).take(200) {
        let (actor, other) =
            if step[0] & 0x80 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        match step[0] & 0x40 {
            0 => actor.act(step[0] & 0x3F, step[1]),
            _ => {
                let taking = match step[0] & 0x30 {
                    0x10 => Taking::OneByOne,
                    0x20 => Taking::InPieces,
                    _ => Taking::Whole,
                };
                actor.deliver(other, usize::from(step[1]), taking);
            }
        }
    }
    client.act(6, 0);
    while !client.output.is_empty() || !server.output.is_empty() {
        server.deliver(&mut client, 50, Taking::Whole);
        client.deliver(&mut server, 70, Taking::OneByOne);
    }
    for side in [&mut client, &mut server] {
        assert!(side.sent.is_empty(), "lost: {:?}", side.sent);
        assert!(side.reader.close_received() && side.writer.close_sent());
        assert_eq!((side.reader.held_len_bytes(), side.reader.handle_eof()), (0, Eof::Clean));
    }
}
