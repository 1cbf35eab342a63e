//! Two WebSocket connections joined in memory, without a socket: the wire, and the clock that a test moves by hand.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{sync::Arc, time::Duration};
use tidewire_connection::websocket::{
    self, Cause, ClosingHandshake, Config, Ended, Endpoint, Event, Reader, Transport, Writer,
};
use tidewire_lifecycle::Heartbeat;
use tidewire_ws::frame::{CloseCode, MaskingKey};
use tidewire_ws::{handshake, message};

/// The request that every pair begins with (RFC 6455 §1.3), and the answer to it.
pub(crate) const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
pub(crate) const ANSWER: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub(crate) fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One end: its halves, what it has to send, and what it was told.
pub(crate) struct End {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    pub(crate) output: Vec<u8>,
    pub(crate) heard: Vec<String>,
    pub(crate) eof_heard: bool,
    /// The last event.
    pub(crate) told: Option<Ended>,
}

impl End {
    pub(crate) fn new((reader, writer): (Reader, Writer)) -> Self {
        Self { reader, writer, output: Vec::new(), heard: Vec::new(), eof_heard: false, told: None }
    }

    pub(crate) fn text(&mut self, now: Duration, text: &str) {
        self.writer.send_text(now, text, &mut self.output).unwrap();
    }

    pub(crate) fn close(&mut self, now: Duration, code: CloseCode, reason: &str) {
        self.writer.close(now, Some((code, reason)), &mut self.output).unwrap();
    }

    pub(crate) fn receive(&mut self, now: Duration, mut bytes: Vec<u8>) {
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
                Event::Ended(ended) => {
                    assert_eq!(self.told.replace(ended), None, "the end is told once");
                    continue;
                }
            });
        }
    }

    /// Asks for the last event, without input. There is none but the end, and that once, in all.
    pub(crate) fn asked(&mut self, now: Duration) -> Option<Ended> {
        for _ in 0..3 {
            let mut events = self.reader.receive(&mut []);
            while let Some(event) = events.next(now, &mut self.writer, &mut self.output) {
                let Event::Ended(ended) = event else { panic!("an event without input: {event:?}") };
                assert_eq!(self.told.replace(ended), None, "the end is told once");
            }
        }
        assert_eq!(self.told.as_ref(), self.writer.ended());
        self.told.clone()
    }

    pub(crate) fn ended(&self) -> Option<(Endpoint, Cause, ClosingHandshake)> {
        self.writer
            .ended()
            .map(|Ended { by, cause, closing_handshake }| (*by, cause.clone(), *closing_handshake))
    }
}

/// Both ends and the wire between them, which delivers `step` bytes at a time.
pub(crate) struct Pair {
    pub(crate) server: End,
    pub(crate) client: End,
    pub(crate) now: Duration,
    pub(crate) step: usize,
}

pub(crate) fn pair(change: impl Fn(&mut message::Config, &mut tidewire_lifecycle::Config)) -> Pair {
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

pub(crate) fn off(_: &mut message::Config, lifecycle: &mut tidewire_lifecycle::Config) {
    lifecycle.heartbeat = Heartbeat::Off;
}

/// Delivers what one end has to send, and the end of its stream once it has shut down.
pub(crate) fn carry(from: &mut End, to: &mut End, now: Duration, step: usize) -> bool {
    let mut bytes = std::mem::take(&mut from.output);
    if from.writer.transport() == Transport::Closed {
        // What a dropped transport had not taken is lost.
        bytes.clear();
    }
    if !bytes.is_empty() {
        from.writer.handle_sent(now, bytes.len(), 0, &mut from.output);
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
    to.eof_heard |= eof;
    if eof && to.writer.transport() != Transport::Closed {
        to.reader.handle_eof(now, &mut to.writer);
    }
    !bytes.is_empty() || eof
}

impl Pair {
    /// Lets the wire come to rest.
    pub(crate) fn settle(&mut self) {
        while carry(&mut self.client, &mut self.server, self.now, self.step)
            | carry(&mut self.server, &mut self.client, self.now, self.step)
        {}
    }

    /// Moves the clock to `until`, stopping at every deadline of the ends whose clock runs.
    pub(crate) fn run(&mut self, until: Duration) {
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

pub(crate) fn close_of(code: CloseCode, reason: &str) -> Cause {
    Cause::Close { code: Some(code), reason: reason.into() }
}
