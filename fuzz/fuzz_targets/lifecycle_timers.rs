#![no_main]
//! Any bytes as operations on a queue of timers.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::lifecycle::timers(data));
