//! The packets of one connection before addresses and bytes are put in.

use super::payload::Stream;
use sluice_wire::TcpFlags;

/// Payload of a full segment: what an MTU of 1500 leaves behind IPv4 and TCP headers without options.
pub(super) const SEGMENT_BYTES_MAX: u16 = 1460;

/// Segments that a receiver acknowledges with one ACK (RFC 9293 section 3.8.6.3).
const SEGMENTS_PER_ACK: u32 = 2;

/// Which of a flow's two streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    /// What the client sends.
    ToServer,
    /// What the server sends.
    ToClient,
}

impl Direction {
    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// One packet. Sequence numbers count from the initial one: 0 is the SYN, 1 the first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Step {
    pub(super) direction: Direction,
    pub(super) flags: TcpFlags,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) payload_bytes: u16,
    /// Whether this is a second copy of a segment.
    pub(super) repeated: bool,
}

impl Step {
    pub(super) const fn is_data(&self) -> bool {
        self.payload_bytes > 0
    }
}

/// One connection: its packets in the order of sending, and what its two streams carry.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// By [`Direction::index`].
    pub(super) streams: [Stream; 2],
    /// Sequence numbers used so far, by [`Direction::index`].
    next: [u32; 2],
}

impl Plan {
    /// A connection after its handshake.
    pub(super) fn opened() -> Self {
        let mut plan = Self { steps: Vec::new(), streams: <[Stream; 2]>::default(), next: [0, 0] };
        plan.push(Direction::ToServer, TcpFlags::SYN, 0);
        plan.push(Direction::ToClient, TcpFlags::SYN | TcpFlags::ACK, 0);
        plan.push(Direction::ToServer, TcpFlags::ACK, 0);
        plan
    }

    /// Bytes that the stream of `direction` has so far.
    pub(super) fn stream_bytes(&self, direction: Direction) -> u64 {
        u64::from(self.next[direction.index()].saturating_sub(1))
    }

    /// Sends `bytes` in segments as large as they may be, of which the other side acknowledges every second; with
    /// what is left to its next segment.
    pub(super) fn send(&mut self, direction: Direction, bytes: u32) {
        let mut rest = bytes;
        let mut unacknowledged = 0;
        while rest > 0 {
            let segment = u16::try_from(rest).unwrap_or(u16::MAX).min(SEGMENT_BYTES_MAX);
            rest -= u32::from(segment);
            unacknowledged += 1;
            let flags = if rest == 0 { TcpFlags::PSH | TcpFlags::ACK } else { TcpFlags::ACK };
            self.push(direction, flags, segment);
            if unacknowledged == SEGMENTS_PER_ACK {
                self.push(direction.opposite(), TcpFlags::ACK, 0);
                unacknowledged = 0;
            }
        }
    }

    /// Sends `count` segments of `bytes` each, without an ACK in between.
    pub(super) fn send_run(&mut self, direction: Direction, bytes: u16, count: u32) {
        for _ in 0..count {
            self.push(direction, TcpFlags::PSH | TcpFlags::ACK, bytes);
        }
    }

    /// Ends the connection: both FINs and the last ACK.
    pub(super) fn close(&mut self, first: Direction) {
        self.push(first, TcpFlags::FIN | TcpFlags::ACK, 0);
        self.push(first.opposite(), TcpFlags::FIN | TcpFlags::ACK, 0);
        self.push(first, TcpFlags::ACK, 0);
    }

    fn push(&mut self, direction: Direction, flags: TcpFlags, payload_bytes: u16) {
        let numbered = u32::from(flags.intersects(TcpFlags::SYN | TcpFlags::FIN));
        let next = &mut self.next[direction.index()];
        let seq = *next;
        *next = next.wrapping_add(u32::from(payload_bytes)).wrapping_add(numbered);
        let ack = self.next[direction.opposite().index()];
        self.steps.push(Step { direction, flags, seq, ack, payload_bytes, repeated: false });
    }
}
