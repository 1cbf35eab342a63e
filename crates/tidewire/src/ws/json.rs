//! Records over WebSocket (`format=json`).
//!
//! ```text
//! we send    open first, then message, gap, error, pong, published           (see the module `record`)
//! we accept  {"type":"publish","topic":T,"data":"text","event":E?,"ref":id?}
//!            {"type":"ping"}
//! ```
//!
//! What cannot be understood is answered with an `error` record; the fourth time within a minute with a close,
//! code 1008. A `publish` with a `ref` is answered with `published`. Members that we do not know are ignored.

use super::session::{Flow, Session, dismissed};
use crate::app::Delivered;
use crate::error::{ApiError, Code};
use crate::message::Payload;
use crate::params;
use crate::record::{MAX_REFERENCE_LEN, Record, Reference};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::time::Duration;
use tidewire_hub::{ConnectionId, Cursor, TopicName};
use tidewire_tokio::hub::Kept;
use tidewire_tokio::websocket::Message;
use tidewire_ws::frame::CloseCode;
use tidewire_ws::message::MessageKind;

/// Malformed messages within [`STRIKE_WINDOW`] that are answered with an error; one more closes.
const MAX_STRIKES: usize = 3;

/// How long a malformed message counts.
const STRIKE_WINDOW: Duration = Duration::from_secs(60);

/// What a JSON connection remembers.
#[derive(Debug)]
pub(super) struct Dialogue {
    /// The record to open with, until it is sent.
    opening: String,
    /// When the last malformed messages came, the oldest first.
    strikes: VecDeque<Duration>,
}

/// What a client may ask.
#[derive(Debug)]
enum Request {
    Publish { topic: TopicName, data: String, event: Option<String> },
    Ping,
}

/// What was wrong with a message.
#[derive(Debug)]
struct Malformed {
    error: ApiError,
    reference: Option<Reference>,
}

impl Dialogue {
    pub(super) fn new(cursor: &Cursor, connection: ConnectionId) -> Self {
        Self { opening: Record::open(cursor, connection).to_text(), strikes: VecDeque::new() }
    }

    /// Sends the record to open with.
    pub(super) fn open(&mut self, session: &mut Session) {
        send(session, &std::mem::take(&mut self.opening));
    }

    /// Does what the client asks.
    pub(super) fn receive(&mut self, session: &mut Session, message: &Message) -> Flow {
        let parsed = match message {
            Message::Text(text) => parse(text),
            Message::Binary(_) => Err(Malformed {
                error: ApiError::new(Code::BadRequest, "a connection of records takes text messages only"),
                reference: None,
            }),
        };
        match parsed {
            Ok((Request::Ping, _)) => send(session, &Record::Pong.to_text()),
            Ok((Request::Publish { topic, data, event }, reference)) => {
                publish(session, &topic, &data, event.as_deref(), reference.as_ref());
            }
            Err(malformed) => {
                if self.strike(session.now()) == Verdict::Close {
                    let reason = "too many malformed messages within a minute";
                    return Flow::Close(CloseCode::POLICY_VIOLATION, reason.into());
                }
                send_error(session, &malformed.error, malformed.reference.as_ref());
            }
        }
        Flow::Continue
    }

    /// Counts a malformed message.
    fn strike(&mut self, now: Duration) -> Verdict {
        while self.strikes.front().is_some_and(|at| now.saturating_sub(*at) >= STRIKE_WINDOW) {
            self.strikes.pop_front();
        }
        if self.strikes.len() == MAX_STRIKES {
            return Verdict::Close;
        }
        self.strikes.push_back(now);
        Verdict::Answer
    }
}

/// What a malformed message leads to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Answer,
    Close,
}

fn publish(
    session: &mut Session,
    topic: &TopicName,
    data: &str,
    event: Option<&str>,
    reference: Option<&Reference>,
) {
    match (session.publish_to(topic, Payload::Text(data), event), reference) {
        (Ok(position), Some(reference)) => {
            let (topic, epoch) = (topic.as_str(), position.epoch.to_string());
            let record = Record::Published { topic, epoch, offset: position.offset, reference };
            send(session, &record.to_text());
        }
        (Ok(_), None) => {}
        // The message was well formed, so this is no strike.
        (Err(error), reference) => send_error(session, &error, reference),
    }
}

fn send_error(session: &mut Session, error: &ApiError, reference: Option<&Reference>) {
    let (word, field) = (error.code().as_str(), error.field_name());
    let record = Record::Error { error: word, detail: error.detail(), field, reference };
    send(session, &record.to_text());
}

/// Sends what was delivered.
pub(super) fn deliver(session: &mut Session, batch: &[Delivered]) -> Flow {
    for delivered in batch {
        match delivered {
            Delivered::Message(Kept { topic, position, message, .. }) => {
                let cursor = session.cursor_after(delivered);
                let pieces = message.record(topic, *position).shared_pieces_but_last(&cursor);
                // A connection that is closing takes nothing more; its end is on the way.
                let _ = session.socket.feed_pieces(MessageKind::Text, &pieces);
            }
            Delivered::Gap(gap) => {
                let cursor = session.cursor_after(delivered);
                send(session, &Record::gap(gap, &cursor).to_text());
            }
            // The gateway gives nobody the address of a connection.
            Delivered::Direct(_) => {}
            Delivered::Dismissed(_) => return dismissed(),
        }
    }
    Flow::Continue
}

