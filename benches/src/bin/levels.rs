//! Prints what each level costs, in CPU time: the same traffic by monitors that want ever more of its streams, and by
//! two of them together. `levels short-flows` takes another mix than the web's.
//!
//! The rows take turns, so that what else the machine does falls on all alike.

use std::process::ExitCode;
use std::sync::Arc;

use sluice_benches::pipeline::{Run, RunError, run};
use sluice_benches::traffic::{Mix, Traffic, generate};
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Refusal, View};

/// Runs of each row.
const ROUNDS: usize = 7;

/// The seed of the traffic.
const SEED: u64 = 1;

/// What a monitor wants of a flow.
#[derive(Clone, Copy)]
struct Want {
    /// Of the stream to the server, and of that to the client.
    levels: [Level; 2],
    /// Whether it reads what it is told of.
    reads: bool,
    /// Bytes kept for it, if that is less than usual.
    size: Option<u32>,
}

impl Want {
    const fn of(level: Level) -> Self {
        Self { levels: [level; 2], reads: true, size: None }
    }
}

/// A name, and the monitors.
type Row = (&'static str, &'static [Want]);

const REQUESTS: Want = Want { levels: [Level::Full, Level::State], ..Want::of(Level::Full) };
const UNREAD: Want = Want { reads: false, size: Some(4 << 10), ..Want::of(Level::Full) };

const ROWS: [Row; 7] = [
    ("`state`", &[Want::of(Level::State)]),
    ("`count`", &[Want::of(Level::Count)]),
    ("`full` to the server, `state` to the client", &[REQUESTS]),
    ("`full`", &[Want::of(Level::Full)]),
    ("`full`, 4 KiB of each direction kept unread", &[UNREAD]),
    ("`full` and `state`, two monitors", &[Want::of(Level::Full), Want::of(Level::State)]),
    ("`full` twice, two monitors", &[Want::of(Level::Full), Want::of(Level::Full)]),
];

/// Reads what it is told of.
#[derive(Default)]
struct Reader {
    buffer: Vec<u8>,
    bytes: u64,
}

impl Handler for Reader {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if call.event_kind() == Some(EventKind::NewData) {
            self.buffer.clear();
            view.peek(call.place().direction(), u32::MAX, &mut self.buffer).map_err(|_| Faulted)?;
            self.bytes = self.bytes.saturating_add(self.buffer.len() as u64);
        }
        Ok(0)
    }
}

fn definitions(wants: &[Want]) -> Result<Definitions, Refusal> {
    let mut definitions = Definitions::new();
    for want in wants {
        let monitor = definitions.open_stream(None, Level::Full)?;
        for direction in Direction::BOTH {
            definitions.set_level(monitor, direction, want.levels[direction.index()])?;
            if let Some(size) = want.size {
                definitions.set_size(monitor, direction, size)?;
            }
        }
        definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, 0)?;
        if want.reads {
            definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, 0)?;
        }
    }
    Ok(definitions)
}

fn main() -> ExitCode {
    match levels() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("levels: {error}");
            ExitCode::FAILURE
        }
    }
}

fn levels() -> Result<(), RunError> {
    let wanted = std::env::args().nth(1);
    let named = |mix: &Mix| wanted.as_deref().is_none_or(|name| name == mix.name());
    let mix = Mix::ALL.into_iter().find(named).unwrap_or(Mix::Web);
    let traffic = Arc::new(generate(mix, mix.flows(), SEED));
    let mut runs: Vec<Vec<(Run, u64)>> = ROWS.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((_, wants), runs) in ROWS.iter().zip(&mut runs) {
            runs.push(once(&traffic, wants)?);
        }
    }
    line(&format!(
        "| {}: what the monitors want | ns/packet | bytes read | most buffered, KiB |",
        mix.name()
    ));
    line("|---|---|---|---|");
    for ((name, _), runs) in ROWS.iter().zip(&mut runs) {
        runs.sort_by_key(|(run, _)| run.cpu_ns);
        let (Some((best, bytes)), Some((median, _))) = (runs.first(), runs.get(runs.len() / 2)) else {
            continue;
        };
        line(&format!(
            "| {name} | {:.0} (median {:.0}) | {bytes} | {} |",
            best.packet_ns(),
            median.packet_ns(),
            best.buffered_peak_bytes >> 10,
        ));
    }
    Ok(())
}

fn once(traffic: &Arc<Traffic>, wants: &[Want]) -> Result<(Run, u64), RunError> {
    let mut reader = Reader::default();
    let run = run(traffic, Config::default(), definitions(wants)?, &mut reader)?;
    Ok((run, reader.bytes))
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn line(text: &str) {
    println!("{text}");
}
