//! A flood of SYNs, while connections go on.

use sluice_engine::{Config, Nanos};
use sluice_wire::TcpFlags;

use super::Failure;
use super::rig::{Lap, Pair, Rig};
use crate::random::Random;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct FloodScale {
    /// Connections that go on.
    pub live: u32,
    /// SYNs, each with a tuple of its own, a million a second; every eighth packet is of a live connection.
    pub syns: u64,
    /// Packets of live connections before and after it.
    pub packets: u32,
}

/// What came of it.
#[derive(Debug)]
pub struct Flood {
    /// The engine and its reader at the end.
    pub rig: Rig,
    /// Live connections alone, before: the quickest of eight laps.
    pub before: Lap,
    /// The flood with live connections in it.
    pub during: Lap,
    /// The same, beginning 10 s of traffic after.
    pub after: Lap,
    /// Flows in the table when the flood ended.
    pub flows_during: usize,
}

/// Connections that send to and fro.
struct Live {
    sent: Vec<u32>,
    random: Random,
}

impl Live {
    /// The next segment of some connection: the client's and the server's in turn, 64 bytes each.
    fn send(&mut self, rig: &mut Rig, time: Nanos) {
        const BYTES: u32 = 64;
        let number = self.random.below(self.sent.len());
        let Some(sent) = self.sent.get_mut(number) else { return };
        let pair = Pair::number(number as u64, 443);
        let (round, is_answer) = (*sent / 2, *sent % 2 == 1);
        let seq = round.wrapping_mul(BYTES);
        let mut segment = if is_answer {
            pair.down(TcpFlags::ACK, seq, seq.wrapping_add(BYTES))
        } else {
            pair.up(TcpFlags::ACK, seq, seq)
        };
        segment.payload = &[7; BYTES as usize];
        *sent = sent.wrapping_add(1);
        rig.send(&segment, time);
    }
}

impl Live {
    /// Sends so many packets, a million a second, in laps; gives the quickest one.
    fn go_on(&mut self, rig: &mut Rig, packets: u32, time: &mut Nanos) -> Lap {
        rig.lap();
        let lap = |_| {
            for _ in 0..packets / LAPS {
                *time = time.after(1_000);
                self.send(rig, *time);
            }
            rig.lap()
        };
        (0..LAPS).map(lap).min_by_key(Lap::packet_ns).unwrap_or_default()
    }
}

/// Laps of which the quickest counts: a machine that does other things too is slower now and then, never quicker.
const LAPS: u32 = 8;

/// Runs the flood.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn flood(scale: FloodScale, config: Config, clock: fn() -> u64) -> Result<Flood, Failure> {
    let mut rig = Rig::new(config, clock)?;
    let mut live = Live { sent: vec![0; usize::try_from(scale.live).unwrap_or(0)], random: Random::new(1) };
    let mut now = Nanos(1_000_000_000);
    for number in 0..scale.live {
        now = now.after(1_000);
        rig.open(&Pair::number(u64::from(number), 443), now);
    }
    let mut time = rig.engine.now().max(now);
    // Once before, so that everything is where it will be.
    live.go_on(&mut rig, scale.packets, &mut time);
    let before = live.go_on(&mut rig, scale.packets, &mut time);
    for number in 0..scale.syns {
        time = time.after(1_000);
        rig.send(&Pair::number(number, 80).up(TcpFlags::SYN, 1, 0), time);
        if number % 8 == 0 {
            live.send(&mut rig, time);
        }
    }
    let during = rig.lap();
    let flows_during = rig.engine.flows();
    let pause = 10_000_000_000 / u64::from(scale.packets.max(1));
    for _ in 0..scale.packets {
        time = time.after(pause);
        live.send(&mut rig, time);
    }
    rig.lap();
    let after = live.go_on(&mut rig, scale.packets, &mut time);
    rig.finish()?;
    Ok(Flood { rig, before, during, after, flows_during })
}
