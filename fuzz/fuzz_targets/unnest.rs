//! Cells as the arrays that UNNEST gets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_postgres::fuzzing::unnest(data));
