//! `GET /ndjson`: a record a line.

use crate::message::{Form, Message};
use crate::record::Record;
use crate::stream::{Format, LastEventId};
use tidewire_hub::{ConnectionId, Cursor, Gap, Position, TopicName};

/// The format of an NDJSON stream.
#[derive(Debug)]
pub(crate) struct Ndjson;

impl Format for Ndjson {
    const CONTENT_TYPE: &'static str = "application/x-ndjson";
    const LAST_EVENT_ID: LastEventId = LastEventId::Ignored;

    fn open(cursor: &Cursor, connection: ConnectionId, output: &mut Vec<u8>) {
        line(&Record::open(cursor, connection), output);
    }

    fn form<'a>(message: &'a Message, topic: &TopicName, position: Position) -> &'a Form {
        message.record(topic, position)
    }

    fn keep_alive(output: &mut Vec<u8>) {
        line(&Record::Ping, output);
    }

    fn gap(gap: &Gap, cursor: &Cursor, output: &mut Vec<u8>) {
        line(&Record::gap(gap, cursor), output);
    }
}

fn line(record: &Record<'_>, output: &mut Vec<u8>) {
    record.encode(output);
    output.push(b'\n');
}
