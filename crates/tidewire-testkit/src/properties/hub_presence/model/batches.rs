//! The model's batches: who was seen in each topic when it was told, whole, and what differs from that.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use tidewire_hub::TopicName;
use tidewire_hub::presence::{CHANGE_OVERHEAD_BYTES, Change, Changes, Diff, Info, PresenceConfig, UserId};

use super::Seen;
use super::places::Places;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Those who changed are kept; the how manieth batch of all it is.
    Listed { serial: u64 },
    /// Too many did.
    TooMany,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    due: Duration,
    kind: Kind,
    /// How often the topic's list was read since it was opened.
    reads: usize,
}

/// How far apart the diffs of a topic are in which too many changed.
#[derive(Clone, Copy, Debug)]
struct Pace {
    interval: Duration,
    /// No diff is due before.
    until: Duration,
    /// When the interval is half of it.
    halves_at: Duration,
}

pub(super) struct Batches {
    config: PresenceConfig,
    open: BTreeMap<TopicName, Batch>,
    paces: BTreeMap<TopicName, Pace>,
    /// Of those that are due at once the topic with the first place has its turn.
    places: Places<TopicName>,
    /// Who was seen in each topic when its last diff was told.
    told: Seen,
    /// Who was not as told when the list was read: they are told of, whatever they are then.
    read: BTreeSet<(TopicName, UserId)>,
    serial: u64,
}

impl Batches {
    pub(super) fn new(config: PresenceConfig) -> Self {
        let (open, paces, told, read) = (BTreeMap::new(), BTreeMap::new(), Seen::new(), BTreeSet::new());
        Self { config, open, paces, places: Places::default(), told, read, serial: 0 }
    }

