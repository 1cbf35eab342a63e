#![no_main]
//! Any bytes as the payload of a close frame.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_parts::close(data));
