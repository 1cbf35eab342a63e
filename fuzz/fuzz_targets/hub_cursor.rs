#![no_main]
//! Any bytes as a cursor token, and any position written as one.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::hub::cursor(data));
