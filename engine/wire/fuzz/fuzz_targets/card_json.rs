//! See `shikaku_wire::fuzzing::card_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_wire::fuzzing::card_json(data));
