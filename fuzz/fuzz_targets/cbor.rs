//! Bytes as CBOR.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_selfdescribing::fuzzing::cbor(data));
