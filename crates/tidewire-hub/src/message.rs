//! What a hub carries, and what it counts of it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hasher;

/// What each entry of a log counts beside [`Message::len_bytes`], in bytes: its record in the ring. The ring
/// has room for up to a quarter more entries than it holds, and a short one for up to four more.
pub const ENTRY_OVERHEAD_BYTES: usize = 64;

/// What an entry counts besides when it has an event name, a key or a time to live, in bytes; the lengths of
/// name and key come on top.
pub const EXTRAS_OVERHEAD_BYTES: usize = 128;

/// What a hub carries. The hub looks at nothing but its size, and at a hash of its body when that is to be
/// compared.
///
/// Text and bytes are messages, owned or behind a `Box` or an `Arc` (`Arc<str>`, `Arc<[u8]>`); with feature `bytes` so
/// is `Bytes`.
pub trait Message {
    /// What the message keeps in memory, in bytes, its inline part included. Asked once, when it is
    /// published.
    fn len_bytes(&self) -> usize;

    /// Feeds all that makes the message the one that it is to a hasher: two that feed the same are taken for
    /// one when they are published under the same [idempotency key](crate::PublishOptions::idempotency).
    /// Asked for those alone.
    fn hash_body(&self, hasher: &mut dyn Hasher);
}

impl Message for String {
    fn len_bytes(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.as_bytes());
    }
}

impl Message for Vec<u8> {
    fn len_bytes(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self);
    }
}

impl Message for [u8] {
    fn len_bytes(&self) -> usize {
        self.len()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self);
    }
}

impl Message for str {
    fn len_bytes(&self) -> usize {
        self.len()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.as_bytes());
    }
}

impl<M: Message + ?Sized> Message for Box<M> {
    fn len_bytes(&self) -> usize {
        size_of::<Self>() + (**self).len_bytes()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        (**self).hash_body(hasher);
    }
}

impl Message for &'static str {
    fn len_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.as_bytes());
    }
}

/// The reference, its two counters, and all of what is shared.
impl<M: Message + ?Sized> Message for Arc<M> {
    fn len_bytes(&self) -> usize {
        size_of::<Self>() + 2 * size_of::<usize>() + (**self).len_bytes()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        (**self).hash_body(hasher);
    }
}

/// The handle, and what it shows. What else the buffer holds that it is a part of is kept as well and not counted: a
/// small part of a large one is better published as a copy.
#[cfg(feature = "bytes")]
impl Message for bytes::Bytes {
    fn len_bytes(&self) -> usize {
        size_of::<Self>() + self.len()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// What is hashed of a message, byte for byte.
    #[derive(Default)]
    struct Bytes(Vec<u8>);

    impl Hasher for Bytes {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    fn check<M: Message + ?Sized>(message: &M, len_bytes: usize) {
        assert_eq!(message.len_bytes(), len_bytes);
        let mut body = Bytes::default();
        message.hash_body(&mut body);
        assert_eq!(body.0, b"hello");
    }

    #[test]
    fn a_message_counts_what_it_keeps_and_is_told_by_its_body() {
        let mut with_room = String::with_capacity(100);
        with_room.push_str("hello");
        check("hello", 5);
        check(b"hello".as_slice(), 5);
        check(&"hello", 16);
        check(&with_room, 24 + with_room.capacity());
        check(&b"hello".to_vec(), 24 + 5);
        check(&Box::<str>::from("hello"), 16 + 5);
        check(&Arc::<str>::from("hello"), 16 + 16 + 5);
        check(&Arc::new("hello".to_string()), 8 + 16 + 24 + 5);
        #[cfg(feature = "bytes")]
        check(&bytes::Bytes::from_static(b"hello"), size_of::<bytes::Bytes>() + 5);
    }
}
