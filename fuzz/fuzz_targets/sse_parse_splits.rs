#![no_main]
//! Any bytes as an event stream, in any pieces.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::sse::parse_splits(data));
