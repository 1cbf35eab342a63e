//! Properties of tidewire-sse.

use std::time::Duration;
use tidewire_sse::{Config, Event, Item, LimitExceeded, Parser};

use crate::splits;

/// Limits that are low enough to be met by small inputs.
fn low_limits() -> Config {
    let mut config = Config::default();
    config.max_line_len = 48;
    config.max_data_len = 64;
    config.max_event_type_len = 8;
    config.max_id_len = 8;
    config
}

/// What a parser said, owned.
#[derive(Debug, PartialEq)]
enum Said {
    Event(String, String, String),
    Comment(String),
    Retry(Duration),
    Exceeded(LimitExceeded),
}

fn parse(config: Config, pieces: &[&[u8]]) -> (Vec<Said>, String) {
    let mut parser = Parser::new(config);
    let mut said = Vec::new();
    let mut arrived = 0;
    for piece in pieces {
        arrived += piece.len();
        let mut items = parser.receive(piece);
        while let Some(item) = items.next() {
            said.push(match item {
                Ok(Item::Event(event)) => {
                    Said::Event(event.event_type.into(), event.data.into(), event.last_event_id.into())
                }
                Ok(Item::Comment(comment)) => Said::Comment(comment.into_owned()),
                Ok(Item::Retry(time)) => Said::Retry(time),
                Err(exceeded) => Said::Exceeded(exceeded),
            });
        }
        assert_eq!(items.consumed(), piece.len());
        drop(items);
        // A byte that is not UTF-8 becomes three, and a cut line has a buffer of its own; both double as they grow.
        assert!(parser.held_len_bytes() <= 2 * (3 + 1) * arrived + 64);
    }
    (said, parser.last_event_id().to_owned())
}

/// A stream says the same in any pieces, errors and their lengths included, with the default limits and with low ones.
///
/// # Panics
/// When it does not.
pub fn parse_splits(data: &[u8]) {
    let seed = data.iter().fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    for config in [Config::default(), low_limits()] {
        let (whole, whole_id) = parse(config.clone(), &splits::whole(data));
        for pieces in [splits::bytewise(data), splits::random(data, seed)] {
            let (said, id) = parse(config.clone(), &pieces);
            assert_eq!(said, whole);
            assert_eq!(id, whole_id);
        }
    }
}

/// The same at `count` random splits.
///
/// # Panics
/// When a split makes a difference.
pub fn parse_at_splits(data: &[u8], count: u64) {
    for config in [Config::default(), low_limits()] {
        let whole = parse(config.clone(), &splits::whole(data));
        for seed in 0..count {
            assert_eq!(parse(config.clone(), &splits::random(data, seed)), whole, "seed {seed}");
        }
    }
}

/// An event that an input describes: its first three bytes choose the fields and their lengths, the rest is their text.
struct Described {
    id: Option<String>,
    event_type: Option<String>,
    data: String,
}

impl Described {
    fn new(input: &[u8]) -> Option<Self> {
        let ([fields, id_len, event_len], text) = input.split_first_chunk::<3>()?;
        let text = String::from_utf8_lossy(text);
        let (id, rest) = cut(&text, *id_len);
        let (event_type, data) = cut(rest, *event_len);
        Some(Self {
            id: (fields & 1 != 0).then(|| id.to_owned()),
            event_type: (fields & 2 != 0).then(|| event_type.to_owned()),
            data: data.to_owned(),
        })
    }

    fn event(&self) -> Event<'_> {
        let mut event = Event::new().data(&self.data);
        if let Some(id) = &self.id {
            event = event.id(id);
        }
        if let Some(event_type) = &self.event_type {
            event = event.event(event_type);
        }
        event
    }

    /// Whether a field would end its line, or an ID would be ignored.
    fn injects(&self) -> bool {
        let breaks = |text: &String| text.contains(['\r', '\n']);
        self.id.as_ref().is_some_and(|id| breaks(id) || id.contains('\0'))
            || self.event_type.as_ref().is_some_and(breaks)
    }

    /// What comes of it.
    fn said(&self) -> Said {
        let event_type = self.event_type.as_deref().filter(|event_type| !event_type.is_empty());
        Said::Event(
            event_type.unwrap_or("message").to_owned(),
            self.data.replace("\r\n", "\n").replace('\r', "\n"),
            self.id.clone().unwrap_or_default(),
        )
    }
}

/// The first `len` bytes of a text, or a few less where those would cut a character, and the rest.
fn cut(text: &str, len: u8) -> (&str, &str) {
    let len = usize::from(len).min(text.len());
    text.split_at((0..=len).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0))
}

/// What the encoder accepts, a parser reads as exactly one event with the same fields, up to newline normalisation;
/// what it refuses leaves the output alone. The first three bytes choose the fields and their lengths.
///
/// # Panics
/// When it does not.
pub fn round_trip(data: &[u8]) {
    round_trip_at_splits(data, 0);
}

/// The same, and at `count` random splits of what was encoded.
///
/// # Panics
/// When it does not.
pub fn round_trip_at_splits(data: &[u8], count: u64) {
    let Some(described) = Described::new(data) else { return };
    let event = described.event();
    let mut output = b": before\n".to_vec();
    if event.encode(&mut output).is_err() {
        assert_eq!(output, b": before\n");
        assert!(described.injects());
        return;
    }
    assert!(!described.injects());
    assert_eq!(event.encoded_len(), Ok(output.len() - b": before\n".len()));
    let mut config = Config::default();
    config.max_event_type_len = usize::MAX;
    let expected = [Said::Comment(" before".into()), described.said()];
    assert_eq!(parse(config.clone(), &splits::whole(&output)).0, expected);
    for seed in 0..count {
        assert_eq!(parse(config.clone(), &splits::random(&output, seed)).0, expected, "seed {seed}");
    }
}
