//! What the hub hands out, looked at where it does: each message next to the one before, each gap for a reason, each
//! topic in its turn.

use tidewire_hub::{ConnectionId, Delivery, Dismissal, Gap, GapReason, OnLag, Policy, Position, Start};

use super::ledger::{Eyes, Ledger, Life, TopicId};
use super::link::{Flow, Shadow};
use super::post::Post;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::Nanos;

/// How a subscription begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) start: Start,
    pub(crate) policy: Policy,
    pub(crate) connection: ConnectionId,
    pub(crate) now: Nanos,
}

impl Shadow {
    /// Where a subscription is to start, and the position that the hub is to answer.
    pub(crate) fn start(
        ledger: &Ledger,
        topic: TopicId,
        beginning: Beginning,
        answered: Position,
    ) -> (Self, Position) {
        let Beginning { start, policy, connection, now } = beginning;
        let life = ledger.life(topic, answered.epoch);
        let (head, earliest) = life.map_or((0, 0), |life| (life.head(), life.evicted as u64));
        let at = |offset| Position { epoch: answered.epoch, offset };
        let (offset, gap) = match start {
            Start::Live => (head, None),
            Start::Earliest => (earliest, None),
            Start::Last(count) => {
                let eyes = Eyes { connection, live_from: head, reads: policy.reads, now };
                (life.map_or(0, |life| life.before_last(count, &eyes)), None)
            }
            Start::Unknown => (earliest, Some((GapReason::Unknown, None))),
            Start::After(from) if from.epoch != answered.epoch => {
                (earliest, Some((GapReason::Epoch, Some(from))))
            }
            Start::After(from) if from.offset > head => (earliest, Some((GapReason::Unknown, Some(from)))),
            Start::After(from) => (from.offset, None),
        };
        let shadow =
            Self { topic, at: at(offset), live_from: head, gap, policy, flow: Flow::Open, waited: 0 };
        (shadow, at(offset.max(earliest)))
    }

    pub(crate) fn eyes(&self, connection: ConnectionId, now: Nanos) -> Eyes {
        Eyes { connection, live_from: self.live_from, reads: self.policy.reads, now }
    }

    /// Whether its policy has something to say to a subscription that stands there.
    fn is_slow(&self, life: &Life, at: u64) -> bool {
        let since = at.max(self.live_from).max(life.evicted as u64);
        let lost = life.lost(self.policy.reads);
        let lag = life.held_after(since) as u64;
        let over = lag > self.policy.max_lag_messages || life.bytes_after(since) > self.policy.max_lag_bytes;
        lag > 1 && over || at < lost && lost > self.live_from
    }

    /// Where it goes on behind a gap, by its policy.
    fn goes_on(&self, life: &Life, at: u64) -> u64 {
        let earliest = life.evicted as u64;
        if !self.is_slow(life, at) {
            return earliest;
        }
        let newest = life.before_newest();
        let within = |offset: &u64| {
            life.held_after(*offset) as u64 <= self.policy.max_lag_messages
                && life.bytes_after(*offset) <= self.policy.max_lag_bytes
        };
        let on = match self.policy.on_lag {
            OnLag::SkipToNewest => newest,
            OnLag::SkipToLimit | OnLag::Disconnect => (earliest..newest).find(within).unwrap_or(newest),
        };
        on.max(at)
    }
}

