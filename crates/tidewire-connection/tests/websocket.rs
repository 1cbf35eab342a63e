//! Two WebSocket connections joined in memory, under a hand-moved clock, without a socket.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{sync::Arc, time::Duration};
use tidewire_connection::websocket::{
    self, Cause, ClosingHandshake, Config, Ended, Endpoint, Event, Reader, Transport, Writer,
};
use tidewire_lifecycle::{Heartbeat, Timer};
use tidewire_ws::frame::{CloseCode, MaskingKey, ProtocolError};
use tidewire_ws::{handshake, message};

/// The request that every pair begins with (RFC 6455 §1.3), and the answer to it.
const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One end: its halves, what it has to send, and what it was told.
struct End {
    reader: Reader,
    writer: Writer,
    output: Vec<u8>,
    heard: Vec<String>,
    eof_heard: bool,
}

impl End {
    fn new((reader, writer): (Reader, Writer)) -> Self {
        Self { reader, writer, output: Vec::new(), heard: Vec::new(), eof_heard: false }
    }

    fn text(&mut self, now: Duration, text: &str) {
        self.writer.send_text(now, text, &mut self.output).unwrap();
    }

    fn close(&mut self, now: Duration, code: CloseCode, reason: &str) {
        self.writer.close(now, Some((code, reason)), &mut self.output).unwrap();
    }

    fn receive(&mut self, now: Duration, mut bytes: Vec<u8>) {
        if self.writer.transport() == Transport::Discard {
            self.writer.handle_discarded(now, bytes.len());
            return;
        }
        self.writer.handle_received(now, bytes.len());
        let mut events = self.reader.receive(&mut bytes);
        while let Some(event) = events.next(now, &mut self.writer, &mut self.output) {
            self.heard.push(match event {
                Event::Text(text) => text.into_owned(),
                Event::Binary(payload) => format!("{} bytes", payload.len()),
                Event::Ping(payload) => format!("ping {payload:?}"),
                Event::Pong(payload) => format!("pong {payload:?}"),
            });
        }
    }

    fn ended(&self) -> Option<(Endpoint, Cause, ClosingHandshake)> {
        self.writer
            .ended()
            .map(|Ended { by, cause, closing_handshake }| (*by, cause.clone(), *closing_handshake))
    }
}

/// Both ends and the wire between them, which delivers `step` bytes at a time.
struct Pair {
    server: End,
    client: End,
    now: Duration,
    step: usize,
}

fn pair(change: impl Fn(&mut message::Config, &mut tidewire_lifecycle::Config)) -> Pair {
    let (mut messages, mut lifecycle) = (message::Config::default(), tidewire_lifecycle::Config::default());
    change(&mut messages, &mut lifecycle);
    let config = Config::new(messages, lifecycle);
    let mut head = handshake::HeadReader::new(Arc::default());
    assert_eq!(head.receive(REQUEST), Ok(handshake::Progress::Complete { consumed: REQUEST.len() }));
    let mut answer = Vec::new();
    head.request().unwrap().accept(&handshake::Response::new(), &mut answer).unwrap();
    assert_eq!(answer, ANSWER);
    let mut key = 0u32;
    let keys = move || {
        key = key.wrapping_mul(747_796_405).wrapping_add(1);
        MaskingKey(key.to_be_bytes())
    };
    Pair {
        server: End::new(websocket::server(&config, second(0))),
        client: End::new(websocket::client(&config, second(0), keys)),
        now: second(0),
        step: usize::MAX,
    }
}

fn off(_: &mut message::Config, lifecycle: &mut tidewire_lifecycle::Config) {
    lifecycle.heartbeat = Heartbeat::Off;
}

/// Delivers what one end has to send, and the end of its stream once it has shut down.
fn carry(from: &mut End, to: &mut End, now: Duration, step: usize) -> bool {
    let bytes = std::mem::take(&mut from.output);
    if !bytes.is_empty() {
        from.writer.handle_sent(now, bytes.len(), 0);
        for piece in bytes.chunks(step) {
            if to.writer.transport() != Transport::Closed {
                to.receive(now, piece.to_vec());
            }
        }
    }
    let done = match from.writer.transport() {
        Transport::ShutDown | Transport::Finish => {
            from.writer.handle_shut_down(now);
            true
        }
        Transport::Closed => true,
        Transport::Open | Transport::Discard => false,
    };
    let eof = done && !to.eof_heard;
    if eof && to.writer.transport() != Transport::Closed {
        to.eof_heard = true;
        to.reader.handle_eof(now, &mut to.writer);
    }
    !bytes.is_empty() || eof
}

impl Pair {
    /// Lets the wire come to rest.
    fn settle(&mut self) {
        while carry(&mut self.client, &mut self.server, self.now, self.step)
            | carry(&mut self.server, &mut self.client, self.now, self.step)
        {}
    }

    /// Moves the clock to `until`, stopping at every deadline of the ends whose clock runs.
    fn run(&mut self, until: Duration) {
        self.settle();
        loop {
            let ends = [&self.server, &self.client];
            let next = ends.iter().filter_map(|end| end.writer.poll_timeout()).map(|(at, _)| at).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            for end in [&mut self.server, &mut self.client] {
                end.writer.handle_timeout(self.now, &mut end.output);
            }
            self.settle();
        }
        self.now = until;
    }
}

