//! Frames of any bytes; see `sluice_tests::fuzz::raw_frame`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_tests::fuzz::raw_frame;

fuzz_target!(|input: &[u8]| {
    if let Err(problem) = raw_frame(input) {
        panic!("{problem}");
    }
});
