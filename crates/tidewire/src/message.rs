//! A published message, and the forms in which it goes over the wire: each is made once, however many receive it.
//!
//! ```text
//!   payload frame   WebSocket, raw        header ┃ payload                      the payload is a part of it
//!   record          NDJSON, JSON, polls   {…,"cursor":"┃token┃",…} LF           WebSocket and polls leave the LF
//!   block           SSE                   id: ┃token┃ LF event: … LF data: … LF LF
//! ```
//!
//! The token differs between subscribers of different sets of topics. A subscriber of the one topic takes the form
//! whole; any other takes what is around the token and puts its own in the middle.

use crate::record;
use crate::sse;
use bytes::Bytes;
use std::hash::Hasher;
use std::ops::Range;
use std::sync::OnceLock;
use tidewire_hub::{Cursor, Position, TopicName};
use tidewire_ws::frame::EncodedFrame;

/// The characters that base64 makes of so many bytes.
pub(crate) const fn base64_len(len: usize) -> usize {
    len.div_ceil(3) * 4
}

/// What kind of content a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// UTF-8, taken verbatim.
    Text,
    /// Any bytes.
    Binary,
}

/// A message's content, lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload<'a> {
    /// UTF-8, taken verbatim.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

/// A published message.
#[derive(Debug)]
pub(crate) struct Message {
    /// The payload as a server's WebSocket frame, header included.
    frame: EncodedFrame,
    kind: Kind,
    payload_len: usize,
    event: Option<Box<str>>,
    time_ms: u64,
    /// What the message and all its forms may take, in bytes.
    max_len_bytes: usize,
    record: OnceLock<Form>,
    block: OnceLock<Form>,
}

/// Room in a form for what surrounds the content: names of members or fields, epoch, offset, time and the token of
/// one topic. A test holds the largest against it.
const FORM_OVERHEAD_BYTES: usize = 256;

impl Message {
    /// A message for `topic`; `event` has passed [`params::event`](crate::params::event).
    pub(crate) fn new(topic: &TopicName, payload: Payload<'_>, event: Option<&str>, time_ms: u64) -> Self {
        let (frame, kind, payload_len) = match payload {
            Payload::Text(text) => (EncodedFrame::text(text), Kind::Text, text.len()),
            Payload::Binary(bytes) => (EncodedFrame::binary(bytes), Kind::Binary, bytes.len()),
        };
        let record_len = record::content_len(topic, payload, event) + FORM_OVERHEAD_BYTES;
        let block_len = sse::content_len(payload, event) + FORM_OVERHEAD_BYTES;
        let max_len_bytes =
            size_of::<Self>() + frame.len_bytes() + event.map_or(0, str::len) + record_len + block_len;
        Self {
            frame,
            kind,
            payload_len,
            event: event.map(Box::from),
            time_ms,
            max_len_bytes,
            record: OnceLock::new(),
            block: OnceLock::new(),
        }
    }

    /// What was published.
    pub(crate) fn payload(&self) -> Payload<'_> {
        let frame = self.frame.bytes();
        let payload = &frame[frame.len() - self.payload_len..];
        match self.kind {
            // A text that was a `str` when the frame was made is one still; nothing is lost by asking.
            Kind::Text => std::str::from_utf8(payload).map_or(Payload::Binary(payload), Payload::Text),
            Kind::Binary => Payload::Binary(payload),
        }
    }

    /// The name that it was published under.
    pub(crate) fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// When it was published, in Unix milliseconds.
    pub(crate) fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// The payload as a raw WebSocket message.
    pub(crate) fn frame(&self) -> &EncodedFrame {
        &self.frame
    }

    /// The message record with a line feed behind it. `topic` and `position` are where the message stands.
    pub(crate) fn record(&self, topic: &TopicName, position: Position) -> &Form {
        self.record.get_or_init(|| record::message(self, topic, position))
    }

    /// The SSE block. `topic` and `position` are where the message stands.
    pub(crate) fn block(&self, topic: &TopicName, position: Position) -> &Form {
        self.block.get_or_init(|| sse::message_block(self, topic, position))
    }
}

impl tidewire_hub::Message for Message {
    fn len_bytes(&self) -> usize {
        self.max_len_bytes
    }

    /// The kind is in the frame's header; the time is not what makes it another message.
    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.frame.bytes());
        hasher.write(self.event.as_deref().unwrap_or_default().as_bytes());
    }
}

/// A wire form that carries a cursor token.
#[derive(Debug)]
pub(crate) struct Form {
    bytes: Bytes,
    token: Range<usize>,
}

impl Form {
    /// `bytes` with the token of the message's own topic at `token`.
    pub(crate) fn new(bytes: Vec<u8>, token: Range<usize>) -> Self {
        // To exact size: the hub counts what the form holds, not what its buffer grew to.
        Self { bytes: Bytes::from(bytes.into_boxed_slice()), token }
    }

