//! See `shikaku_face::fuzzing::picture`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_face::fuzzing::picture(data));
