//! The gaps of all topics of a subscriber, ahead of their messages.

use super::Batch;
use super::turn::{Before, Notice, Seat, Turn};
use crate::gap::Gap;
use crate::hub::of_subscriber;
use crate::links::Node;
use crate::subscriber::Flow;

impl<M> Batch<'_, M> {
    /// The gaps of all subscriptions of the reader's. Each stays in the list that it is in, so that whoever
    /// is yet to be named is. One that is to be dismissed hears of that in its next batch.
    pub(crate) fn take_gaps(mut self) -> impl Iterator<Item = Gap> {
        let reader = self.reader.take();
        let mut next = reader.and_then(|index| self.parts.siblings.next(of_subscriber(index)));
        core::iter::from_fn(move || {
            while let Some(key) = next {
                next = self.parts.siblings.next(Node::element(key));
                if let Some(gap) = self.gap_of(key) {
                    return Some(gap);
                }
            }
            None
        })
    }

    fn gap_of(&mut self, key: u32) -> Option<Gap> {
        if self.parts.subscriptions[key as usize].flow == Flow::Paused {
            return None;
        }
        let mut turn = Turn::new(&self.parts, key, Seat::Ring, self.quantum, &mut self.looks);
        if matches!(turn.before, Before::Nothing | Before::Dismissal) {
            return None;
        }
        match turn.take_notice(&mut self.parts)? {
            Notice::Gap(gap) => Some(*gap),
            Notice::Dismissed(_) => None,
        }
    }
}
