#![no_main]
//! Any bytes as what one side says before its stream ends.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_eof::every_end(data));
