//! What an outlet works with, until it ends.

use std::sync::{
    Mutex, PoisonError, TryLockError,
    atomic::{AtomicBool, Ordering},
};

use super::Stand;

/// The reader, the hand and whatever else an outlet has at its turn. They end once; where somebody is at work with them, at the
/// end of that: a hand may end its own outlet, or another's whose hand ends this one.
#[repr(C)]
pub(crate) struct Tools<M, T> {
    stand: Stand<M>,
    /// Whether it is to end.
    ends: AtomicBool,
    /// `None` when it is over. Behind the others, so that they come from memory with its lock.
    tools: Mutex<Option<T>>,
}

impl<M, T> Tools<M, T> {
    pub(crate) fn new(stand: Stand<M>, tools: T) -> Self {
        Self { stand, ends: AtomicBool::new(false), tools: Mutex::new(Some(tools)) }
    }

    pub(crate) fn stand(&self) -> &Stand<M> {
        &self.stand
    }

    /// Works with them. `None` when it is over.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        // Nothing is left half done by a panic.
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = tools.as_mut().map(work);
        drop(tools);
        if self.ends.load(Ordering::SeqCst) {
            self.end();
        }
        outcome
    }

    /// Drops them, and gives up the stand.
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::SeqCst);
        let tools = match self.tools.try_lock() {
            Ok(mut tools) => tools.take(),
            Err(TryLockError::Poisoned(tools)) => tools.into_inner().take(),
            // Who has them looks behind that whether it ends.
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(tools) = tools {
            // Before the key is another's, the hub has forgotten the reader: nobody is called for it any more.
            drop(tools);
            self.stand.give_up();
        }
    }
}
