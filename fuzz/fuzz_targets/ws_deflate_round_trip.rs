#![no_main]
//! Any bytes compressed, at any setting, and inflated again.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_deflate::round_trip(data));
