//! Read buffers, pooled per thread: a connection holds one only while bytes of it are unread.

use std::cell::RefCell;

/// The size of a read buffer: one read takes at most so many bytes off a socket.
pub(crate) const READ_BUFFER_LEN: usize = 64 * 1024;

/// Buffers that a thread keeps for later; more than these are freed.
const MAX_POOLED: usize = 8;

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A read buffer with its unread bytes; goes back to the pool of the dropping thread.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    /// An empty buffer, from the thread's pool when it has one.
    pub(crate) fn take() -> Self {
        let pooled = POOL.with_borrow_mut(Vec::pop);
        let bytes = pooled.unwrap_or_else(|| vec![0; READ_BUFFER_LEN].into_boxed_slice());
        Self { bytes, start: 0, end: 0 }
    }

    /// The room for a read, which is then told by [`ReadBuffer::filled`]. Only when nothing is unread.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        debug_assert!(self.is_empty(), "unread bytes would be overwritten");
        &mut self.bytes
    }

    /// Says that a read put `len` bytes into the room.
    pub(crate) fn filled(&mut self, len: usize) {
        self.start = 0;
        self.end = len.min(self.bytes.len());
    }

    /// The unread bytes.
    pub(crate) fn unread(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Says that `len` of the unread bytes were consumed.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
    }

    /// How many bytes are unread.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is unread.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

impl From<&[u8]> for ReadBuffer {
    /// A buffer of its own for bytes that came with the handshake; these may be more than a pooled one holds.
    fn from(unread: &[u8]) -> Self {
        Self { bytes: unread.into(), start: 0, end: unread.len() }
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() != READ_BUFFER_LEN {
            return;
        }
        // While a thread ends its pool may be gone already; then the buffer is simply freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < MAX_POOLED {
                pool.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_goes_back_and_the_pool_is_capped() {
        let many: Vec<ReadBuffer> = (0..MAX_POOLED + 3).map(|_| ReadBuffer::take()).collect();
        drop(many);
        assert_eq!(POOL.with_borrow(Vec::len), MAX_POOLED);
        let _taken = ReadBuffer::take();
        assert_eq!(POOL.with_borrow(Vec::len), MAX_POOLED - 1);
    }

    #[test]
    fn leftover_bytes_are_read_and_not_pooled() {
        let before = POOL.with_borrow(Vec::len);
        let mut leftover = ReadBuffer::from(&b"abc"[..]);
        leftover.consume(1);
        assert_eq!(leftover.unread(), b"bc");
        leftover.consume(9);
        assert!(leftover.is_empty());
        drop(leftover);
        assert_eq!(POOL.with_borrow(Vec::len), before);
    }
}
