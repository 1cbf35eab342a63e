//! A client as the documentation has it: it reads the list of a topic, a page at a time and at any time,
//! applies every diff, and ends with who is there.

use std::collections::BTreeMap;

use tidewire_hub::TopicName;
use tidewire_hub::presence::{Change, Changes, Diff, Info, Page, UserId};

/// How far it has come with the list.
enum Reading {
    /// It has yet to begin, maybe once more.
    Nothing,
    /// It has read up to this user.
    UpTo(UserId),
    All,
}

pub(super) struct Client {
    pub(super) topic: TopicName,
    known: BTreeMap<UserId, Info>,
    reading: Reading,
}

impl Client {
    pub(super) fn new(topic: TopicName) -> Self {
        Self { topic, known: BTreeMap::new(), reading: Reading::Nothing }
    }

    /// Behind whom its next page begins; one that has read all begins again.
    pub(super) fn after(&mut self) -> Option<UserId> {
        if let Reading::UpTo(user) = &self.reading {
            return Some(user.clone());
        }
        self.known.clear();
        None
    }

    pub(super) fn read(&mut self, page: &Page<'_>) {
        self.known.extend(page.members.iter().map(|member| (member.user.clone(), member.info.clone())));
        self.reading = page.next.map_or(Reading::All, |user| Reading::UpTo(user.clone()));
    }

    pub(super) fn apply(&mut self, diff: &Diff) {
        if diff.topic != self.topic {
            return;
        }
        let Changes::Listed(changes) = &diff.changes else {
            self.reading = Reading::Nothing;
            return;
        };
        for change in changes {
            match change {
                Change::Joined { user, info } | Change::Updated { user, info } => {
                    self.known.insert(user.clone(), info.clone());
                }
                Change::Left { user } => {
                    self.known.remove(user);
                }
            }
        }
    }

    /// What it takes for so, once it has read all.
    pub(super) fn known(&self) -> Option<&BTreeMap<UserId, Info>> {
        match self.reading {
            Reading::Nothing | Reading::UpTo(_) => None,
            Reading::All => Some(&self.known),
        }
    }
}
