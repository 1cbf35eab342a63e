//! One message in a log, and what was said about it.

use alloc::boxed::Box;
use core::time::Duration;

use crate::message::EXTRAS_OVERHEAD_BYTES;
use crate::names::ConnectionId;
use crate::publish::Replay;

/// One published message.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    pub(crate) published_at: Duration,
    /// Its number in the topic. Those of its neighbours may be further away than one: a log drops what is for
    /// nobody.
    pub(crate) offset: u64,
    /// What the log held in all when it came, up to and including it and without what was dropped since from
    /// between, in bytes.
    pub(crate) end_bytes: u64,
    /// The connection that does not get it, where the audience says that there is one.
    excluded: ConnectionId,
    pub(crate) extras: Option<Box<Extras>>,
    /// The message's own length, at most `u32::MAX`.
    pub(crate) len_bytes: u32,
    pub(crate) replay: Replay,
    pub(crate) standing: Standing,
    audience: Audience,
}

/// Whether there may be readers that skip a message: one field to look at for nearly all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Everybody,
    /// The other fields tell who.
    Some,
    /// The same, but for one connection in any case.
    SomeButOne,
}

/// Whether a message is the latest of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is, or has no key.
    Latest,
    /// Another was published with its key, that is for all whom it is for, for as long at least.
    Superseded,
}

/// What few messages have.
#[derive(Debug)]
pub(crate) struct Extras {
    pub(crate) event: Option<Box<str>>,
    /// The conflation key, and its hash under the hub's seed.
    pub(crate) key: Option<(Box<str>, u64)>,
    /// From when on it is skipped.
    pub(crate) expires_at: Option<Duration>,
    /// Where one was held when it came that nothing had taken the place of, of its key and of its kind; else
    /// 0.
    pub(crate) before_in_row: u64,
}

impl Extras {
    /// What it keeps in memory, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |(key, _)| key.len());
        EXTRAS_OVERHEAD_BYTES + self.event.as_ref().map_or(0, |event| event.len()) + key
    }
}

/// A message on its way into a log.
pub(crate) struct Draft<M> {
    pub(crate) message: M,
    pub(crate) len_bytes: usize,
    /// What it counts with all that is kept beside it, in bytes.
    pub(crate) cost: usize,
    pub(crate) published_at: Duration,
    pub(crate) exclude: Option<ConnectionId>,
    pub(crate) replay: Replay,
    pub(crate) extras: Option<Box<Extras>>,
}

impl<M> Draft<M> {
    /// The message in its place.
    #[inline]
    pub(crate) fn placed(self, offset: u64, end_bytes: u64) -> Entry<M> {
        let Self { message, len_bytes, cost: _, published_at, exclude, replay, extras } = self;
        let audience = match exclude {
            Some(_) => Audience::SomeButOne,
            None if extras.is_some() || replay == Replay::Ephemeral => Audience::Some,
            None => Audience::Everybody,
        };
        Entry {
            message,
            published_at,
            offset,
            end_bytes,
            excluded: exclude.unwrap_or(ConnectionId::new(0)),
            extras,
            len_bytes: u32::try_from(len_bytes).unwrap_or(u32::MAX),
            replay,
            standing: Standing::Latest,
            audience,
        }
    }
}

impl<M> Entry<M> {
    /// Whether no reader skips it.
    #[inline]
    pub(crate) fn is_for_everybody(&self) -> bool {
        self.audience == Audience::Everybody
    }

    /// The one connection that does not get it.
    pub(crate) fn exclude(&self) -> Option<ConnectionId> {
        (self.audience == Audience::SomeButOne).then_some(self.excluded)
    }

    /// Its conflation key.
    pub(crate) fn key(&self) -> Option<&str> {
        self.extras.as_ref()?.key.as_ref().map(|(key, _)| &**key)
    }

    pub(crate) fn expires_at(&self) -> Option<Duration> {
        self.extras.as_ref()?.expires_at
    }

    /// The offset of the one before it among those of its key: see [`Keyed`](crate::keyed::Keyed).
    pub(crate) fn before_in_row(&self) -> u64 {
        self.extras.as_ref().map_or(0, |extras| extras.before_in_row)
    }

    /// Whether it means nothing any more.
    #[inline]
    pub(crate) fn is_expired(&self, now: Duration) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Whether who has not been handed it has lost something, once it is gone.
    pub(crate) fn is_a_loss(&self, now: Duration) -> bool {
        self.replay == Replay::Kept && !self.is_expired(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ENTRY_OVERHEAD_BYTES;

    #[test]
    fn the_overhead_covers_the_record() {
        // A ring that grows keeps an eighth of its room free.
        assert!(size_of::<Entry<()>>() * 9 / 8 <= ENTRY_OVERHEAD_BYTES, "{}", size_of::<Entry<()>>());
        assert!(size_of::<Extras>() <= EXTRAS_OVERHEAD_BYTES, "{}", size_of::<Extras>());
    }
}
