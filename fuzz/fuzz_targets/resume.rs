//! libFuzzer's entry to the target of this name.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| footbridge_fuzz::resume::run(input));
