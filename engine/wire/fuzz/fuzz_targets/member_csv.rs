//! See `shikaku_wire::fuzzing::member_csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_wire::fuzzing::member_csv(data));
