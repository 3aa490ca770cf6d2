//! Bytes as a line of CSV, and as single values.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_plain::fuzzing::csv(data));
