//! The model's batches: who was seen in each topic when it was told, whole, and what differs from that.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use tidewire_hub::TopicName;
use tidewire_hub::presence::{CHANGE_OVERHEAD_BYTES, Change, Changes, Diff, Info, PresenceConfig, UserId};

use super::Seen;
use super::places::Places;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing is to be told, and nothing may be before it is due.
    Calming,
    /// Those who changed are kept; the how manieth batch of all it is.
    Listed { serial: u64 },
    /// Too many did.
    TooMany,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    due: Duration,
    interval: Duration,
    kind: Kind,
}

pub(super) struct Batches {
    config: PresenceConfig,
    all: BTreeMap<TopicName, Batch>,
    /// Of those that are due at once the topic with the first place has its turn.
    places: Places<TopicName>,
    /// Who was seen in each topic when its last diff was told.
    told: Seen,
    serial: u64,
}

impl Batches {
    pub(super) fn new(config: PresenceConfig) -> Self {
        let (all, told) = (BTreeMap::new(), Seen::new());
        Self { config, all, places: Places::default(), told, serial: 0 }
    }

    /// The topics that have one.
    pub(super) fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.all.keys()
    }

    /// These topics have people.
    pub(super) fn settle(&mut self, people: impl Iterator<Item = TopicName>) {
        let there: BTreeSet<TopicName> = people.chain(self.all.keys().cloned()).collect();
        self.places.settle(&there);
    }

    fn first(&self, is_calming: bool) -> Option<(Duration, TopicName)> {
        let of_kind = self.all.iter().filter(|(_, batch)| (batch.kind == Kind::Calming) == is_calming);
        let first = of_kind.min_by_key(|(topic, batch)| (batch.due, self.places.of(topic)));
        first.map(|(topic, batch)| (batch.due, topic.clone()))
    }

    pub(super) fn next_calm(&self) -> Option<Duration> {
        self.first(true).map(|(at, _)| at)
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.first(false).map(|(at, _)| at)
    }

    /// The first topic that waits to be calm is.
    pub(super) fn calm(&mut self) {
        let (_, topic) = self.first(true).expect("one is calming");
        self.all.remove(&topic);
    }

    /// Who is not as told, and how they were told.
    fn differences(&self, topic: &TopicName, seen: &Seen) -> Vec<(UserId, Option<Info>)> {
        let keys: BTreeSet<_> = self.told.keys().chain(seen.keys()).filter(|(of, _)| of == topic).collect();
        let differ = keys.into_iter().filter(|key| self.told.get(key) != seen.get(key));
        differ.map(|key| (key.1.clone(), self.told.get(key).cloned())).collect()
    }

    /// Something may have changed about one user of a topic; all batches may take so many bytes.
    pub(super) fn look(&mut self, topic: &TopicName, now: Duration, seen: &Seen, room: usize) {
        let differences = self.differences(topic, seen).len();
        let fresh = (now + self.config.diff_interval, self.config.diff_interval);
        let batch = match self.all.get(topic) {
            None if differences == 0 => None,
            None => Some((fresh, None)),
            Some(batch) if batch.kind == Kind::Calming && differences == 0 => None,
            Some(batch) if batch.kind == Kind::Calming && batch.due <= now => Some((fresh, None)),
            Some(batch) if batch.kind == Kind::Calming => Some(((batch.due, batch.interval), None)),
            Some(batch) => Some(((batch.due, batch.interval), Some(batch.kind))),
        };
        if let Some(((due, interval), kind)) = batch {
            self.serial += 1;
            let kind = match kind.unwrap_or(Kind::Listed { serial: self.serial }) {
                Kind::Listed { .. } if differences > self.config.max_diff_entries => Kind::TooMany,
                kind @ (Kind::Listed { .. } | Kind::TooMany | Kind::Calming) => kind,
            };
            let is_nowhere = |users: &Seen| !users.keys().any(|(of, _)| of == topic);
            let is_as_told = match kind {
                Kind::TooMany => is_nowhere(&self.told) && is_nowhere(seen),
                Kind::Listed { .. } | Kind::Calming => differences == 0,
            };
            let is_spaced_out = interval > self.config.diff_interval && due > now;
            if !is_as_told {
                self.all.insert(topic.clone(), Batch { due, interval, kind });
            } else if is_spaced_out {
                self.all.insert(topic.clone(), Batch { due, interval, kind: Kind::Calming });
            } else {
                self.all.remove(topic);
            }
        }
        self.fit(seen, room);
    }

    fn listed(&self) -> impl Iterator<Item = (u64, &TopicName)> {
        self.all.iter().filter_map(|(topic, batch)| match batch.kind {
            Kind::Listed { serial } => Some((serial, topic)),
            Kind::Calming | Kind::TooMany => None,
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
            self.all.get_mut(&first).expect("it has one").kind = Kind::TooMany;
        }
    }

    /// It came; it must be the one that is due first, and say what differs.
    pub(super) fn told(&mut self, diff: &Diff, now: Duration, seen: &Seen) {
        let (due, topic) = self.first(false).expect("no batch is open");
        assert!(due <= now, "it came early");
        assert_eq!(diff.topic, topic, "the one longest due comes first");
        let Batch { kind, interval, .. } = self.all.remove(&topic).expect("it is the first");
        let change =
            |(user, told): (UserId, Option<Info>)| match (told, seen.get(&(topic.clone(), user.clone()))) {
                (_, None) => Change::Left { user },
                (None, Some(info)) => Change::Joined { user, info: info.clone() },
                (Some(_), Some(info)) => Change::Updated { user, info: info.clone() },
            };
        let listed = || self.differences(&topic, seen).into_iter().map(change).collect();
        let next = (interval * 2).min(self.config.max_diff_interval);
        if kind != Kind::TooMany {
            assert_eq!(diff.changes, Changes::Listed(listed()));
        } else {
            assert_eq!(diff.changes, Changes::TooMany);
            if next > self.config.diff_interval {
                let batch = Batch { due: now + next, interval: next, kind: Kind::Calming };
                self.all.insert(topic.clone(), batch);
            }
        }
        self.told.retain(|(of, _), _| *of != topic);
        self.told.extend(seen.clone().into_iter().filter(|((of, _), _)| *of == topic));
    }
}
