//! Buffers, pooled per thread: a connection holds one only while bytes are on their way through it.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::output::Waiting;

/// The size of a read buffer: one read takes at most so many bytes off a socket.
pub(crate) const READ_BUFFER_LEN: usize = 64 * 1024;

/// Buffers of a kind that a thread keeps for later; more than these are freed.
const MAX_POOLED: usize = 8;

/// Pooled buffers, of all threads, that wait with unread bytes for applications that are busy with the message before. What
/// waits beyond that is copied to a buffer of its own length.
const MAX_KEPT: usize = 64;

/// Places among [`MAX_KEPT`] that are taken, or that a thread has by for its next buffer.
static KEPT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static READ: RefCell<Vec<ReadBuffer>> = const { RefCell::new(Vec::new()) };
    static SPARE: Spare = const { Spare(Cell::new(false)) };
    #[expect(clippy::vec_box, reason = "a connection holds the box")]
    static OUTPUT: RefCell<Vec<Box<Waiting>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that were read, and how many of them were looked at.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    /// One pointer wide, for it has a place in each connection.
    inner: Box<Filled>,
}

#[derive(Debug)]
struct Filled {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// Its place among [`MAX_KEPT`].
    kept: Option<Kept>,
}

/// A place among [`MAX_KEPT`].
#[derive(Debug)]
struct Kept;

/// Whether a thread has a place by: it takes and gives back one with each read, which others need not hear of.
struct Spare(Cell<bool>);

impl Kept {
    #[inline]
    fn take() -> Option<Self> {
        if SPARE.with(|spare| spare.0.take()) { Some(Self) } else { Self::take_shared() }
    }

