//! The golden vectors: whole, byte by byte, in the pieces they name, and at random splits.
#![allow(clippy::unwrap_used, missing_docs)]

use base64::Engine;
use serde::Deserialize;
use std::time::Duration;
use tidewire_sse::{Config, Item, Parser};
use tidewire_testkit::splits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    input: Option<String>,
    #[serde(rename = "input_b64")]
    input_b64: Option<String>,
    chunks: Option<Vec<String>>,
    #[serde(rename = "chunks_b64")]
    chunks_b64: Option<Vec<String>>,
    #[serde(rename = "gen")]
    generated: Option<Generated>,
    #[serde(default)]
    expect: Vec<Expected>,
    #[serde(rename = "expect_gen")]
    expect_gen: Option<ExpectedGenerated>,
    retry: Option<u64>,
    #[serde(default)]
    last_event_id: String,
    #[serde(default)]
    last_event_id_init: String,
    comments: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Generated {
    prefix: String,
    repeat: String,
    count: usize,
    chunks: usize,
    suffix: String,
}

#[derive(Deserialize, Debug, PartialEq, Clone)]
struct Expected {
    event: String,
    data: String,
    id: String,
}

#[derive(Deserialize)]
struct ExpectedGenerated {
    event: String,
    data_repeat: String,
    data_count: usize,
    id: String,
}

fn from_base64(text: &String) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

impl Vector {
    /// The pieces that the vector names; one where it names none.
    fn pieces(&self) -> Vec<Vec<u8>> {
        if let Some(wanted) = &self.generated {
            let stream =
                [&wanted.prefix, &*wanted.repeat.repeat(wanted.count), &wanted.suffix].concat().into_bytes();
            return stream.chunks(stream.len().div_ceil(wanted.chunks)).map(<[u8]>::to_vec).collect();
        }
        if let Some(chunks) = &self.chunks {
            return chunks.iter().map(|chunk| chunk.clone().into_bytes()).collect();
        }
        if let Some(chunks) = &self.chunks_b64 {
            return chunks.iter().map(from_base64).collect();
        }
        match (&self.input, &self.input_b64) {
            (Some(input), _) => vec![input.clone().into_bytes()],
            (None, Some(input)) => vec![from_base64(input)],
            (None, None) => panic!("{}: no input", self.name),
        }
    }

    fn expected(&self) -> Vec<Expected> {
        match &self.expect_gen {
            None => self.expect.clone(),
            Some(one) => vec![Expected {
                event: one.event.clone(),
                data: one.data_repeat.repeat(one.data_count),
                id: one.id.clone(),
            }],
        }
    }

    fn check<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>, how: &str) {
        let mut config = Config::default();
        config.max_line_len = 16 * 1024 * 1024;
        config.max_data_len = 16 * 1024 * 1024;
        let mut parser = Parser::resuming(config, self.last_event_id_init.clone());
        let (mut events, mut comments) = (Vec::new(), Vec::new());
        for piece in pieces {
            let mut items = parser.receive(piece);
            while let Some(item) = items.next() {
                match item.unwrap() {
                    Item::Event(event) => events.push(Expected {
                        event: event.event_type.into(),
                        data: event.data.into(),
                        id: event.last_event_id.into(),
                    }),
                    Item::Comment(comment) => comments.push(comment.into_owned()),
                    Item::Retry(_) => {}
                }
            }
            assert_eq!(items.consumed(), piece.len());
        }
        assert!(events == self.expected(), "{} {how}: {events:?}", self.name);
        assert_eq!(parser.reconnection_time(), self.retry.map(Duration::from_millis), "{} {how}", self.name);
        assert_eq!(parser.last_event_id(), self.last_event_id, "{} {how}", self.name);
        if let Some(expected) = &self.comments {
            assert_eq!(&comments, expected, "{} {how}", self.name);
        }
    }
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors/sse.json")).unwrap();
    assert_eq!(vectors.len(), 155);
    vectors
}

#[test]
fn every_vector_holds_whole_and_in_its_own_pieces() {
    for vector in vectors() {
        let pieces = vector.pieces();
        vector.check([&*pieces.concat()], "whole");
        vector.check(pieces.iter().map(Vec::as_slice), "in its pieces");
    }
}

#[test]
fn every_vector_holds_byte_by_byte() {
    for vector in vectors() {
        vector.check(splits::bytewise(&vector.pieces().concat()), "byte by byte");
    }
}

#[test]
fn every_vector_holds_at_a_hundred_random_splits() {
    for vector in vectors() {
        let stream = vector.pieces().concat();
        for seed in 0..100 {
            vector.check(splits::random(&stream, seed), &format!("cut with seed {seed}"));
        }
    }
}
