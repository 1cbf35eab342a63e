//! The naive hub's readers: what they may be handed, and whether what they were handed is right.

use tidewire_hub::{Dismissal, ENTRY_OVERHEAD_BYTES, Gap, GapReason, Lent, OnLag, Reads, SendError};

use super::message::Standing;
use super::{Model, Note, PutOff, Subscriber, Subscription};

impl Model {
    /// Whether the reader may be moved from its cursor to `to`: all between is skipped, or went unheard.
    fn is_passable(&self, serial: u64, name: &str, to: u64) -> bool {
        let (subscriber, topic) = (&self.subscribers[&serial], &self.topics[name]);
        let cursor = &subscriber.topics[name];
        (cursor.offset + 1..=to).all(|offset| {
            let kept = &topic.notes[offset as usize - 1];
            kept.standing == Standing::Unheard
                || topic.is_skipped(offset, cursor, subscriber.connection, self.now)
        })
    }

    /// Whether a pull must find something, and whether it may: what was skipped before it was evicted is no
    /// gap, what was evicted before it could be skipped is one, and the model does not know which came first.
    pub(in super::super) fn has_something(&self, serial: u64) -> (bool, bool) {
        let Some(subscriber) = self.subscribers.get(&serial) else { return (false, false) };
        let direct = !subscriber.inbox.is_empty() && !subscriber.dismissed;
        let (mut must, mut may) = (direct, direct);
        let served = subscriber.topics.iter().filter(|(_, cursor)| !cursor.paused && !subscriber.dismissed);
        for (name, cursor) in served {
            let topic = &self.topics[name];
            must |= cursor.gap.is_some() || !self.is_passable(serial, name, topic.head());
            may |= must || cursor.offset < topic.lost_for(cursor);
        }
        (must, may)
    }

    /// Whether the hub may say that `offset` was reached: no message before it is missing.
    pub(in super::super) fn may_stand_at(&self, serial: u64, name: &str, offset: u64) -> bool {
        let from = self.subscribers[&serial].topics[name].offset;
        (from..=self.topics[name].head()).contains(&offset) && self.is_passable(serial, name, offset)
    }

    /// A message was handed out: it is held, it is not skipped, and nothing between was left out.
    pub(in super::super) fn delivered(&mut self, serial: u64, lent: &Lent<'_, Note>) {
        let (name, offset) = (lent.topic().as_str(), lent.position().offset);
        assert_eq!(lent.position(), self.at(name, offset));
        assert!(self.subscribers[&serial].topics[name].gap.is_none(), "a message before its gap");
        assert!(!self.subscribers[&serial].topics[name].paused, "a message of a topic that pauses");
        assert!(self.may_stand_at(serial, name, offset - 1), "a message was lost or repeated in silence");
        assert!(!self.may_stand_at(serial, name, offset), "what is skipped was handed out");
        let topic = &self.topics[name];
        assert!(offset > topic.before_earliest());
        let kept = &topic.notes[offset as usize - 1];
        assert!(kept.is_held());
        assert_eq!((&kept.note, kept.at), (lent.message(), lent.published_at()));
        assert_eq!(kept.said.event.as_deref(), lent.event());
        assert!(kept.at.checked_add(self.config.max_age).is_none_or(|at| at > self.now), "beyond its age");
        self.moved(serial, name, offset);
    }

    /// A gap was handed out in its turn.
    pub(in super::super) fn told(&mut self, serial: u64, gap: &Gap) {
        self.told_ahead(serial, gap);
        self.moved(serial, gap.topic.as_str(), gap.to.offset);
    }

    /// A gap was handed out: it is the one that was pending, or messages are gone indeed, or its reader was
    /// too slow.
    pub(in super::super) fn told_ahead(&mut self, serial: u64, gap: &Gap) {
        let name = gap.topic.as_str();
        let topic = &self.topics[name];
        let cursor = &self.subscribers[&serial].topics[name];
        let earliest = topic.before_earliest();
        let to = match (cursor.gap, gap.from) {
            (Some(pending), _) => {
                assert_eq!((gap.reason, gap.from), pending);
                earliest
            }
            (None, None) => panic!("a loss has a beginning"),
            (None, Some(from)) => {
                assert_eq!(from.epoch, gap.to.epoch);
                assert!(self.may_stand_at(serial, name, from.offset));
                let lost = topic.lost_for(cursor);
                let exceeded =
                    topic.exceeds(from.offset, cursor, self.subscribers[&serial].connection, self.now);
                let slow = exceeded || lost > cursor.live_from && from.offset < lost;
                match gap.reason {
                    GapReason::Evicted => assert!(from.offset < lost, "a gap without a loss"),
                    GapReason::Lagged => {
                        assert!(exceeded && from.offset >= lost, "not that slow");
                        assert!(!self.is_passable(serial, name, gap.to.offset), "a gap without a loss");
                    }
                    GapReason::Epoch | GapReason::Unknown => panic!("{gap:?}"),
                }
                assert!(!(slow && cursor.policy.on_lag == OnLag::Disconnect), "it was to be dismissed");
                if slow { topic.goes_on_after(from.offset, &cursor.policy) } else { earliest }
            }
        };
        assert_eq!(gap.to, self.at(name, to));
        let cursor = self.cursor_mut(serial, name);
        (cursor.offset, cursor.gap) = (to, None);
    }

