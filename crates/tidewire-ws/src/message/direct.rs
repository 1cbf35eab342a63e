//! Reading off a transport straight to where a long message is joined, without a buffer between (RFC 6455 §5.4).

use alloc::vec::Vec;

use bytes::BufMut;
use bytes::buf::Limit;

use super::Reader;
use super::reader::Position;
use super::walk::Coding;

/// From so many bytes on that are still to come of a frame, and that came of the message, it is worth the while.
const MIN_LEN: usize = 16 * 1024;

/// Room behind what came of a message, for the next bytes of its frame and no more.
pub type Room<'a> = Limit<&'a mut Vec<u8>>;

impl Reader {
    /// Lets `read` put the next bytes of the stream where they belong, and says how many it put. `None`, and nothing is read,
    /// unless the stream is in the middle of a long binary message; then, and behind the last byte of that, the way is
    /// [`receive`](Self::receive), whose input may be empty.
    ///
    /// Room is made for as much again as has arrived of the message.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bytes::BufMut;
    /// use tidewire_ws::{Role, message::{Config, Event, Reader, Writer}};
    ///
    /// let config = Arc::new(Config::default());
    /// let (mut reader, mut writer) = (Reader::new(Role::Server, config.clone()), Writer::server(config));
    /// // The header of a binary message of 40,000 bytes, and half of it.
    /// let mut input = [&[0x82, 0xFE, 0x9C, 0x40, 0, 0, 0, 0][..], &[7; 20_000]].concat();
    /// assert_eq!(reader.receive(&mut input).next(&mut writer, &mut Vec::new()), None);
    ///
    /// let (len, _) = reader.receive_direct(|room| room.put_slice(&[7; 20_000])).unwrap();
    /// assert_eq!(len, 20_000);
    /// let whole = Event::Binary([7; 40_000].to_vec().into());
    /// assert_eq!(reader.receive(&mut []).next(&mut writer, &mut Vec::new()), Some(Ok(whole)));
    /// ```
    pub fn receive_direct<R>(&mut self, read: impl FnOnce(&mut Room<'_>) -> R) -> Option<(usize, R)> {
        let Position::Data(payload, _) = &mut self.position else { return None };
        if payload.remaining() < MIN_LEN as u64 || self.message.begun().coding != Coding::Plain {
            return None;
        }
        let (bytes, len) =
            self.assembly.room(payload.remaining(), MIN_LEN).filter(|(_, len)| *len >= MIN_LEN)?;
        let start = bytes.len();
        let outcome = read(&mut bytes.limit(len));
        let came = bytes.get_mut(start..).unwrap_or_default();
        payload.unmask(came);
        Some((came.len(), outcome))
    }

    /// Whether a frame has come to its end by [`receive_direct`](Self::receive_direct): what that means is told by
    /// [`receive`](Self::receive), with any input.
    #[must_use]
    #[inline]
    pub fn has_frame_end(&self) -> bool {
        matches!(&self.position, Position::Data(payload, _) if payload.remaining() == 0)
    }
}
