//! Batches: a topic's changes from the first one until they are told, and the pace of a topic in which too
//! many change.
//!
//! | | quiet | calming | open |
//! |---|---|---|---|
//! | somebody changes | open, due in `diff_interval` | open, due as the pace says | open; one too many: lists nobody |
//! | all are as they were told, and as was read | – | – | quiet; calming while there is a pace |
//! | told, and lists who changed | – | – | quiet; calming while there is a pace |
//! | told, and lists nobody | – | – | calming, at half the pace |
//! | `max_diff_interval` is over | – | calming at twice the pace, or quiet | – |
//!
//! Lists show what is so, and not what was told. So whoever was in the batch when the list was read stays in
//! it: they are told of as they are by then, which those who read need, and which tells the others nothing
//! new.

use alloc::collections::{BTreeMap, BTreeSet};
use core::mem;
use core::time::Duration;

use super::diff::{Change, Changes, Diff};
use super::machine::Presence;
use super::pace::Pace;
use super::user::{Info, UserId};
use crate::links::{Kind, Links, Node};

/// What a user who is kept for the next diff counts beside id and info: a place in the batch, and the headers
/// of what is shared.
pub const CHANGE_OVERHEAD_BYTES: usize = 128;

/// What is to be told of a topic, and when.
#[derive(Debug, Default)]
pub(super) enum Pending {
    /// What was told is so.
    #[default]
    Quiet,
    /// What was told is so; but it was that too many changed, not long ago.
    Calming(Pace),
    /// Something is to be told.
    Open {
        due: Duration,
        pace: Option<Pace>,
        /// How often the list was read since the first change.
        reads: u64,
        untold: Untold,
    },
}

/// Who is not as the last diff left them, or was not when the list was read.
#[derive(Debug)]
pub(super) enum Untold {
    /// These.
    Listed(BTreeMap<UserId, Told>),
    /// Too many to keep each.
    TooMany,
}

/// A user as the last diff left them.
#[derive(Debug)]
pub(super) struct Told {
    /// `None` for not seen.
    info: Option<Info>,
    /// How often the list had been read when they changed.
    reads: u64,
}

impl Pending {
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self, Self::Quiet)
    }
}

impl Untold {
    fn bytes(&self) -> usize {
        match self {
            Self::Listed(users) => {
                users.iter().map(|(user, told)| change_cost(user, told.info.as_ref())).sum()
            }
            Self::TooMany => 0,
        }
    }
}

/// What a user in a batch counts of `max_bytes`.
fn change_cost(user: &UserId, told: Option<&Info>) -> usize {
    user.as_str().len() + told.map_or(0, |info| info.as_bytes().len()) + CHANGE_OVERHEAD_BYTES
}

/// The batches that list users, in the order in which they were opened.
const LISTED: Node = Node::new(Kind::First, 0);

/// The batches of all topics: what is due when, and what they hold.
#[derive(Debug)]
pub(super) struct Batches {
    open: BTreeSet<(Duration, u32)>,
    calming: BTreeSet<(Duration, u32)>,
    listed: Links,
    pub(super) len_bytes: usize,
}

impl Batches {
    pub(super) fn new() -> Self {
        let mut listed = Links::default();
        listed.admit(LISTED);
        Self { open: BTreeSet::new(), calming: BTreeSet::new(), listed, len_bytes: 0 }
    }

    /// Makes room for a topic's.
    pub(super) fn admit(&mut self, room: u32) {
        self.listed.admit(Node::element(room));
    }

    /// When the first diff is due, and the topic that it is of.
    pub(super) fn next_due(&self) -> Option<(Duration, u32)> {
        self.open.first().copied()
    }

    /// When the first topic is calmer, and which.
    pub(super) fn next_calm(&self) -> Option<(Duration, u32)> {
        self.calming.first().copied()
    }
}

impl Presence {
    /// Keeps for the next diff that a user has changed: how they were just before, and the member that is
    /// seen from now on. Whoever is again as the last diff left them is in the batch no more, unless the list
    /// was read meanwhile.
    pub(super) fn note(&mut self, room: u32, user: &UserId, before: Option<Info>, after: Option<u32>) {
        self.open_batch(room);
        let after = after.map(|key| &self.members[key as usize].info);
        let found = &mut self.rooms[room as usize];
        if let Pending::Open { untold: Untold::Listed(users), reads, .. } = &mut found.pending {
            match users.get(user) {
                Some(told) if told.info.as_ref() == after && told.reads == *reads => {
                    self.batches.len_bytes -= change_cost(user, told.info.as_ref());
                    users.remove(user);
                }
                Some(_) => {}
                None if users.len() < self.config.max_diff_entries => {
                    self.batches.len_bytes += change_cost(user, before.as_ref());
                    users.insert(user.clone(), Told { info: before, reads: *reads });
                }
                None => self.merge(room),
            }
        }
        if !self.rooms[room as usize].has_changed() {
            self.close_batch(room);
        }
        self.fit();
    }