    #[cold]
    fn take_shared() -> Option<Self> {
        if KEPT.fetch_add(1, Ordering::Relaxed) < MAX_KEPT {
            return Some(Self);
        }
        KEPT.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Kept {
    #[inline]
    fn drop(&mut self) {
        // At the end of a thread there is no next buffer.
        if SPARE.try_with(|spare| spare.0.replace(true)).unwrap_or(true) {
            KEPT.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if self.0.get() {
            KEPT.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl ReadBuffer {
    /// An empty buffer, from the thread's pool when it has one.
    #[inline]
    pub(crate) fn take() -> Self {
        READ.with_borrow_mut(Vec::pop)
            .unwrap_or_else(|| Self::of(vec![0; READ_BUFFER_LEN].into_boxed_slice(), 0))
    }

    fn of(bytes: Box<[u8]>, end: usize) -> Self {
        Self { inner: Box::new(Filled { bytes, start: 0, end, kept: None }) }
    }

    /// Reads at most `max_len` bytes, none at the end of the stream. While nothing comes, nobody holds a buffer. Cancel safe.
    #[inline]
    pub(crate) fn poll_read(
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        max_len: usize,
    ) -> Poll<io::Result<Self>> {
        let mut buffer = Self::take();
        let bytes = &mut buffer.inner.bytes;
        let max_len = max_len.min(bytes.len());
        let mut room = ReadBuf::new(&mut bytes[..max_len]);
        let read = io.poll_read(cx, &mut room);
        let len = room.filled().len();
        match read {
            Poll::Ready(Ok(())) => {
                buffer.filled(len);
                Poll::Ready(Ok(buffer))
            }
            Poll::Ready(Err(error)) => {
                buffer.give_back();
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                buffer.give_back();
                Poll::Pending
            }
        }
    }

    /// Done with: it goes to the pool of this thread.
    #[inline]
    pub(crate) fn give_back(mut self) {
        self.inner.kept = None;
        if self.inner.bytes.len() == READ_BUFFER_LEN {
            READ.with_borrow_mut(|pool| {
                if pool.len() < MAX_POOLED {
                    pool.push(self);
                }
            });
        }
    }

    /// Gives it back, and says how many bytes were unread.
    #[inline]
    pub(crate) fn discard(self) -> usize {
        let len = self.len();
        self.give_back();
        len
    }

    /// Says that a read put `len` bytes at the beginning.
    #[inline]
    fn filled(&mut self, len: usize) {
        (self.inner.start, self.inner.end) = (0, len);
    }

    /// The unread bytes.
    #[inline]
    pub(crate) fn unread(&mut self) -> &mut [u8] {
        let Filled { bytes, start, end, .. } = &mut *self.inner;
        bytes.get_mut(*start..*end).unwrap_or_default()
    }

    /// Says that `len` of the unread bytes were consumed.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.inner.start = (self.inner.start + len).min(self.inner.end);
    }

    /// How many bytes are unread.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.inner.end - self.inner.start
    }

    /// Whether nothing is unread.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A buffer for who keeps it while the application is busy: it is one of a few, or at most twice as long as what is
    /// unread.
    #[inline]
    pub(crate) fn settled(self) -> Self {
        if self.is_settled() { self } else { self.settle() }
    }

    /// Whether it may be kept as it is.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.inner.kept.is_some() || self.inner.bytes.len() / 2 <= self.len()
    }

    #[cold]
    fn settle(mut self) -> Self {
        if self.inner.bytes.len() == READ_BUFFER_LEN {
            self.inner.kept = Kept::take();
        }
        if self.inner.kept.is_some() {
            return self;
        }
        let kept = Self::from(&*self.unread());
        self.give_back();
        kept
    }
}

impl From<&[u8]> for ReadBuffer {
    /// A buffer of its own for these bytes, which may be more than a pooled one holds.
    fn from(unread: &[u8]) -> Self {
        Self::of(unread.into(), unread.len())
    }
}

/// Room for output, from the thread's pool when it has some: its buffers have grown already.
#[inline]
pub(crate) fn take_waiting() -> Box<Waiting> {
    OUTPUT.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Room for output that is done with: it goes to the pool of this thread, or is freed where it has grown too large.
#[inline]
pub(crate) fn give_waiting(mut waiting: Box<Waiting>) {
    if waiting.empty() {
        OUTPUT.with_borrow_mut(|pool| {
            if pool.len() < MAX_POOLED {
                pool.push(waiting);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_go_back_and_the_pools_are_capped() {
        let many: Vec<ReadBuffer> = (0..MAX_POOLED + 3).map(|_| ReadBuffer::take()).collect();
        many.into_iter().for_each(ReadBuffer::give_back);
        assert_eq!(READ.with_borrow(Vec::len), MAX_POOLED);
        let _taken = ReadBuffer::take();
        assert_eq!(READ.with_borrow(Vec::len), MAX_POOLED - 1);

        let many: Vec<_> = (0..MAX_POOLED + 3).map(|_| take_waiting()).collect();
        many.into_iter().for_each(give_waiting);
        assert_eq!(OUTPUT.with_borrow(Vec::len), MAX_POOLED);
        let _taken = take_waiting();
        assert_eq!(OUTPUT.with_borrow(Vec::len), MAX_POOLED - 1);
    }

    #[test]
    fn leftover_bytes_are_read_and_not_pooled() {
        READ.with_borrow_mut(Vec::clear);
        let mut leftover = ReadBuffer::from(&b"abc"[..]);
        leftover.consume(1);
        assert_eq!(leftover.unread(), b"bc");
        leftover.consume(9);
        assert!(leftover.is_empty());
        leftover.give_back();
        assert_eq!(READ.with_borrow(Vec::len), 0);
    }

    #[test]
    fn a_thread_has_a_place_by_for_its_next_buffer() {
        // All tests share the places, and another may have taken them for a while.
        let place = loop {
            match Kept::take() {
                Some(place) => break place,
                None => std::thread::yield_now(),
            }
        };
        let is_by = || SPARE.with(|spare| spare.0.get());
        assert!(!is_by());
        drop(place);
        assert!(is_by());
        let (again, another) = (Kept::take(), Kept::take());
        assert!(again.is_some() && !is_by());
        drop((again, another));
        assert!(is_by(), "one, and no more");
    }

    fn settled(unread: usize) -> ReadBuffer {
        let mut buffer = ReadBuffer::take();
        buffer.filled(READ_BUFFER_LEN);
        buffer.consume(READ_BUFFER_LEN - unread);
        let kept = buffer.settled();
        assert_eq!(kept.len(), unread);
        kept
    }

    #[test]
    fn a_few_buffers_wait_as_they_are_and_more_take_at_most_twice_their_length() {
        let mut few: Vec<_> = (0..MAX_KEPT).map(|_| settled(1000)).collect();
        assert!(few.iter_mut().all(|kept| kept.inner.bytes.len() == READ_BUFFER_LEN));
        for unread in [0, 1, 1000, READ_BUFFER_LEN / 2 - 1, READ_BUFFER_LEN / 2, READ_BUFFER_LEN] {
            assert!(settled(unread).inner.bytes.len() <= 2 * unread, "{unread}");
        }
        // One that is given back, and one that is dropped, make place for another.
        few.pop().unwrap().give_back();
        let again = settled(1000);
        assert_eq!(again.inner.bytes.len(), READ_BUFFER_LEN);
        drop(again);
        few.push(settled(1000));
        // One that was more than half full is asked about again when it is not.
        let mut full = settled(READ_BUFFER_LEN - 1);
        full.consume(READ_BUFFER_LEN - 101);
        assert_eq!(full.settled().inner.bytes.len(), 100);
        assert_eq!((settled(1000).inner.bytes.len(), KEPT.load(Ordering::Relaxed)), (1000, MAX_KEPT));
    }
}
