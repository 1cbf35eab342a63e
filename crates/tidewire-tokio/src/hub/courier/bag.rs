//! What a courier has yet to do.

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use slab::Slab;

use super::{Outlet, Place};

/// Room for errands that is kept while there are none.
const MAX_KEPT_LEN: usize = 4096;

/// Something to do, mostly for the outlet of a key.
pub(in crate::hub) enum Errand<M> {
    /// It is a new one.
    Join(u32, Arc<dyn Outlet<M>>),
    /// Something is there for it, at this place.
    Take(u32, Place),
    /// Something is there, in this shard, for those whom the courier serves together.
    Wave(usize),
    /// Its socket may have room again.
    Write(u32),
    /// It goes.
    Leave(u32),
}

/// Errands, the first first, and the keys of outlets.
pub(in crate::hub) struct Bag<M> {
    errands: VecDeque<Errand<M>>,
    keys: Slab<()>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The task, or the hub, is gone.
    Closed,
}

impl<M> Default for Bag<M> {
    fn default() -> Self {
        Self { errands: VecDeque::new(), keys: Slab::new(), state: State::Open }
    }
}

impl<M> Bag<M> {
    pub(super) fn is_empty(&self) -> bool {
        self.errands.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn extend(&mut self, errands: impl Iterator<Item = Errand<M>>) {
        if self.is_open() {
            self.errands.extend(errands);
        }
    }

    /// A key for a new outlet.
    pub(super) fn admit(&mut self) -> u32 {
        u32::try_from(self.keys.insert(())).unwrap_or(u32::MAX)
    }

    /// The key is another's from here on.
    pub(super) fn forget(&mut self, key: u32) {
        self.keys.try_remove(key as usize);
    }

    /// Gives all errands to who has none, in exchange for the room that they were in. Break when none ever come.
    pub(super) fn empty_into(&mut self, errands: &mut VecDeque<Errand<M>>) -> ControlFlow<()> {
        if errands.capacity() > MAX_KEPT_LEN {
            *errands = VecDeque::new();
        }
        std::mem::swap(&mut self.errands, errands);
        match self.state {
            State::Open => ControlFlow::Continue(()),
            State::Closed => ControlFlow::Break(()),
        }
    }

    /// Takes no more; gives what was left.
    pub(super) fn close(&mut self) -> VecDeque<Errand<M>> {
        self.state = State::Closed;
        std::mem::take(&mut self.errands)
    }
}
