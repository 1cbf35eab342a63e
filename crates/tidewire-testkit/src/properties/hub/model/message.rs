//! The naive hub's messages, and what is said about them.

use core::time::Duration;

use tidewire_hub::{ConnectionId, ENTRY_OVERHEAD_BYTES, EXTRAS_OVERHEAD_BYTES, PublishOptions, Replay};

/// A message of the model and of the hub under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Note {
    pub(in super::super) serial: u64,
    pub(in super::super) len_bytes: usize,
}

impl tidewire_hub::Message for Note {
    fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    fn hash_body(&self, hasher: &mut dyn std::hash::Hasher) {
        hasher.write_u64(self.serial);
        hasher.write_usize(self.len_bytes);
    }
}

/// A message that was published, with all that was said about it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) note: Note,
    pub(super) said: Said,
    pub(super) at: Duration,
    pub(super) standing: Standing,
    /// Another took the place that it had under its key.
    pub(super) superseded: bool,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Held,
    /// Gone, and a loss to who was not handed it.
    Lost,
    /// Gone, and nobody would have been handed it.
    Unheard,
}

/// What was said about a message.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Said {
    pub(in super::super) event: Option<String>,
    pub(in super::super) key: Option<String>,
    pub(in super::super) exclude: Option<ConnectionId>,
    pub(in super::super) expires_in: Option<Duration>,
    pub(in super::super) replay: Replay,
    /// Publisher and key.
    pub(in super::super) once: Option<(String, String)>,
}

impl Said {
    /// The row of its key that it belongs to: whether it is kept, and whether it is for all.
    pub(super) fn row(&self, key: &str) -> (String, bool, bool) {
        (key.to_owned(), self.replay == Replay::Kept, self.exclude.is_none())
    }

    pub(in super::super) fn options(&self) -> PublishOptions<'_> {
        let mut options = PublishOptions::new().replay(self.replay);
        if let Some(event) = &self.event {
            options = options.event(event);
        }
        if let Some((publisher, key)) = &self.once {
            options = options.idempotency(publisher, key);
        }
        if let Some(key) = &self.key {
            options = options.key(key);
        }
        if let Some(connection) = self.exclude {
            options = options.exclude(connection);
        }
        if let Some(time) = self.expires_in {
            options = options.expires_in(time);
        }
        options
    }
}

impl Kept {
    pub(super) fn cost(note: &Note, said: &Said) -> usize {
        let event = said.event.as_ref().map_or(0, String::len);
        let event = event + said.key.as_ref().map_or(0, String::len);
        let has_extras = said.event.is_some() || said.key.is_some() || said.expires_in.is_some();
        note.len_bytes + ENTRY_OVERHEAD_BYTES + if has_extras { EXTRAS_OVERHEAD_BYTES + event } else { 0 }
    }

    pub(super) fn is_expired(&self, now: Duration) -> bool {
        self.said.expires_in.is_some_and(|time| self.at + time <= now)
    }

    pub(super) fn is_held(&self) -> bool {
        self.standing == Standing::Held
    }

    /// Whether it makes room before what is kept.
    pub(super) fn is_ephemeral(&self) -> bool {
        self.said.replay == Replay::Ephemeral
    }

    /// What it counts, in bytes.
    pub(super) fn len_bytes(&self) -> usize {
        Self::cost(&self.note, &self.said)
    }

    /// It goes, at that time.
    pub(super) fn go(&mut self, now: Duration) {
        let is_unheard = self.is_ephemeral() || self.is_expired(now);
        self.standing = if is_unheard { Standing::Unheard } else { Standing::Lost };
    }
}
