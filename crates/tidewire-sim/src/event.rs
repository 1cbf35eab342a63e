//! What can happen next, and when: a heap in the order of time, and of asking where the time is the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::connection::{ConnectionId, Side};
use crate::time::Nanos;

/// An index into the world's hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostId(pub(crate) u16);

/// An index into the world's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientId(pub(crate) u16);

/// How a server says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nobody listens there.
    Nobody,
    /// It goes away.
    Busy,
}

/// Something that happens at its time. What has become pointless by then does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The host's timer queue may have something due.
    Wake(HostId),
    /// The application of this end has something to say.
    Speak(ConnectionId, Side),
    /// What this end sent arrives, or some of it.
    Arrive(ConnectionId, Side),
    /// The pipe out of this end takes more.
    Writable(ConnectionId, Side),
    /// The transport of this end fails.
    Fail(ConnectionId, Side),
    /// The client asks for a connection.
    Dial(ClientId, u32),
    /// Its request reaches the server.
    Ring(ClientId, u32),
    /// The server's answer reaches the client: this connection.
    Answer(ClientId, u32, ConnectionId),
    /// The server's answer reaches the client: none.
    Refusal(ClientId, u32, Refused),
    /// The client waits for an answer no longer.
    GiveUp(ClientId, u32),
    /// The next fault of the schedule.
    Fault,
    /// The application of this end reads again.
    ReadAgain(ConnectionId, Side),
    /// The application of this end reads a little.
    Sip(ConnectionId, Side),
    /// A suspended process runs again.
    Resume(HostId),
    /// A crashed host is back.
    Boot(HostId),
    /// A server that drains drops what is left.
    DrainOver(HostId),
    /// Deadlines are looked over.
    Glance,
    /// Everything is looked over.
    Sweep,
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: Nanos,
    sequence: u64,
    event: E,
}

/// No two have the same sequence.
impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl<E> Eq for Entry<E> {}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The events to come.
#[derive(Debug)]
pub(crate) struct Events<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    sequence: u64,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }
}

impl<E> Events<E> {
    pub(crate) fn push(&mut self, at: Nanos, event: E) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence: self.sequence, event }));
    }

    /// The next event, if it is not behind `end`.
    pub(crate) fn pop(&mut self, end: Nanos) -> Option<(Nanos, E)> {
        if self.heap.peek()?.0.at > end {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    /// How many there were so far, the pending ones included.
    pub(crate) fn count(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_then_of_asking() {
        let mut events = Events::default();
        for (at, host) in [(5, 0), (3, 1), (5, 2), (3, 3)] {
            events.push(at, Event::Wake(HostId(host)));
        }
        let order: Vec<_> = std::iter::from_fn(|| events.pop(4)).collect();
        assert_eq!(order, [(3, Event::Wake(HostId(1))), (3, Event::Wake(HostId(3)))]);
        assert_eq!(events.pop(5), Some((5, Event::Wake(HostId(0)))));
        assert_eq!(events.count(), 4);
    }
}
