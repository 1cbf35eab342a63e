//! Publishing: what may be said about a message, and making room for it.

use alloc::boxed::Box;
use core::hash::Hasher;
use core::time::Duration;

use crate::entry::{Draft, Extras};
use crate::error::PublishError;
use crate::hub::Hub;
use crate::idempotency::{Known, PublishId};
use crate::log::{Log, Tally};
use crate::message::{ENTRY_OVERHEAD_BYTES, Message};
use crate::names::{ConnectionId, TopicName};
use crate::position::Position;

/// Whether a message is for those who come later, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Replay {
    /// It is history: a resume gets it, or a gap.
    #[default]
    Kept,
    /// It is for those who follow the topic when it is published and take it soon: where room is needed it
    /// goes before what is kept (see [`Hub::publish`]), but for the newest of its topic, which stays until it
    /// is the oldest message there. A resume skips it without a gap. A reader that lags may miss it and is not told:
    /// what must not be missed is kept.
    Ephemeral,
}

/// What may be said about a message beside its topic. Starts from nothing; each method says one thing more.
///
/// ```
/// use core::time::Duration;
/// use tidewire_hub::{ConnectionId, PublishOptions, Replay};
///
/// let cursor_moved = PublishOptions::new()
///     .event("cursor")
///     .exclude(ConnectionId::new(7))
///     .expires_in(Duration::from_secs(3))
///     .replay(Replay::Ephemeral);
/// # drop(cursor_moved);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until they are given to `Hub::publish`"]
pub struct PublishOptions<'a> {
    event: Option<&'a str>,
    key: Option<&'a str>,
    exclude: Option<ConnectionId>,
    expires_in: Option<Duration>,
    replay: Replay,
    /// Publisher and key.
    idempotency: Option<(&'a str, &'a str)>,
}

impl<'a> PublishOptions<'a> {
    /// The longest event name, in bytes.
    pub const MAX_EVENT_LEN: usize = 255;

    /// The longest conflation key, in bytes.
    pub const MAX_KEY_LEN: usize = 255;

    /// The longest publisher and the longest idempotency key, in bytes.
    pub const MAX_IDEMPOTENCY_LEN: usize = 255;

    /// A message for everybody, kept until it makes room.
    pub const fn new() -> Self {
        Self {
            event: None,
            key: None,
            exclude: None,
            expires_in: None,
            replay: Replay::Kept,
            idempotency: None,
        }
    }

    /// The name of the event, at most [`PublishOptions::MAX_EVENT_LEN`] bytes. The hub hands it out and looks
    /// no further.
    pub const fn event(self, event: &'a str) -> Self {
        Self { event: Some(event), ..self }
    }

    /// What the message is the latest state of, at most [`PublishOptions::MAX_KEY_LEN`] bytes: those who read
    /// the [latest](crate::Reads::Latest) skip it once another took its place.
    pub const fn key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The connection that does not get the message; it skips it without a gap. That is for an echo: who
    /// publishes over a connection is not told what it said.
    ///
    /// It goes by the id that the subscriber [connected](Hub::connect) under. So a client that comes back
    /// under another gets what it published before it went, unless it has the position of that: send it the
    /// [cursor](crate::Cursor::for_position) of [`Published::position`] with the answer to its publish, or
    /// give a client one [`ConnectionId`] for as long as it may come back.
    pub const fn exclude(self, connection: ConnectionId) -> Self {
        Self { exclude: Some(connection), ..self }
    }

    /// How long the message means anything: who comes to it later skips it without a gap. Then it makes room
    /// before what is kept: see [`Hub::publish`].
    pub const fn expires_in(self, time: Duration) -> Self {
        Self { expires_in: Some(time), ..self }
    }

    /// Whether it is for those who come later, too.
    pub const fn replay(self, replay: Replay) -> Self {
        Self { replay, ..self }
    }

