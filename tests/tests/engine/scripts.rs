//! Packet scripts: every file in `scripts/` is run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use sluice_tests::script::Script;

#[test]
fn every_script_gives_its_trace_in_every_burst_size() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut report = String::new();
    let mut count = 0;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "script")) {
        count += 1;
        let name = path.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(path).unwrap();
        match Script::parse(&text) {
            Err(error) => writeln!(report, "{name}: {error}").unwrap(),
            Ok(script) => {
                if let Err(failure) = script.check() {
                    writeln!(report, "{name}: {failure}").unwrap();
                }
            }
        }
    }
    assert!(count > 0, "no scripts found");
    assert!(report.is_empty(), "\n{report}");
}