fn close_of(code: CloseCode, reason: &str) -> Cause {
    Cause::Close { code: Some(code), reason: reason.into() }
}

#[test]
fn messages_arrive_in_order_at_any_pieces() {
    for step in [1, 2, 7, 1000, usize::MAX] {
        let mut pair = pair(|_, _| {});
        pair.step = step;
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "é".repeat(size / 2);
            pair.client.text(second(0), &text);
            pair.server.text(second(0), &text);
            pair.server.writer.send_binary(second(0), text.as_bytes(), &mut pair.server.output).unwrap();
            pair.settle();
            assert_eq!(pair.server.heard.pop(), Some(text.clone()), "step {step}, size {size}");
            assert_eq!(pair.client.heard.split_off(0), [text.clone(), format!("{} bytes", text.len())]);
        }
        assert_eq!((pair.server.reader.held_len_bytes(), pair.client.reader.held_len_bytes()), (0, 0));
        let (server, client) = (pair.server.writer.usage(pair.now), pair.client.writer.usage(pair.now));
        assert_eq!((server.sent_bytes, server.received_bytes), (client.received_bytes, client.sent_bytes));
        assert_eq!((server.sent_messages, server.received_messages), (12, 6));
        assert_eq!((client.sent_messages, client.received_messages), (6, 12));
    }
}

#[test]
fn heartbeats_keep_a_quiet_pair_open_for_a_day() {
    let mut pair = pair(|_, _| {});
    pair.run(second(86_400));
    assert_eq!((pair.server.ended(), pair.client.ended()), (None, None));
    let pings = pair.client.heard.iter().filter(|heard| heard.starts_with("ping")).count();
    assert!(pings >= 86_400 / 25 - 1, "{pings} pings");
}

#[test]
fn a_peer_that_stops_replying_is_told_and_dropped_within_33_seconds() {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.writer.handle_timeout(second(25), &mut server.output);
    assert_eq!(std::mem::take(&mut server.output), *b"\x89\x04\x00\x00\x00\x01");
    // A pong that answers nothing is traffic, and no reply.
    server.receive(second(26), b"\x8A\x81\x00\x00\x00\x00x".to_vec());
    server.writer.handle_timeout(second(33), &mut server.output);
    assert_eq!(server.ended(), None);
    server.writer.handle_timeout(second(34), &mut server.output);
    assert_eq!(
        server.output[..4],
        [0x88, 0x02 + 32, 0x03, 0xE9],
        "{:?}",
        String::from_utf8_lossy(&server.output)
    );
    assert_eq!(server.writer.transport(), Transport::Finish);
    let gone = Cause::Timeout(Timer::HeartbeatReply);
    assert_eq!(server.ended(), Some((Endpoint::Local, gone, ClosingHandshake::Incomplete)));
    server.writer.handle_shut_down(second(34));
    assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
}

#[test]
fn without_heartbeats_five_idle_minutes_close_both_ends_cleanly() {
    let mut pair = pair(off);
    pair.client.text(second(0), "only this");
    pair.run(second(299));
    assert_eq!(pair.server.ended(), None);
    pair.run(second(310));
    // Both rules fire in the same instant; each end reports its own.
    let idle = (Endpoint::Local, Cause::Timeout(Timer::Idle), ClosingHandshake::Complete);
    assert_eq!((pair.server.ended(), pair.client.ended()), (Some(idle.clone()), Some(idle)));
    assert_eq!(pair.server.writer.transport(), Transport::Closed);
    assert_eq!(pair.client.writer.transport(), Transport::Closed);
}

#[test]
fn either_end_may_begin_the_close_and_both_know_who_did() {
    for client_begins in [true, false] {
        let mut pair = pair(|_, _| {});
        let (first, other) = if client_begins {
            (&mut pair.client, &mut pair.server)
        } else {
            (&mut pair.server, &mut pair.client)
        };
        other.text(second(0), "still on its way");
        first.close(second(0), CloseCode::NORMAL, "bye");
        pair.settle();
        let (first, other) =
            if client_begins { (&pair.client, &pair.server) } else { (&pair.server, &pair.client) };
        let cause = close_of(CloseCode::NORMAL, "bye");
        assert_eq!(first.heard, ["still on its way"]);
        assert_eq!(first.ended(), Some((Endpoint::Local, cause.clone(), ClosingHandshake::Complete)));
        assert_eq!(other.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Complete)));
        assert_eq!(
            (first.writer.transport(), other.writer.transport()),
            (Transport::Closed, Transport::Closed)
        );
    }
}

#[test]
fn closes_that_cross_are_both_clean_and_each_end_reports_its_own() {
    let mut pair = pair(|_, _| {});
    pair.client.close(second(0), CloseCode::NORMAL, "client");
    pair.server.close(second(0), CloseCode::GOING_AWAY, "server");
    pair.settle();
    let client = close_of(CloseCode::NORMAL, "client");
    let server = close_of(CloseCode::GOING_AWAY, "server");
    assert_eq!(pair.client.ended(), Some((Endpoint::Local, client, ClosingHandshake::Complete)));
    assert_eq!(pair.server.ended(), Some((Endpoint::Local, server, ClosingHandshake::Complete)));
}

