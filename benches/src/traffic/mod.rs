//! Deterministic TCP traffic for benches and tests: whole connections with valid checksums, in one arena.
//!
//! [`generate`] makes the packets of a [`Mix`] in the order in which a middlebox would see them, and says what a
//! program that follows the streams must have read at the end ([`Traffic::expected`]). The same mix, number of flows
//! and seed give the same bytes on every machine: nothing here uses floating point, hashing or a clock.
//!
//! ```
//! use sluice_benches::traffic::{Mix, generate};
//!
//! let traffic = generate(Mix::Web, 10, 1);
//! assert_eq!(traffic.flows, 10);
//! let (time_ns, frame) = traffic.frames().next().expect("a flow has packets");
//! assert!(time_ns > 0 && frame.len() >= 54);
//! ```

mod concurrent;
mod disturb;
mod flow;
mod mix;
mod payload;
mod plan;
mod random;

pub use concurrent::{CONCURRENT_PACKETS, concurrent, serial_of};
pub use mix::Mix;
pub use payload::StreamSum;

use disturb::Disturbance;
use flow::{FRAME_BYTES_MAX, Flow};
use payload::Pool;
use plan::Direction;
use random::Random;

/// Time of the first packet. Not zero, so that a clock that was never set is told from one that was.
const START_NS: u64 = 1_000_000_000;

/// Bytes that a frame takes on a wire in addition to its own: FCS, preamble and the gap between frames (IEEE 802.3).
const WIRE_OVERHEAD_BYTES: u64 = 24;

/// Where a packet lies in [`Traffic::bytes`] and when it is received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketMeta {
    /// Time of arrival in nanoseconds, as on a full link of 10 Gb/s; never less than the previous packet's.
    pub time_ns: u64,
    /// Offset of the frame's first byte.
    pub offset: u32,
    /// Length of the frame in bytes, without FCS: 54 to 1,514.
    pub len: u16,
}

/// What a reader of all streams must have counted at the end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Expected {
    /// All streams from clients to servers.
    pub to_server: StreamSum,
    /// All streams from servers to clients.
    pub to_client: StreamSum,
}

/// Packets in memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Traffic {
    /// Name of the mix, as benches print it.
    pub name: &'static str,
    /// All frames (Ethernet), one behind the other.
    pub bytes: Vec<u8>,
    /// The packets in order of arrival.
    pub packets: Vec<PacketMeta>,
    /// Connections, each from its SYN to the ACK of its second FIN.
    pub flows: u32,
    /// Bytes of all streams in both directions, each byte once.
    pub stream_bytes: u64,
    /// Segments with payload, retransmissions not counted.
    pub data_segments: u64,
    /// Segments that are sent a second time, with the same bytes.
    pub retransmitted_segments: u64,
    /// Segments that come in before the one that precedes them in their stream.
    pub reordered_segments: u64,
    /// What a reader of all streams must have counted at the end.
    pub expected: Expected,
}

impl Traffic {
    /// The frame of a packet; empty for a packet of some other traffic that lies outside this arena.
    #[must_use]
    #[inline]
    pub fn frame(&self, packet: &PacketMeta) -> &[u8] {
        let start = packet.offset as usize;
        self.bytes.get(start..start.saturating_add(usize::from(packet.len))).unwrap_or_default()
    }

    /// All packets in order, each as its time in nanoseconds and its frame.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
        self.packets.iter().map(|packet| (packet.time_ns, self.frame(packet)))
    }
}

/// Makes `flows` connections of `mix`; [`Mix::flows`] is the number that belongs to the mix, tests take fewer.
///
/// A full mix takes 120 to 410 MB. Making stops early, with fewer flows counted, before the arena exceeds what a `u32`
/// offset reaches (4 GiB).
#[must_use]
pub fn generate(mix: Mix, flows: u32, seed: u64) -> Traffic {
    let mut writer = Writer::of(mix, flows, seed);
    let mut live: Vec<Flow> = Vec::with_capacity(mix.live_flows());
    loop {
        while live.len() < mix.live_flows() && writer.traffic.flows < flows && writer.has_room() {
            live.push(writer.open());
        }
        if live.is_empty() {
            return writer.traffic;
        }
        let turn = writer.random.index(live.len());
        let burst = 1 + writer.random.index(mix.burst_packets());
        for _ in 0..burst {
            if !writer.write_packet(&mut live[turn]) {
                live.swap_remove(turn);
                break;
            }
        }
    }
}

/// The traffic as far as it is written, and what writing more needs.
struct Writer {
    mix: Mix,
    random: Random,
    pool: Pool,
    disturbance: Disturbance,
    /// Arrival of the next packet in tenths of a nanosecond: a byte takes eight at 10 Gb/s.
    time_tenths: u64,
    traffic: Traffic,
}

impl Writer {
    fn of(mix: Mix, flows: u32, seed: u64) -> Self {
        let mut random = Random::of(seed);
        let pool = Pool::of(&mut random);
        let arena = mix.bytes_per_flow().saturating_mul(flows as usize);
        Self {
            mix,
            random,
            pool,
            disturbance: Disturbance::default(),
            time_tenths: START_NS.saturating_mul(10),
            traffic: Traffic {
                name: mix.name(),
                bytes: Vec::with_capacity(arena.min(u32::MAX as usize)),
                packets: Vec::new(),
                flows: 0,
                stream_bytes: 0,
                data_segments: 0,
                retransmitted_segments: 0,
                reordered_segments: 0,
                expected: Expected::default(),
            },
        }
    }

    /// Whether all live flows and one more can be finished within the reach of an offset.
    fn has_room(&self) -> bool {
        let reserve = self.mix.live_flows().saturating_add(1).saturating_mul(self.mix.bytes_per_flow());
        self.traffic.bytes.len().saturating_add(reserve.saturating_mul(2)) < u32::MAX as usize
    }

    fn open(&mut self) -> Flow {
        let mut plan = self.mix.plan(&mut self.random);
        if self.mix.is_disturbed() {
            self.disturbance.apply(&mut plan.steps, &mut self.random);
        }
        let flow = Flow::of(self.traffic.flows, plan, &self.pool, &mut self.random);
        self.traffic.flows += 1;
        self.traffic.retransmitted_segments = self.disturbance.retransmitted;
        self.traffic.reordered_segments = self.disturbance.reordered;
        flow
    }

    /// Writes the next packet of `flow`; false once it has none left.
    fn write_packet(&mut self, flow: &mut Flow) -> bool {
        let start = self.traffic.bytes.len();
        let Ok(offset) = u32::try_from(start) else { return false };
        self.traffic.bytes.resize(start + FRAME_BYTES_MAX, 0);
        let Some(written) = flow.write_next(&self.pool, &mut self.traffic.bytes[start..]) else {
            self.traffic.bytes.truncate(start);
            return false;
        };
        self.traffic.bytes.truncate(start + usize::from(written.frame_bytes));
        self.traffic.packets.push(PacketMeta {
            time_ns: self.time_tenths / 10,
            offset,
            len: written.frame_bytes,
        });
        self.time_tenths += (u64::from(written.frame_bytes) + WIRE_OVERHEAD_BYTES) * 8;
        if let Some((direction, sum)) = written.added {
            let expected = &mut self.traffic.expected;
            match direction {
                Direction::ToServer => expected.to_server.merge(sum),
                Direction::ToClient => expected.to_client.merge(sum),
            }
            self.traffic.data_segments += 1;
            self.traffic.stream_bytes += sum.bytes();
        }
        true
    }
}

#[cfg(test)]
mod tests;
