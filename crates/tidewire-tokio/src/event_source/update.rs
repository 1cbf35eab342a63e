//! What a client hears of its stream.

use std::time::Duration;

use tidewire_connection::event_source::Loss;
use tidewire_sse::Item;

use super::error::TransportError;

/// An event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type, `message` when the stream gave none.
    pub event_type: String,
    /// Its data, the lines joined by LF.
    pub data: String,
    /// The last event ID string as of this event.
    pub last_event_id: String,
}

/// Something that happened to the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The response is an event stream; events follow.
    Open,
    /// An event.
    Event(Event),
    /// A comment, without its colon.
    Comment(String),
    /// A new reconnection time. Whole milliseconds.
    Retry(Duration),
    /// The connection was lost. The client comes back.
    Lost {
        /// How.
        loss: Loss,
        /// What the transport says of it.
        source: Option<TransportError>,
        /// From here to the next attempt.
        delay: Duration,
    },
}

impl From<Item<'_>> for Update {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Event(event) => Self::Event(Event {
                event_type: event.event_type.to_owned(),
                data: event.data.to_owned(),
                last_event_id: event.last_event_id.to_owned(),
            }),
            Item::Comment(comment) => Self::Comment(comment.into_owned()),
            Item::Retry(time) => Self::Retry(time),
        }
    }
}
