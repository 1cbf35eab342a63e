//! Decompression of messages, with its output limited inside the loop (RFC 7692 §6.2, §7.2.2).

use super::{ContextTakeover, TAIL};
use alloc::vec::Vec;
use core::mem;
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that one decompressor holds.
pub(super) const INFLATER_LEN: usize = 48 * 1024;

/// What is inflated at a time.
const STEP_LEN: usize = 4 * 1024;

/// The smallest step by which the output grows.
const MIN_GROWTH: usize = 512;

/// Two whole blocks without compression and without bytes.
const EMPTY_BLOCKS: [u8; 10] = [0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF];

/// Why a message was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It is longer than the limit.
    TooLong,
    /// It is not DEFLATE.
    Corrupt,
}

/// Where the decompressor is in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing was read since a block with BFINAL, since the end of a message, or since the beginning.
    Fresh,
    Within,
}

/// What is left of the input when [`Inflater::inflate_some`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// All of it was read, and all that it means is in the output.
    Nothing,
    /// The output was full first: so many bytes were read.
    After(usize),
}

/// A decompressor.
#[derive(Debug)]
pub(crate) struct Inflater {
    inner: Decompress,
    place: Place,
}

impl Inflater {
    /// A decompressor for any window.
    pub(crate) fn new() -> Self {
        Self { inner: Decompress::new_with_window_bits(false, 15), place: Place::Fresh }
    }

    /// Forgets everything: the next message stands by itself.
    pub(crate) fn reset(&mut self) {
        self.inner.reset(false);
        self.place = Place::Fresh;
    }

    /// Inflates all of `input` behind what is in `output`, which may come to `max_len` bytes.
    pub(crate) fn inflate(
        &mut self,
        mut input: &[u8],
        output: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<(), InflateError> {
        loop {
            let left = self.inflate_some(input, output);
            // What is both too long and corrupt behind that is too long, in whatever pieces it comes.
            if output.len() > max_len {
                return Err(InflateError::TooLong);
            }
            match left? {
                Left::Nothing => return Ok(()),
                Left::After(read) => input = &input[read..],
            }
            // By four, so that the old and the new buffer together stay near the limit; one byte more than that
            // tells what is too long.
            let wanted = output.len().saturating_mul(3).max(input.len()).max(MIN_GROWTH);
            let room = max_len.saturating_add(1) - output.len();
            output.reserve_exact(wanted.min(room));
        }
    }

    /// Inflates `input` into the room that `output` has, no further; what comes before an error is in it, too.
    pub(crate) fn inflate_some(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Left, InflateError> {
        let mut read = 0;
        // Into the output itself it would cost what there is room for, at each call: all of it is zeroed first.
        let mut step = [0; STEP_LEN];
        loop {
            let room = output.capacity() - output.len();
            if room == 0 {
                return Ok(Left::After(read));
            }
            if read < input.len() {
                self.place = Place::Within;
            }
            let before = (self.inner.total_in(), self.inner.total_out());
            let step = &mut step[..room.min(STEP_LEN)];
            let status = self.inner.decompress(&input[read..], step, FlushDecompress::None);
            let after = (self.inner.total_in(), self.inner.total_out());
            read += (after.0 - before.0) as usize;
            let inflated = &step[..(after.1 - before.1) as usize];
            output.extend_from_slice(inflated);
            match status.map_err(|_| InflateError::Corrupt)? {
                //= https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3.4
                //# On platforms where the flush method using an empty DEFLATE block with
                //# no compression is not available, implementers can choose to flush
                //# data using DEFLATE blocks with "BFINAL" set to 1.
                // It ends the window, as it does for all that flush like this: zlib begins a new stream.
                Status::StreamEnd => self.reset(),
                Status::Ok | Status::BufError => {}
            }
            if read == input.len() && inflated.len() < step.len() {
                return Ok(Left::Nothing);
            }
            if after == before {
                // There is input and there is room, and yet nothing moves.
                return Err(InflateError::Corrupt);
            }
        }
    }

    /// What ends a message: give it to [`inflate`](Self::inflate) behind the last of its bytes.
    //= https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2
    //# 1.  Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the
    //#     payload of the message.
    pub(crate) fn tail(&self) -> &'static [u8] {
        match self.place {
            // A final block ended with the message's last byte: the next message begins a stream of its own.
            Place::Fresh => &[],
            Place::Within => &TAIL,
        }
    }

    /// Ends a message that has been inflated with its tail; whether it was whole, which is whether its last block has
    /// ended. Without takeover the decompressor is to be reset behind it.
    pub(crate) fn end_message(&mut self, takeover: ContextTakeover) -> bool {
        let (probe, expected) = match (mem::replace(&mut self.place, Place::Fresh), takeover) {
            (Place::Fresh, _) => return true,
            // An empty final block is read to the end of a stream where a block may begin, and hardly anywhere else.
            (Place::Within, ContextTakeover::Off) => (&[0x03, 0x00][..], Status::StreamEnd),
            // Empty blocks without compression change nothing where a block may begin. Within a block they are data, an
            // error or a final block, mostly: a short code for its end can make them pass.
            (Place::Within, ContextTakeover::On) => (&EMPTY_BLOCKS[..], Status::Ok),
        };
        let mut output = [0; 8];
        let before = (self.inner.total_in(), self.inner.total_out());
        let status = self.inner.decompress(probe, &mut output, FlushDecompress::None);
        let after = (self.inner.total_in(), self.inner.total_out());
        status.is_ok_and(|status| status == expected) && after == (before.0 + probe.len() as u64, before.1)
    }
}
