//! Prints the tables of `benches/README.md`: each mix of traffic with each kind of work, by a native handler and by a
//! guest, in CPU time. `compare web full-size` prints the rows of these mixes only.
//!
//! The two take turns, so that what else the machine does falls on both alike. The best run is what the program takes
//! when it has a core to itself; the median says how far the machine was from giving it one.

use std::process::ExitCode;
use std::sync::Arc;

use sluice_benches::guest::{BYTE_READER, GuestError, Lane};
use sluice_benches::pipeline::{Run, run_native};
use sluice_benches::traffic::{Mix, Traffic, generate};
use sluice_benches::twin::Work;
use sluice_engine::flow::Flow;
use sluice_engine::{Checksums, Config};

/// Runs of each kind.
const ROUNDS: usize = 7;

/// The seed of the traffic in the tables.
const SEED: u64 = 1;

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), GuestError> {
    let lane = Lane::compile()?;
    if !lane.does(Work::AllBytes) {
        eprintln!("compare: {BYTE_READER} is not there; `make guests` makes it");
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    memory()?;
    line(
        "| traffic | work | checksums | native, ns/packet | Gb/s | guest, ns/packet | Gb/s | calls | ns/call |",
    );
    line("|---|---|---|---|---|---|---|---|---|");
    for mix in Mix::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == mix.name()) {
            continue;
        }
        let traffic = Arc::new(generate(mix, mix.flows(), SEED));
        for work in Work::ALL {
            row(&lane, &traffic, work, Checksums::Verify)?;
        }
        row(&lane, &traffic, Work::PacketEvents, Checksums::Ignore)?;
    }
    Ok(())
}

/// What a flow takes, measured before anything else has used memory.
fn memory() -> Result<(), GuestError> {
    let mix = Mix::ShortFlows;
    let traffic = Arc::new(generate(mix, mix.flows(), SEED));
    let run = run_native(&traffic, Config::default(), Work::PacketEvents)?;
    line("| memory | bytes |");
    line("|---|---|");
    line(&format!("| record of a flow | {} |", size_of::<Flow>()));
    line(&format!("| resident for each of {} flows, tables included | {} |", run.flows, run.flow_bytes()));
    line("");
    Ok(())
}

/// Measures one row and prints it.
fn row(lane: &Lane, traffic: &Arc<Traffic>, work: Work, checksums: Checksums) -> Result<(), GuestError> {
    let config = Config { checksums, ..Config::default() };
    let (mut native, mut guest) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        native.push(run_native(traffic, config, work)?);
        guest.extend(lane.run(traffic, config, work)?);
    }
    let checksums = match checksums {
        Checksums::Verify => "verified",
        Checksums::Ignore => "ignored",
    };
    let (alone, guarded) = (Column::of(native), Column::of(guest));
    let calls = alone.best().map_or(0, |run| run.counters.callbacks);
    line(&format!(
        "| {} | {} | {checksums} | {alone} | {guarded} | {calls} | {} |",
        traffic.name,
        work.name(),
        call_price(&alone, &guarded),
    ));
    Ok(())
}

/// What a call of the guest costs more than one of the native handler.
fn call_price(alone: &Column, guarded: &Column) -> String {
    let (Some(alone), Some(guarded)) = (alone.best(), guarded.best()) else { return "-".to_owned() };
    let more_ns = guarded.cpu_ns.saturating_sub(alone.cpu_ns);
    (more_ns / alone.counters.callbacks.max(1)).to_string()
}

/// Runs of one kind, the fastest first.
struct Column(Vec<Run>);

impl Column {
    fn of(mut runs: Vec<Run>) -> Self {
        runs.sort_by_key(|run| run.cpu_ns);
        Self(runs)
    }

    fn best(&self) -> Option<&Run> {
        self.0.first()
    }
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Some(best), Some(median)) = (self.best(), self.0.get(self.0.len() / 2)) else {
            return write!(f, "- | -");
        };
        write!(
            f,
            "{:.0} (median {:.0}) | {:.2}",
            best.packet_ns(),
            median.packet_ns(),
            best.gigabits_per_second()
        )
    }
}

#[expect(clippy::print_stdout, reason = "the tables are what this program is for")]
fn line(text: &str) {
    println!("{text}");
}
