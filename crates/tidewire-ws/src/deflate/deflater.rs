//! Compression of messages (RFC 7692 §6.1, §7.2.1).

use super::{TAIL, WindowBits};
use crate::message::Fragment;
use alloc::vec::Vec;
use flate2::{Compress, Compression, FlushCompress};

/// Room that a flush needs to be told from one that has yet to be finished (zlib's manual, `deflate`).
const FLUSH_ROOM: usize = 16;

/// The most room for compressed bytes that a compressor keeps from one message to the next.
pub(super) const MAX_KEPT_ROOM: usize = 16 * 1024;

/// A compressor.
#[derive(Debug)]
pub(crate) struct Deflater {
    inner: Compress,
    /// Begins with what the last piece came to.
    output: Vec<u8>,
}

impl Deflater {
    /// A compressor of `level` 1 to 9 for a window of 9 to 15 bits; others are taken as the nearest.
    pub(crate) fn new(level: u8, window: WindowBits) -> Self {
        let level = Compression::new(u32::from(level.clamp(1, 9)));
        // zlib has no window of 8 bits, and its Rust version panics when asked for one.
        let inner = Compress::new_with_window_bits(level, false, window.value().max(9));
        Self { inner, output: Vec::new() }
    }

    /// Forgets everything: the next message stands by itself.
    pub(crate) fn reset(&mut self) {
        self.inner.reset();
    }

    /// Gives back the memory that a long message has left.
    pub(crate) fn shrink(&mut self) {
        if self.output.capacity() > MAX_KEPT_ROOM {
            self.output = Vec::new();
        }
    }

    /// A message's next piece, compressed and flushed.
    //= https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1
    //# 1.  Compress all the octets of the payload of the message using
    //#     DEFLATE.
    pub(crate) fn deflate(&mut self, mut piece: &[u8], fragment: Fragment) -> &[u8] {
        let mut len = 0;
        if !piece.is_empty() {
            // All of it is initialised, once and not for each message.
            let room = (piece.len() / 2).max(FLUSH_ROOM);
            if self.output.len() < room {
                self.output.resize(room, 0);
            }
            loop {
                let before = (self.inner.total_in(), self.inner.total_out());
                let status = self.inner.compress(piece, &mut self.output[len..], FlushCompress::Sync);
                debug_assert!(status.is_ok(), "the state is sound and the arguments are ours");
                piece = &piece[(self.inner.total_in() - before.0) as usize..];
                len += (self.inner.total_out() - before.1) as usize;
                if piece.is_empty() && len < self.output.len() {
                    break;
                }
                self.output.resize(2 * self.output.len(), 0);
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
                if self.output[..len].ends_with(&TAIL) {
                    len -= TAIL.len();
                }
                // Of nothing a flush makes nothing; one empty block it has to be (§7.2.3.6).
                if len == 0 {
                    return &[0x00];
                }
            }
        }
        &self.output[..len]
    }
}
