//! Running frames through small engines, and what must hold then.

use sluice_engine::limits::Limits;
use sluice_engine::reassembly::{OverlapPolicy, SEGMENT_COST, Urgent};
use sluice_engine::{Checksums, Config, Engine, Nanos, Networks, PickUp, Records};

use super::Input;
use crate::{Frame, Frames, Watcher, balance};

/// Burst sizes that must tell the same.
const BURSTS: [usize; 2] = [1, 5];

/// Most bytes that one packet may bring in before a limit looks at them: a jumbo datagram and its bookkeeping.
const SLACK_BYTES: usize = (64 << 10) + 16 * SEGMENT_COST;

/// The configuration that an input begins with: four bytes.
pub(super) fn config(input: &mut Input<'_>) -> Config {
    let [rules, sizes, room, way] = [input.byte(), input.byte(), input.byte(), input.byte()];
    let policy = |number: u8| OverlapPolicy::ALL[usize::from(number) % OverlapPolicy::ALL.len()];
    let power = |number: u8, least: u32| 1usize << (least + u32::from(number & 7));
    let limits = Limits {
        flows: usize::from(sizes & 15) + 1,
        half_open: usize::from(sizes & 3) + 1,
        kept_bytes: power(sizes >> 4, 6),
        ahead_bytes: power(room, 5),
        ahead_segments: power(room >> 3, 1),
        total_bytes: power(way >> 5, 12),
        total_segments: power(way >> 5, 2),
        tenant_flows: usize::from(sizes & 15) + 1,
        tenant_bytes: power(room >> 1, 6),
        retain_bytes: power(sizes >> 5, 3),
        fragment_datagrams: usize::from(room >> 6) + 1,
        fragment_bytes: power(way >> 5, 9),
    };
    Config {
        limits,
        checksums: if way & 3 == 0 { Checksums::Verify } else { Checksums::Ignore },
        pick_up: if way & 4 == 0 { PickUp::MidStream } else { PickUp::HandshakeOnly },
        networks: if way & 8 == 0 { Networks::Apart } else { Networks::One },
        overlap: [policy(rules), policy(rules >> 3)],
        urgent: Urgent::ALL[usize::from(rules >> 6) % Urgent::ALL.len()],
        records: Records::Each,
        ..Config::default()
    }
}

/// Runs frames through engines in different burst sizes and gives what the first one told.
///
/// `expire` is how long to wait after each burst: it must not change what is told but for what falls due.
pub(super) fn run(config: Config, frames: &[Frame]) -> Result<Watcher, String> {
    let mut told: Option<Watcher> = None;
    for burst in BURSTS {
        let watcher = run_in_bursts(config, frames, burst)?;
        match &told {
            Some(first)
                if first.flows != watcher.flows
                    || first.orphans != watcher.orphans
                    || first.records != watcher.records =>
            {
                return Err(format!("bursts of {} and {burst} tell different things", BURSTS[0]));
            }
            Some(_) => {}
            None => told = Some(watcher),
        }
    }
    told.ok_or_else(|| "nothing was run".to_owned())
}

fn run_in_bursts(config: Config, frames: &[Frame], burst: usize) -> Result<Watcher, String> {
    let mut engine = Watcher::engine(config).map_err(|refusal| refusal.to_string())?;
    let mut watcher = Watcher::default();
    for burst in frames.chunks(burst) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut watcher);
        check_between(&engine, &config)?;
    }
    let last = frames.iter().map(|frame| frame.time).max().unwrap_or(Nanos(0));
    engine.expire(last.after(1), &mut watcher);
    check_between(&engine, &config)?;
    engine.finish(&mut watcher);
    check_between(&engine, &config)?;
    let counters = engine.counters();
    let ended: u64 = counters.ended.iter().sum();
    if engine.budget().used() > 0 {
        return Err(format!("{} bytes in use after the end", engine.budget().used()));
    }
    if counters.flows != ended || counters.packets.seen != frames.len() as u64 {
        return Err(format!("{} flows, {ended} ended: {:?}", counters.flows, counters.packets));
    }
    if config.records == Records::Each && counters.records != counters.flows {
        return Err(format!("{} flows, {} records", counters.flows, counters.records));
    }
    if counters.packets.fragments.held > 0 || counters.bytes.buffered > 0 {
        return Err(format!("still held after the end: {:?}", counters.bytes));
    }
    if let Some(open) = watcher.flows.values().find(|flow| !flow.has_ended) {
        return Err(format!("a flow whose end was not told: {:?}", open.trace));
    }
    match watcher.problems.first() {
        Some(problem) => Err(problem.clone()),
        None => Ok(watcher),
    }
}

/// What holds between packets.
fn check_between(engine: &Engine, config: &Config) -> Result<(), String> {
    balance(engine).map_err(|imbalance| imbalance.to_string())?;
    let limits = &config.limits;
    if engine.flows() > limits.flows || engine.datagrams() > limits.fragment_datagrams {
        return Err(format!("{} flows, {} datagrams: {limits:?}", engine.flows(), engine.datagrams()));
    }
    if engine.budget().used() > limits.total_bytes.saturating_add(SLACK_BYTES) {
        return Err(format!("{} bytes in use: {limits:?}", engine.budget().used()));
    }
    Ok(())
}
