//! One live connection: its addresses, and its next packet as bytes.

use super::payload::{Pool, Stream, StreamSum};
use super::plan::{Direction, Plan, SEGMENT_BYTES_MAX, Step};
use super::random::Random;
use sluice_wire::{IpAddress, Segment, SeqNumber, TcpFlags};

/// The largest frame: Ethernet, IPv4 and TCP headers and a full segment.
pub(super) const FRAME_BYTES_MAX: usize = 14 + 20 + 20 + SEGMENT_BYTES_MAX as usize;

/// Options of both SYNs: maximum segment size 1460, window scale 7 (RFC 9293 section 3.2, RFC 7323 section 2).
const SYN_OPTIONS: [u8; 8] = [2, 4, 0x05, 0xb4, 1, 3, 3, 7];

const SERVER_PORT: u16 = 80;
/// Server addresses; many connections share one.
const SERVERS: u32 = 200;

/// A connection of which some packets are still to be written.
pub(super) struct Flow {
    client: (IpAddress, u16),
    server: (IpAddress, u16),
    /// Initial sequence numbers, by [`Direction::index`]; drawn, so that some streams wrap.
    initial: [SeqNumber; 2],
    /// IPv4 identification of the next packet, by [`Direction::index`].
    ip_id: [u16; 2],
    streams: [Stream; 2],
    steps: std::vec::IntoIter<Step>,
}

/// A packet that was written.
pub(super) struct Written {
    pub(super) frame_bytes: u16,
    /// What it added to its stream, unless it carries none or a second copy.
    pub(super) added: Option<(Direction, StreamSum)>,
}

impl Flow {
    /// The connection number `number` of its traffic: no two have the same addresses and ports.
    pub(super) fn of(number: u32, plan: Plan, pool: &Pool, random: &mut Random) -> Self {
        let mut streams = plan.streams;
        for stream in &mut streams {
            stream.pool_start = pool.start(random);
        }
        // Addresses of the range for benchmarks, 198.18.0.0/15 (RFC 2544). Consecutive connections come from different
        // hosts; each 65,536 of them take another part of the ports.
        let [_, block, high, low] = number.to_be_bytes();
        let port = 1024 + u16::from(block % 60) * 1024 + u16::try_from(number % 1021).unwrap_or(0);
        let server = u8::try_from(1 + random.below(SERVERS)).unwrap_or(1);
        Self {
            client: (IpAddress::v4([198, 18, high, low]), port),
            server: (IpAddress::v4([198, 19, 0, server]), SERVER_PORT),
            initial: [SeqNumber(random.next_u32()), SeqNumber(random.next_u32())],
            ip_id: [0, 0],
            streams,
            steps: plan.steps.into_iter(),
        }
    }

    /// Writes the next packet to the start of `frame`; `None` if there is none left, or no room for it.
    pub(super) fn write_next(&mut self, pool: &Pool, frame: &mut [u8]) -> Option<Written> {
        let step = self.steps.next()?;
        let mut payload = [0; SEGMENT_BYTES_MAX as usize];
        let payload = payload.get_mut(..usize::from(step.payload_bytes))?;
        let offset = u64::from(step.seq.saturating_sub(1));
        self.streams[step.direction.index()].copy(pool, offset, payload);

        let written = self.segment(&step, payload).write_frame(frame)?;
        let ip_id = &mut self.ip_id[step.direction.index()];
        *ip_id = ip_id.wrapping_add(1);

        let added = (step.is_data() && !step.repeated).then(|| {
            let mut sum = StreamSum::default();
            sum.add(offset, payload);
            (step.direction, sum)
        });
        Some(Written { frame_bytes: u16::try_from(written).ok()?, added })
    }

    fn segment<'a>(&self, step: &Step, payload: &'a [u8]) -> Segment<'a> {
        let (source, destination) = match step.direction {
            Direction::ToServer => (self.client, self.server),
            Direction::ToClient => (self.server, self.client),
        };
        let acknowledges = step.flags.contains(TcpFlags::ACK);
        Segment {
            source: source.0,
            destination: destination.0,
            source_port: source.1,
            destination_port: destination.1,
            seq: self.initial[step.direction.index()].add(step.seq),
            ack: if acknowledges {
                self.initial[step.direction.opposite().index()].add(step.ack)
            } else {
                SeqNumber(0)
            },
            flags: step.flags,
            window: u16::MAX,
            options: if step.flags.contains(TcpFlags::SYN) { &SYN_OPTIONS } else { &[] },
            payload,
            ip_id: self.ip_id[step.direction.index()],
            ..Segment::default()
        }
    }
}
