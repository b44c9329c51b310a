//! See `shikaku_wire::fuzzing::answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_wire::fuzzing::answer(data));
