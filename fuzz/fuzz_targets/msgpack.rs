//! Bytes as MessagePack.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_selfdescribing::fuzzing::msgpack(data));
