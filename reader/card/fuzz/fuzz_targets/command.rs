//! See `shikaku_card::fuzzing::command`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_card::fuzzing::command(data));
