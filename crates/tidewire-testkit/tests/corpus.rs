//! Replays every committed fuzzing input: a target, its property and its corpus carry one name.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tidewire_testkit::properties::{
    hub, hub_presence, lifecycle, sse, ws, ws_deflate, ws_eof, ws_handshake, ws_pair, ws_parts, ws_pieces,
};

type Property = fn(&[u8]);

/// A property that is tried at so many random splits.
type AtSplits = fn(&[u8], u64);

/// Each fuzz target and the property that it is to hold.
const TARGETS: [(&str, Property); 21] = [
    ("hub_cursor", hub::cursor),
    ("hub_operations", hub::operations),
    ("hub_presence", hub_presence::operations),
    ("lifecycle_life", lifecycle::life),
    ("lifecycle_timers", lifecycle::timers),
    ("sse_parse_splits", sse::parse_splits),
    ("sse_round_trip", sse::round_trip),
    ("ws_close", ws_parts::close),
    ("ws_deflate_round_trip", ws_deflate::round_trip),
    ("ws_deflate_stream", ws_deflate::stream),
    ("ws_eof", ws_eof::every_end),
    ("ws_extension_list", ws_parts::extension_list),
    ("ws_frames", ws::frames),
    ("ws_handshake_head", ws_handshake::head),
    ("ws_header", ws::header),
    ("ws_inflate", ws_deflate::inflate),
    ("ws_operations", ws_pair::operations),
    ("ws_pieces", ws_pieces::pieces),
    ("ws_response", ws_parts::response),
    ("ws_stream", ws::stream),
    ("ws_utf8", ws_parts::utf8),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_committed_input_holds() {
    for (target, property) in TARGETS {
        let folder = fuzz().join("corpus").join(target);
        let mut inputs: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            let outcome = std::panic::catch_unwind(|| property(&bytes));
            assert!(outcome.is_ok(), "{target} fails on {}", input.display());
        }
    }
}

/// Check C2; whole and byte by byte are part of the property itself.
#[test]
fn every_committed_stream_gives_the_same_at_a_thousand_splits() {
    let splits: [(&str, AtSplits); 6] = [
        ("sse_parse_splits", sse::parse_at_splits),
        ("sse_round_trip", sse::round_trip_at_splits),
        ("ws_stream", ws::stream_at_splits),
        ("ws_pieces", ws::stream_at_splits),
        ("ws_frames", ws::frames_at_splits),
        ("ws_deflate_stream", ws_deflate::stream_at_splits),
    ];
    for (target, at_splits) in splits {
        for input in fs::read_dir(fuzz().join("corpus").join(target)).unwrap() {
            at_splits(&fs::read(input.unwrap().path()).unwrap(), 1_000);
        }
    }
}

#[test]
fn targets_corpora_and_properties_are_the_same_set() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), known);
    assert_eq!(names(&fuzz().join("corpus")), known);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in &known {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
    }
}

#[test]
fn a_target_is_no_more_than_a_call_of_its_property() {
    for (target, _) in TARGETS {
        let source = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(source.lines().count() <= 15, "{target}");
        assert!(source.contains("tidewire_testkit::properties::"), "{target}");
    }
}
