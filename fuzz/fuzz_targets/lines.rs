//! Whatever bytes come in, they are split into lines, and each line is a message or has its answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mcpc_runtime::fuzzing::lines(input));
