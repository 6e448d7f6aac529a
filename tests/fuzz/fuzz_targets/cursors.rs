//! Runs [`sessiond::fuzzing::cursors`] under libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sessiond::fuzzing::cursors(data));
