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
        // Each byte is held once, in a buffer that doubles as it grows; what is not UTF-8 becomes three bytes.
        assert!(parser.held_len_bytes() <= 3 * arrived + 64);
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

/// What the encoder accepts, a parser reads as exactly one event with the same fields, up to newline normalisation;
/// what it refuses leaves the output alone. The first three bytes choose the fields and their lengths.
///
/// # Panics
/// When it does not.
pub fn round_trip(data: &[u8]) {
    let Some(([fields, id_len, event_len], text)) = data.split_first_chunk::<3>() else { return };
    let text = String::from_utf8_lossy(text);
    let cut = |len: u8, text: &str| {
        let len =
            (0..=text.len().min(usize::from(len))).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        (text[..len].to_owned(), text[len..].to_owned())
    };
    let (id, rest) = cut(*id_len, &text);
    let (event_type, data) = cut(*event_len, &rest);
    let mut event = Event::new().data(&data);
    if fields & 1 != 0 {
        event = event.id(&id);
    }
    if fields & 2 != 0 {
        event = event.event(&event_type);
    }
    let mut output = b": before\n".to_vec();
    if event.encode(&mut output).is_err() {
        assert_eq!(output, b": before\n");
        let breaks = |text: &str| text.contains(['\r', '\n']);
        assert!(
            fields & 1 != 0 && (breaks(&id) || id.contains('\0')) || fields & 2 != 0 && breaks(&event_type)
        );
        return;
    }
    assert_eq!(event.encoded_len(), Ok(output.len() - b": before\n".len()));
    let mut config = Config::default();
    config.max_event_type_len = usize::MAX;
    let (said, _) = parse(config, &splits::whole(&output));
    let expected_type = if fields & 2 == 0 || event_type.is_empty() { "message" } else { &event_type };
    let expected_id = if fields & 1 == 0 { "" } else { &id };
    let expected_data = data.replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!(
        said,
        [
            Said::Comment(" before".into()),
            Said::Event(expected_type.into(), expected_data, expected_id.into())
        ]
    );
}
