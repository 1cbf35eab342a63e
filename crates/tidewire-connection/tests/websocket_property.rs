//! Two WebSockets under any order of sends, partial writes, partial deliveries, closes and waits: nothing is lost or
//! reordered, and both ends part within their deadlines.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{End, Pair, pair};
use proptest::prelude::*;
use std::time::Duration;
use tidewire_connection::websocket::{ClosingHandshake, Ended, Transport};
use tidewire_ws::frame::CloseCode;

/// Which end an operation is about.
#[derive(Clone, Copy, Debug)]
enum Side {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Text {
        len: usize,
    },
    Binary,
    /// The transport takes up to so many bytes of the output.
    Take {
        len: usize,
    },
    /// The wire hands up to so many bytes to the end.
    Deliver {
        len: usize,
    },
    Close,
    Wait {
        milliseconds: u64,
    },
    /// The end's transport breaks.
    Break,
}

fn operations() -> impl Strategy<Value = Vec<(Side, Operation)>> {
    let side = prop_oneof![Just(Side::Server), Just(Side::Client)];
    let operation = prop_oneof![
        6 => (0..300usize).prop_map(|len| Operation::Text { len }),
        3 => Just(Operation::Binary),
        8 => (1..2000usize).prop_map(|len| Operation::Take { len }),
        8 => (1..2000usize).prop_map(|len| Operation::Deliver { len }),
        1 => Just(Operation::Close),
        2 => (1..4000u64).prop_map(|milliseconds| Operation::Wait { milliseconds }),
        1 => (4000..40_000u64).prop_map(|milliseconds| Operation::Wait { milliseconds }),
    ];
    let mostly = prop_oneof![99 => operation, 1 => Just(Operation::Break)];
    prop::collection::vec((side, mostly), 0..120)
}

/// One direction: what was sent into it, and whether the sender's end of stream stands behind that.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    ended: bool,
}

/// What was seen of one end, to see that it never goes back.
#[derive(Default)]
struct Seen {
    /// What it sent successfully, as the peer should hear it.
    sent: Vec<String>,
    transport: Option<Transport>,
    ended: Option<Ended>,
}

struct World {
    pair: Pair,
    to_server: Wire,
    to_client: Wire,
    server: Seen,
    client: Seen,
}

/// One end with its wires: out, in, and what was seen of it.
type View<'a> = (&'a mut End, &'a mut Wire, &'a mut Wire, &'a mut Seen);

impl World {
    fn view(&mut self, side: Side) -> View<'_> {
        let Self { pair, to_server, to_client, server, client } = self;
        match side {
            Side::Server => (&mut pair.server, to_client, to_server, server),
            Side::Client => (&mut pair.client, to_server, to_client, client),
        }
    }

    fn apply(&mut self, side: Side, operation: Operation) {
        let now = self.pair.now;
        let (end, out, into, seen) = self.view(side);
        match operation {
            Operation::Text { len } => {
                let text = format!("{}-{}", seen.sent.len(), "x".repeat(len));
                if end.writer.send_text(now, &text, &mut end.output).is_ok() {
                    seen.sent.push(text);
                }
            }
            Operation::Binary => {
                let payload = vec![0xA5; 1000 + seen.sent.len()];
                if end.writer.send_binary(now, &payload, &mut end.output).is_ok() {
                    seen.sent.push(format!("{} bytes", payload.len()));
                }
            }
            Operation::Take { len } => take(end, out, now, len),
            Operation::Deliver { len } => deliver(end, into, now, len),
            Operation::Close => {
                let _ = end.writer.close(now, Some((CloseCode::NORMAL, "done")), &mut end.output);
            }
            Operation::Break => end.writer.handle_transport_error(now),
            Operation::Wait { milliseconds } => self.wait(Duration::from_millis(milliseconds)),
        }
        self.check();
    }

    /// Moves the clock, acting at each deadline on the way.
    fn wait(&mut self, span: Duration) {
        let until = self.pair.now + span;
        loop {
            let ends = [&self.pair.server, &self.pair.client];
            let next = ends.iter().filter_map(|end| end.writer.poll_timeout()).map(|(at, _)| at).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.pair.now = self.pair.now.max(at);
            let now = self.pair.now;
            for end in [&mut self.pair.server, &mut self.pair.client] {
                end.writer.handle_timeout(now, &mut end.output);
                let next = end.writer.poll_timeout();
                assert!(next.is_none_or(|(at, _)| at > now), "{next:?} is not after {now:?}");
            }
            self.check();
        }
        self.pair.now = until;
    }

    fn check(&mut self) {
        for side in [Side::Server, Side::Client] {
            let (end, _, _, seen) = self.view(side);
            let transport = end.writer.transport();
            if let Some(before) = seen.transport.replace(transport) {
                assert!(may_follow(before, transport), "{side:?}: {before:?} became {transport:?}");
            }
            if let Some(before) = &seen.ended {
                assert_eq!(end.writer.ended(), Some(before), "{side:?}");
            }
            seen.ended = end.writer.ended().cloned();
            if transport != Transport::Open {
                assert!(seen.ended.is_some(), "{side:?}: {transport:?} without a record");
            }
            assert_eq!(transport == Transport::Closed, end.writer.poll_timeout().is_none(), "{side:?}");
        }
    }
}

