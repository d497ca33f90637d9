//! The guests that come with the project, over the captures that come with it.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_lanes::{Guest, Lanes, Loaded, Plan, captured, conversations};
use sluice_tests::fuzz::files;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All guests of the project; says so where they are not built.
#[expect(clippy::print_stdout, reason = "who runs the tests should know what did not run")]
fn shipped(both: &Lanes) -> Vec<Loaded> {
    let folder = project().join("target/guests");
    let paths = files(&folder, ".wasm").unwrap_or_default();
    if paths.is_empty() {
        println!("skipped: there are no guests in {}: run `make guests` first", folder.display());
    }
    let load = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy();
        let mut guest = Guest::new(&name, fs::read(path).unwrap());
        if name == "signatures" {
            // It has nothing to do without patterns.
            guest.configuration.push(("patterns".to_owned(), "HTTP,GET,e,the".to_owned()));
        }
        both.load(guest)
    };
    paths.iter().map(load).collect()
}

fn samples() -> Vec<PathBuf> {
    let folder = project().join("samples");
    let samples = [files(&folder, ".pcap").unwrap(), files(&folder, ".pcap.gz").unwrap()].concat();
    assert!(samples.len() >= 3);
    samples
}

#[test]
fn shipped_guests_do_the_same_on_both_lanes() {
    let both = Lanes::new().unwrap();
    let mut traffic: Vec<_> = samples().iter().map(|path| captured(path).unwrap()).collect();
    traffic.extend((0..2).map(|seed| conversations(seed, 5, 1_500).unwrap()));
    let guests = shipped(&both);
    for guest in &guests {
        let mut answers = 0;
        for (number, frames) in traffic.iter().enumerate() {
            let trace = both.compare(std::slice::from_ref(guest), frames, Plan { burst: 32 });
            let trace = trace.unwrap_or_else(|error| panic!("{} over {number}: {error}", guest.name()));
            assert_eq!(trace.lanes, ["direct"], "{}", guest.name());
            assert_eq!(trace.faults().count(), 0, "{}", guest.name());
            answers += trace.answers().count();
        }
        assert!(answers > 100, "{}: {answers} calls", guest.name());
    }
    // Each behind the one before, for whose edits and levels it pays.
    for frames in &traffic {
        for burst in [1, 32] {
            let trace = both.compare(&guests, frames, Plan { burst }).unwrap();
            assert_eq!(trace.lanes.len(), guests.len());
            assert_eq!(trace.faults().count(), 0);
        }
    }
}
