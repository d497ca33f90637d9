//! Prints the tables about events in `benches/README.md`, and with `--full` draws `benches/plots/`: `events` for all,
//! `events registration`, `events dispatch` or `events sharing` for one. Without `--full` it takes fewer flows and
//! fewer runs.
//!
//! What is compared takes turns, so that what else the machine does falls on all alike.

use std::process::ExitCode;
use std::sync::Arc;

use sluice_benches::events::dispatch::{Filters, Shape};
use sluice_benches::events::plots;
use sluice_benches::events::registrar::{Case, Moment, Way};
use sluice_benches::events::registration::{self, RunError};
use sluice_benches::events::sharing;
use sluice_benches::guest::{GuestError, Lane};
use sluice_benches::samples::Samples;
use sluice_benches::traffic::{Mix, Traffic, concurrent, generate};
use sluice_guest::LaneChoice;

/// The seed of all traffic.
const SEED: u64 = 1;

/// How much is measured.
struct Extent {
    /// Flows open at a time.
    live: &'static [u32],
    /// Flows in all, at least.
    flows: u32,
    /// Different sets.
    sets: &'static [u32],
    /// Runs of each kind.
    rounds: usize,
    /// Connections of a thousand packets for dispatch.
    long_flows: u32,
    draws: bool,
}

const SHORT: Extent = Extent {
    live: &[1_000, 10_000],
    flows: 10_000,
    sets: &[1, 100],
    rounds: 3,
    long_flows: 50,
    draws: false,
};

const FULL: Extent = Extent {
    live: &[1_000, 10_000, 50_000, 200_000],
    flows: 20_000,
    sets: &[1, 10, 100, 1_000],
    rounds: 5,
    long_flows: 200,
    draws: true,
};

/// Handlers of `packet-in`, and events below it.
const CALLBACKS: [u32; 4] = [0, 1, 5, 10];
const EVENTS: [u32; 3] = [0, 5, 10];

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("events: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> Result<(), Failure> {
    let extent = if arguments.iter().any(|argument| argument == "--full") { FULL } else { SHORT };
    let named: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| *name != "--full").collect();
    let wants = |name| named.is_empty() || named.contains(&name);
    if wants("sharing") {
        print_sharing()?;
    }
    if wants("dispatch") {
        print_dispatch(&extent)?;
    }
    if wants("registration") {
        print_registration(&extent)?;
    }
    Ok(())
}

fn print_sharing() -> Result<(), Failure> {
    line("| operation | ns |");
    line("|---|---|");
    for operation in sharing::measure()? {
        line(&format!("| {} | {} |", operation.name, operation.time_ns));
    }
    line("");
    Ok(())
}

/// Each shape with each kind of filters, and the same packets with nothing registered.
fn print_dispatch(extent: &Extent) -> Result<(), Failure> {
    let lane = Lane::open(LaneChoice::Component)?;
    let traffic = Arc::new(generate(Mix::LongFlows, extent.long_flows, SEED));
    let mut shapes: Vec<(Shape, Samples)> = Vec::new();
    for filters in Filters::ALL {
        for events in EVENTS {
            let shape = |callbacks| (Shape { callbacks, events, filters }, Samples::default());
            shapes.extend(CALLBACKS.map(shape));
        }
    }
    for _ in 0..extent.rounds {
        for (shape, samples) in &mut shapes {
            samples.push(run_shape(&lane, &traffic, *shape)?);
        }
    }
    let nothing: Vec<&Samples> =
        shapes.iter().filter(|(shape, _)| shape.callbacks + shape.events == 0).map(|(_, s)| s).collect();
    let base_ns = nothing.iter().map(|samples| samples.best()).fold(f64::MAX, f64::min);
    line(&format!("Nothing registered: {base_ns:.0} ns a packet."));
    line("");
    line("| filters and handlers | events asked | 0 callbacks | 1 | 5 | 10 |");
    line("|---|---|---|---|---|---|");
    for row in shapes.chunks(CALLBACKS.len()) {
        let Some((shape, _)) = row.first() else { continue };
        let cells = row.iter().map(|(_, samples)| {
            format!("{:.0} (median {:.0})", above(samples.best(), base_ns), above(samples.median(), base_ns))
        });
        let cells: Vec<String> = cells.collect();
        line(&format!("| {} | {} | {} |", shape.filters.name(), shape.events, cells.join(" | ")));
    }
    line("");
    if extent.draws {
        let measured: Vec<(Shape, f64)> =
            shapes.iter().map(|(shape, samples)| (*shape, above(samples.best(), base_ns))).collect();
        plots::draw_dispatch(&measured)?;
    }
    Ok(())
}

