//! See `shikaku_card::fuzzing::card`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_card::fuzzing::card(data));
