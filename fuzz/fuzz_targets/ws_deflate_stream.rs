#![no_main]
//! Any bytes as a stream to an endpoint that takes compressed messages.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_deflate::stream(data));
