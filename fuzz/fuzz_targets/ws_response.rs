#![no_main]
//! Any bytes as a server's answer to an opening handshake.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_parts::response(data));
