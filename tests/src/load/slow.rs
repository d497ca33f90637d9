//! Connections that hardly speak.

use sluice_engine::{Config, Nanos, seconds};
use sluice_wire::{Segment, TcpFlags};

use super::Failure;
use super::rig::{Lap, Pair, Rig};

/// What came of it.
#[derive(Debug)]
pub struct Slow {
    /// The engine and its reader at the end.
    pub rig: Rig,
    /// All packets but those that opened the flows.
    pub lap: Lap,
    /// Flows in the table at the end of the time, before they were left alone.
    pub flows: usize,
    /// Flows in the table after an hour and two minutes without a packet.
    pub flows_left: usize,
    /// What `resident` said after the second round, and after the last one.
    pub resident: [u64; 2],
}

/// Flows that each send a byte in 60 s, for so many rounds; then silence. `resident` tells the memory of the process.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn slow(
    flows: u32,
    rounds: u32,
    config: Config,
    clock: fn() -> u64,
    resident: fn() -> u64,
) -> Result<Slow, Failure> {
    let mut rig = Rig::new(config, clock)?;
    let start = Nanos(1_000_000_000);
    let step = seconds(60) / u64::from(flows.max(1));
    let mut now = start;
    for flow in 0..flows {
        now = now.after(step);
        rig.open(&Pair::number(u64::from(flow), 443), now);
    }
    rig.lap();
    let mut memory = [0; 2];
    for round in 0..rounds {
        for flow in 0..flows {
            now = now.after(step);
            let pair = Pair::number(u64::from(flow), 443);
            rig.send(&Segment { payload: b"x", ..pair.up(TcpFlags::ACK, round, 0) }, now);
        }
        memory[usize::from(round > 1)] = resident();
    }
    let lap = rig.lap();
    let flows_then = rig.engine.flows();
    // In steps, as a clock without packets would.
    for minute in 1..=62 {
        rig.expire(now.after(seconds(60 * minute)));
    }
    let flows_left = rig.engine.flows();
    rig.finish()?;
    Ok(Slow { rig, lap, flows: flows_then, flows_left, resident: memory })
}
