//! See `shikaku_engine::card::fuzzing::certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_engine::card::fuzzing::certificate(data));
