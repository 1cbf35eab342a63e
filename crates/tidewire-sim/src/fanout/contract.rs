//! What a reader may rely on, topic by topic: what comes is next to what came, or the loss is told.

use tidewire_hub::{ConnectionId, Cursor, GapReason, Policy, Position, Reads, Start};

use super::ledger::{Eyes, Ledger, TopicId};
use super::link::Shadow;
use super::post::is_post;
use super::record::Record;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::Nanos;

/// Why something can be lost.
pub(crate) const REASONS: [GapReason; 4] =
    [GapReason::Evicted, GapReason::Epoch, GapReason::Unknown, GapReason::Lagged];

/// Where a reader stands in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It starts where the hub says.
    Unpromised,
    /// Everything up to here was handed out, or told as lost.
    At(Position),
    /// Something is lost, and that is to be told before anything comes; behind this position, where it is known.
    Lost(Option<Position>),
}

/// One topic of a reader.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) topic: TopicId,
    pub(crate) place: Place,
}

/// With whose eyes a delivery is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) connection: ConnectionId,
    /// Since when it follows what, as the hub's host has it.
    pub(crate) shadows: &'a [Shadow],
    pub(crate) now: Nanos,
}

impl View<'_> {
    fn eyes(&self, topic: TopicId) -> Eyes {
        let shadow = self.shadows.iter().find(|shadow| shadow.topic == topic);
        let newcomer =
            || Eyes { connection: self.connection, live_from: 0, reads: Reads::Every, now: self.now };
        shadow.map_or_else(newcomer, |shadow| shadow.eyes(self.connection, self.now))
    }

    /// Whether a reader who stands at `from` may be taken to stand at `to`: it missed nothing between.
    fn allows(&self, topic: TopicId, from: Position, to: Position) -> bool {
        from == to
            || from.epoch == to.epoch
                && from.offset <= to.offset
                && self
                    .ledger
                    .life(topic, from.epoch)
                    .is_some_and(|life| life.skips(from.offset, to.offset, &self.eyes(topic)))
    }

    /// One that `allows` does not, by what is wrong with it.
    fn misplaced(&self, from: Position, to: Position) -> Invariant {
        if from.epoch != to.epoch || to.offset > from.offset { Invariant::Loss } else { Invariant::Order }
    }
}

impl Followed {
    pub(crate) fn new(topic: TopicId) -> Self {
        Self { topic, place: Place::Unpromised }
    }

    /// The reader asks for its topic with a token that starts there. An honest one says what the reader has seen.
    pub(crate) fn resumes(&mut self, start: Start) {
        self.place = match start {
            Start::After(position) => Place::At(position),
            Start::Unknown => Place::Lost(None),
            Start::Live | Start::Earliest | Start::Last(_) => Place::Unpromised,
        };
    }

    /// A token came: it says where the reader stands, and no more than it has seen.
    pub(crate) fn token(&mut self, view: &View<'_>, cursor: &Cursor) -> Checked {
        let name = &view.ledger.book(self.topic).name;
        let start = cursor.start(name);
        let next = match (self.place, start) {
            (Place::Unpromised, Start::After(position)) => Some(Place::At(position)),
            (Place::At(from), Start::After(to)) if view.allows(self.topic, from, to) => Some(Place::At(to)),
            // What is lost, and is yet to be told, has no position in a token.
            (Place::At(from), Start::Unknown) => Some(Place::Lost(Some(from))),
            (Place::Lost(from), Start::Unknown) => Some(Place::Lost(from)),
            _ => None,
        };
        let Some(next) = next else {
            let expected = format!("a token of {name} behind {:?}", self.place);
            return Err(Breach::new(Invariant::Token, expected, format!("{start:?}")));
        };
        self.place = next;
        Ok(())
    }

