//! What many subscribers take alike: all that is there behind one place of a topic.

use super::budget::{Budget, Quantum};
use super::parts::Parts;
use crate::entry::Entry;
use crate::policy::PolicyKey;
use crate::subscriber::Subscription;
use crate::topic::Topic;

/// What a topic holds behind an offset, looked at once for all subscriptions that stand there: whether
/// everybody gets all of it, within one turn and one batch.
pub(super) struct Rest<'a, M> {
    key: u32,
    topic: &'a Topic<M>,
    after: u64,
    /// The entries, if it is so.
    entries: Option<&'a [Entry<M>]>,
}

impl<'a, M> Rest<'a, M> {
    /// Looks at no more than a turn.
    #[cold]
    pub(super) fn new(
        parts: &Parts<'a, M>,
        subscription: &Subscription,
        budget: Budget,
        quantum: Quantum,
    ) -> Self {
        let (key, after) = (subscription.topic, subscription.offset);
        let topic = &parts.topics[key];
        let max_messages = budget.max_messages.min(quantum.messages);
        let max_bytes = budget.max_bytes.min(quantum.bytes);
        let entries = topic.log.run_after(after).filter(|entries| {
            let bytes = |entries: &[Entry<M>]| -> usize {
                entries.iter().map(|entry| entry.len_bytes as usize).fold(0, usize::saturating_add)
            };
            entries.len() <= max_messages
                && entries.iter().all(Entry::is_for_everybody)
                && (entries.len() <= 1 || bytes(entries) <= max_bytes)
        });
        Self { key, topic, after, entries }
    }

    /// Whether it is about where that subscription stands.
    #[inline]
    pub(super) fn is_of(&self, subscription: &Subscription) -> bool {
        self.key == subscription.topic && self.after == subscription.offset
    }

    /// All of it for that subscription, which stands there, if everybody gets it.
    #[inline]
    pub(super) fn whole(&self, key: u32, subscription: &Subscription) -> Option<Whole<'a, M>> {
        if subscription.gap.is_some() || subscription.policy != PolicyKey::DEFAULT {
            return None;
        }
        Some(Whole { subscription: key, topic: self.topic, left: self.entries? })
    }
}

/// A turn that gives all that there is.
pub(super) struct Whole<'a, M> {
    pub(super) subscription: u32,
    pub(super) topic: &'a Topic<M>,
    pub(super) left: &'a [Entry<M>],
}

impl<'a, M> Whole<'a, M> {
    /// The next entry.
    #[inline]
    pub(super) fn take(&mut self) -> Option<&'a Entry<M>> {
        let (entry, left) = self.left.split_first()?;
        self.left = left;
        Some(entry)
    }

    /// Everything up to here was handed out.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.left.first().map_or(self.topic.log.head(), |entry| entry.offset - 1)
    }
}
