//! A schema and bytes through a program.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_protobuf::fuzzing::protobuf(data));
