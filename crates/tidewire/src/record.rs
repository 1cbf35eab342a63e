//! Records: the JSON objects of NDJSON lines, JSON WebSocket messages and polls. This is the one place that writes
//! them.
//!
//! ```text
//! {"type":"open","cursor":C,"connection":"…"}
//! {"type":"message","topic":T,"epoch":"…","offset":N,"cursor":C,"event":E?,"data":"text","time":MS}
//! {"type":"message",…,"encoding":"base64","data":"…","time":MS}
//! {"type":"gap","topic":T,"reason":"evicted|epoch|unknown","from":{"epoch","offset"}|null,"to":{…},"cursor":C}
//! {"type":"ping"} · {"type":"pong"}
//! {"type":"error","error":code,"detail":text,"field":F?,"ref":id?}
//! {"type":"published","topic":T,"epoch":"…","offset":N,"ref":id}
//! ```
//!
//! `published` answers a `publish` that came with a `ref`. It has no cursor: a cursor tells how far somebody has
//! read, and who publishes to one topic has not thereby read the others that it follows.

use crate::message::{Form, Message, Payload, base64_len};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::io::Write;
use tidewire_hub::{ConnectionId, Cursor, Gap, Position, TopicName};

/// A record other than a message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Record<'a> {
    /// The first of a stream: where it starts, and how its connection is called.
    Open { cursor: String, connection: String },
    /// Messages are lost.
    Gap(GapRecord<'a>),
    /// Nothing has happened for a while.
    Ping,
    /// The answer to a client's ping.
    Pong,
    /// Something was wrong with what the client sent.
    Error {
        error: &'static str,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'static str>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a Reference>,
    },
    /// A message with a `ref` was published.
    Published {
        topic: &'a str,
        epoch: String,
        offset: u64,
        #[serde(rename = "ref")]
        reference: &'a Reference,
    },
}

/// What a client calls one of its requests; it comes back in the answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Reference {
    /// A text, of [`MAX_REFERENCE_LEN`] bytes at most.
    Text(String),
    /// A number.
    Number(serde_json::Number),
}

/// The longest text that a `ref` may be, in bytes.
pub(crate) const MAX_REFERENCE_LEN: usize = 255;

/// A gap, as a record.
#[derive(Debug, Serialize)]
pub(crate) struct GapRecord<'a> {
    topic: &'a str,
    reason: &'static str,
    from: Option<Place>,
    to: Place,
    cursor: String,
}

/// A position in a topic that is named beside it.
#[derive(Debug, Serialize)]
struct Place {
    epoch: String,
    offset: u64,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self { epoch: position.epoch.to_string(), offset: position.offset }
    }
}

impl Record<'_> {
    /// The first record of a stream.
    pub(crate) fn open(cursor: &Cursor, connection: ConnectionId) -> Self {
        Self::Open { cursor: cursor.encode(), connection: connection.to_string() }
    }
}

impl<'a> Record<'a> {
    /// A gap; `cursor` is the subscriber's behind it.
    pub(crate) fn gap(gap: &'a Gap, cursor: &Cursor) -> Self {
        Self::Gap(GapRecord {
            topic: gap.topic.as_str(),
            reason: gap.reason.as_str(),
            from: gap.from.map(Place::from),
            to: gap.to.into(),
            cursor: cursor.encode(),
        })
    }

    /// Appends the record.
    pub(crate) fn encode(&self, output: &mut Vec<u8>) {
        append_json(self, output);
    }

    /// The record as text.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("records have string keys and no failing parts")
    }
}

fn append_json(value: &(impl Serialize + ?Sized), output: &mut Vec<u8>) {
    serde_json::to_writer(output, value).expect("a Vec takes all bytes, and no part of a record fails");
}

