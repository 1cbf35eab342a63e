#![no_main]
//! Any bytes as a connection whose messages are received in pieces.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_pieces::pieces(data));
