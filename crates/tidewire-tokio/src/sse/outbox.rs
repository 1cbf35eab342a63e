//! Where a delivery puts the events that it makes of what it is handed.

use std::collections::VecDeque;

use tidewire_connection::event_stream::SendError;
use tidewire_sse::{Encoded, Event};

use crate::hub::{self, Delivered, Reader, Subscriber};
#[cfg(feature = "hyper")]
use crate::stream_server::Chunk;

/// Where a [delivery](super::Sse::deliver) puts the events that it makes of what it is handed. They go out behind the last
/// of what was handed to it at a time, in one write.
#[derive(Debug)]
pub struct Outbox<'a> {
    room: Room<'a>,
}

#[derive(Debug)]
enum Room<'a> {
    Queue(&'a mut Queue),
    /// Of a stream on its bare socket.
    #[cfg(feature = "hyper")]
    Chunk(Chunk<'a>),
}

/// Events that wait for a body to be asked for them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Encoded>,
    pub(super) goes_on: GoesOn,
}

/// Whether anything may come behind what waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GoesOn {
    #[default]
    Yes,
    No,
}

impl Queue {
    /// The next event. Emptied, the queue owns nothing.
    pub(super) fn pop(&mut self) -> Option<Encoded> {
        let event = self.waiting.pop_front();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        event
    }

    fn push(&mut self, event: Encoded) {
        self.waiting.push_back(event);
    }

    fn check(&self) -> Result<(), SendError> {
        match self.goes_on {
            GoesOn::Yes => Ok(()),
            GoesOn::No => Err(SendError::NotOpen),
        }
    }
}

/// Gives a hand one thing after the other, until it ends the stream.
pub(super) fn hand_all<M, H>(
    reader: &mut Subscriber<M>,
    hand: &mut H,
    handed: &[Delivered<M>],
    outbox: &mut Outbox<'_>,
) where
    M: hub::Message,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>),
{
    for delivered in handed {
        if !outbox.is_open() {
            return;
        }
        hand(&mut Reader::of(reader), delivered, outbox);
    }
}

impl<'a> Outbox<'a> {
    pub(super) fn of_queue(queue: &'a mut Queue) -> Self {
        Self { room: Room::Queue(queue) }
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn of_chunk(chunk: Chunk<'a>) -> Self {
        Self { room: Room::Chunk(chunk) }
    }
}

impl Outbox<'_> {
    /// Feeds an event that is text already, and shared with whoever else is handed it.
    ///
    /// # Errors
    /// [`SendError::NotOpen`]: the stream has ended.
    pub fn feed(&mut self, event: &Encoded) -> Result<(), SendError> {
        match &mut self.room {
            Room::Queue(queue) => {
                queue.check()?;
                queue.push(event.clone());
                Ok(())
            }
            #[cfg(feature = "hyper")]
            Room::Chunk(chunk) => chunk.feed(event),
        }
    }

    /// Encodes an event for this stream alone: one with an ID of the reader's own, say.
    ///
    /// # Errors
    /// [`SendError`]: the stream has ended, or the event would inject. Nothing is fed then.
    pub fn feed_event(&mut self, event: &Event<'_>) -> Result<(), SendError> {
        match &mut self.room {
            Room::Queue(queue) => {
                queue.check()?;
                queue.push(event.encoded()?);
                Ok(())
            }
            #[cfg(feature = "hyper")]
            Room::Chunk(chunk) => chunk.feed_event(event),
        }
    }

    /// Ends the stream behind what was fed: nothing more is handed on. Once is enough.
    pub fn end(&mut self) {
        match &mut self.room {
            Room::Queue(queue) => queue.goes_on = GoesOn::No,
            #[cfg(feature = "hyper")]
            Room::Chunk(chunk) => chunk.end(),
        }
    }

    /// Whether it has not [ended](Self::end).
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.room {
            Room::Queue(queue) => queue.goes_on == GoesOn::Yes,
            #[cfg(feature = "hyper")]
            Room::Chunk(chunk) => chunk.is_open(),
        }
    }

    /// Bytes that were fed and that nobody has taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        match &self.room {
            Room::Queue(queue) => queue.waiting.iter().map(|event| event.as_bytes().len()).sum(),
            #[cfg(feature = "hyper")]
            Room::Chunk(chunk) => chunk.output_len(),
        }
    }
}
