//! What is published: numbered messages whose contents both ends can draw for themselves, counted while they live.

use std::hash::Hasher;
use std::rc::Rc;

use tidewire_hub::Message as Costs;

use crate::application::{Form, Message};

/// What the contents of all posts are drawn by.
const SALT: u64 = 0x7469_6465;

/// How many posts there are in memory, wherever they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Rc<()>);

impl Tally {
    pub(crate) fn count(&self) -> usize {
        Rc::strong_count(&self.0) - 1
    }
}

/// A published message.
#[derive(Debug)]
pub(crate) struct Post {
    text: Box<str>,
    _counted: Tally,
}

impl Post {
    /// The post of this number.
    pub(crate) fn new(number: u64, tally: &Tally) -> Self {
        let mut text = String::new();
        Message::new(SALT, number).write_text(&mut text);
        Self { text: text.into(), _counted: tally.clone() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Costs for Post {
    fn len_bytes(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.text.as_bytes());
    }
}

/// Whether this is the post of this number, whole.
pub(crate) fn is_post(number: u64, text: &str) -> bool {
    Message::new(SALT, number).is(Form::Text, text.as_bytes())
}

/// The number that a text says it has.
pub(crate) fn number_of(text: &str) -> Option<u64> {
    u64::from_str_radix(text.get(..8)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_itself_tells_its_number_and_is_counted() {
        let tally = Tally::default();
        let post = Post::new(77, &tally);
        assert!(is_post(77, post.text()) && !is_post(78, post.text()));
        assert_eq!((number_of(post.text()), tally.count()), (Some(77), 1));
        drop(post);
        assert_eq!((number_of("x"), tally.count()), (None, 0));
    }
}
