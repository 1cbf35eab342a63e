#![no_main]
//! Any bytes as the values of Sec-WebSocket-Extensions.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws_parts::extension_list(data));