#[test]
fn a_close_that_is_never_answered_ends_after_five_seconds() {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.close(second(10), CloseCode::NORMAL, "");
    assert_eq!(server.writer.poll_timeout(), Some((second(15), Timer::Closing)));
    server.receive(second(14), b"\x81\x81\x00\x00\x00\x00x".to_vec());
    server.writer.handle_timeout(second(15), &mut server.output);
    assert_eq!(server.writer.transport(), Transport::Closed);
    let cause = close_of(CloseCode::NORMAL, "");
    assert_eq!(server.ended(), Some((Endpoint::Local, cause, ClosingHandshake::Incomplete)));
    assert_eq!(server.heard, ["x"]);
}

#[test]
fn a_violation_is_answered_and_nothing_comes_after_it() {
    let low: fn(&mut message::Config, &mut tidewire_lifecycle::Config) = |messages, _| {
        messages.max_message_len = 10;
        messages.max_fragments = 2;
    };
    let cases: [(&[u8], u16, ProtocolError); 5] = [
        (b"\x81\x01x", 1002, ProtocolError::Unmasked),
        (b"\x83\x80\x00\x00\x00\x00", 1002, ProtocolError::ReservedOpcode(3)),
        (b"\x81\x81\x00\x00\x00\x00\xFF", 1007, ProtocolError::InvalidUtf8),
        (b"\x82\x8B\x00\x00\x00\x00", 1009, ProtocolError::MessageTooLong { message_len: 11 }),
        (
            b"\x02\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00",
            1008,
            ProtocolError::TooManyFragments { max_fragments: 2 },
        ),
    ];
    for (bytes, code, error) in cases {
        let mut pair = pair(low);
        let server = &mut pair.server;
        server.receive(second(1), [bytes, b"\x81\x85\x00\x00\x00\x00after"].concat());
        assert!(server.heard.is_empty(), "{:?}", server.heard);
        let [high, low] = code.to_be_bytes();
        assert_eq!(server.output, [0x88, 0x02, high, low]);
        let cause = Cause::Violation(error);
        assert_eq!(server.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Incomplete)));
        assert!(server.writer.send_text(second(1), "x", &mut server.output).is_err());
        // The close frame goes out, then the rest of what comes is thrown away, up to its cap.
        assert_eq!(server.writer.transport(), Transport::ShutDown);
        server.writer.handle_sent(second(1), 4, 0);
        server.writer.handle_shut_down(second(1));
        assert_eq!(server.writer.transport(), Transport::Discard);
        server.receive(second(2), vec![0x81; 1000]);
        assert_eq!(server.writer.poll_timeout(), Some((second(3), Timer::Linger)));
        server.writer.handle_timeout(second(3), &mut server.output);
        assert_eq!(server.writer.transport(), Transport::Closed);
        assert!(server.heard.is_empty());
    }
}

#[test]
fn a_stream_that_ends_without_a_close_is_reported_as_such() {
    for (bytes, eof) in
        [(&b""[..], message::Eof::WithoutClose), (b"\x81\x85\x00\x00", message::Eof::Truncated)]
    {
        let mut pair = pair(|_, _| {});
        let server = &mut pair.server;
        server.receive(second(1), bytes.to_vec());
        server.reader.handle_eof(second(2), &mut server.writer);
        let cause = Cause::Eof(eof);
        assert_eq!(server.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Incomplete)));
        assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
    }
}

#[test]
fn an_end_of_stream_behind_a_close_still_lets_the_echo_out() {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.receive(second(1), b"\x88\x82\x00\x00\x00\x00\x03\xE8".to_vec());
    server.reader.handle_eof(second(1), &mut server.writer);
    assert_eq!(
        (server.writer.transport(), &server.output[..]),
        (Transport::Finish, &b"\x88\x02\x03\xE8"[..])
    );
}

#[test]
fn a_writer_that_stalls_is_dropped_after_ten_seconds() {
    let mut pair = pair(off);
    let server = &mut pair.server;
    server.text(second(1), "nobody reads this");
    server.writer.handle_sent(second(1), 0, server.output.len());
    for at in 2..11 {
        server.receive(second(at), b"\x81\x81\x00\x00\x00\x00x".to_vec());
        server.writer.handle_timeout(second(at), &mut server.output);
        assert_eq!(server.ended(), None);
    }
    server.writer.handle_timeout(second(11), &mut server.output);
    let cause = Cause::Timeout(Timer::WriteStall);
    assert_eq!(server.ended(), Some((Endpoint::Local, cause, ClosingHandshake::Incomplete)));
    assert_eq!(server.writer.transport(), Transport::Closed);
}

#[test]
fn a_pair_is_small() {
    assert!(size_of::<(Reader, Writer)>() <= 320, "{} bytes", size_of::<(Reader, Writer)>());
}