/// Queues a record; a connection that is closing takes nothing more.
fn send(session: &mut Session, record: &str) {
    let _ = session.socket.feed_text(record);
}

/// Reads what a client asks, and the name that it gave to that.
fn parse(text: &str) -> Result<(Request, Option<Reference>), Malformed> {
    let bare = |error| Malformed { error, reference: None };
    let mut members = match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err(bare(ApiError::new(Code::BadRequest, "a record is a JSON object"))),
        Err(error) => return Err(bare(ApiError::new(Code::BadRequest, format!("no JSON: {error}")))),
    };
    let reference = reference(&mut members).map_err(bare)?;
    match request(&mut members) {
        Ok(request) => Ok((request, reference)),
        Err(error) => Err(Malformed { error, reference }),
    }
}

fn request(members: &mut Map<String, Value>) -> Result<Request, ApiError> {
    match text(members, "type")?.as_deref() {
        Some("ping") => Ok(Request::Ping),
        Some("publish") => {
            let missing = |name| ApiError::field(name, "the member is missing");
            let topic = params::topic(&text(members, "topic")?.ok_or_else(|| missing("topic"))?)?;
            let data = text(members, "data")?.ok_or_else(|| missing("data"))?;
            let event = text(members, "event")?;
            if let Some(event) = &event {
                params::event(event)?;
            }
            Ok(Request::Publish { topic, data, event })
        }
        Some(_) => Err(ApiError::field("type", "the type is `publish` or `ping`")),
        None => Err(ApiError::field("type", "the member is missing")),
    }
}

/// Takes a member that is a string; null stands for its absence.
fn text(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, ApiError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(ApiError::field(name, "the member is a string"))
        }
    }
}

fn reference(members: &mut Map<String, Value>) -> Result<Option<Reference>, ApiError> {
    match members.remove("ref") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(Reference::Number(number))),
        Some(Value::String(text)) if text.len() <= MAX_REFERENCE_LEN => Ok(Some(Reference::Text(text))),
        Some(Value::String(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(ApiError::field(
            "ref",
            format!("the member is a number or a string of at most {MAX_REFERENCE_LEN} bytes"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_malformed_message_within_a_minute_is_one_too_many() {
        let cursor = Cursor::for_position(&TopicName::new("t").unwrap(), crate::message::tests::at(1));
        let mut dialogue = Dialogue::new(&cursor, ConnectionId::new(1));
        let mut strike = |second| dialogue.strike(Duration::from_secs(second));
        for second in [0, 10, 20] {
            assert_eq!(strike(second), Verdict::Answer);
        }
        // The first has just stopped counting.
        assert_eq!(strike(60), Verdict::Answer);
        assert_eq!(strike(69), Verdict::Close);
        assert_eq!(strike(70), Verdict::Answer);
    }

    #[test]
    fn requests_are_read_strictly() {
        let (request, reference) =
            parse(r#"{"type":"publish","topic":"t","data":"d","event":"e","ref":"r","else":[1]}"#).unwrap();
        let Request::Publish { topic, data, event } = request else { panic!("{request:?}") };
        assert_eq!((topic.as_str(), &*data, event.as_deref()), ("t", "d", Some("e")));
        assert!(matches!(reference, Some(Reference::Text(text)) if text == "r"));
        let (request, reference) = parse(r#"{"type":"ping","ref":7}"#).unwrap();
        assert!(matches!((request, reference), (Request::Ping, Some(Reference::Number(_)))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!(r#"{{"type":"ping","ref":"{}"}}"#, "x".repeat(MAX_REFERENCE_LEN + 1));
        for (text, field) in [
            ("", None),
            ("{", None),
            ("[]", None),
            ("7", None),
            ("{}", Some("type")),
            (r#"{"type":7}"#, Some("type")),
            (r#"{"type":"open"}"#, Some("type")),
            (r#"{"type":"publish","data":""}"#, Some("topic")),
            (r#"{"type":"publish","topic":"$x","data":""}"#, Some("topic")),
            (r#"{"type":"publish","topic":["t"],"data":""}"#, Some("topic")),
            (r#"{"type":"publish","topic":"t"}"#, Some("data")),
            (r#"{"type":"publish","topic":"t","data":{}}"#, Some("data")),
            (r#"{"type":"publish","topic":"t","data":"","event":"gap"}"#, Some("event")),
            (r#"{"type":"publish","topic":"t","data":"","event":"a\nb"}"#, Some("event")),
            (r#"{"type":"ping","ref":{}}"#, Some("ref")),
            (&long, Some("ref")),
        ] {
            let malformed = parse(text).unwrap_err();
            assert_eq!(malformed.error.field_name(), field, "{text}");
            assert_eq!(malformed.error.code(), Code::BadRequest);
        }
        let malformed = parse(r#"{"type":"nope","ref":"r1"}"#).unwrap_err();
        assert!(matches!(malformed.reference, Some(Reference::Text(text)) if text == "r1"));
        assert!(parse(&"[".repeat(60_000)).is_err());
    }
}
