//! The targets of fuzzing over mutated seeds: a fixed number of inputs each, the same in every run, and every input
//! that once failed.

use std::fs;
use std::path::Path;

use sluice_tests::cases;
use sluice_tests::fuzz::{Mutator, Seeds, Target, campaign, capture_file, files, raw_frame, segment_script};

/// Inputs for each target.
const CASES: u32 = 4_000;

/// Which inputs the mutator makes.
const NUMBER: u64 = 1;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn hold(target: Target, seeds: Vec<Vec<u8>>) {
    for seed in &seeds {
        assert_eq!(target(seed), Ok(()), "a seed");
    }
    let mut mutator = Mutator::new(NUMBER, seeds);
    assert_eq!(campaign(target, u64::from(cases(CASES)), &mut mutator), Ok(()));
}

#[test]
fn any_bytes_as_frames_are_accounted_for() {
    hold(raw_frame, Seeds::of(root()).frames().unwrap());
}

#[test]
fn any_bytes_as_a_capture_are_read_to_their_end_and_accounted_for() {
    hold(capture_file, Seeds::of(root()).captures_of_all_kinds().unwrap());
}

#[test]
fn any_segments_add_up_and_honest_ones_give_no_wrong_byte() {
    hold(segment_script, Seeds::of(root()).segments());
}

/// Inputs that once failed: the file's name says which target and what broke, its first line why.
#[test]
fn inputs_that_once_failed_hold() {
    let mut report = String::new();
    for path in files(&root().join("tests/crashes"), ".txt").unwrap() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
        let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).unwrap();
        let input: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        let targets: [(&str, Target); 3] =
            [("raw-frame", raw_frame), ("capture-file", capture_file), ("segment-script", segment_script)];
        let (_, target) = targets.iter().find(|(prefix, _)| name.starts_with(prefix)).unwrap();
        if let Err(problem) = target(&input) {
            report += &format!("{name}: {problem}\n");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
