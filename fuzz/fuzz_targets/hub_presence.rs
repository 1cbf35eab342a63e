#![no_main]
//! Any bytes as who comes to topics and goes, beside a naive model.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::hub_presence::operations(data));
