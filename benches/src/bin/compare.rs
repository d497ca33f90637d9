//! Measures what `benches/README.md` says: each mix of traffic with each kind of work, by the engine alone, a native
//! handler and a guest on each lane, against what was aimed at; what each stage of the path takes; and what it costs to
//! go into a guest and out of it.
//!
//! `compare` prints the tables, `compare --write` also puts them into `benches/README.md` and draws `benches/plots/`.
//! `--quick` takes a tenth of the traffic and three runs. `compare stages` and `compare crossings` measure these only,
//! `compare web full-size` only these mixes.

use std::process::ExitCode;

use sluice_benches::compare::{CompareError, Extent, compare, crossings, stages};
use sluice_benches::report::Report;
use sluice_benches::stages::Child;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match Child::of(&words) {
        Some(child) => stages::run_child(&child),
        None => measure(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Result<(), CompareError> {
    let (extent, report) = (Extent::of(words), Report::of(words));
    let named: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    let is_part = |name: &&str| ["stages", "crossings"].contains(name);
    let wants = |part| named.is_empty() || named.contains(&part);
    let mixes: Vec<&str> = named.iter().copied().filter(|name| !is_part(name)).collect();
    if named.is_empty() || !mixes.is_empty() {
        // Tables of some mixes would take the place of those of all.
        let report = if mixes.is_empty() { report.clone() } else { Report::printed() };
        compare(&mixes, extent, &report)?;
    }
    if wants("stages") {
        stages::report(extent, &report)?;
    }
    if wants("crossings") {
        crossings::report(extent, &report)?;
    }
    Ok(())
}