    /// The form for a subscriber that is at `cursor` behind it, as three pieces: two are empty where it is shared
    /// whole. `token` keeps a token of the subscriber's own.
    pub(crate) fn pieces<'a>(&'a self, cursor: &Cursor, token: &'a mut String) -> [&'a [u8]; 3] {
        if cursor.topics() <= 1 {
            return [&self.bytes, &[], &[]];
        }
        *token = cursor.encode();
        [&self.bytes[..self.token.start], token.as_bytes(), &self.bytes[self.token.end..]]
    }

    /// The form for a subscriber that is at `cursor` behind it, if it is the shared one.
    pub(crate) fn shared(&self, cursor: &Cursor) -> Option<&Bytes> {
        (cursor.topics() <= 1).then_some(&self.bytes)
    }

    /// The form without its last byte, as pieces that share its memory: a record without its line feed.
    pub(crate) fn shared_pieces_but_last(&self, cursor: &Cursor) -> [Bytes; 3] {
        let end = self.bytes.len().saturating_sub(1);
        if cursor.topics() <= 1 {
            return [self.bytes.slice(..end), Bytes::new(), Bytes::new()];
        }
        let token = Bytes::from(cursor.encode());
        [self.bytes.slice(..self.token.start), token, self.bytes.slice(self.token.end..end)]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tidewire_hub::{Epoch, Incarnation, Message as _};

    pub(crate) fn at(offset: u64) -> Position {
        Position { epoch: Epoch { incarnation: Incarnation::new(0x9f86_d081_884c_7d65), life: 0 }, offset }
    }

    #[test]
    fn the_payload_is_a_part_of_its_frame() {
        let topic = TopicName::new("t").unwrap();
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(len);
            let message = Message::new(&topic, Payload::Text(&text), None, 7);
            assert_eq!(message.payload(), Payload::Text(&text));
            let message = Message::new(&topic, Payload::Binary(text.as_bytes()), Some("e"), 7);
            assert_eq!(message.payload(), Payload::Binary(text.as_bytes()));
        }
    }

    #[test]
    fn what_the_hub_counts_covers_all_forms() {
        let epoch = Epoch { incarnation: Incarnation::new(u64::MAX), life: Epoch::MAX_LIFE };
        let last = Position { epoch, offset: Position::MAX_OFFSET };
        let texts = ["", "plain", "\"\\\u{1}\u{8}\u{7f}é\u{2028}", "\r\n\n\r\r", "\n"];
        let topics = ["t", "\"\\\"\\", "é"].map(|name| TopicName::new(&name.repeat(40)).unwrap());
        for text in texts.iter().flat_map(|text| [(*text).to_owned(), text.repeat(1000)]) {
            for (topic, event) in topics.iter().zip([None, Some("\u{1}\"e"), Some("e")]) {
                for payload in [Payload::Text(&text), Payload::Binary(text.as_bytes())] {
                    let message = Message::new(topic, payload, event, u64::MAX);
                    let record = message.record(topic, last).bytes.len();
                    let block = message.block(topic, last).bytes.len();
                    let held = size_of::<Message>()
                        + message.frame.len_bytes()
                        + event.map_or(0, str::len)
                        + record
                        + block;
                    assert!(held <= message.len_bytes(), "{held} > {}", message.len_bytes());
                    assert!(message.len_bytes() <= held + 2 * FORM_OVERHEAD_BYTES, "{held}");
                }
            }
        }
    }

    #[test]
    fn a_subscriber_of_several_topics_has_its_own_token_in_the_shared_form() {
        let topic = TopicName::new("t").unwrap();
        let message = Message::new(&topic, Payload::Text("hi"), None, 7);
        let form = message.record(&topic, at(1));
        let one = Cursor::for_position(&topic, at(1));
        assert!(form.shared(&one).is_some());
        assert_eq!(form.pieces(&one, &mut String::new()).concat(), form.bytes);
        let mut hub =
            tidewire_hub::Hub::<String>::new(tidewire_hub::Config::default(), Incarnation::new(1), 1);
        let subscriber = hub.connect(tidewire_hub::ConnectionId::new(1)).unwrap();
        for name in ["t", "u"] {
            let topic = TopicName::new(name).unwrap();
            hub.subscribe(std::time::Duration::ZERO, subscriber, &topic, tidewire_hub::Start::Live).unwrap();
        }
        let two = hub.cursor(subscriber);
        assert!(form.shared(&two).is_none());
        let spliced = String::from_utf8(form.pieces(&two, &mut String::new()).concat()).unwrap();
        assert_eq!(spliced.replace(&two.encode(), &one.encode()).as_bytes(), form.bytes);
        for cursor in [&one, &two] {
            let whole = form.pieces(cursor, &mut String::new()).concat();
            assert_eq!(form.shared_pieces_but_last(cursor).concat(), whole[..whole.len() - 1]);
        }
    }
}
