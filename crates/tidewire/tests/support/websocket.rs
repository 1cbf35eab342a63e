//! A WebSocket client of fixed upgrade requests, over the codec's own client role.

use super::{Connection, Gateway, Response};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, Read, Write};
use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseCode, MaskingKey};
use tidewire_ws::message::{Config, Event, Reader, Writer};

/// RFC 6455 §1.2: the sample nonce and the answer to it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The headers of an upgrade.
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

/// What a client gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Binary(Vec<u8>),
    Close(Option<u16>, String),
    End,
}

/// An open WebSocket.
pub(crate) struct WebSocket {
    connection: Connection,
    pub(crate) head: Response,
    reader: Reader,
    writer: Writer,
    received: VecDeque<Received>,
}

impl WebSocket {
    /// Opens one.
    pub(crate) fn open(gateway: &Gateway, target: &str) -> Self {
        let mut connection = gateway.connect();
        connection.send("GET", target, &UPGRADE, b"");
        let head = connection.head();
        assert_eq!(head.status, 101, "{target}");
        assert_eq!(head.header("sec-websocket-accept"), Some(ACCEPT));
        let mut config = Config::default();
        config.max_message_len = 16 * 1024 * 1024;
        let config = Arc::new(config);
        Self {
            connection,
            head,
            reader: Reader::new(Role::Client, config.clone()),
            writer: Writer::client(config, || MaskingKey([1, 2, 3, 4])),
            received: VecDeque::new(),
        }
    }

    /// The connection's id.
    pub(crate) fn id(&self) -> &str {
        self.head.header("tidewire-connection").unwrap()
    }

    pub(crate) fn send(&mut self, text: &str) {
        let mut output = Vec::new();
        self.writer.send_text(text, &mut output).unwrap();
        self.connection.write(&output);
    }

    pub(crate) fn send_binary(&mut self, bytes: &[u8]) {
        let mut output = Vec::new();
        self.writer.send_binary(bytes, &mut output).unwrap();
        // The server may refuse a message from its header on, and close.
        let _ = self.connection.reader.get_mut().write_all(&output);
    }

    pub(crate) fn close(&mut self, code: CloseCode) {
        let mut output = Vec::new();
        self.writer.close(Some((code, "")), &mut output).unwrap();
        self.connection.write(&output);
    }

    /// Bytes of one's own making.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.connection.write(bytes);
    }

    /// Bytes as they come.
    pub(crate) fn read_exact(&mut self, bytes: &mut [u8]) {
        self.connection.reader.read_exact(bytes).unwrap();
    }

    pub(crate) fn next(&mut self) -> Received {
        while self.received.is_empty() {
            let mut input = match self.connection.reader.fill_buf() {
                Ok([]) => return Received::End,
                Ok(input) => input.to_vec(),
                Err(error) => panic!("nothing came: {error}"),
            };
            self.connection.reader.consume(input.len());
            let mut output = Vec::new();
            let mut events = self.reader.receive(&mut input);
            while let Some(event) = events.next(&mut self.writer, &mut output) {
                match event.unwrap() {
                    Event::Text(text) => self.received.push_back(Received::Text(text.into_owned())),
                    Event::Binary(bytes) => self.received.push_back(Received::Binary(bytes.into_owned())),
                    Event::Ping(_) | Event::Pong(_) => {}
                    Event::Close(frame) => self.received.push_back(Received::Close(
                        frame.map(|frame| frame.code().value()),
                        frame.map(|frame| frame.reason().to_owned()).unwrap_or_default(),
                    )),
                }
            }
            let _ = self.connection.reader.get_mut().write_all(&output);
        }
        self.received.pop_front().unwrap()
    }

    pub(crate) fn text(&mut self) -> String {
        match self.next() {
            Received::Text(text) => text,
            other @ (Received::Binary(_) | Received::Close(..) | Received::End) => {
                panic!("expected a text, got {other:?}")
            }
        }
    }

    pub(crate) fn record(&mut self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}
