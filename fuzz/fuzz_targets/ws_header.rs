#![no_main]
//! Any bytes as a frame header.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws::header(data));
