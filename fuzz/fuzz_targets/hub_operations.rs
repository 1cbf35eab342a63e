#![no_main]
//! Any bytes as operations on a hub beside its naive model.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::hub::operations(data));
