//! The comparison: the same work done by the engine alone, by a native handler and by a guest on each lane, in turns,
//! so that what else the machine does falls on all alike. The best run is what the program takes when it has a core to
//! itself; the median says how far the machine was from giving it one.

pub mod crossings;
pub mod measure;
pub mod mixes;
pub mod stages;
pub mod targets;
pub mod task;
pub mod twins;

use std::sync::Arc;

use sluice_engine::flow::Flow;
use sluice_engine::{Checksums, Config};

pub use targets::against;

use crate::guest::{GuestError, Lane};
use crate::pipeline::run_native;
use crate::report::{Report, ReportError, Table, machine};
use crate::samples::Samples;
use crate::traffic::{Mix, generate};
use crate::twin::Work;
use measure::Measured;
use task::{Matcher, Task};

/// The seed of all traffic.
pub const SEED: u64 = 1;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Runs of each kind.
    pub rounds: usize,
    /// One in so many connections of each mix.
    pub one_in: u32,
}

impl Extent {
    /// What the numbers in `benches/README.md` are of.
    pub const FULL: Self = Self { rounds: 7, one_in: 1 };
    /// Enough to see whether all works, and what is far off.
    pub const QUICK: Self = Self { rounds: 3, one_in: 10 };

    /// What the words of the command line ask for: `--quick` or all.
    #[must_use]
    pub fn of(words: &[String]) -> Self {
        if words.iter().any(|word| word == "--quick") { Self::QUICK } else { Self::FULL }
    }

    /// A line about how it was measured, for each table.
    #[must_use]
    pub fn about(&self) -> String {
        let part = match self.one_in {
            1 => String::new(),
            one_in => format!(" One in {one_in} of the connections only."),
        };
        format!("Best of {} runs that took turns (median in brackets).{part} {}.", self.rounds, machine())
    }
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A run failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The tables cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// One kind of work on one mix of traffic, measured.
#[derive(Debug)]
pub struct Entry {
    /// The traffic.
    pub mix: Mix,
    /// What is done with it.
    pub task: Task,
    /// What was done about checksums.
    pub checksums: Checksums,
    /// What it took.
    pub measured: Measured,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Entries(pub Vec<Entry>);

impl Entries {
    /// What was measured of a task on a mix, with checksums verified.
    #[must_use]
    pub fn of(&self, mix: Mix, task: Task) -> Option<&Measured> {
        let is_it =
            |entry: &&Entry| entry.mix == mix && entry.task == task && entry.checksums == Checksums::Verify;
        self.0.iter().find(is_it).map(|entry| &entry.measured)
    }
}

/// Measures all mixes, or those that are named, and reports each table.
///
/// # Errors
///
/// [`CompareError`].
pub fn compare(named: &[&str], extent: Extent, report: &Report) -> Result<(), CompareError> {
    let lanes = Lane::all()?;
    for missing in lanes.iter().take(1).flat_map(Lane::missing) {
        eprintln!("{missing} is not there, so its rows stay empty; `make guests` makes it");
    }
    memory(extent, report)?;
    let mut entries = Entries::default();
    let is_wanted = |mix: &Mix| named.is_empty() || named.contains(&mix.name());
    for mix in Mix::ALL.into_iter().filter(is_wanted) {
        let traffic = Arc::new(generate(mix, mix.flows() / extent.one_in, SEED));
        for (task, checksums) in tasks(mix) {
            let config = Config { checksums, ..Config::default() };
            let measured = measure::measure(&lanes, &traffic, config, task, extent.rounds)?;
            entries.0.push(Entry { mix, task, checksums, measured });
        }
    }
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name).collect();
    targets::report(&entries, &names, extent, report)?;
    twins::report(&entries, &names, extent, report)?;
    mixes::report(&entries, &names, extent, report)?;
    Ok(())
}

/// What is done with a mix, and what about checksums.
fn tasks(mix: Mix) -> Vec<(Task, Checksums)> {
    let mut tasks: Vec<Task> = Work::ALL.map(Task::Work).to_vec();
    tasks.push(Task::Bursts);
    if mix == Mix::Web {
        tasks.extend([Matcher::Guest, Matcher::Host].map(Task::Patterns));
    }
    let verified = tasks.into_iter().map(|task| (task, Checksums::Verify));
    verified.chain([(Task::Work(Work::PacketEvents), Checksums::Ignore)]).collect()
}

/// What a flow takes, measured before anything else has used memory.
fn memory(extent: Extent, report: &Report) -> Result<(), CompareError> {
    let mix = Mix::ShortFlows;
    let traffic = Arc::new(generate(mix, mix.flows() / extent.one_in, SEED));
    let run = run_native(&traffic, Config::default(), Work::PacketEvents).map_err(GuestError::from)?;
    let mut table = Table::new(&["memory", "bytes"]);
    table.row(vec!["record of a flow".to_owned(), size_of::<Flow>().to_string()]);
    let resident = format!("resident for each of {} flows, tables included", run.flows);
    table.row(vec![resident, run.flow_bytes().to_string()]);
    Ok(report.add("memory", "What a flow takes.", &table, None)?)
}

/// A cell of a table: the best run, and the median in brackets.
fn cell(samples: &Samples) -> String {
    if samples.is_empty() {
        return "-".to_owned();
    }
    format!("{:.0} ({:.0})", samples.best(), samples.median())
}

/// The best run, if there was one.
fn best(samples: &Samples) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.best())
}
