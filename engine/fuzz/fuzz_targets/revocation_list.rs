//! See `shikaku_engine::card::fuzzing::revocation_list`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_engine::card::fuzzing::revocation_list(data));