    /// All gaps were to be handed out ahead: nobody is left with one, but for who pauses or is to be
    /// dismissed.
    pub(in super::super) fn told_all(&self, serial: u64) {
        let Some(subscriber) = self.subscribers.get(&serial).filter(|found| !found.dismissed) else { return };
        for (name, cursor) in subscriber.topics.iter().filter(|(_, cursor)| !cursor.paused) {
            let topic = &self.topics[name];
            assert!(cursor.gap.is_none(), "a gap was kept back");
            let stays = cursor.policy.on_lag == OnLag::Disconnect || cursor.policy.reads == Reads::Latest;
            assert!(stays || self.may_stand_at(serial, name, cursor.offset.max(topic.lost_for(cursor))));
        }
    }

    /// A batch was forgotten: what it gave in the turn that it was in comes again, as far as the hub's cursor
    /// says.
    pub(in super::super) fn forgotten(&mut self, serial: u64, name: &str, from: u64, offset: u64) {
        let cursor = self.cursor_mut(serial, name);
        if offset < cursor.offset {
            assert!(offset >= from, "back to {offset} from {}", cursor.offset);
            cursor.offset = offset;
        }
        assert!(self.may_stand_at(serial, name, offset));
    }

    /// The same with what its next batch begins with.
    pub(in super::super) fn puts_off_as(&mut self, serial: u64, before: &Subscriber) {
        if let (Some(subscriber), PutOff::Now | PutOff::Before) =
            (self.subscribers.get_mut(&serial), before.put_off)
        {
            subscriber.put_off = PutOff::Before;
        }
    }

    fn cursor_mut(&mut self, serial: u64, name: &str) -> &mut Subscription {
        let subscriber = self.subscribers.get_mut(&serial).expect("a subscriber");
        subscriber.topics.get_mut(name).expect("a subscription")
    }

    /// A subscriber was told to go: its policy says so.
    pub(in super::super) fn dismissed(&mut self, serial: u64, dismissal: &Dismissal) {
        let (name, offset) = (dismissal.topic.as_str(), dismissal.position.offset);
        let topic = &self.topics[name];
        let cursor = &self.subscribers[&serial].topics[name];
        assert_eq!(cursor.policy.on_lag, OnLag::Disconnect);
        assert!(self.may_stand_at(serial, name, offset));
        let lost = topic.lost_for(cursor);
        let connection = self.subscribers[&serial].connection;
        let exceeds = topic.exceeds(offset, cursor, connection, self.now);
        assert!(exceeds || (offset < lost && lost > cursor.live_from), "not that slow");
        assert_eq!(dismissal.lag_messages, topic.head() - offset);
        let subscriber = self.subscribers.get_mut(&serial).expect("a subscriber");
        subscriber.dismissed = true;
    }

    pub(in super::super) fn send_to(&mut self, serial: u64, note: Note) -> Result<(), SendError> {
        let cost = |note: &Note| note.len_bytes + ENTRY_OVERHEAD_BYTES;
        let all = self.inboxes_bytes();
        let Some(subscriber) = self.subscribers.get_mut(&serial).filter(|found| !found.dismissed) else {
            return Err(SendError::UnknownSubscriber);
        };
        let bytes: usize = subscriber.inbox.iter().map(cost).sum();
        if cost(&note) > self.config.max_inbox_bytes {
            return Err(SendError::TooLarge);
        }
        if subscriber.inbox.len() == self.config.max_inbox_messages
            || bytes + cost(&note) > self.config.max_inbox_bytes
        {
            return Err(SendError::InboxFull);
        }
        if all + cost(&note) > self.config.max_inboxes_bytes {
            return Err(SendError::InboxesFull);
        }
        subscriber.inbox.push_back(note);
        Ok(())
    }

    pub(super) fn inboxes_bytes(&self) -> usize {
        let all = self.subscribers.values().flat_map(|subscriber| &subscriber.inbox);
        all.map(|note| note.len_bytes + ENTRY_OVERHEAD_BYTES).sum()
    }

    /// A message to one subscriber was handed out: the next of its inbox.
    pub(in super::super) fn direct(&mut self, serial: u64, note: &Note) {
        let subscriber = self.subscribers.get_mut(&serial).expect("a subscriber");
        subscriber.idle = false;
        if subscriber.put_off == PutOff::Not {
            subscriber.put_off = PutOff::Now;
        }
        assert_eq!(subscriber.inbox.pop_front().as_ref(), Some(note));
    }

    /// Another batch is being taken.
    pub(in super::super) fn begins_a_batch(&mut self, serial: u64) {
        let put_off = self.subscribers.get_mut(&serial).map(|subscriber| &mut subscriber.put_off);
        if let Some(now @ PutOff::Now) = put_off {
            *now = PutOff::Before;
        }
    }

    pub(in super::super) fn pause(&mut self, serial: u64, name: &str, paused: bool) -> bool {
        let found = self.subscribers.get_mut(&serial).and_then(|all| all.topics.get_mut(name));
        found.map(|cursor| cursor.paused = paused).is_some()
    }

    fn moved(&mut self, serial: u64, name: &str, offset: u64) {
        let subscriber = self.subscribers.get_mut(&serial).expect("a subscriber");
        let may_begin = subscriber.put_off == PutOff::Before;
        assert!(subscriber.inbox.is_empty() || may_begin, "a topic before the inbox");
        (subscriber.idle, subscriber.put_off) = (false, PutOff::Not);
        let cursor = self.cursor_mut(serial, name);
        (cursor.offset, cursor.gap) = (offset, None);
    }
}
