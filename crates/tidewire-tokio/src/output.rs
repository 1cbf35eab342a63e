//! The bytes due to a peer, in order: small pieces copied together, large ones by reference, one vectored write.

use bytes::{Buf, Bytes};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncWrite;

/// A shared piece of at least this length is queued by reference; a shorter one is copied, which costs less than
/// a slot in the vectored write.
const SHARE_MIN_LEN: usize = 512;

/// Slices handed to one vectored write.
const MAX_SLICES: usize = 32;

/// Queued output. Empty, it owns no buffer.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Pieces that are complete, the oldest first.
    queued: VecDeque<Bytes>,
    /// Bytes in `queued`.
    queued_len: usize,
    /// Where small pieces are copied together, after everything in `queued`.
    pub(crate) tail: Vec<u8>,
    /// Bytes that the transport took since it was last flushed: it may have a buffer of its own.
    unflushed_len: usize,
}

impl Output {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.queued_len + self.tail.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait here or in the transport.
    pub(crate) fn pending_len(&self) -> usize {
        self.len() + self.unflushed_len
    }

    /// Queues a piece that others may share.
    pub(crate) fn push_shared(&mut self, piece: &Bytes) {
        if piece.len() < SHARE_MIN_LEN {
            self.tail.extend_from_slice(piece);
        } else {
            self.seal();
            self.queued_len += piece.len();
            self.queued.push_back(piece.clone());
        }
    }

    /// Moves the tail behind the complete pieces.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let piece = Bytes::from(std::mem::take(&mut self.tail));
            self.queued_len += piece.len();
            self.queued.push_back(piece);
        }
    }

    /// Writes until nothing waits, and flushes; every wait is a vectored write of all that is due. `written` counts what
    /// the transport took, also when the answer is `Pending` or an error. Gives the buffers back at the end.
    pub(crate) fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        // The common case, one small buffer and nothing before it, goes out without a queue.
        while !self.is_empty() {
            let taken = if self.queued.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, &self.tail))?
            } else {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let mut used = 0;
                let pieces = self.queued.iter().map(|piece| &piece[..]).chain([&self.tail[..]]);
                for (slice, piece) in slices.iter_mut().zip(pieces) {
                    *slice = IoSlice::new(piece);
                    used += 1;
                }
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices[..used]))?
            };
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += taken;
            self.unflushed_len += taken;
            self.advance(taken);
        }
        self.queued = VecDeque::new();
        self.tail = Vec::new();
        ready!(Pin::new(io).poll_flush(cx))?;
        self.unflushed_len = 0;
        Poll::Ready(Ok(()))
    }

    /// Forgets `len` bytes from the front.
    fn advance(&mut self, mut len: usize) {
        while len > 0 {
            let Some(front) = self.queued.front_mut() else {
                self.advance_tail(len);
                return;
            };
            let step = len.min(front.len());
            front.advance(step);
            self.queued_len -= step;
            len -= step;
            if front.is_empty() {
                self.queued.pop_front();
            }
        }
    }

    /// What a write left of the tail becomes a piece of exact size: no byte is moved for each partial write, and a peer
    /// that takes nothing more holds no room that nothing is in.
    fn advance_tail(&mut self, len: usize) {
        let left = self.tail.get(len..).unwrap_or_default();
        if !left.is_empty() {
            self.queued_len += left.len();
            self.queued.push_back(Bytes::copy_from_slice(left));
        }
        self.tail = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// A transport that takes at most `step` bytes a write and then is full every other time.
    #[derive(Default)]
    struct Narrow {
        step: usize,
        taken: Vec<u8>,
        writes: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes += 1;
            let len = bytes.len().min(self.step);
            self.taken.extend_from_slice(&bytes[..len]);
            Poll::Ready(Ok(len))
        }
        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.writes += 1;
            let mut room = self.step;
            let mut total = 0;
            for slice in slices {
                let len = slice.len().min(room);
                self.taken.extend_from_slice(&slice[..len]);
                room -= len;
                total += len;
            }
            Poll::Ready(Ok(total))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn fill(output: &mut Output) -> Vec<u8> {
        let mut expected = Vec::new();
        for round in 0..20u8 {
            let small = vec![round; 100];
            let large = Bytes::from(vec![round ^ 0xFF; SHARE_MIN_LEN]);
            output.tail.extend_from_slice(&small);
            output.push_shared(&Bytes::copy_from_slice(&small));
            output.push_shared(&large);
            expected.extend_from_slice(&small);
            expected.extend_from_slice(&small);
            expected.extend_from_slice(&large);
        }
        assert_eq!(output.len(), expected.len());
        expected
    }

    #[test]
    fn everything_goes_out_in_order_whatever_a_write_takes() {
        for step in [1, 7, 99, 100, 101, 2048, 4096, 1 << 20] {
            let mut output = Output::default();
            let expected = fill(&mut output);
            let mut io = Narrow { step, ..Narrow::default() };
            let mut written = 0;
            let mut cx = Context::from_waker(Waker::noop());
            assert!(output.poll_write(&mut io, &mut cx, &mut written).is_ready());
            assert_eq!(written, expected.len());
            assert!(io.taken == expected, "step {step}");
            assert!(output.is_empty());
            assert_eq!(
                (output.tail.capacity(), output.queued.capacity()),
                (0, 0),
                "an empty queue owns nothing"
            );
        }
    }

    #[test]
    fn small_pieces_share_one_write() {
        let mut output = Output::default();
        for _ in 0..100 {
            output.push_shared(&Bytes::from_static(b"small"));
        }
        let mut io = Narrow { step: usize::MAX, ..Narrow::default() };
        let mut cx = Context::from_waker(Waker::noop());
        assert!(output.poll_write(&mut io, &mut cx, &mut 0).is_ready());
        assert_eq!((io.writes, io.taken.len()), (1, 500));
    }

    #[test]
    fn a_piece_at_the_threshold_is_shared_and_one_below_is_copied() {
        let mut output = Output::default();
        output.push_shared(&Bytes::from(vec![1; SHARE_MIN_LEN - 1]));
        assert!(output.queued.is_empty());
        output.push_shared(&Bytes::from(vec![1; SHARE_MIN_LEN]));
        assert_eq!(output.queued.len(), 2);
    }

    #[test]
    fn what_a_write_left_is_kept_to_exact_size() {
        let mut output = Output::default();
        output.tail.reserve(10_000);
        output.push_shared(&Bytes::from(vec![1; SHARE_MIN_LEN - 1]));
        output.push_shared(&Bytes::from(vec![2; SHARE_MIN_LEN - 1]));
        output.advance(SHARE_MIN_LEN);
        assert_eq!((output.len(), output.tail.capacity()), (SHARE_MIN_LEN - 2, 0));
        let piece = output.queued.pop_front().unwrap();
        assert_eq!(piece, vec![2; SHARE_MIN_LEN - 2]);
        assert_eq!(Vec::from(piece).capacity(), SHARE_MIN_LEN - 2);
    }
}