/// Looks at what one subscriber takes.
#[derive(Debug)]
pub(crate) struct Observer<'a> {
    ledger: &'a Ledger,
    /// Messages that a topic may give before another has its turn.
    quantum: usize,
    connection: ConnectionId,
    now: Nanos,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(ledger: &'a Ledger, quantum: usize, connection: ConnectionId, now: Nanos) -> Self {
        Self { ledger, quantum, connection, now }
    }

    pub(crate) fn sees(&self, shadows: &mut [Shadow], delivery: &Delivery<'_, Post>) -> Checked {
        let name = match delivery {
            // Of no topic.
            Delivery::Direct(_) => return Ok(()),
            Delivery::Message(lent) => lent.topic(),
            Delivery::Gap(gap) => &gap.topic,
            Delivery::Dismissed(dismissal) => &dismissal.topic,
        };
        let topic = shadows.iter().position(|shadow| self.ledger.book(shadow.topic).name == *name);
        let Some(index) = topic else {
            return Err(Breach::new(Invariant::Token, "a topic that is followed", name.to_string()));
        };
        let shadow = &mut shadows[index];
        check(shadow.flow == Flow::Open, || {
            Breach::new(
                Invariant::Gap,
                format!("nothing of {name}, which is paused"),
                format!("{delivery:?}"),
            )
        })?;
        match delivery {
            Delivery::Message(lent) => self.message(shadow, lent.position())?,
            Delivery::Gap(gap) => self.gap(shadow, gap)?,
            Delivery::Dismissed(dismissal) => return self.dismissed(shadow, dismissal),
            Delivery::Direct(_) => {}
        }
        self.in_turn(shadows, index)
    }

    /// A subscriber is to go whose policy says so, and who is too slow.
    fn dismissed(&self, shadow: &Shadow, dismissal: &Dismissal) -> Checked {
        let life = self.ledger.life(shadow.topic, dismissal.position.epoch);
        let stands = life.is_some_and(|life| self.stands_at(shadow, life, dismissal.position));
        let slow = life.is_some_and(|life| shadow.is_slow(life, dismissal.position.offset));
        let lag = life.map_or((0, 0), |life| {
            let offset = dismissal.position.offset;
            (life.head() - offset, life.bytes_after(offset))
        });
        let counts = lag == (dismissal.lag_messages, dismissal.lag_bytes);
        check(stands && slow && counts && shadow.policy.on_lag == OnLag::Disconnect, || {
            Breach::new(
                Invariant::Gap,
                format!("nobody to go for a lag of {lag:?} in {shadow:?}"),
                format!("{dismissal:?}"),
            )
        })
    }

    fn message(&self, shadow: &mut Shadow, position: Position) -> Checked {
        let before = Position { offset: position.offset.saturating_sub(1), ..position };
        let life = self.ledger.life(shadow.topic, position.epoch);
        let eyes = shadow.eyes(self.connection, self.now);
        let skips = life.is_some_and(|life| {
            shadow.at.offset <= before.offset
                && life.skips(shadow.at.offset, before.offset, &eyes)
                && !life.skips_one(position.offset, &eyes)
        });
        check(shadow.gap.is_none() && shadow.at.epoch == position.epoch && skips, || {
            let expected = format!("what is next to {shadow:?} and for this connection");
            let again = position.offset <= shadow.at.offset;
            Breach::new(
                if again { Invariant::Order } else { Invariant::Loss },
                expected,
                format!("{position:?}"),
            )
        })?;
        shadow.at = position;
        Ok(())
    }

    fn gap(&self, shadow: &mut Shadow, gap: &Gap) -> Checked {
        let life = self.ledger.life(shadow.topic, gap.to.epoch);
        let earliest = life.map_or(0, |life| life.evicted as u64);
        let holds = match (shadow.gap.take(), life, gap.from) {
            (Some(pending), _, from) => pending == (gap.reason, from) && gap.to.offset == earliest,
            (None, Some(life), Some(from)) => {
                let missed = match gap.reason {
                    GapReason::Evicted => from.offset < life.lost(shadow.policy.reads),
                    GapReason::Lagged => {
                        let eyes = shadow.eyes(self.connection, self.now);
                        shadow.is_slow(life, from.offset) && !life.skips(from.offset, gap.to.offset, &eyes)
                    }
                    GapReason::Epoch | GapReason::Unknown => false,
                };
                missed
                    && self.stands_at(shadow, life, from)
                    && gap.to.offset == shadow.goes_on(life, from.offset)
            }
            (None, ..) => false,
        };
        check(holds, || {
            let expected = format!("a gap that {shadow:?} has a reason for, with a log from {earliest} on");
            Breach::new(Invariant::Gap, expected, format!("{gap:?}"))
        })?;
        shadow.at = gap.to;
        Ok(())
    }

    /// Whether a subscription may be taken to stand there: it missed nothing so far.
    fn stands_at(&self, shadow: &Shadow, life: &Life, at: Position) -> bool {
        at.epoch == shadow.at.epoch
            && at.offset >= shadow.at.offset
            && life.skips(shadow.at.offset, at.offset, &shadow.eyes(self.connection, self.now))
    }

    /// No topic that has something is passed over for long.
    fn in_turn(&self, shadows: &mut [Shadow], index: usize) -> Checked {
        let others = shadows.len() - 1;
        shadows[index].waited = 0;
        for (other, shadow) in shadows.iter_mut().enumerate() {
            if other == index || !self.has_more(shadow) {
                shadow.waited = 0;
                continue;
            }
            shadow.waited += 1;
            // A gap has a place beside the messages of a turn.
            let most = others * (self.quantum + 1);
            check(shadow.waited <= most, || {
                let expected = format!("a turn behind at most {most} messages of {others} other topics");
                Breach::new(Invariant::Fairness, expected, format!("{}", shadow.waited))
            })?;
        }
        Ok(())
    }

    /// Whether there is something for a subscription that it was not handed.
    pub(crate) fn has_more(&self, shadow: &Shadow) -> bool {
        if shadow.flow == Flow::Paused {
            return false;
        }
        let Some(life) = self.ledger.life(shadow.topic, shadow.at.epoch) else { return shadow.gap.is_some() };
        shadow.gap.is_some()
            || !life.skips(shadow.at.offset, life.head(), &shadow.eyes(self.connection, self.now))
    }
}
