#![no_main]
//! Any bytes as a text message, in any fragments.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_parts::utf8(data));
