//! Capture files of any bytes; see `sluice_tests::fuzz::capture_file`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_tests::fuzz::capture_file;

fuzz_target!(|input: &[u8]| {
    if let Err(problem) = capture_file(input) {
        panic!("{problem}");
    }
});
