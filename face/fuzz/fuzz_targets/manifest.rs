//! See `shikaku_face::fuzzing::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_face::fuzzing::manifest(data));
