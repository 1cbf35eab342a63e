#![no_main]
//! Any bytes as what a client and a server do to each other.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_pair::operations(data));
