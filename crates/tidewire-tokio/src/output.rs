//! The bytes due to a peer, in order: small pieces copied together, large ones by reference, one vectored write.

use bytes::{Buf, Bytes};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncWrite;

use crate::pool::{give_waiting, take_waiting};

/// A shared piece of at least this length is queued by reference; a shorter one is copied, which costs less than
/// a slot in the vectored write.
pub(crate) const SHARE_MIN_LEN: usize = 512;

/// A buffer that has grown beyond this is freed when it is empty, and not kept for others.
const MAX_KEPT_LEN: usize = 64 * 1024;

/// Slices handed to one vectored write.
const MAX_SLICES: usize = 32;

/// Queued output: one pointer wide. Empty, it owns nothing.
#[derive(Debug, Default)]
pub(crate) struct Output {
    waiting: Option<Box<Waiting>>,
}

/// What waits. Emptied, it goes to the thread's pool with its buffers.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Pieces that are complete, before everything in `tail`; the oldest first.
    pieces: VecDeque<Bytes>,
    /// Bytes in them.
    pieces_len: usize,
    /// Where small pieces are copied together.
    tail: Vec<u8>,
    flushed: Flushed,
}

/// Whether the transport may hold bytes back: it may have a buffer of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flushed {
    #[default]
    All,
    NotAll,
}

impl Output {
    /// Bytes that wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.len())
    }

    /// Whether nothing waits, here or in the transport.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| waiting.len() == 0 && waiting.flushed == Flushed::All)
    }

    #[inline]
    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_with(take_waiting)
    }

    /// Where the next small piece is appended.
    #[inline]
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.waiting().tail
    }

    /// The same, where something waits already.
    #[inline]
    pub(crate) fn tail_in_use(&mut self) -> Option<&mut Vec<u8>> {
        self.waiting.as_mut().map(|waiting| &mut waiting.tail)
    }

    /// Queues a piece that others may share.
    pub(crate) fn push_shared(&mut self, piece: &Bytes) {
        if piece.len() < SHARE_MIN_LEN {
            self.tail().extend_from_slice(piece);
        } else {
            self.push(piece.clone());
        }
    }

    /// Queues a piece without copying it.
    pub(crate) fn push(&mut self, piece: Bytes) {
        let waiting = self.waiting();
        if !waiting.tail.is_empty() {
            // The buffer stays, for it is the pool's.
            waiting.push(Bytes::copy_from_slice(&waiting.tail));
            waiting.tail.clear();
        }
        waiting.push(piece);
    }

    /// Forgets everything.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.waiting.take().into_iter().for_each(give_waiting);
    }

    /// Owns nothing, if nothing waits.
    #[inline]
    pub(crate) fn rest(&mut self) {
        if self.is_done() {
            self.clear();
        }
    }

    /// Everything that waits, for who takes the transport back.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        if let Some(waiting) = self.waiting {
            waiting.pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
            bytes.extend_from_slice(&waiting.tail);
        }
        bytes
    }

    /// Writes until nothing waits, and flushes; each write is of all that is due. `written` counts what the transport
    /// took, also when the answer is `Pending` or an error.
    pub(crate) fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        let Some(waiting) = &mut self.waiting else { return Poll::Ready(Ok(())) };
        while waiting.len() > 0 {
            match waiting.poll_write(io, cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(taken)) => {
                    *written += taken;
                    waiting.advance(taken);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    waiting.settle();
                    return Poll::Pending;
                }
            }
        }
        ready!(Pin::new(io).poll_flush(cx))?;
        waiting.flushed = Flushed::All;
        Poll::Ready(Ok(()))
    }

    /// As [`poll_write`](Self::poll_write), of a piece that nothing waits before: it is written from where it lies, and only
    /// what the transport did not take waits from then on.
    #[inline]
    pub(crate) fn poll_write_lone<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        piece: &Bytes,
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        let taken = Pin::new(&mut *io).poll_write(cx, piece);
        if matches!(taken, Poll::Ready(Ok(len)) if len == piece.len()) {
            *written += piece.len();
            let flushed = Pin::new(io).poll_flush(cx);
            if flushed.is_pending() {
                self.waiting().flushed = Flushed::NotAll;
            }
            return flushed;
        }
        self.keep_lone(piece, taken, written)
    }

    #[cold]
    fn keep_lone(
        &mut self,
        piece: &Bytes,
        taken: Poll<io::Result<usize>>,
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        let len = if let Poll::Ready(Ok(len)) = taken { len } else { 0 };
        *written += len;
        self.push_shared(&piece.slice(len..));
        let waiting = self.waiting();
        waiting.flushed = Flushed::NotAll;
        match taken {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                waiting.settle();
                Poll::Pending
            }
        }
    }
}

