#![no_main]
//! Any bytes as a connection, in any pieces, to a server and to a client.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewire_testkit::properties::ws::stream(data));