    /// A message came.
    pub(crate) fn message(
        &mut self,
        view: &View<'_>,
        position: Position,
        (text, event): (&str, Option<&str>),
    ) -> Checked {
        let name = &view.ledger.book(self.topic).name;
        let entry = view.ledger.life(self.topic, position.epoch).and_then(|life| life.entry(position.offset));
        let is_it = entry.is_some_and(|entry| is_post(entry.number, text) && entry.event == event);
        check(is_it, || {
            let expected = format!("what was published to {name} at {position:?}, {entry:?}");
            Breach::new(Invariant::Delivery, expected, crate::application::shown(text.as_bytes()))
        })?;
        check(entry.is_some_and(|entry| entry.exclude != Some(view.connection)), || {
            Breach::new(Invariant::Delivery, "nothing that excludes this connection", format!("{position:?}"))
        })?;
        let before = Position { offset: position.offset - 1, ..position };
        let (holds, invariant) = match self.place {
            // A poll without a cursor has no beginning but its first message.
            Place::Unpromised => (true, Invariant::Loss),
            Place::At(from) => (view.allows(self.topic, from, before), view.misplaced(from, before)),
            Place::Lost(_) => (false, Invariant::Loss),
        };
        check(holds, || {
            let expected = format!("what is next to {:?} in {name}", self.place);
            Breach::new(invariant, expected, format!("{position:?} without a gap"))
        })?;
        self.place = Place::At(position);
        Ok(())
    }

    /// A gap came: it begins where the reader stands, and ends where the log began by then.
    pub(crate) fn gap(&mut self, view: &View<'_>, record: &Record<'_>) -> Checked {
        let name = &view.ledger.book(self.topic).name;
        let wrong = |expected: String| {
            let got = format!("{} of {name} from {:?} to {:?}", record.reason, record.from, record.to);
            Breach::new(Invariant::Gap, expected, got)
        };
        let from = record.from.as_ref().and_then(super::record::Place::position);
        let Some(to) = record.to.as_ref().and_then(super::record::Place::position) else {
            return Err(wrong("where the reader is to stand".into()));
        };
        let life = view.ledger.life(self.topic, to.epoch);
        let eyes = view.eyes(self.topic);
        let policy =
            view.shadows.iter().find(|shadow| shadow.topic == self.topic).map(|shadow| shadow.policy);
        let lost = life.map_or(0, |life| life.lost(eyes.reads));
        // Whoever is too slow may have asked for more to be passed over.
        let evicted =
            life.map_or(
                0,
                |life| {
                    if policy == Some(Policy::default()) { life.evicted as u64 } else { life.head() }
                },
            );
        check(to.offset <= evicted, || wrong(format!("no more to be lost than {evicted} messages")))?;
        let reason = REASONS.into_iter().find(|reason| reason.as_str() == record.reason);
        let holds = match (reason, self.place, from) {
            (Some(GapReason::Evicted), Place::At(place), Some(from)) => {
                view.allows(self.topic, place, from) && from.epoch == to.epoch && from.offset < lost
            }
            (Some(GapReason::Lagged), Place::At(place), Some(from)) => {
                view.allows(self.topic, place, from) && from.epoch == to.epoch && from.offset < to.offset
            }
            (Some(GapReason::Lagged), Place::Unpromised, Some(from)) => from.epoch == to.epoch,
            (Some(GapReason::Evicted), Place::Unpromised, Some(from)) => {
                from.epoch == to.epoch && from.offset < lost
            }
            (Some(GapReason::Epoch), Place::At(place) | Place::Lost(Some(place)), Some(from)) => {
                place == from && from.epoch != to.epoch
            }
            (Some(GapReason::Unknown), Place::At(place) | Place::Lost(Some(place)), Some(from)) => {
                place == from && from.epoch == to.epoch
            }
            (Some(GapReason::Unknown), Place::Lost(_), None) => true,
            _ => false,
        };
        check(holds, || wrong(format!("a gap that begins at {:?}", self.place)))?;
        self.place = Place::At(to);
        Ok(())
    }

    /// Whether nothing of what there is is missing.
    pub(crate) fn is_caught_up(&self, view: &View<'_>, incarnation: tidewire_hub::Incarnation) -> bool {
        let Some(life) = view.ledger.book(self.topic).current(incarnation) else { return true };
        match self.place {
            Place::Unpromised | Place::Lost(_) => false,
            Place::At(at) => {
                at.epoch == life.epoch
                    && life.skips(at.offset.min(life.head()), life.head(), &view.eyes(self.topic))
            }
        }
    }
}
