//! Whatever the arguments of a call are, the protocol's ids are taken out of them or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mcpc_runtime::fuzzing::metadata(input));
