#![no_main]
//! Any bytes as a request head, in any pieces.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_handshake::head(data));
