//! Segments of a few flows, all fields chosen by the input; see `sluice_tests::fuzz::segment_script`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_tests::fuzz::segment_script;

fuzz_target!(|input: &[u8]| {
    if let Err(problem) = segment_script(input) {
        panic!("{problem}");
    }
});
