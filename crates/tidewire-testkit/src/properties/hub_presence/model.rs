//! A naive presence: one list of people that every question walks, and of each topic who was told of.

mod admission;
mod batches;
mod places;
mod questions;

use core::time::Duration;
use std::collections::BTreeMap;

use tidewire_hub::presence::{
    AdmissionError, CONNECTION_OVERHEAD_BYTES, Diff, Info, MEMBER_OVERHEAD_BYTES, PresenceConfig,
    PresenceDue, UserId,
};
use tidewire_hub::{ConnectionId, TopicName};

use batches::Batches;
use places::Places;

/// What keeps somebody there who has no connection open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Poll {
    /// Nothing does.
    Never,
    /// The last poll or lost connection, the how manieth of all it was, and whether it was found to be too
    /// long ago.
    At { at: Duration, serial: u64, is_over: bool },
}

#[derive(Clone)]
struct Person {
    topic: TopicName,
    user: UserId,
    info: Info,
    connections: Vec<ConnectionId>,
    poll: Poll,
}

impl Person {
    fn bytes(&self) -> usize {
        let own = self.user.as_str().len() + self.info.as_bytes().len();
        own + MEMBER_OVERHEAD_BYTES + self.connections.len() * CONNECTION_OVERHEAD_BYTES
    }

    fn is_seen(&self) -> bool {
        !self.connections.is_empty() || matches!(self.poll, Poll::At { is_over: false, .. })
    }

    /// Nothing is left of them.
    fn is_gone(&self) -> bool {
        self.connections.is_empty() && self.poll == Poll::Never
    }
}

type Seen = BTreeMap<(TopicName, UserId), Info>;

/// The presence of the model.
pub(super) struct Model {
    config: PresenceConfig,
    now: Duration,
    people: Vec<Person>,
    /// A connection that leaves all topics does so in this order.
    places: Places<(TopicName, UserId)>,
    batches: Batches,
    polls: u64,
}

impl Model {
    pub(super) fn new(mut config: PresenceConfig) -> Self {
        config.record_ttl = config.record_ttl.max(config.seen_ttl);
        config.max_diff_interval = config.max_diff_interval.max(config.diff_interval);
        config.max_page_len = config.max_page_len.max(1);
        config.max_expiries_per_call = config.max_expiries_per_call.max(1);
        let batches = Batches::new(config.clone());
        let (people, places) = (Vec::new(), Places::default());
        Self { config, now: Duration::ZERO, people, places, batches, polls: 0 }
    }

    fn seen(&self) -> Seen {
        let seen = self.people.iter().filter(|person| person.is_seen());
        seen.map(|person| ((person.topic.clone(), person.user.clone()), person.info.clone())).collect()
    }

    /// Something may have changed about one user: the batch of the topic, and what all of them may hold,
    /// follow.
    fn look(&mut self, topic: &TopicName) {
        self.people.retain(|person| !person.is_gone());
        let room = self.config.max_bytes - self.members_bytes();
        self.batches.look(topic, self.now, &self.seen(), room);
        self.settle();
    }

    fn settle(&mut self) {
        let keys = self.people.iter().map(|person| (person.topic.clone(), person.user.clone()));
        self.places.settle(&keys.collect());
        self.batches.settle(self.people.iter().map(|person| person.topic.clone()));
    }

    /// The first of what time does to people and topics.
    fn next_expiry(&self) -> Option<(Duration, PresenceDue, Option<usize>)> {
        let polls = |over: bool| {
            let poll = move |(index, person): (usize, &Person)| match person.poll {
                Poll::At { at, serial, is_over } if is_over == over => Some((serial, at, index)),
                Poll::At { .. } | Poll::Never => None,
            };
            self.people.iter().enumerate().filter_map(poll).min()
        };
        let unseen =
            polls(false).map(|(_, at, of)| (at + self.config.seen_ttl, PresenceDue::Unseen, Some(of)));
        let record =
            polls(true).map(|(_, at, of)| (at + self.config.record_ttl, PresenceDue::Record, Some(of)));
        let calm = self.batches.next_calm().map(|at| (at, PresenceDue::Calm, None));
        [unseen, record, calm].into_iter().flatten().min_by_key(|(at, _, _)| *at)
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        for _ in 0..self.config.max_expiries_per_call {
            let Some((_, due, index)) = self.next_expiry().filter(|(at, _, _)| *at <= self.now) else {
                return;
            };
            let Some(index) = index else {
                self.batches.calm(self.now);
                self.settle();
                continue;
            };
            let person = &mut self.people[index];
            let topic = person.topic.clone();
            person.poll = match person.poll {
                Poll::At { at, serial, .. }
                    if due == PresenceDue::Unseen && person.connections.is_empty() =>
                {
                    Poll::At { at, serial, is_over: true }
                }
                Poll::At { .. } | Poll::Never => Poll::Never,
            };
            self.look(&topic);
        }
    }