/// Whether a transport may go from one state to another, perhaps through one between.
fn may_follow(before: Transport, after: Transport) -> bool {
    match before {
        Transport::Open => true,
        Transport::ShutDown => after != Transport::Open,
        Transport::Discard => matches!(after, Transport::Discard | Transport::Finish | Transport::Closed),
        Transport::Finish => matches!(after, Transport::Finish | Transport::Closed),
        Transport::Closed => after == Transport::Closed,
    }
}

/// The transport takes output, and once it has all, shuts down when that is asked for.
fn take(end: &mut End, out: &mut Wire, now: Duration, len: usize) {
    if end.writer.transport() == Transport::Closed {
        end.output.clear();
        out.ended = true;
        return;
    }
    let taken: Vec<u8> = end.output.drain(..len.min(end.output.len())).collect();
    let left = end.output.len();
    end.writer.handle_sent(now, taken.len(), left, &mut end.output);
    out.bytes.extend(taken);
    if end.output.is_empty() && matches!(end.writer.transport(), Transport::ShutDown | Transport::Finish) {
        end.writer.handle_shut_down(now);
        out.ended = true;
    }
}

/// The end reads, if it wants to.
fn deliver(end: &mut End, into: &mut Wire, now: Duration, len: usize) {
    if !matches!(end.writer.transport(), Transport::Open | Transport::Discard) {
        return;
    }
    let piece: Vec<u8> = into.bytes.drain(..len.min(into.bytes.len())).collect();
    if !piece.is_empty() {
        end.receive(now, piece);
    } else if into.ended {
        end.reader.handle_eof(now, &mut end.writer);
    }
}

/// What one end heard of what the other sent.
fn compare(heard: &[String], sent: &[String], ended: &Ended) {
    let messages: Vec<&String> = heard.iter().filter(|line| !line.starts_with("p")).collect();
    assert!(messages.len() <= sent.len(), "{} of {}", messages.len(), sent.len());
    assert!(messages.iter().zip(sent).all(|(heard, sent)| *heard == sent), "{messages:?} of {sent:?}");
    if ended.closing_handshake == ClosingHandshake::Complete {
        assert_eq!(messages.len(), sent.len(), "lost before the peer's close frame");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_both_ends_part(operations in operations()) {
        let mut world = World {
            pair: pair(|_, _| {}),
            to_server: Wire::default(),
            to_client: Wire::default(),
            server: Seen::default(),
            client: Seen::default(),
        };
        for (side, operation) in operations {
            world.apply(side, operation);
        }
        // From here on the wire works; whoever has not closed does.
        world.apply(Side::Server, Operation::Close);
        for _ in 0..200 {
            for side in [Side::Server, Side::Client] {
                world.apply(side, Operation::Take { len: 100_000 });
                world.apply(side, Operation::Deliver { len: 100_000 });
            }
            world.apply(Side::Server, Operation::Wait { milliseconds: 100 });
        }
        let World { pair, server, client, .. } = world;
        let (server_ended, client_ended) = (server.ended.unwrap(), client.ended.unwrap());
        prop_assert_eq!(pair.server.writer.transport(), Transport::Closed, "{}", server_ended);
        prop_assert_eq!(pair.client.writer.transport(), Transport::Closed, "{}", client_ended);
        compare(&pair.server.heard, &client.sent, &server_ended);
        compare(&pair.client.heard, &server.sent, &client_ended);
        let (to, from) = (pair.server.writer.usage(pair.now), pair.client.writer.usage(pair.now));
        prop_assert!(to.received_bytes <= from.sent_bytes && from.received_bytes <= to.sent_bytes);
        if [server_ended, client_ended].iter().all(|end| end.closing_handshake == ClosingHandshake::Complete) {
            prop_assert_eq!((to.received_bytes, to.sent_bytes), (from.sent_bytes, from.received_bytes));
            prop_assert_eq!((to.received_messages, to.sent_messages), (from.sent_messages, from.received_messages));
        }
    }
}
