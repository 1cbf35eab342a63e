//! A naive presence: one list of people that every question walks.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use tidewire_hub::presence::{
    AdmissionError, CONNECTION_OVERHEAD_BYTES, Change, Changes, Count, Diff, Info, MEMBER_OVERHEAD_BYTES,
    Member, Page, PresenceConfig, PresenceDue, PresenceUsage, Status, UserId,
};
use tidewire_hub::{ConnectionId, TopicName};

#[derive(Clone)]
struct Person {
    topic: TopicName,
    user: UserId,
    info: Info,
    connections: Vec<ConnectionId>,
    /// The last poll or lost connection, while it means something.
    refreshed: Option<Duration>,
}

impl Person {
    fn bytes(&self) -> usize {
        let own = self.user.as_str().len() + self.info.as_bytes().len();
        own + MEMBER_OVERHEAD_BYTES + self.connections.len() * CONNECTION_OVERHEAD_BYTES
    }
}

type Seen = BTreeMap<(TopicName, UserId), Info>;

/// A batch that is open.
struct Batch {
    due: Duration,
    touched: BTreeSet<UserId>,
}

/// The presence of the model.
pub(super) struct Model {
    config: PresenceConfig,
    now: Duration,
    people: Vec<Person>,
    /// Who was seen when it was last looked.
    seen: Seen,
    /// Who was seen in each topic when its last diff was told.
    told: Seen,
    batches: BTreeMap<TopicName, Batch>,
}

impl Model {
    pub(super) fn new(mut config: PresenceConfig) -> Self {
        config.record_ttl = config.record_ttl.max(config.seen_ttl);
        config.max_page_len = config.max_page_len.max(1);
        Self {
            config,
            now: Duration::ZERO,
            people: Vec::new(),
            seen: Seen::new(),
            told: Seen::new(),
            batches: BTreeMap::new(),
        }
    }

    fn is_seen(&self, person: &Person) -> bool {
        let fresh = |at: Duration| at + self.config.seen_ttl > self.now;
        !person.connections.is_empty() || person.refreshed.is_some_and(fresh)
    }

    /// Finds who came, changed and went since it was last looked.
    fn look(&mut self) {
        let seen: Seen = self
            .people
            .iter()
            .filter(|person| self.is_seen(person))
            .map(|person| ((person.topic.clone(), person.user.clone()), person.info.clone()))
            .collect();
        let all: BTreeSet<_> = seen.keys().chain(self.seen.keys()).cloned().collect();
        let due = self.now + self.config.diff_interval;
        for (topic, user) in all {
            let key = (topic, user);
            if seen.get(&key) != self.seen.get(&key) {
                let fresh = || Batch { due, touched: BTreeSet::new() };
                self.batches.entry(key.0).or_insert_with(fresh).touched.insert(key.1);
            }
        }
        self.seen = seen;
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let (now, config) = (self.now, &self.config);
        for person in self.people.iter_mut().filter(|person| !person.connections.is_empty()) {
            person.refreshed = person.refreshed.filter(|at| *at + config.seen_ttl > now);
        }
        self.people.retain(|person| {
            !person.connections.is_empty() || person.refreshed.is_some_and(|at| at + config.record_ttl > now)
        });
        self.look();
    }

