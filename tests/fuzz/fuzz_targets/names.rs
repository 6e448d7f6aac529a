//! Runs [`sessiond::fuzzing::names`] under libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sessiond::fuzzing::names(data));