    /// The topics that have something to tell, or a pace; some twice.
    pub(super) fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.open.keys().chain(self.paces.keys())
    }

    /// Whether all was told of a topic.
    pub(super) fn is_told(&self, topic: &TopicName) -> bool {
        !self.open.contains_key(topic)
    }

    /// These topics have people.
    pub(super) fn settle(&mut self, people: impl Iterator<Item = TopicName>) {
        let there: BTreeSet<TopicName> = people.chain(self.topics().cloned()).collect();
        self.places.settle(&there);
    }

    fn first<'a>(
        &self,
        all: impl Iterator<Item = (Duration, &'a TopicName)>,
    ) -> Option<(Duration, TopicName)> {
        let first = all.min_by_key(|(at, topic)| (*at, self.places.of(topic)));
        first.map(|(at, topic)| (at, topic.clone()))
    }

    fn first_calm(&self) -> Option<(Duration, TopicName)> {
        let quiet = self.paces.iter().filter(|(topic, _)| !self.open.contains_key(*topic));
        self.first(quiet.map(|(topic, pace)| (pace.halves_at, topic)))
    }

    fn first_due(&self) -> Option<(Duration, TopicName)> {
        self.first(self.open.iter().map(|(topic, batch)| (batch.due, topic)))
    }

    pub(super) fn next_calm(&self) -> Option<Duration> {
        self.first_calm().map(|(at, _)| at)
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.first_due().map(|(at, _)| at)
    }

    /// The first topic that waits to be calmer is.
    pub(super) fn calm(&mut self, now: Duration) {
        let (_, topic) = self.first_calm().expect("one is calming");
        self.slow_down(&topic, now);
    }

    /// As many halves as there were times for, until it is as everywhere.
    fn slow_down(&mut self, topic: &TopicName, now: Duration) {
        while let Some(pace) = self.paces.get_mut(topic).filter(|pace| pace.halves_at <= now) {
            pace.interval /= 2;
            pace.halves_at += self.config.max_diff_interval;
            if pace.interval <= self.config.diff_interval {
                self.paces.remove(topic);
            }
        }
    }

    /// Who is to be told of, and how they were told.
    fn differences(&self, topic: &TopicName, seen: &Seen) -> Vec<(UserId, Option<Info>)> {
        let keys: BTreeSet<_> =
            self.told.keys().chain(seen.keys()).chain(&self.read).filter(|(of, _)| of == topic).collect();
        let differ =
            keys.into_iter().filter(|key| self.told.get(key) != seen.get(key) || self.read.contains(key));
        differ.map(|key| (key.1.clone(), self.told.get(key).cloned())).collect()
    }

    /// Somebody has read a topic's list, or a page of it.
    pub(super) fn read(&mut self, topic: &TopicName, seen: &Seen) {
        let differences = self.differences(topic, seen);
        let Some(batch) = self.open.get_mut(topic) else { return };
        batch.reads += 1;
        if batch.kind != Kind::TooMany {
            self.read.extend(differences.into_iter().map(|(user, _)| (topic.clone(), user)));
        }
    }

    /// Something may have changed about one user of a topic; all batches may take so many bytes.
    pub(super) fn look(&mut self, topic: &TopicName, now: Duration, seen: &Seen, room: usize) {
        let differences = self.differences(topic, seen).len();
        if !self.open.contains_key(topic) && differences > 0 {
            self.slow_down(topic, now);
            let pace = self.paces.get(topic).filter(|pace| pace.until > now);
            let due = pace.map_or(now + self.config.diff_interval, |pace| pace.until);
            self.serial += 1;
            let kind = Kind::Listed { serial: self.serial };
            self.open.insert(topic.clone(), Batch { due, kind, reads: 0 });
        }
        if let Some(batch) = self.open.get_mut(topic) {
            if differences > self.config.max_diff_entries {
                batch.kind = Kind::TooMany;
            }
            let is_nowhere = |users: &Seen| !users.keys().any(|(of, _)| of == topic);
            let is_as_told = match batch.kind {
                Kind::TooMany => batch.reads == 0 && is_nowhere(&self.told) && is_nowhere(seen),
                Kind::Listed { .. } => differences == 0,
            };
            if is_as_told {
                self.open.remove(topic);
                self.slow_down(topic, now);
            }
        }
        self.fit(seen, room);
    }

    fn listed(&self) -> impl Iterator<Item = (u64, &TopicName)> {
        self.open.iter().filter_map(|(topic, batch)| match batch.kind {
            Kind::Listed { serial } => Some((serial, topic)),
            Kind::TooMany => None,
        })
    }

    /// What all that list somebody count.
    pub(super) fn bytes(&self, seen: &Seen) -> usize {
        let users = self.listed().flat_map(|(_, topic)| self.differences(topic, seen));
        let info = |told: &Option<Info>| told.as_ref().map_or(0, |info| info.as_bytes().len());
        users.map(|(user, told)| user.as_str().len() + info(&told) + CHANGE_OVERHEAD_BYTES).sum()
    }

    fn fit(&mut self, seen: &Seen, room: usize) {
        while self.bytes(seen) > room {
            let (_, first) = self.listed().min().expect("the others count nothing");
            let first = first.clone();
            self.open.get_mut(&first).expect("it has one").kind = Kind::TooMany;
        }
    }

    /// It came; it must be the one that is due first, and say what differs.
    pub(super) fn told(&mut self, diff: &Diff, now: Duration, seen: &Seen) {
        let (due, topic) = self.first_due().expect("no batch is open");
        assert!(due <= now, "it came early");
        assert_eq!(diff.topic, topic, "the one longest due comes first");
        let Batch { kind, .. } = self.open.remove(&topic).expect("it is the first");
        let change =
            |(user, told): (UserId, Option<Info>)| match (told, seen.get(&(topic.clone(), user.clone()))) {
                (_, None) => Change::Left { user },
                (None, Some(info)) => Change::Joined { user, info: info.clone() },
                (Some(_), Some(info)) => Change::Updated { user, info: info.clone() },
            };
        let listed = self.differences(&topic, seen).into_iter().map(change).collect();
        self.slow_down(&topic, now);
        if kind != Kind::TooMany {
            assert_eq!(diff.changes, Changes::Listed(listed));
        } else {
            assert_eq!(diff.changes, Changes::TooMany);
            let (usual, most) = (self.config.diff_interval, self.config.max_diff_interval);
            let interval = (self.paces.get(&topic).map_or(usual, |pace| pace.interval) * 2).min(most);
            if interval > usual {
                let pace = Pace { interval, until: now + interval, halves_at: now + most };
                self.paces.insert(topic.clone(), pace);
            }
        }
        self.read.retain(|(of, _)| *of != topic);
        self.told.retain(|(of, _), _| *of != topic);
        self.told.extend(seen.clone().into_iter().filter(|((of, _), _)| *of == topic));
    }
}