    fn find(&mut self, topic: &TopicName, user: &UserId) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.topic == *topic && person.user == *user)
    }

    fn bytes(&self) -> usize {
        self.people.iter().map(Person::bytes).sum()
    }

    fn topics(&self) -> BTreeSet<&TopicName> {
        self.people.iter().map(|person| &person.topic).chain(self.batches.keys()).collect()
    }

    /// Who it would be, if they may.
    fn admit(
        &mut self,
        topic: &TopicName,
        user: &UserId,
        connection: Option<ConnectionId>,
        info: Option<&Info>,
    ) -> Result<&mut Person, AdmissionError> {
        let known = self.find(topic, user).cloned();
        let of_topic = self.people.iter().filter(|person| person.topic == *topic).count();
        if known.is_none() {
            if !self.topics().contains(topic) && self.topics().len() >= self.config.max_topics {
                return Err(AdmissionError::TooManyTopics);
            }
            if of_topic >= self.config.max_members_per_topic {
                return Err(AdmissionError::TooManyMembers);
            }
        }
        let before = known.as_ref().map_or(0, Person::bytes);
        let mut person = known.unwrap_or_else(|| Person {
            topic: topic.clone(),
            user: user.clone(),
            info: Info::default(),
            connections: Vec::new(),
            refreshed: None,
        });
        if let Some(connection) = connection.filter(|connection| !person.connections.contains(connection)) {
            person.connections.push(connection);
            if person.connections.len() > self.config.max_connections_per_member {
                return Err(AdmissionError::TooManyConnections);
            }
            // Who is not seen comes back by the connection alone.
            let ttl = self.config.seen_ttl;
            person.refreshed = person.refreshed.filter(|at| *at + ttl > self.now);
        }
        if let Some(info) = info {
            person.info = info.clone();
        }
        let after = person.bytes();
        if after > before && self.bytes() - before + after > self.config.max_bytes {
            return Err(AdmissionError::TooManyBytes);
        }
        self.people.retain(|other| other.topic != *topic || other.user != *user);
        self.people.push(person);
        Ok(self.people.last_mut().expect("one was pushed"))
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
        self.admit(topic, user, Some(connection), Some(info)).map(drop)?;
        self.look();
        Ok(())
    }

    pub(super) fn refresh(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        info: Option<&Info>,
    ) -> Result<(), AdmissionError> {
        self.handle_timeout(now);
        let now = self.now;
        self.admit(topic, user, None, info)?.refreshed = Some(now);
        self.look();
        Ok(())
    }

    pub(super) fn leave(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.handle_timeout(now);
        let Some(person) = self.find(topic, user) else { return false };
        let before = person.connections.len();
        person.connections.retain(|open| *open != connection);
        let was_there = person.connections.len() < before;
        self.people.retain(|person| !person.connections.is_empty() || person.refreshed.is_some());
        self.look();
        was_there
    }

    pub(super) fn lose(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.handle_timeout(now);
        let now = self.now;
        let Some(person) = self.find(topic, user) else { return false };
        let before = person.connections.len();
        person.connections.retain(|open| *open != connection);
        let was_there = person.connections.len() < before;
        if was_there {
            person.refreshed = Some(now);
            self.look();
        }
        was_there
    }

    pub(super) fn withdraw(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> bool {
        self.handle_timeout(now);
        let Some(person) = self.find(topic, user) else { return false };
        let had = person.refreshed.take().is_some();
        self.people.retain(|person| !person.connections.is_empty() || person.refreshed.is_some());
        self.look();
        had
    }

    pub(super) fn poll_timeout(&self) -> Option<(Duration, PresenceDue)> {
        let refreshed = |seen| {
            self.people.iter().filter(move |person| self.is_seen(person) == seen).filter_map(|p| p.refreshed)
        };
        let unseen = refreshed(true).min().map(|at| (at + self.config.seen_ttl, PresenceDue::Unseen));
        let record = refreshed(false).min().map(|at| (at + self.config.record_ttl, PresenceDue::Record));
        let diff = self.batches.values().map(|batch| batch.due).min().map(|due| (due, PresenceDue::Diff));
        [unseen, record, diff].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// All diffs that were due, as they came.
    pub(super) fn told(&mut self, diffs: &[Diff]) {
        let dues: Vec<Duration> = diffs.iter().map(|diff| self.batches[&diff.topic].due).collect();
        assert!(dues.is_sorted(), "the one longest due comes first");
        let due: Vec<TopicName> = self
            .batches
            .iter()
            .filter(|(_, batch)| batch.due <= self.now)
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in &due {
            let changes = self.changes(topic);
            let found: Vec<&Diff> = diffs.iter().filter(|diff| diff.topic == *topic).collect();
            assert_eq!(found.len(), usize::from(changes.is_some()), "{topic}");
            for (diff, changes) in found.into_iter().zip(changes) {
                assert_eq!(diff.changes, changes);
                let (users, connections) = self.counted(topic);
                assert_eq!((diff.users, diff.connections), (users, connections));
            }
            self.batches.remove(topic);
            self.told.retain(|(of, _), _| of != topic);
            self.told.extend(self.seen.clone().into_iter().filter(|((of, _), _)| of == topic));
        }
        assert!(diffs.iter().all(|diff| due.contains(&diff.topic)), "one came early");
    }

    /// What a topic's diff must say; `None` for no diff.
    fn changes(&self, topic: &TopicName) -> Option<Changes> {
        if self.batches[topic].touched.len() > self.config.max_diff_entries {
            return Some(Changes::TooMany);
        }
        let all: BTreeSet<_> =
            self.told.keys().chain(self.seen.keys()).filter(|(of, _)| of == topic).collect();
        let change = |key: &(TopicName, UserId)| {
            let user = key.1.clone();
            match (self.told.get(key), self.seen.get(key)) {
                (Some(before), Some(info)) if before == info => None,
                (Some(_), Some(info)) => Some(Change::Updated { user, info: info.clone() }),
                (None, Some(info)) => Some(Change::Joined { user, info: info.clone() }),
                (_, None) => Some(Change::Left { user }),
            }
        };
        let changes: Vec<Change> = all.into_iter().filter_map(change).collect();
        (!changes.is_empty()).then_some(Changes::Listed(changes))
    }

    fn counted(&self, topic: &TopicName) -> (usize, usize) {
        let people = self.people.iter().filter(|person| person.topic == *topic);
        let connections = people.map(|person| person.connections.len()).sum();
        (self.seen.keys().filter(|(of, _)| of == topic).count(), connections)
    }

    pub(super) fn count(&self, topic: &TopicName, count: Count) {
        assert_eq!((count.users, count.connections), self.counted(topic));
    }

    pub(super) fn member(&self, topic: &TopicName, user: &UserId, member: Option<Member<'_>>) {
        let person = self.people.iter().find(|person| person.topic == *topic && person.user == *user);
        assert_eq!(member.is_some(), person.is_some());
        let (Some(member), Some(person)) = (member, person) else { return };
        let seen = self.seen.contains_key(&(topic.clone(), user.clone()));
        let status = match person.refreshed {
            _ if !person.connections.is_empty() => Status::Connected,
            Some(at) if seen => Status::Refreshed { at },
            Some(at) => Status::Unseen { at },
            None => panic!("nothing holds {user} in {topic}"),
        };
        assert_eq!((member.user, member.info, member.status), (user, &person.info, status));
        assert_eq!(member.connections, person.connections.len());
    }

    pub(super) fn page(&self, topic: &TopicName, after: Option<&UserId>, limit: usize, page: &Page<'_>) {
        let users: Vec<&UserId> = self
            .seen
            .keys()
            .filter(|(of, user)| of == topic && after.is_none_or(|after| user > after))
            .map(|(_, user)| user)
            .collect();
        let limit = limit.max(1).min(self.config.max_page_len);
        let expected: Vec<&UserId> = users.iter().take(limit).copied().collect();
        assert_eq!(page.members.iter().map(|member| member.user).collect::<Vec<_>>(), expected);
        let next = if users.len() > limit { expected.last().copied() } else { None };
        assert_eq!(page.next, next);
        for member in &page.members {
            self.member(topic, member.user, Some(*member));
        }
    }

    pub(super) fn usage(&self, usage: PresenceUsage) {
        let connections: usize = self.people.iter().map(|person| person.connections.len()).sum();
        let expected = (self.topics().len(), self.people.len(), connections, self.bytes());
        assert_eq!((usage.topics, usage.members, usage.connections, usage.bytes), expected);
        assert!(usage.topics <= self.config.max_topics && usage.bytes <= self.config.max_bytes);
    }

    pub(super) fn nobody(&self, usage: PresenceUsage) {
        assert_eq!(usage, PresenceUsage::default());
        assert!(self.people.is_empty() && self.batches.is_empty());
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