    fn find(&mut self, topic: &TopicName, user: &UserId) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.topic == *topic && person.user == *user)
    }

    fn members_bytes(&self) -> usize {
        self.people.iter().map(Person::bytes).sum()
    }

    pub(super) fn join(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
        info: &Info,
    ) -> Result<(), AdmissionError> {
        self.handle_timeout(now);
        self.admit(topic, user, Some(connection), Some(info))
    }

    pub(super) fn refresh(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        info: Option<&Info>,
    ) -> Result<(), AdmissionError> {
        self.handle_timeout(now);
        self.admit(topic, user, None, info)
    }

    pub(super) fn leave(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.handle_timeout(now);
        self.close(topic, user, connection, false)
    }

    pub(super) fn lose(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.handle_timeout(now);
        self.close(topic, user, connection, true)
    }

    /// Answers whether it was open. One that is lost keeps its user seen for a while.
    fn close(&mut self, topic: &TopicName, user: &UserId, connection: ConnectionId, is_lost: bool) -> bool {
        let (at, serial) = (self.now, self.polls + 1);
        let Some(person) = self.find(topic, user) else { return false };
        let before = person.connections.len();
        person.connections.retain(|open| *open != connection);
        let was_there = person.connections.len() < before;
        if is_lost && was_there {
            person.poll = Poll::At { at, serial, is_over: false };
            self.polls = serial;
        }
        self.look(topic);
        was_there
    }

    /// Where a connection is, in the order of the places.
    fn of_connection(&self, connection: ConnectionId) -> Vec<(TopicName, UserId)> {
        let people = self.people.iter().filter(|person| person.connections.contains(&connection));
        let mut keys: Vec<_> = people.map(|person| (person.topic.clone(), person.user.clone())).collect();
        keys.sort_by_key(|key| self.places.of(key));
        keys
    }

    pub(super) fn leave_all(&mut self, now: Duration, connection: ConnectionId) -> usize {
        self.handle_timeout(now);
        let keys = self.of_connection(connection);
        keys.iter().for_each(|(topic, user)| assert!(self.close(topic, user, connection, false)));
        keys.len()
    }

    pub(super) fn lose_all(&mut self, now: Duration, connection: ConnectionId) -> usize {
        self.handle_timeout(now);
        let keys = self.of_connection(connection);
        keys.iter().for_each(|(topic, user)| assert!(self.close(topic, user, connection, true)));
        keys.len()
    }

    pub(super) fn withdraw(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> bool {
        self.handle_timeout(now);
        let Some(person) = self.find(topic, user) else { return false };
        let had = person.poll != Poll::Never;
        person.poll = Poll::Never;
        self.look(topic);
        had
    }

    pub(super) fn poll_timeout(&self) -> Option<(Duration, PresenceDue)> {
        let expiry = self.next_expiry().map(|(at, due, _)| (at, due));
        let diff = self.batches.next_due().map(|at| (at, PresenceDue::Diff));
        expiry.into_iter().chain(diff).min_by_key(|(at, _)| *at)
    }

    /// All diffs that were due, as they came.
    pub(super) fn told(&mut self, diffs: &[Diff]) {
        let seen = self.seen();
        for diff in diffs {
            self.batches.told(diff, self.now, &seen);
            self.settle();
            self.count_is(&diff.topic, diff.users, diff.connections);
        }
        assert!(self.batches.next_due().is_none_or(|at| at > self.now), "one is due and did not come");
    }

    /// All connections that are open.
    pub(super) fn open(&self) -> Vec<(TopicName, UserId, ConnectionId)> {
        let of = |person: &Person| {
            let (topic, user) = (person.topic.clone(), person.user.clone());
            person
                .connections
                .clone()
                .into_iter()
                .map(move |connection| (topic.clone(), user.clone(), connection))
        };
        self.people.iter().flat_map(of).collect()
    }
}
