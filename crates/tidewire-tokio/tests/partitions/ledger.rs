//! What was published, and what everybody was told: the judge.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::CLIENTS;

/// A topic's epoch and an offset in it.
pub(crate) type Place = (String, u64);

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    published: HashMap<(String, Place), String>,
    /// The last that was published in each topic by the server that is there.
    heads: BTreeMap<String, Place>,
    readers: [Reader; CLIENTS],
    counts: Counts,
    /// The connections that the server has.
    sessions: usize,
    is_peace: bool,
}

/// How far a client is: what it would keep on disk.
#[derive(Debug, Default)]
struct Reader {
    places: HashMap<String, Place>,
    cursor: Option<String>,
}

/// How much there was to judge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) messages: usize,
    pub(crate) gaps: usize,
    pub(crate) openings: usize,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// No more is published.
    pub(crate) fn begin_peace(&self) {
        self.state().is_peace = true;
    }

    pub(crate) fn is_peace(&self) -> bool {
        self.state().is_peace
    }

    /// Another connection of the server's, or one less.
    pub(crate) fn opened(&self) {
        let mut state = self.state();
        state.sessions += 1;
        state.counts.openings += 1;
    }

    pub(crate) fn closed(&self) {
        self.state().sessions -= 1;
    }

    pub(crate) fn crashed(&self) {
        assert_eq!(self.state().sessions, 0, "whatever was open is dropped with its host");
    }

    /// The server begins anew, and knows nothing.
    pub(crate) fn forgotten(&self) {
        self.state().heads.clear();
    }

    pub(crate) fn published(&self, topic: &str, place: Place, text: &str) {
        let mut state = self.state();
        let before = state.published.insert((topic.to_owned(), place.clone()), text.to_owned());
        assert_eq!(before, None, "a position is one message for ever");
        state.heads.insert(topic.to_owned(), place);
    }

    pub(crate) fn cursor(&self, client: usize) -> Option<String> {
        self.state().readers[client].cursor.clone()
    }

    /// A client was told where a topic starts for it, which it believes once.
    pub(crate) fn starts(&self, client: usize, topic: &str, place: Place, cursor: &str) {
        let reader = &mut self.state().readers[client];
        reader.places.entry(topic.to_owned()).or_insert(place);
        reader.cursor.get_or_insert_with(|| cursor.to_owned());
    }

    pub(crate) fn heard(&self, client: usize, topic: &str, place: Place, text: &str, cursor: &str) {
        let mut state = self.state();
        state.counts.messages += 1;
        let said = state.published.get(&(topic.to_owned(), place.clone())).cloned();
        assert_eq!(said.as_deref(), Some(text), "{client} heard at {place:?} of {topic}");
        let reader = &mut state.readers[client];
        let before = reader.places.insert(topic.to_owned(), place.clone());
        let next = before.clone().map(|(epoch, offset)| (epoch, offset + 1));
        assert_eq!(next, Some(place), "{client} stood at {before:?} of {topic}");
        reader.cursor = Some(cursor.to_owned());
    }

    pub(crate) fn missed(&self, client: usize, topic: &str, from: Option<Place>, to: Place, cursor: &str) {
        let mut state = self.state();
        state.counts.gaps += 1;
        let reader = &mut state.readers[client];
        let stood = reader.places.insert(topic.to_owned(), to.clone());
        assert_eq!(from, stood, "{client} was told of a gap in {topic} to {to:?}");
        if let Some((epoch, offset)) = stood {
            assert!(epoch != to.0 || offset < to.1, "{client}: nothing is lost up to {to:?} of {topic}");
        }
        reader.cursor = Some(cursor.to_owned());
    }

    /// All is well again: everybody has everything.
    pub(crate) fn judge(&self) {
        let state = self.state();
        for (client, reader) in state.readers.iter().enumerate() {
            for (topic, head) in &state.heads {
                assert_eq!(reader.places.get(topic), Some(head), "{client} does not catch up with {topic}");
            }
        }
        assert_eq!(state.sessions, CLIENTS, "connections that nobody has");
    }
}
