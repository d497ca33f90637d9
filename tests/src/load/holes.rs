//! Segments that wait behind holes.

use sluice_engine::{Config, Nanos};
use sluice_wire::{Segment, TcpFlags};

use super::Failure;
use super::rig::{Lap, Pair, Rig};
use crate::random::Random;

/// What came of segments behind holes.
#[derive(Debug)]
pub struct Holes {
    /// The engine and its reader at the end.
    pub rig: Rig,
    /// All segments.
    pub lap: Lap,
    /// Segments that waited when all had come.
    pub waiting: usize,
    /// Bytes that all buffers took then.
    pub waiting_bytes: usize,
}

/// Flows with one-byte segments, each behind a hole of its own: byte after byte, every other one missing.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn shallow(flows: u32, segments: u32, config: Config, clock: fn() -> u64) -> Result<Holes, Failure> {
    let mut rig = Rig::new(config, clock)?;
    let mut now = Nanos(1_000_000_000);
    for flow in 0..flows {
        rig.open(&Pair::number(u64::from(flow), 443), now);
    }
    rig.lap();
    for segment in 0..segments {
        for flow in 0..flows {
            now = now.after(100);
            send_byte(&mut rig, flow, segment.saturating_mul(2).saturating_add(1), now);
        }
    }
    end(rig)
}

/// Flows with one-byte segments at distances from a kilobyte to two gigabytes, no two of a flow at one place.
///
/// The flows are picked up in mid-stream, where no window is known and nothing lies too far ahead.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn far(flows: u32, segments: u32, config: Config, clock: fn() -> u64) -> Result<Holes, Failure> {
    let mut rig = Rig::new(config, clock)?;
    let mut now = Nanos(1_000_000_000);
    let mut random = Random::new(2);
    for flow in 0..flows {
        send_byte(&mut rig, flow, 0, now);
    }
    rig.lap();
    for _ in 0..segments {
        for flow in 0..flows {
            now = now.after(100);
            // Each power of two is as likely as the others.
            let reach = 1_usize << (10 + random.below(21));
            let distance = u32::try_from(reach + random.below(reach)).unwrap_or(0);
            send_byte(&mut rig, flow, distance, now);
        }
    }
    end(rig)
}

/// One flow with so many bytes behind a hole of one byte, in full segments.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn one_hole(bytes: u64, config: Config, clock: fn() -> u64) -> Result<Holes, Failure> {
    const FULL: u32 = 1_460;
    let mut rig = Rig::new(config, clock)?;
    let mut now = Nanos(1_000_000_000);
    send_byte(&mut rig, 0, 0, now);
    let (mut seq, mut sent) = (2_u32, 0_u64);
    let payload = [5; FULL as usize];
    while sent < bytes {
        now = now.after(1_000);
        let segment = Segment { payload: &payload, ..Pair::number(0, 443).up(TcpFlags::ACK, seq, 0) };
        rig.send(&segment, now);
        seq = seq.wrapping_add(FULL);
        sent = sent.saturating_add(u64::from(FULL));
    }
    end(rig)
}

/// What a segment costs with few and with many before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Depth {
    /// With ten waiting at first.
    pub few: Lap,
    /// With the last of so many.
    pub many: Lap,
}

/// Sends one-byte segments in no order into one flow after the other, `segments` into each, and measures the first 64
/// behind the tenth and the last 64.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn depth(flows: u32, segments: u32, config: Config, clock: fn() -> u64) -> Result<Depth, Failure> {
    const MEASURED: u32 = 64;
    let mut rig = Rig::new(config, clock)?;
    let mut random = Random::new(3);
    let mut depth = Depth::default();
    let mut now = Nanos(1_000_000_000);
    for flow in 0..flows {
        send_byte(&mut rig, flow, 0, now);
        for segment in 0..segments {
            if segment == 10 || segment == segments.saturating_sub(MEASURED) {
                rig.lap();
            }
            now = now.after(100);
            let distance = u32::try_from(2 + random.below(1 << 30)).unwrap_or(0);
            send_byte(&mut rig, flow, distance, now);
            if segment == 10 + MEASURED - 1 {
                add(&mut depth.few, rig.lap());
            }
        }
        add(&mut depth.many, rig.lap());
        // Ends the flow, so that the next one finds the same memory.
        let reset = Pair::number(u64::from(flow), 443).up(TcpFlags::RST, 1, 0);
        rig.send(&reset, now);
    }
    rig.finish()?;
    Ok(depth)
}

fn add(sum: &mut Lap, lap: Lap) {
    sum.packets += lap.packets;
    sum.cpu_ns += lap.cpu_ns;
}

fn send_byte(rig: &mut Rig, flow: u32, seq: u32, now: Nanos) {
    let segment = Segment { payload: b"x", ..Pair::number(u64::from(flow), 443).up(TcpFlags::ACK, seq, 0) };
    rig.send(&segment, now);
}

fn end(mut rig: Rig) -> Result<Holes, Failure> {
    let lap = rig.lap();
    let (waiting, waiting_bytes) = (rig.engine.budget().segments(), rig.engine.budget().used());
    rig.finish()?;
    Ok(Holes { rig, lap, waiting, waiting_bytes })
}
