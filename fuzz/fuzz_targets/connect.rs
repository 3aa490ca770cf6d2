//! Messages of Kafka Connect through their programs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_record::fuzzing::connect(data));
