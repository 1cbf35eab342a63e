//! The socket of an event stream and what is due to it, which the stream's task and an outlet share: a lock that is held for
//! one turn.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::response::Parts;
use tidewire_connection::event_stream::EventStream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{chunk::Chunk, head::Framing};
use crate::{
    clock::{Clock, Moment},
    output::Output,
    sse::Outbox,
};

/// The socket, as an outlet sees it, whatever the transport is.
pub(crate) trait Wire: Send + Sync {
    /// Lets `feed` put events into an outbox, and writes them, unless the stream is over.
    fn turn(&self, now: &Moment, feed: &mut dyn FnMut(&mut Outbox<'_>)) -> Takes;

    /// What it takes by now.
    fn takes(&self) -> Takes;

    /// Whether it surely takes nothing, without the lock.
    fn is_over(&self) -> bool;

    /// The stream cannot go on, and its client is to learn that it is not whole.
    fn break_off(&self);
}

/// What a socket takes of an outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    More,
    /// More when it is told to go on: the socket is full.
    Later,
    /// The stream is over.
    Nothing,
}

/// The socket, and those who share it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Shared<IO> {
    state: Mutex<State<IO>>,
    /// Behind the state, so that who asks for it early has that brought from memory.
    over: AtomicBool,
}

#[derive(Debug)]
pub(super) struct State<IO> {
    /// `None` when the stream is over.
    pub(super) io: Option<IO>,
    pub(super) output: Output,
    pub(super) framing: Framing,
    pub(super) stream: EventStream,
    pub(super) course: Course,
    /// The task's: the transport remembers one waker a direction, and all of them are this.
    waker: Waker,
    clock: Clock,
}

/// How far the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// An outlet feeds what comes.
    Flowing,
    /// The socket is full: the task writes, and tells the outlet to go on.
    Full,
    /// Nothing comes behind what waits.
    Ending,
    /// What waits is not written.
    BrokenOff,
}

impl Course {
    fn takes(self) -> Takes {
        match self {
            Self::Flowing => Takes::More,
            Self::Full => Takes::Later,
            Self::Ending | Self::BrokenOff => Takes::Nothing,
        }
    }
}

impl<IO> Shared<IO> {
    /// A stream whose head is yet to be written.
    pub(super) fn new(io: IO, head: &Parts, framing: Framing, stream: EventStream, clock: Clock) -> Self {
        let mut output = Output::default();
        framing.begin(head, &mut output);
        let (course, waker) = (Course::Flowing, Waker::noop().clone());
        let state = State { io: Some(io), output, framing, stream, course, waker, clock };
        Self { state: Mutex::new(state), over: AtomicBool::new(false) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<IO>> {
        // A poll that panicked, in the transport say, leaves a stream that can be broken off.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<IO> State<IO> {
    /// Whom the transport and the outlet wake.
    pub(super) fn wake_by(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
    }

    /// Nothing is fed from here on; what waits is written, and then it is over.
    pub(super) fn end(&mut self) {
        self.framing.end(&mut self.output);
        self.course = Course::Ending;
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> State<IO> {
    /// Writes what waits, and says how much the transport took. Where it takes no more the task goes on.
    pub(super) fn write(&mut self, now: Duration) -> usize {
        let mut written = 0;
        let polled = match &mut self.io {
            Some(io) => self.output.poll_write(io, &mut Context::from_waker(&self.waker), &mut written),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        };
        if written > 0 {
            self.stream.handle_sent(now, written, 0);
        }
        match polled {
            Poll::Ready(Ok(())) => {
                self.output.rest();
                if self.course == Course::Full {
                    self.course = Course::Flowing;
                }
            }
            Poll::Ready(Err(_)) => self.course = Course::BrokenOff,
            Poll::Pending if self.course == Course::Flowing => self.course = Course::Full,
            Poll::Pending => {}
        }
        written
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send> Wire for Shared<IO> {
    fn turn(&self, now: &Moment, feed: &mut dyn FnMut(&mut Outbox<'_>)) -> Takes {
        let mut state = self.lock();
        match state.course {
            Course::Flowing | Course::Full => {}
            Course::Ending | Course::BrokenOff => return Takes::Nothing,
        }
        let State { stream, output, framing, clock, .. } = &mut *state;
        let now = now.by(*clock);
        feed(&mut Outbox::of_chunk(Chunk::new(now, stream, output, *framing)));
        if state.stream.ended().is_some() {
            state.end();
        }
        if state.course != Course::Full && state.output.len() > 0 {
            state.write(now);
        }
        let takes = state.course.takes();
        match takes {
            Takes::More => return takes,
            Takes::Later => {}
            Takes::Nothing => self.over.store(true, Ordering::Relaxed),
        }
        let task = state.waker.clone();
        drop(state);
        // A socket that is full has its deadline, which is the task's to keep; and so is the end.
        task.wake();
        takes
    }

    fn takes(&self) -> Takes {
        self.lock().course.takes()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn break_off(&self) {
        self.over.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        state.course = Course::BrokenOff;
        let task = state.waker.clone();
        drop(state);
        task.wake();
    }
}
