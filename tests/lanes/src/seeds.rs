//! Writes the seeds of every target into `tests/fuzz/corpus/<target>/`, where libFuzzer finds them.

use std::path::Path;
use std::{fs, io};

use sluice_tests::fuzz::Seeds;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let seeds = Seeds::of(&root);
    let all = [
        ("raw_frame", seeds.frames()?),
        ("capture_file", seeds.captures_of_all_kinds()?),
        ("segment_script", seeds.segments()),
        ("lanes", (0..40).map(sluice_lanes::input).collect()),
    ];
    for (target, inputs) in all {
        let corpus = root.join("tests/fuzz/corpus").join(target);
        fs::create_dir_all(&corpus)?;
        for (number, input) in inputs.iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number:03}")), input)?;
        }
    }
    Ok(())
}