    /// Publishes once: a second publish of the same under the same publisher, topic and key is not appended,
    /// and answers with the first's position, for
    /// [`Config::idempotency_window`](crate::Config::idempotency_window). One of another message or event
    /// name is refused. `publisher` is who may choose keys apart from others (a user, a service); it and
    /// `key` have at most [`PublishOptions::MAX_IDEMPOTENCY_LEN`] bytes each.
    pub const fn idempotency(self, publisher: &'a str, key: &'a str) -> Self {
        Self { idempotency: Some((publisher, key)), ..self }
    }

    /// Whether a part is longer than it may be.
    #[inline]
    fn check(&self) -> Result<(), PublishError> {
        let longer = |part: Option<&str>, max: usize| part.is_some_and(|part| part.len() > max);
        if longer(self.event, Self::MAX_EVENT_LEN) {
            return Err(PublishError::EventTooLong);
        }
        if longer(self.key, Self::MAX_KEY_LEN) {
            return Err(PublishError::KeyTooLong);
        }
        let (publisher, key) = self.idempotency.unzip();
        if longer(publisher, Self::MAX_IDEMPOTENCY_LEN) || longer(key, Self::MAX_IDEMPOTENCY_LEN) {
            return Err(PublishError::IdempotencyTooLong);
        }
        Ok(())
    }

