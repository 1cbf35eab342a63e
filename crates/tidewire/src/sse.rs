//! `GET /sse`: server-sent events (WHATWG HTML §9.2).
//!
//! ```text
//! retry: 3000                 opening: the reconnection time, and a position before the first message; a block
//! id: C                       without data sets the last event ID and dispatches nothing
//!
//! id: C                       message: a line of `data` for each of the text
//! event: E                    binary: base64, and the event name with `;base64` behind it
//! data: text
//!
//! id: C                       gap
//! event: gap
//! data: {"type":"gap",…}
//!
//! : keepalive                 15 seconds of silence
//! ```

use crate::message::{Form, Message, Payload, base64_len};
use crate::params::BASE64_SUFFIX;
use crate::record::Record;
use crate::stream::{Format, LastEventId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use tidewire_hub::{ConnectionId, Cursor, Gap, Position, TopicName};
use tidewire_sse::{Event, retry};

/// How long a browser waits before it reconnects.
const RECONNECTION_TIME: Duration = Duration::from_secs(3);

/// What a message's event name is where it has none.
const DEFAULT_EVENT: &str = "message";

/// The format of an SSE stream.
#[derive(Debug)]
pub(crate) struct Sse;

impl Format for Sse {
    const CONTENT_TYPE: &'static str = tidewire_sse::content::CONTENT_TYPE;
    const LAST_EVENT_ID: LastEventId = LastEventId::Resumes;

    fn open(cursor: &Cursor, _: ConnectionId, output: &mut Vec<u8>) {
        retry(RECONNECTION_TIME, output);
        encode(&Event::new().id(&cursor.encode()), output);
    }

    fn form<'a>(message: &'a Message, topic: &TopicName, position: Position) -> &'a Form {
        message.block(topic, position)
    }

    fn keep_alive(output: &mut Vec<u8>) {
        output.extend_from_slice(tidewire_sse::KEEP_ALIVE);
    }

    fn gap(gap: &Gap, cursor: &Cursor, output: &mut Vec<u8>) {
        let record = Record::gap(gap, cursor).to_text();
        encode(&Event::new().id(&cursor.encode()).event("gap").data(&record), output);
    }
}

fn encode(event: &Event<'_>, output: &mut Vec<u8>) {
    event.encode(output).expect("event names are checked before they get here, and tokens are base64url");
}

/// The block of a message, with the token of its own topic in it.
pub(crate) fn message_block(message: &Message, topic: &TopicName, position: Position) -> Form {
    const ID: &str = "id: ";
    let token = Cursor::for_position(topic, position).encode();
    let mut output = Vec::with_capacity(content_len(message.payload(), message.event()) + token.len() + 32);
    let event = Event::new().id(&token);
    match message.payload() {
        Payload::Text(text) => {
            let event = match message.event() {
                Some(name) => event.event(name),
                None => event,
            };
            encode(&event.data(text), &mut output);
        }
        Payload::Binary(bytes) => {
            let name = format!("{}{BASE64_SUFFIX}", message.event().unwrap_or(DEFAULT_EVENT));
            encode(&event.event(&name).data(&STANDARD.encode(bytes)), &mut output);
        }
    }
    debug_assert!(output.starts_with(ID.as_bytes()), "the id is the first line");
    Form::new(output, ID.len()..ID.len() + token.len())
}

/// How many bytes a message's event name and data take: each line behind `data: `, each ending one line feed.
pub(crate) fn content_len(payload: Payload<'_>, event: Option<&str>) -> usize {
    const FIELD: usize = "data: ".len();
    let data_len = match payload {
        Payload::Text(text) => {
            let pairs = text.matches("\r\n").count();
            let endings = text.bytes().filter(|byte| matches!(byte, b'\r' | b'\n')).count() - pairs;
            text.len() - pairs + endings * FIELD
        }
        Payload::Binary(bytes) => base64_len(bytes.len()),
    };
    event.map_or(0, str::len) + data_len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::at;
    use tidewire_hub::GapReason;

    fn block(payload: Payload<'_>, event: Option<&str>) -> String {
        let topic = TopicName::new("t").unwrap();
        let cursor = Cursor::for_position(&topic, at(3));
        let message = Message::new(&topic, payload, event, 0);
        let pieces = message.block(&topic, at(3)).pieces(&cursor, &mut String::new()).concat();
        String::from_utf8(pieces).unwrap().replace(&cursor.encode(), "C")
    }

    #[test]
    fn messages_have_an_id_their_event_and_a_line_of_data_for_each_line() {
        assert_eq!(block(Payload::Text("hi"), None), "id: C\ndata: hi\n\n");
        assert_eq!(
            block(Payload::Text("a\r\nb\rc\nd"), Some("e")),
            "id: C\nevent: e\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
        );
        assert!(block(Payload::Text(""), None).starts_with("id: C\ndata"));
        assert_eq!(block(Payload::Text("\n"), None).matches("data").count(), 2);
    }

    #[test]
    fn binary_is_base64_and_says_so_in_the_event_name() {
        assert_eq!(block(Payload::Binary(&[0, 0xFF]), None), "id: C\nevent: message;base64\ndata: AP8=\n\n");
        assert_eq!(block(Payload::Binary(b"x"), Some("e")), "id: C\nevent: e;base64\ndata: eA==\n\n");
    }

    #[test]
    fn a_stream_opens_with_its_retry_and_its_start() {
        let topic = TopicName::new("t").unwrap();
        let cursor = Cursor::for_position(&topic, at(0));
        let mut output = Vec::new();
        Sse::open(&cursor, ConnectionId::new(1), &mut output);
        assert_eq!(String::from_utf8(output).unwrap(), format!("retry: 3000\nid: {cursor}\n\n"));
        let gap = Gap { topic, reason: GapReason::Epoch, from: Some(at(9)), to: at(2) };
        let mut output = Vec::new();
        Sse::gap(&gap, &cursor, &mut output);
        let record = Record::gap(&gap, &cursor).to_text();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            format!("id: {cursor}\nevent: gap\ndata: {record}\n\n")
        );
    }
}
