//! Records as the gateway writes them: JSON objects for lines, WebSocket messages and polls; and reading them back.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tidewire_hub::{Cursor, Epoch, Gap, Incarnation, Position};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Open,
    Message,
    Gap,
    Direct,
    Ping,
}

/// Any record: the fields of all kinds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) topic: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) epoch: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) offset: u64,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) reason: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Place>,
    /// Empty in the items of a poll, which has one for all.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) cursor: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) event: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) data: Cow<'a, str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(offset: &u64) -> bool {
    *offset == 0
}

/// A position in a topic that is named beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    epoch: String,
    offset: u64,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self { epoch: position.epoch.to_string(), offset: position.offset }
    }
}

impl Place {
    pub(crate) fn position(&self) -> Option<Position> {
        Some(Position { epoch: epoch(&self.epoch)?, offset: self.offset })
    }
}

/// An epoch, from its text.
fn epoch(text: &str) -> Option<Epoch> {
    let (incarnation, life) = text.split_once('.')?;
    let incarnation = Incarnation::new(u64::from_str_radix(incarnation, 16).ok()?);
    Some(Epoch { incarnation, life: life.parse().ok()? })
}

impl<'a> Record<'a> {
    fn new(kind: Kind) -> Self {
        let nothing = || Cow::Borrowed("");
        Self {
            kind,
            topic: nothing(),
            epoch: nothing(),
            offset: 0,
            reason: nothing(),
            from: None,
            to: None,
            cursor: nothing(),
            event: nothing(),
            data: nothing(),
        }
    }

    pub(crate) fn open(cursor: &Cursor) -> Self {
        Self { cursor: Cow::Owned(cursor.encode()), ..Self::new(Kind::Open) }
    }

    pub(crate) fn ping() -> Self {
        Self::new(Kind::Ping)
    }

    pub(crate) fn message(
        topic: &'a str,
        position: Position,
        (text, event): (&'a str, Option<&'a str>),
        cursor: String,
    ) -> Self {
        Self {
            topic: Cow::Borrowed(topic),
            epoch: Cow::Owned(position.epoch.to_string()),
            offset: position.offset,
            cursor: Cow::Owned(cursor),
            event: Cow::Borrowed(event.unwrap_or_default()),
            data: Cow::Borrowed(text),
            ..Self::new(Kind::Message)
        }
    }

    /// A message to one connection, which no cursor knows.
    pub(crate) fn direct(text: &'a str) -> Self {
        Self { data: Cow::Borrowed(text), ..Self::new(Kind::Direct) }
    }

    pub(crate) fn gap(gap: &'a Gap, cursor: String) -> Self {
        Self {
            topic: Cow::Borrowed(gap.topic.as_str()),
            reason: Cow::Borrowed(gap.reason.as_str()),
            from: gap.from.map(Place::from),
            to: Some(gap.to.into()),
            cursor: Cow::Owned(cursor),
            ..Self::new(Kind::Gap)
        }
    }

    /// Where a message stands.
    pub(crate) fn position(&self) -> Option<Position> {
        Some(Position { epoch: epoch(&self.epoch)?, offset: self.offset })
    }

    pub(crate) fn encode(&self, output: &mut Vec<u8>) {
        // Writing to a Vec cannot fail, nor can these fields.
        let _ = serde_json::to_writer(output, self);
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

/// The answer to a poll.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<'a> {
    #[serde(borrow)]
    pub(crate) messages: Vec<Record<'a>>,
    #[serde(borrow)]
    pub(crate) gaps: Vec<Record<'a>>,
    #[serde(borrow)]
    pub(crate) cursor: Cow<'a, str>,
}

impl<'a> Page<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// An answer of records that are written already.
    pub(crate) fn write(messages: &[String], gaps: &[String], cursor: &str, output: &mut Vec<u8>) {
        let (messages, gaps) = (messages.join(","), gaps.join(","));
        let page = format!(r#"{{"messages":[{messages}],"gaps":[{gaps}],"cursor":"{cursor}"}}"#);
        output.extend_from_slice(page.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::post::{Post, Tally, is_post};
    use tidewire_hub::{GapReason, TopicName};

    #[test]
    fn records_are_read_as_they_were_written() {
        let at = Position { epoch: Epoch { incarnation: Incarnation::new(0x1f), life: 3 }, offset: 9 };
        let post = Post::new(5, &Tally::default());
        let text = Record::message("a\"b", at, (post.text(), Some("e")), "C".into()).to_text();
        let read = Record::read(text.as_bytes()).unwrap();
        assert_eq!(
            (read.kind, &*read.topic, read.position(), &*read.cursor),
            (Kind::Message, "a\"b", Some(at), "C")
        );
        assert!(is_post(5, &read.data) && read.event == "e");
        let topic = TopicName::new("t").unwrap();
        let gap = Gap { topic, reason: GapReason::Evicted, from: Some(at), to: at };
        let text = Record::gap(&gap, String::new()).to_text();
        let read = Record::read(text.as_bytes()).unwrap();
        assert_eq!((&*read.reason, read.from.unwrap().position()), ("evicted", Some(at)));
        assert_eq!(read.to.unwrap().position(), Some(at));
        assert_eq!(Record::ping().to_text(), r#"{"type":"ping"}"#);
        assert!(Record::read(b"{").is_none());
    }
}