    /// What of it is rare enough to be kept apart.
    #[inline]
    fn extras(&self, now: Duration, hash: impl Fn(&str) -> u64) -> Option<Box<Extras>> {
        if self.event.is_none() && self.key.is_none() && self.expires_in.is_none() {
            return None;
        }
        Some(Box::new(Extras {
            event: self.event.map(Box::from),
            key: self.key.map(|key| (Box::from(key), hash(key))),
            expires_at: self.expires_in.map(|time| now.saturating_add(time)),
            before_in_row: 0,
        }))
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Published {
    /// It was appended, and stands there.
    New(Position),
    /// The same was published before, under the same idempotency key, and stands there.
    Repeated(Position),
}

impl Published {
    /// Where the message stands.
    #[must_use]
    pub const fn position(self) -> Position {
        match self {
            Self::New(position) | Self::Repeated(position) => position,
        }
    }
}

impl<M: Message> Hub<M> {
    /// Appends a message to a topic, which is created if need be, and marks the topic's caught-up subscribers
    /// as ready. The cost is the same for any number of subscribers.
    ///
    /// `now` is kept with the message and handed out with it. Answers with the message's position.
    ///
    /// Room is made first, so that no limit is ever exceeded: within the topic its oldest messages go; then,
    /// while the hub as a whole is full, the oldest of the topics that hold the most bytes, in turns. Nobody
    /// pays who holds less than seven eighths of a fair share, which is [`Config::max_bytes`] less
    /// [`Config::max_bytes_per_topic`] (the message may be that long, and has room made for it), over the
    /// number of topics that hold messages; so one busy topic cannot push out the history of many quiet ones.
    /// (There is no such promise where one topic may have all of `max_bytes`.)
    ///
    /// What is [ephemeral](Replay::Ephemeral) or [expired](PublishOptions::expires_in) goes before what is
    /// kept, once it is an eighth of its topic, in messages or in bytes: all that is expired, and the older
    /// half of what is ephemeral, rounded down. (For what is expired that is looked at whenever an eighth of
    /// the topic is new. What has yet to expire is history, and goes when it is the oldest.) So notices never
    /// push out a conversation in their own topic, but for an eighth of it where it is full; beside topics of
    /// notices it has a fair share of the hub, as beside any others.
    ///
    /// [`Config::max_bytes`]: crate::Config::max_bytes
    /// [`Config::max_bytes_per_topic`]: crate::Config::max_bytes_per_topic
    ///
    /// # Errors
    /// [`PublishError`]; nothing has changed then but what time has changed.
    pub fn publish(
        &mut self,
        now: Duration,
        topic: &TopicName,
        message: M,
        options: &PublishOptions<'_>,
    ) -> Result<Published, PublishError> {
        self.tell(now);
        options.check()?;
        let once = match self.publish_id(topic, &message, options) {
            None => None,
            Some((id, body)) => match self.idempotency.known(id, body, self.now) {
                Known::Same(position) => return Ok(Published::Repeated(position)),
                Known::Other => return Err(PublishError::Conflict),
                Known::New => Some((id, body)),
            },
        };
        let extras = options.extras(self.now, |key| self.topics.hash(key.as_bytes()));
        let len_bytes = message.len_bytes();
        let beside = ENTRY_OVERHEAD_BYTES + extras.as_ref().map_or(0, |extras| extras.len_bytes());
        let cost = len_bytes.saturating_add(beside);
        if cost > self.config.max_bytes_per_topic || cost > self.config.max_bytes {
            return Err(PublishError::TooLarge);
        }
        let key = self.find_or_create(topic).ok_or(PublishError::TooManyTopics)?;
        let before = self.make_room(key, cost);
        let topic = &mut self.topics[key];
        let (exclude, replay) = (options.exclude, options.replay);
        let draft = Draft { message, len_bytes, cost, published_at: self.now, exclude, replay, extras };
        let offset = topic.log.append(draft, self.config.max_messages_per_topic);
        let position = topic.at(offset);
        self.sizes.moved(key, before, topic.log.len_bytes());
        self.len += 1;
        self.len_bytes += cost;
        self.watch_age(key);
        if let Some((id, body)) = once {
            self.remember(id, body, position);
        }
        self.wake(key);
        Ok(Published::New(position))
    }

    /// What a publish is remembered by, and the hash of what it publishes; `None` when it need not be
    /// remembered.
    fn publish_id(
        &self,
        topic: &TopicName,
        message: &M,
        options: &PublishOptions<'_>,
    ) -> Option<(PublishId, u64)> {
        let (publisher, key) = options.idempotency.filter(|_| self.config.max_idempotency_keys > 0)?;
        let mut hasher = self.idempotency.body_hasher();
        let event = options.event.unwrap_or_default();
        hasher.write_u64(event.len() as u64);
        hasher.write(event.as_bytes());
        message.hash_body(&mut hasher);
        Some((self.idempotency.id(publisher, topic, key), hasher.finish()))
    }

    fn remember(&mut self, id: PublishId, body: u64, position: Position) {
        let expires_at = self.now.checked_add(self.config.idempotency_window);
        self.idempotency.insert(id, body, position, expires_at, self.config.max_idempotency_keys);
        self.retention.due_by(expires_at.unwrap_or(Duration::MAX));
    }

    /// Answers with the bytes by which the topic has its place in line: it holds fewer where it made room
    /// itself.
    fn make_room(&mut self, key: u32, cost: usize) -> usize {
        let log = &mut self.topics[key].log;
        let known = log.len_bytes();
        while log.len() >= self.config.max_messages_per_topic
            || log.len_bytes() + cost > self.config.max_bytes_per_topic
        {
            let gone = log.make_room(self.now);
            self.len -= gone.messages;
            self.len_bytes -= gone.bytes;
        }
        if self.len_bytes + cost <= self.config.max_bytes {
            return known;
        }
        self.sizes.moved(key, known, log.len_bytes());
        self.make_payers_pay(key, cost);
        self.topics[key].log.len_bytes()
    }

    #[cold]
    fn make_payers_pay(&mut self, key: u32, cost: usize) {
        while self.len_bytes + cost > self.config.max_bytes {
            let Some(payer) = self.sizes.largest() else { break };
            self.give(payer, Log::make_room);
            if payer != key {
                self.note_idle(payer);
            }
        }
    }

    /// Something of a topic goes, for which it goes to the end of the line.
    pub(crate) fn give(&mut self, key: u32, go: impl FnOnce(&mut Log<M>, Duration) -> Tally) {
        let log = &mut self.topics[key].log;
        let before = log.len_bytes();
        let gone = go(log, self.now);
        log.rest();
        self.sizes.paid(key, before, before - gone.bytes);
        self.len -= gone.messages;
        self.len_bytes -= gone.bytes;
    }
}
