#![no_main]
//! Any bytes as a compressed message.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_deflate::inflate(data));
