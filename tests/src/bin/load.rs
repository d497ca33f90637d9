//! Attacks on memory at full size, each in a process of its own with a ceiling that it checks: `make load`.
//!
//! Without arguments all of them run, one after the other; with names of attacks, those. Prints a row of the table in
//! `benches/README.md` for each, and fails if a ceiling or a promise is broken.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::process::{Command, ExitCode};

use rustix::time::{ClockId, clock_gettime};
use sluice_engine::flow::EndReason;
use sluice_engine::{Config, Engine};
use sluice_tests::load::{self, Failure, FloodScale, Fold, Rig};

const MIB: u64 = 1 << 20;

/// A row of the table.
struct Row {
    what: &'static str,
    packets: u64,
    packet_ns: u64,
    outcome: String,
    /// Resident memory that the process may have had at most, in bytes.
    ceiling: u64,
    /// Promises and whether they were kept.
    promises: Vec<(&'static str, bool)>,
}

type Attack = fn() -> Result<Vec<Row>, Failure>;

const ATTACKS: [(&str, Attack); 7] = [
    ("syn-flood", syn_flood),
    ("shallow-holes", shallow_holes),
    ("one-hole", one_hole),
    ("far-segments", far_segments),
    ("depth", depth),
    ("slow-flows", slow_flows),
    ("collisions", collisions),
];

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let [name] = names.as_slice() {
        return match ATTACKS.into_iter().find(|(known, _)| known == name) {
            Some((_, attack)) => run(attack),
            None => complain(&format!("no attack has the name {name}")),
        };
    }
    println!("| attack | packets | ns/packet | most memory | ceiling | outcome |\n|---|---|---|---|---|---|");
    let chosen = ATTACKS.into_iter().filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name));
    let mut is_kept = true;
    for (name, _) in chosen {
        let program = std::env::current_exe();
        let status = program.and_then(|program| Command::new(program).arg(name).status());
        is_kept &= status.is_ok_and(|status| status.success());
    }
    if is_kept { ExitCode::SUCCESS } else { complain("not every promise was kept") }
}

fn complain(what: &str) -> ExitCode {
    eprintln!("load: {what}");
    ExitCode::FAILURE
}

/// Runs one attack and looks at the memory of the process.
fn run(attack: Attack) -> ExitCode {
    let rows = match attack() {
        Ok(rows) => rows,
        Err(failure) => return complain(&failure.to_string()),
    };
    let peak = status_bytes("VmHWM:");
    let mut is_kept = true;
    for row in rows {
        let (peak_mib, ceiling_mib) = (peak / MIB, row.ceiling / MIB);
        let Row { what, packets, packet_ns, outcome, .. } = &row;
        println!("| {what} | {packets} | {packet_ns} | {peak_mib} MiB | {ceiling_mib} MiB | {outcome} |");
        let memory = ("memory below the ceiling", peak > 0 && peak <= row.ceiling);
        for (promise, _) in row.promises.iter().chain([&memory]).filter(|(_, is_kept)| !is_kept) {
            eprintln!("load: {what}: not kept: {promise}");
            is_kept = false;
        }
    }
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(used.tv_nsec).unwrap_or(0))
}

/// A line of this process' status, in bytes; 0 where Linux does not say.
fn status_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0).saturating_mul(1_024)
}

fn resident() -> u64 {
    status_bytes("VmRSS:")
}

/// What the engine says that its table and buffers took at most.
fn known_mib(engine: &Engine) -> usize {
    engine.table_bytes().saturating_add(engine.budget().peak()) >> 20
}

fn syn_flood() -> Result<Vec<Row>, Failure> {
    let scale = FloodScale { live: 100_000, syns: 10_000_000, packets: 2_000_000 };
    let flood = load::flood(scale, Config::default(), cpu_ns)?;
    let (before, after) = (flood.before.packet_ns(), flood.after.packet_ns());
    let lost = flood.rig.reader.live_lost();
    let outcome = format!(
        "live flows: {before} ns/packet before, {after} from 10 s after on, {lost} of 100,000 lost; {} flows at most; \
         the engine knows of {} MiB",
        flood.flows_during,
        known_mib(&flood.rig.engine)
    );
    Ok(vec![Row {
        what: "10 million SYNs, 100,000 live flows",
        packets: flood.during.packets,
        packet_ns: flood.during.packet_ns(),
        outcome,
        ceiling: 1_024 * MIB,
        promises: vec![
            ("no live flow is lost", lost == 0),
            ("95 % of the rate 10 s after", before.saturating_mul(100) >= after.saturating_mul(95)),
        ],
    }])
}

fn holes_row(what: &'static str, holes: &load::Holes, ceiling: u64) -> Row {
    let Rig { engine, reader, .. } = &holes.rig;
    let outcome = format!(
        "{} segments waited in {} KiB, {} were refused; {} gaps; the engine knows of {} MiB",
        holes.waiting,
        holes.waiting_bytes >> 10,
        reader.errors,
        reader.gaps,
        known_mib(engine)
    );
    let lap = &holes.lap;
    let promises = Vec::new();
    Row { what, packets: lap.packets, packet_ns: lap.packet_ns(), outcome, ceiling, promises }
}