    /// Somebody reads the list as it is: whoever is in the batch stays in it.
    pub(super) fn note_read(&mut self, room: u32) {
        if let Pending::Open { reads, .. } = &mut self.rooms[room as usize].pending {
            *reads += 1;
        }
    }

    /// Batches give way to members, and to each other: where all together would exceed `max_bytes`, those
    /// that were opened first list nobody.
    pub(super) fn fit(&mut self) {
        while self.len_bytes + self.batches.len_bytes > self.config.max_bytes {
            let Some(room) = self.batches.listed.next(LISTED) else { return };
            self.merge(room);
        }
    }

    /// The next diff that is due by the time told last, the one longest due first; `None` when there is none.
    ///
    /// It tells of everything up to this call. Any call that is told the time may change the answer. The cost
    /// is in proportion to the diff.
    #[must_use = "what it tells is told once"]
    pub fn poll_diff(&mut self) -> Option<Diff> {
        let (_, room) = self.batches.next_due().filter(|(due, _)| *due <= self.now)?;
        let Pending::Open { pace, untold, .. } = self.set_pending(room, Pending::Quiet) else { return None };
        let found = &mut self.rooms[room as usize];
        let changes = match untold {
            Untold::TooMany => Changes::TooMany,
            Untold::Listed(users) => {
                let change = |(user, told): (UserId, Told)| {
                    let is = found.seen.get(&user).map(|key| &self.members[*key as usize].info);
                    Change::between(user, told.info.as_ref(), is)
                };
                Changes::Listed(users.into_iter().map(change).collect())
            }
        };
        found.told_users = found.seen.len();
        let (topic, users, connections) = (found.name.clone(), found.seen.len(), found.connections);
        let pace = match changes {
            Changes::TooMany => Pace::slower(pace, self.now, &self.config),
            Changes::Listed(_) => pace,
        };
        self.rest(room, pace);
        self.drop_if_blank(room);
        Some(Diff { topic, users, connections, changes })
    }

    /// A topic in which too many changed has been calm for long enough.
    pub(super) fn calm(&mut self, room: u32) {
        if let Pending::Calming(pace) = self.rooms[room as usize].pending {
            self.rest(room, Some(pace));
            self.drop_if_blank(room);
        }
    }

    fn open_batch(&mut self, room: u32) {
        let pace = match &self.rooms[room as usize].pending {
            Pending::Open { .. } => return,
            Pending::Calming(pace) => pace.at(self.now, &self.config),
            Pending::Quiet => None,
        };
        let due = match pace {
            Some(pace) if pace.until > self.now => pace.until,
            Some(_) | None => self.now.saturating_add(self.config.diff_interval),
        };
        let untold = Untold::Listed(BTreeMap::new());
        self.set_pending(room, Pending::Open { due, pace, reads: 0, untold });
    }

    /// Everything is as it was told: there will be no diff.
    fn close_batch(&mut self, room: u32) {
        if let Pending::Open { pace, .. } = self.rooms[room as usize].pending {
            self.rest(room, pace);
        }
    }

    /// Nothing is to be told; the pace is as it is by now.
    fn rest(&mut self, room: u32, pace: Option<Pace>) {
        let pace = pace.and_then(|pace| pace.at(self.now, &self.config));
        self.set_pending(room, pace.map_or(Pending::Quiet, Pending::Calming));
    }

    /// The batch lists nobody.
    fn merge(&mut self, room: u32) {
        if let Pending::Open { due, pace, reads, .. } = self.rooms[room as usize].pending {
            self.set_pending(room, Pending::Open { due, pace, reads, untold: Untold::TooMany });
        }
    }

    /// Changes a topic's batch, for one that holds nothing yet; the queues and the sum follow.
    fn set_pending(&mut self, room: u32, pending: Pending) -> Pending {
        let Self { rooms, batches, .. } = self;
        let before = mem::replace(&mut rooms[room as usize].pending, pending);
        match &before {
            Pending::Quiet => {}
            Pending::Calming(pace) => {
                batches.calming.remove(&(pace.halves_at, room));
            }
            Pending::Open { due, untold, .. } => {
                batches.open.remove(&(*due, room));
                batches.listed.unlink(Node::element(room));
                batches.len_bytes -= untold.bytes();
            }
        }
        match &rooms[room as usize].pending {
            Pending::Quiet => {}
            Pending::Calming(pace) => {
                batches.calming.insert((pace.halves_at, room));
            }
            Pending::Open { due, untold, .. } => {
                batches.open.insert((*due, room));
                if matches!(untold, Untold::Listed(_)) {
                    batches.listed.push_back(LISTED, Node::element(room));
                }
            }
        }
        before
    }
}
