//! What is published: numbered messages whose contents both ends can draw for themselves, counted while they live.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::rc::Rc;

use tidewire_hub::Message as Costs;

use crate::application::{Form, Message};

/// What the contents of all posts are drawn by.
const SALT: u64 = 0x7469_6465;

/// How many posts there are in memory, wherever they are, and how many of each number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Rc<RefCell<BTreeMap<u64, usize>>>);

impl Tally {
    pub(crate) fn count(&self) -> usize {
        Rc::strong_count(&self.0) - 1
    }

    /// Whether a post of that number is held by somebody.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.0.borrow().contains_key(&number)
    }
}

/// A published message.
#[derive(Debug)]
pub(crate) struct Post {
    text: Box<str>,
    number: u64,
    counted: Tally,
}

impl Drop for Post {
    fn drop(&mut self) {
        let mut numbers = self.counted.0.borrow_mut();
        match numbers.get_mut(&self.number) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(numbers.remove(&self.number)),
        }
    }
}

impl Post {
    /// The post of this number.
    pub(crate) fn new(number: u64, tally: &Tally) -> Self {
        let mut text = String::new();
        Message::new(SALT, number).write_text(&mut text);
        *tally.0.borrow_mut().entry(number).or_insert(0) += 1;
        Self { text: text.into(), number, counted: tally.clone() }
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
        let same = Post::new(77, &tally);
        drop(post);
        assert!(tally.holds(77) && !tally.holds(78));
        drop(same);
        assert_eq!((number_of("x"), tally.count(), tally.holds(77)), (None, 0, false));
    }
}