fn shallow_holes() -> Result<Vec<Row>, Failure> {
    let holes = load::shallow(2_000, 256, Config::default(), cpu_ns)?;
    let mut row = holes_row("2,000 flows, 256 one-byte segments each behind holes", &holes, 129 * MIB);
    row.promises.push(("every segment is taken", holes.waiting == 2_000 * 256));
    Ok(vec![row])
}

fn one_hole() -> Result<Vec<Row>, Failure> {
    let holes = load::one_hole(1 << 30, Config::default(), cpu_ns)?;
    let mut row = holes_row("one flow, 1 GiB behind a hole of one byte", &holes, 16 * MIB);
    let peak = holes.rig.engine.budget().peak();
    row.promises.push(("the flow's buffers take 4 MiB at most", peak <= 4 << 20));
    row.promises.push(("one gap", holes.rig.reader.gaps == 1));
    row.promises.push(("delivery goes on behind it", holes.rig.reader.read >= 1 << 30));
    Ok(vec![row])
}

fn far_segments() -> Result<Vec<Row>, Failure> {
    let config = Config::default();
    let holes = load::far(10_000, 600, config, cpu_ns)?;
    let mut row = holes_row("10,000 flows, 600 one-byte segments each at 1 kB to 2 GiB", &holes, 640 * MIB);
    let peak = holes.rig.engine.budget().peak();
    row.promises.push(("buffers stay below their cap", peak <= config.limits.total_bytes));
    row.promises.push(("segments stay below their cap", holes.waiting <= config.limits.total_segments));
    Ok(vec![row])
}

fn depth() -> Result<Vec<Row>, Failure> {
    let depth = load::depth(400, 3_000, Config::default(), cpu_ns)?;
    let (few, many) = (depth.few.packet_ns(), depth.many.packet_ns());
    Ok(vec![Row {
        what: "one-byte segments in no order, behind 2,936 to 3,000 others",
        packets: depth.many.packets,
        packet_ns: many,
        outcome: format!("{few} ns/packet behind 10 to 74 others"),
        ceiling: 64 * MIB,
        promises: vec![("at most twice as much", many <= few.saturating_mul(2))],
    }])
}

fn slow_flows() -> Result<Vec<Row>, Failure> {
    const FLOWS: u32 = 1_000_000;
    let slow = load::slow(FLOWS, 60, Config::default(), cpu_ns, resident)?;
    let [early, late] = slow.resident;
    let ended = slow.rig.engine.counters().ended;
    let by = |reason: EndReason| ended[usize::from(reason.number())];
    let outcome = format!(
        "{} flows, {} MiB after two minutes, {} MiB after an hour; then silence: {} ended by timeout, {} \
         pushed out in the emergency",
        slow.flows,
        early / MIB,
        late / MIB,
        by(EndReason::Timeout),
        by(EndReason::Evicted)
    );
    let reasoned = by(EndReason::Timeout) + by(EndReason::Evicted);
    Ok(vec![Row {
        what: "a million flows, a byte in 60 s each, for an hour",
        packets: slow.lap.packets,
        packet_ns: slow.lap.packet_ns(),
        outcome,
        ceiling: 1_024 * MIB,
        promises: vec![
            ("no flow is lost while it speaks", slow.flows == FLOWS as usize),
            ("memory stays the same", late <= early.saturating_add(early / 100)),
            ("every flow ends for a reason", reasoned == u64::from(FLOWS) && slow.flows_left == 0),
        ],
    }])
}

fn collisions() -> Result<Vec<Row>, Failure> {
    const TUPLES: u64 = 5_000_000;
    // In turns, and the quickest counts: the machine may be busy with other work for one of them.
    const ROUNDS: u32 = 3;
    let mut config = Config { seed: 0x0123_4567_89ab_cdef, ..Config::default() };
    config.limits.half_open = config.limits.flows;
    let mut chains = [0; Fold::ALL.len()];
    let mut best = [u64::MAX; Fold::ALL.len()];
    for _ in 0..ROUNDS {
        for (place, fold) in Fold::ALL.into_iter().enumerate() {
            let collisions = load::collisions(fold, TUPLES, config, cpu_ns)?;
            chains[place] = collisions.chain;
            best[place] = best[place].min(collisions.lap.packet_ns());
        }
    }
    let most = best[0].saturating_mul(10) / 9;
    let row = |(place, fold)| {
        let (chain, packet_ns): (usize, u64) = (chains[place], best[place]);
        Row {
            what: match fold {
                Fold::None => "5 million SYNs, random tuples",
                Fold::Xor => "the same, made to collide under an exclusive or",
                Fold::Crc => "the same, under CRC-32",
                Fold::Fnv => "the same, under the low 16 bits of FNV-1a",
                Fold::OtherSeed => "the same, under our hash with other keys, the low 8 bits",
            },
            packets: TUPLES,
            packet_ns,
            outcome: format!("{chain} of a million share one of a million buckets at most"),
            ceiling: 1_024 * MIB,
            promises: vec![
                ("no bucket holds more than 16", chain <= 16),
                ("at most 10 % of the rate is lost", packet_ns <= most),
            ],
        }
    };
    Ok(Fold::ALL.into_iter().enumerate().map(row).collect())
}
