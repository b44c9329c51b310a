//! See `shikaku_wire::fuzzing::oqs_xml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shikaku_wire::fuzzing::oqs_xml(data));
