#![no_main]
//! Any bytes as frames, in any pieces.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws::frames(data));