impl Waiting {
    #[inline]
    fn len(&self) -> usize {
        self.pieces_len + self.tail.len()
    }

    fn push(&mut self, piece: Bytes) {
        self.pieces_len += piece.len();
        self.pieces.push_back(piece);
    }

    fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.flushed = Flushed::NotAll;
        // The common case, one small buffer and nothing before it.
        if self.pieces.is_empty() {
            return Pin::new(io).poll_write(cx, &self.tail);
        }
        self.poll_write_vectored(io, cx)
    }

    #[inline(never)]
    fn poll_write_vectored<IO: AsyncWrite + Unpin>(
        &self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut used = 0;
        let pieces = self.pieces.iter().map(|piece| &piece[..]).chain([&self.tail[..]]);
        for (slice, piece) in slices.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        Pin::new(io).poll_write_vectored(cx, &slices[..used])
    }

    /// Forgets `len` bytes from the front.
    #[inline]
    fn advance(&mut self, len: usize) {
        if self.pieces.is_empty() && len == self.tail.len() {
            self.tail.clear();
        } else {
            self.advance_pieces(len);
        }
    }

    fn advance_pieces(&mut self, mut len: usize) {
        while let Some(front) = self.pieces.front_mut() {
            let step = len.min(front.len());
            front.advance(step);
            self.pieces_len -= step;
            len -= step;
            if !front.is_empty() {
                return;
            }
            self.pieces.pop_front();
        }
        if len < self.tail.len() {
            // What a write left becomes a piece of exact size: no byte is moved for each partial write.
            let left = Bytes::copy_from_slice(&self.tail[len..]);
            self.push(left);
        }
        self.tail.clear();
    }

    /// The transport takes no more for now: what waits takes no room that nothing is in.
    fn settle(&mut self) {
        if self.tail.capacity() / 2 > self.tail.len() {
            self.tail.shrink_to_fit();
        }
    }

    /// Nothing waits; whether the buffers are worth to be kept.
    #[inline]
    pub(crate) fn empty(&mut self) -> bool {
        self.pieces.clear();
        self.tail.clear();
        (self.pieces_len, self.flushed) = (0, Flushed::All);
        self.tail.capacity() <= MAX_KEPT_LEN && self.pieces.capacity() <= MAX_SLICES
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
            output.tail().extend_from_slice(&small);
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
            assert!(output.is_done());
            output.rest();
            assert!(output.waiting.is_none(), "empty, it owns nothing");
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
    fn a_lone_piece_goes_out_from_where_it_lies_and_what_is_left_waits() {
        let piece = Bytes::from(vec![7; 1000]);
        let mut cx = Context::from_waker(Waker::noop());
        for step in [1, 488, 489, 999, 1000, 1001] {
            let (mut output, mut written) = (Output::default(), 0);
            let mut io = Narrow { step, ..Narrow::default() };
            assert!(output.poll_write_lone(&mut io, &mut cx, &piece, &mut written).is_ready());
            assert_eq!((written, output.len()), (step.min(1000), 1000_usize.saturating_sub(step)));
            assert_eq!((io.writes, output.waiting.is_none()), (1, step >= 1000));
            assert!(output.poll_write(&mut io, &mut cx, &mut written).is_ready());
            assert_eq!((written, output.is_done()), (1000, true));
            assert!(io.taken == piece);
        }
    }

    #[test]
    fn a_lone_piece_that_is_not_taken_waits_whole() {
        let piece = Bytes::from_static(b"piece");
        let mut cx = Context::from_waker(Waker::noop());
        let (mut full, mut far) = tokio::io::duplex(1);
        assert!(Pin::new(&mut full).poll_write(&mut cx, b"-").is_ready());
        let (mut output, mut written) = (Output::default(), 0);
        assert!(output.poll_write_lone(&mut full, &mut cx, &piece, &mut written).is_pending());
        assert_eq!((written, output.len()), (0, 5));
        assert!(output.tail().capacity() <= 10, "in at most twice the room that it needs");
        let mut closed = Output::default();
        let failed = closed.poll_write_lone(&mut Narrow::default(), &mut cx, &piece, &mut written);
        assert!(matches!(failed, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WriteZero));
        assert_eq!((written, closed.len()), (0, 5));
        // Whoever buffers may take it and yet hold it.
        let mut held = Output::default();
        let mut buffered = tokio::io::BufWriter::new(&mut far);
        assert!(Pin::new(&mut buffered).poll_write(&mut cx, b"12").is_ready());
        assert!(held.poll_write_lone(&mut buffered, &mut cx, &piece, &mut written).is_pending());
        assert_eq!((written, held.len(), held.is_done()), (5, 0, false), "it is not flushed");
    }

    #[test]
    fn a_piece_at_the_threshold_is_shared_and_one_below_is_copied() {
        let mut output = Output::default();
        output.push_shared(&Bytes::from(vec![1; SHARE_MIN_LEN - 1]));
        assert!(output.waiting().pieces.is_empty());
        output.push_shared(&Bytes::from(vec![1; SHARE_MIN_LEN]));
        assert_eq!(output.waiting().pieces.len(), 2);
    }

    #[test]
    fn what_a_write_left_is_kept_to_exact_size() {
        let mut output = Output::default();
        output.push_shared(&Bytes::from(vec![1; SHARE_MIN_LEN - 1]));
        output.push_shared(&Bytes::from(vec![2; SHARE_MIN_LEN - 1]));
        output.waiting().advance(SHARE_MIN_LEN);
        assert_eq!(output.len(), SHARE_MIN_LEN - 2);
        let piece = output.waiting().pieces.pop_front().unwrap();
        assert_eq!(piece, vec![2; SHARE_MIN_LEN - 2]);
        assert_eq!(Vec::from(piece).capacity(), SHARE_MIN_LEN - 2);
    }

    #[test]
    fn a_full_transport_leaves_no_room_that_nothing_is_in() {
        let mut output = Output::default();
        output.tail().reserve(10_000);
        output.tail().extend_from_slice(b"waits");
        output.waiting().settle();
        assert_eq!((output.len(), output.tail().capacity()), (5, 5));
        assert_eq!(output.into_bytes(), b"waits");
    }

    #[test]
    fn buffers_at_the_limits_are_kept_and_those_past_one_are_not() {
        for (tail, pieces, kept) in [
            (0, 0, true),
            (MAX_KEPT_LEN, MAX_SLICES, true),
            (MAX_KEPT_LEN + 1, 0, false),
            (0, MAX_SLICES + 1, false),
        ] {
            let mut waiting = Waiting::default();
            waiting.tail.reserve_exact(tail);
            waiting.pieces.reserve_exact(pieces);
            waiting.push(Bytes::from_static(b"x"));
            assert_eq!(waiting.empty(), kept, "{tail} {pieces}");
            assert_eq!(waiting.len(), 0);
        }
    }
}
