#![no_main]
//! Any event: encoded, then parsed.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::sse::round_trip(data));
