//! Cells in COPY's text format.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_postgres::fuzzing::copy(data));
