#![no_main]
//! Any bytes as what happens to a connection.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::lifecycle::life(data));
