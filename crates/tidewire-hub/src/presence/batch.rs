//! Batches: a topic's changes from the first one until they are told, and the pace of a topic in which too
//! many change.
//!
//! | | quiet | calming | open |
//! |---|---|---|---|
//! | somebody changes | open, due in `diff_interval` | open, due after the wait | open; one too many: lists nobody |
//! | all are as they were told | – | – | quiet; calming while the wait is not over |
//! | told, and lists who changed | – | – | quiet |
//! | told, and lists nobody | – | – | calming, for twice the interval |
//! | the wait is over | – | quiet | – |

use alloc::collections::{BTreeMap, BTreeSet};
use core::mem;
use core::time::Duration;

use super::diff::{Change, Changes, Diff};
use super::machine::Presence;
use super::user::{Info, UserId};
use crate::links::{Kind, Links, Node};

/// What a user who is kept for the next diff counts beside id and info: a place in the batch, and the headers
/// of what is shared.
pub const CHANGE_OVERHEAD_BYTES: usize = 128;

/// What is to be told of a topic, and when.
#[derive(Debug, Default)]
pub(super) enum Batch {
    /// What was told is so.
    #[default]
    Quiet,
    /// What was told is so; but it was that too many changed, and nothing is told until then.
    Calming {
        until: Duration,
        /// From that diff to the next.
        interval: Duration,
    },
    /// Something is to be told.
    Open {
        due: Duration,
        /// From the first change, or from a diff that listed nobody, until it is due.
        interval: Duration,
        untold: Untold,
    },
}

/// Who is not as the last diff left them.
#[derive(Debug)]
pub(super) enum Untold {
    /// These, each as it did: `None` for not seen.
    Listed(BTreeMap<UserId, Option<Info>>),
    /// Too many to keep each.
    TooMany,
}

impl Batch {
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self, Self::Quiet)
    }
}

impl Untold {
    fn bytes(&self) -> usize {
        match self {
            Self::Listed(users) => users.iter().map(|(user, told)| cost(user, told.as_ref())).sum(),
            Self::TooMany => 0,
        }
    }
}

/// What a user in a batch counts of `max_bytes`.
fn cost(user: &UserId, told: Option<&Info>) -> usize {
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

    /// When the first topic is calm again, and which.
    pub(super) fn next_calm(&self) -> Option<(Duration, u32)> {
        self.calming.first().copied()
    }
}

impl Presence {
    /// Keeps for the next diff that a user has changed: how they were just before, and the member that is
    /// seen from now on. Whoever is again as the last diff left them is in the batch no more.
    pub(super) fn note(&mut self, room: u32, user: &UserId, before: Option<Info>, after: Option<u32>) {
        self.open_batch(room);
        let after = after.map(|key| &self.members[key as usize].info);
        let found = &mut self.rooms[room as usize];
        if let Batch::Open { untold: Untold::Listed(users), .. } = &mut found.batch {
            match users.get(user) {
                Some(told) if told.as_ref() == after => {
                    self.batches.len_bytes -= cost(user, told.as_ref());
                    users.remove(user);
                }
                Some(_) => {}
                None if users.len() < self.config.max_diff_entries => {
                    self.batches.len_bytes += cost(user, before.as_ref());
                    users.insert(user.clone(), before);
                }
                None => self.merge(room),
            }
        }
        if !self.rooms[room as usize].has_changed() {
            self.close_batch(room);
        }
        self.fit();
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
    pub fn poll_diff(&mut self) -> Option<Diff> {
        let (_, room) = self.batches.next_due().filter(|(due, _)| *due <= self.now)?;
        let Batch::Open { interval, untold, .. } = self.set_batch(room, Batch::Quiet) else { return None };
        let found = &mut self.rooms[room as usize];
        let changes = match untold {
            Untold::TooMany => Changes::TooMany,
            Untold::Listed(users) => {
                let change = |(user, told): (UserId, Option<Info>)| {
                    let is = found.seen.get(&user).map(|key| &self.members[*key as usize].info);
                    Change::between(user, told.as_ref(), is)
                };
                Changes::Listed(users.into_iter().map(change).collect())
            }
        };
        found.told_users = found.seen.len();
        let (topic, users, connections) = (found.name.clone(), found.seen.len(), found.connections);
        if changes == Changes::TooMany {
            self.space_out(room, interval);
        }
        self.drop_if_blank(room);
        Some(Diff { topic, users, connections, changes })
    }

    /// A topic whose last diff listed nobody has waited long enough for the next.
    pub(super) fn calm(&mut self, room: u32) {
        self.set_batch(room, Batch::Quiet);
        self.drop_if_blank(room);
    }

    /// After a diff that listed nobody the next one is not due before twice as long.
    fn space_out(&mut self, room: u32, interval: Duration) {
        let interval = interval.saturating_mul(2).min(self.config.max_diff_interval);
        if interval > self.config.diff_interval {
            let until = self.now.saturating_add(interval);
            self.set_batch(room, Batch::Calming { until, interval });
        }
    }

    fn open_batch(&mut self, room: u32) {
        let (due, interval) = match &self.rooms[room as usize].batch {
            Batch::Open { .. } => return,
            Batch::Calming { until, interval } if *until > self.now => (*until, *interval),
            Batch::Quiet | Batch::Calming { .. } => {
                let interval = self.config.diff_interval;
                (self.now.saturating_add(interval), interval)
            }
        };
        let untold = Untold::Listed(BTreeMap::new());
        self.set_batch(room, Batch::Open { due, interval, untold });
    }

    /// Everything is as it was told: there will be no diff.
    fn close_batch(&mut self, room: u32) {
        let Batch::Open { due, interval, .. } = self.rooms[room as usize].batch else { return };
        let is_spaced_out = interval > self.config.diff_interval && due > self.now;
        let rest = if is_spaced_out { Batch::Calming { until: due, interval } } else { Batch::Quiet };
        self.set_batch(room, rest);
    }

    /// The batch lists nobody.
    fn merge(&mut self, room: u32) {
        let Batch::Open { due, interval, .. } = self.rooms[room as usize].batch else { return };
        self.set_batch(room, Batch::Open { due, interval, untold: Untold::TooMany });
    }

    /// Changes a topic's batch, for one that holds nothing yet; the queues and the sum follow.
    fn set_batch(&mut self, room: u32, batch: Batch) -> Batch {
        let Self { rooms, batches, .. } = self;
        let before = mem::replace(&mut rooms[room as usize].batch, batch);
        match &before {
            Batch::Quiet => {}
            Batch::Calming { until, .. } => {
                batches.calming.remove(&(*until, room));
            }
            Batch::Open { due, untold, .. } => {
                batches.open.remove(&(*due, room));
                batches.listed.unlink(Node::element(room));
                batches.len_bytes -= untold.bytes();
            }
        }
        match &rooms[room as usize].batch {
            Batch::Quiet => {}
            Batch::Calming { until, .. } => {
                batches.calming.insert((*until, room));
            }
            Batch::Open { due, untold, .. } => {
                batches.open.insert((*due, room));
                if matches!(untold, Untold::Listed(_)) {
                    batches.listed.push_back(LISTED, Node::element(room));
                }
            }
        }
        before
    }
}
