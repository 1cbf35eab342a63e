//! Raw WebSocket messages: payloads as they are, in both directions.
//!
//! Between payloads there is no place for a notice. So a gap closes the connection, with code 4010 and the cursor
//! behind the gap as the reason: who comes back with it goes on there, and knows that something is lost.

use super::session::{Flow, Session, dismissed};
use crate::app::Delivered;
use crate::message::Payload;
use std::borrow::Cow;
use tidewire_hub::Cursor;
use tidewire_tokio::websocket::Message;
use tidewire_ws::frame::{CloseCode, CloseFrame};

/// The close code that tells of a gap (RFC 6455 §7.4.2: for private use).
pub(crate) const GAP_CODE: u16 = 4010;

/// The reason where the cursor, being one of many topics, does not fit into a close frame.
const GAP_WITHOUT_CURSOR: &str = "gap";

/// Publishes a message to the connection's topic.
pub(super) fn receive(session: &mut Session, message: &Message) -> Flow {
    let payload = match message {
        Message::Text(text) => Payload::Text(text),
        Message::Binary(bytes) => Payload::Binary(bytes),
    };
    match session.publish(payload) {
        Ok(_) => Flow::Continue,
        Err(error) => Flow::Close(CloseCode::TRY_AGAIN_LATER, Cow::Owned(error.detail().to_owned())),
    }
}

/// Sends what was delivered.
pub(super) fn deliver(session: &mut Session, batch: &[Delivered]) -> Flow {
    for (index, delivered) in batch.iter().enumerate() {
        match delivered {
            Delivered::Message(kept) => {
                // A connection that is closing takes nothing more; its end is on the way.
                let _ = session.socket.feed_encoded(kept.message.frame());
                session.reach(delivered);
            }
            Delivered::Gap(_) => {
                // One close tells of the gaps in all topics. The cursor is behind them; where there is none it is before
                // every message that was not sent.
                batch[index..]
                    .iter()
                    .filter(|other| other.gap().is_some())
                    .for_each(|gap| session.reach(gap));
                let code = CloseCode::new(GAP_CODE).expect("4010 is a code for private use");
                return Flow::Close(code, reason(&session.cursor_behind_gaps()));
            }
            // The gateway gives nobody the address of a connection.
            Delivered::Direct(_) => {}
            Delivered::Dismissed(_) => return dismissed(),
        }
    }
    Flow::Continue
}

fn reason(cursor: &Cursor) -> Cow<'static, str> {
    let token = cursor.encode();
    if token.len() <= CloseFrame::MAX_REASON_LEN {
        Cow::Owned(token)
    } else {
        Cow::Borrowed(GAP_WITHOUT_CURSOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_hub::{Config, ConnectionId, Hub, Incarnation, Start, TopicName};

    fn cursor(topics: usize) -> Cursor {
        let mut hub = Hub::<String>::new(Config::default(), Incarnation::new(7), 7);
        let subscriber = hub.connect(ConnectionId::new(1)).unwrap();
        for index in 0..topics {
            let topic = TopicName::new(&format!("topic {index}")).unwrap();
            hub.subscribe(std::time::Duration::ZERO, subscriber, &topic, Start::Live).unwrap();
        }
        hub.cursor(subscriber)
    }

    #[test]
    fn the_reason_is_the_cursor_as_long_as_it_fits() {
        for topics in 1..=64 {
            let cursor = cursor(topics);
            let token = cursor.encode();
            let expected = if token.len() <= 123 { token.as_str() } else { "gap" };
            assert_eq!(reason(&cursor), expected);
        }
        assert_eq!(reason(&cursor(10)), cursor(10).encode());
        assert_eq!(reason(&cursor(64)), "gap");
    }
}
