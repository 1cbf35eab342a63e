//! Compression of messages (RFC 7692 §6.1, §7.2.1).

use super::{TAIL, WindowBits};
use crate::message::Fragment;
use alloc::vec::Vec;
use flate2::{Compress, Compression, FlushCompress};

/// Room that a flush needs to be told from one that has yet to be finished (zlib's manual, `deflate`).
const FLUSH_ROOM: usize = 16;

/// A compressor.
#[derive(Debug)]
pub(crate) struct Deflater {
    inner: Compress,
}

impl Deflater {
    /// A compressor of `level` 1 to 9 for a window of 9 to 15 bits; others are taken as the nearest.
    pub(crate) fn new(level: u8, window: WindowBits) -> Self {
        let level = Compression::new(u32::from(level.clamp(1, 9)));
        // zlib has no window of 8 bits, and its Rust version panics when asked for one.
        Self { inner: Compress::new_with_window_bits(level, false, window.value().max(9)) }
    }

    /// Forgets everything: the next message stands by itself.
    pub(crate) fn reset(&mut self) {
        self.inner.reset();
    }

    /// Appends a message's next piece, compressed and flushed, to `output`.
    //= https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1
    //# 1.  Compress all the octets of the payload of the message using
    //#     DEFLATE.
    pub(crate) fn deflate(&mut self, mut piece: &[u8], fragment: Fragment, output: &mut Vec<u8>) {
        let start = output.len();
        if !piece.is_empty() {
            output.reserve(piece.len().max(FLUSH_ROOM));
            loop {
                let before = self.inner.total_in();
                let status = self.inner.compress_vec(piece, output, FlushCompress::Sync);
                debug_assert!(status.is_ok(), "the state is sound and the arguments are ours");
                piece = &piece[(self.inner.total_in() - before) as usize..];
                if piece.is_empty() && output.len() < output.capacity() {
                    break;
                }
                output.reserve(output.len().max(FLUSH_ROOM));
            }
        }
        match fragment {
            Fragment::More => {}
            Fragment::Final => {
                //= https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1
                //# 3.  Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end.
                //#     After this step, the last octet of the compressed data contains
                //#     (possibly part of) the DEFLATE header bits with the "BTYPE" bits
                //#     set to 00.
                if output[start..].ends_with(&TAIL) {
                    output.truncate(output.len() - TAIL.len());
                }
                // Of nothing a flush makes nothing; one empty block it has to be (§7.2.3.6).
                if output.len() == start {
                    output.push(0x00);
                }
            }
        }
    }
}