/// Nanoseconds above what is spent with nothing registered.
fn above(packet_ns: f64, base_ns: f64) -> f64 {
    (packet_ns - base_ns).max(0.0)
}

fn run_shape(lane: &Lane, traffic: &Arc<Traffic>, shape: Shape) -> Result<f64, GuestError> {
    let run = match shape.filters {
        Filters::Native | Filters::Code => shape.run(traffic)?,
        Filters::Guest => lane.run_shape(traffic, shape)?,
    };
    Ok(run.packet_ns())
}

/// Each way with each number of sets and of flows.
fn print_registration(extent: &Extent) -> Result<(), Failure> {
    line(
        "| open flows | sets | way | registered at | ns/packet | against static | ns/flow for it | sets held | bytes |",
    );
    line("|---|---|---|---|---|---|---|---|---|");
    let mut measured = Vec::new();
    for live in extent.live {
        let traffic = Arc::new(concurrent(*live, extent.flows.div_ceil(*live), SEED));
        let mut rows: Vec<Row> = cases(extent).into_iter().map(|case| Row::of(case, *live)).collect();
        for _ in 0..extent.rounds {
            for row in &mut rows {
                row.run(&traffic)?;
            }
        }
        for row in &rows {
            line(&row.to_line(&rows));
        }
        measured.extend(rows.iter().map(Row::to_point));
    }
    line("");
    if extent.draws {
        plots::draw_registration(&measured)?;
    }
    Ok(())
}

/// Ways and numbers of sets in the order of the table.
fn cases(extent: &Extent) -> Vec<Case> {
    let mut cases = Vec::new();
    for sets in extent.sets.iter().copied() {
        cases.push(Case { way: Way::Static, sets, moment: Moment::Start });
        cases.push(Case { way: Way::Shared, sets, moment: Moment::Start });
        cases.push(Case { way: Way::Shared, sets, moment: Moment::FourthPacket });
    }
    cases.push(Case { way: Way::Copied, sets: 1, moment: Moment::Start });
    cases.push(Case { way: Way::Copied, sets: 1, moment: Moment::FourthPacket });
    cases
}

/// Runs of one case with one number of open flows.
struct Row {
    case: Case,
    live: u32,
    packet_ns: Samples,
    sets: usize,
    bytes: usize,
}

impl Row {
    fn of(case: Case, live: u32) -> Self {
        Self { case, live, packet_ns: Samples::default(), sets: 0, bytes: 0 }
    }

    fn run(&mut self, traffic: &Arc<Traffic>) -> Result<(), RunError> {
        let run = registration::run(self.case, traffic, self.live)?;
        self.packet_ns.push(run.packet_ns());
        (self.sets, self.bytes) = (run.sets, run.sets_bytes);
        Ok(())
    }

    fn to_line(&self, rows: &[Self]) -> String {
        let is_static = |row: &&Self| row.case.way == Way::Static && row.case.sets == self.case.sets;
        let best_ns = self.packet_ns.best();
        let static_ns = rows.iter().find(is_static).map_or(best_ns, |row| row.packet_ns.best());
        let (moment, share, flow_ns) = if self.case.way == Way::Static {
            ("-", "-".to_owned(), "-".to_owned())
        } else {
            let flow_ns = (best_ns - static_ns) * f64::from(sluice_benches::traffic::CONCURRENT_PACKETS);
            (
                self.case.moment.name(),
                format!("{:+.1} %", (best_ns / static_ns - 1.0) * 100.0),
                format!("{flow_ns:.0}"),
            )
        };
        let sets = if self.case.way == Way::Copied { "-".to_owned() } else { self.case.sets.to_string() };
        format!(
            "| {} | {sets} | {} | {moment} | {} | {share} | {flow_ns} | {} | {} |",
            self.live,
            self.case.way.name(),
            self.packet_ns,
            self.sets,
            self.bytes
        )
    }

    fn to_point(&self) -> plots::Point {
        plots::Point { case: self.case, live: self.live, packet_ns: self.packet_ns.best(), bytes: self.bytes }
    }
}

#[expect(clippy::print_stdout, reason = "the tables are what this program is for")]
fn line(text: &str) {
    println!("{text}");
}