/// The record of a message, with the token of its own topic in it, and a line feed behind it.
pub(crate) fn message(message: &Message, topic: &TopicName, position: Position) -> Form {
    let mut output = Vec::with_capacity(content_len(topic, message.payload(), message.event()) + 256);
    output.extend_from_slice(br#"{"type":"message","topic":"#);
    append_json(topic.as_str(), &mut output);
    // Writing to a Vec cannot fail, nor can the formatting of a number.
    let _ = write!(output, r#","epoch":"{}","offset":{},"cursor":""#, position.epoch, position.offset);
    let start = output.len();
    output.extend_from_slice(Cursor::for_position(topic, position).encode().as_bytes());
    let token = start..output.len();
    output.push(b'"');
    if let Some(event) = message.event() {
        output.extend_from_slice(br#","event":"#);
        append_json(event, &mut output);
    }
    match message.payload() {
        Payload::Text(text) => {
            output.extend_from_slice(br#","data":"#);
            append_json(text, &mut output);
        }
        Payload::Binary(bytes) => {
            output.extend_from_slice(br#","encoding":"base64","data":""#);
            let start = output.len();
            output.resize(start + base64_len(bytes.len()), 0);
            STANDARD.encode_slice(bytes, &mut output[start..]).expect("the slice has the encoded length");
            output.push(b'"');
        }
    }
    let _ = writeln!(output, r#","time":{}}}"#, message.time_ms());
    Form::new(output, token)
}

/// How many bytes a message's topic, event and payload take in its record.
pub(crate) fn content_len(topic: &TopicName, payload: Payload<'_>, event: Option<&str>) -> usize {
    let payload_len = match payload {
        Payload::Text(text) => string_len(text),
        Payload::Binary(bytes) => base64_len(bytes.len()),
    };
    string_len(topic.as_str()) + event.map_or(0, string_len) + payload_len
}

/// How many bytes a text takes between the quotes of a JSON string (RFC 8259 §7).
fn string_len(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0C | b'\r' => 2,
            0x00..=0x1F => 6,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::at;
    use tidewire_hub::GapReason;

    fn record(payload: Payload<'_>, event: Option<&str>) -> String {
        let topic = TopicName::new("room \"1\"").unwrap();
        let cursor = Cursor::for_position(&topic, at(3));
        let message = Message::new(&topic, payload, event, 1_700_000_000_123);
        let pieces = message.record(&topic, at(3)).pieces(&cursor, &mut String::new()).concat();
        String::from_utf8(pieces).unwrap().replace(&cursor.encode(), "C")
    }

    #[test]
    fn messages_are_compact_objects_in_a_fixed_order() {
        let head =
            r#"{"type":"message","topic":"room \"1\"","epoch":"9f86d081884c7d65.0","offset":3,"cursor":"C""#;
        let tail = ",\"time\":1700000000123}\n";
        assert_eq!(record(Payload::Text("a\nb"), None), format!(r#"{head},"data":"a\nb"{tail}"#));
        let named = record(Payload::Text("{\"x\":1}"), Some("é"));
        assert_eq!(named, format!(r#"{head},"event":"é","data":"{{\"x\":1}}"{tail}"#));
        let binary = record(Payload::Binary(&[0, 0xFF]), Some("e"));
        assert_eq!(binary, format!(r#"{head},"event":"e","encoding":"base64","data":"AP8="{tail}"#));
        assert_eq!(
            record(Payload::Binary(&[]), None),
            format!(r#"{head},"encoding":"base64","data":""{tail}"#)
        );
    }

    #[test]
    fn the_other_records_are_those_of_the_reference() {
        let topic = TopicName::new("t").unwrap();
        let cursor = Cursor::for_position(&topic, at(4));
        let token = cursor.encode();
        assert_eq!(
            Record::open(&cursor, ConnectionId::new(0x1f)).to_text(),
            format!(r#"{{"type":"open","cursor":"{token}","connection":"000000000000001f"}}"#)
        );
        let gap = Gap { topic: topic.clone(), reason: GapReason::Evicted, from: Some(at(1)), to: at(4) };
        let place = |offset| format!(r#"{{"epoch":"9f86d081884c7d65.0","offset":{offset}}}"#);
        assert_eq!(
            Record::gap(&gap, &cursor).to_text(),
            format!(
                r#"{{"type":"gap","topic":"t","reason":"evicted","from":{},"to":{},"cursor":"{token}"}}"#,
                place(1),
                place(4)
            )
        );
        let gap = Gap { topic, reason: GapReason::Unknown, from: None, to: at(4) };
        assert!(Record::gap(&gap, &cursor).to_text().contains(r#""reason":"unknown","from":null,"to":{"#));
        assert_eq!(Record::Ping.to_text(), r#"{"type":"ping"}"#);
        assert_eq!(Record::Pong.to_text(), r#"{"type":"pong"}"#);
    }

    #[test]
    fn answers_repeat_the_reference_in_its_own_type() {
        let text = Reference::Text("a\"1".to_owned());
        let error = Record::Error {
            error: "bad_request",
            detail: "no",
            field: Some("topic"),
            reference: Some(&text),
        };
        assert_eq!(
            error.to_text(),
            r#"{"type":"error","error":"bad_request","detail":"no","field":"topic","ref":"a\"1"}"#
        );
        let error = Record::Error { error: "bad_request", detail: "no", field: None, reference: None };
        assert_eq!(error.to_text(), r#"{"type":"error","error":"bad_request","detail":"no"}"#);
        let number = Reference::Number(7.into());
        let published =
            Record::Published { topic: "t", epoch: at(1).epoch.to_string(), offset: 1, reference: &number };
        assert_eq!(
            published.to_text(),
            r#"{"type":"published","topic":"t","epoch":"9f86d081884c7d65.0","offset":1,"ref":7}"#
        );
    }

    #[test]
    fn the_length_of_a_string_is_foreseen_exactly() {
        for code in (0..=0xFF).chain([0x2028, 0xFFFD, 0x1_F600]) {
            let text: String = char::from_u32(code).into_iter().collect();
            let quoted = serde_json::to_string(&text).unwrap();
            assert_eq!(string_len(&text), quoted.len() - 2, "{code:#x}");
        }
    }
}
