//! The four kinds of traffic.

use super::payload::Inset;
use super::plan::{Direction, Plan, SEGMENT_BYTES_MAX};
use super::random::Random;

/// Payload of the segments of the small-packet mixes: a frame of 64 bytes.
const SMALL_BYTES: u16 = 10;

/// A kind of traffic. All of it is TCP over IPv4 in Ethernet without VLAN tags.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mix {
    /// 20,000 connections of one to three HTTP requests; sizes of responses are heavy-tailed (bounded Pareto, shape 1)
    /// between 1.15 KB and 2 MB, a frame has 717 bytes on average, 1 % of the data segments are retransmitted and 1 %
    /// reordered; 2,000 connections live at a time.
    Web,
    /// 256 connections of 600 full segments each, in both directions: frames of 1,514 bytes but for the handshake and
    /// the FINs; all live at a time.
    FullSize,
    /// 200,000 connections of ten packets, four of them with ten bytes; 10,000 live at a time.
    ShortFlows,
    /// 2,000 connections of 1,000 packets, 994 of them with ten bytes; all live at a time.
    LongFlows,
}

impl Mix {
    /// All mixes.
    pub const ALL: [Self; 4] = [Self::Web, Self::FullSize, Self::ShortFlows, Self::LongFlows];

    /// The name that benches print.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::FullSize => "full-size",
            Self::ShortFlows => "short-flows",
            Self::LongFlows => "long-flows",
        }
    }

    /// Connections of the full mix.
    #[must_use]
    pub const fn flows(self) -> u32 {
        match self {
            Self::Web => 20_000,
            Self::FullSize => 256,
            Self::ShortFlows => 200_000,
            Self::LongFlows => 2_000,
        }
    }

    /// Connections that are open at a time, if there are as many.
    #[must_use]
    pub const fn live_flows(self) -> usize {
        match self {
            Self::Web | Self::LongFlows => 2_000,
            Self::FullSize => 256,
            Self::ShortFlows => 10_000,
        }
    }

    /// Packets that one connection may send before it is another's turn.
    pub(super) const fn burst_packets(self) -> usize {
        match self {
            Self::Web => 4,
            Self::FullSize | Self::ShortFlows | Self::LongFlows => 1,
        }
    }

    /// Bytes of an average connection's frames, rounded up: what the arena reserves.
    pub(super) const fn bytes_per_flow(self) -> usize {
        match self {
            Self::Web => 20_500,
            Self::FullSize => 909_000,
            Self::ShortFlows => 630,
            Self::LongFlows => 64_000,
        }
    }

    /// Whether segments are repeated and reordered.
    pub(super) const fn is_disturbed(self) -> bool {
        matches!(self, Self::Web)
    }

    /// Draws a connection.
    pub(super) fn plan(self, random: &mut Random) -> Plan {
        let mut plan = Plan::opened();
        match self {
            Self::Web => {
                for _ in 0..=random.below(3) {
                    exchange(&mut plan, random);
                }
                plan.close(Direction::ToClient);
            }
            Self::FullSize => {
                for _ in 0..75 {
                    plan.send_run(Direction::ToServer, SEGMENT_BYTES_MAX, 2);
                    plan.send_run(Direction::ToClient, SEGMENT_BYTES_MAX, 6);
                }
                plan.close(Direction::ToServer);
            }
            Self::ShortFlows => ping_pong(&mut plan, 2),
            Self::LongFlows => ping_pong(&mut plan, 497),
        }
        plan
    }
}

/// A request of ten bytes and a response of ten, `rounds` times.
pub(super) fn ping_pong(plan: &mut Plan, rounds: u32) {
    for _ in 0..rounds {
        plan.send_run(Direction::ToServer, SMALL_BYTES, 1);
        plan.send_run(Direction::ToClient, SMALL_BYTES, 1);
    }
    plan.close(Direction::ToServer);
}

/// An HTTP request and its response.
fn exchange(plan: &mut Plan, random: &mut Random) {
    let body_bytes = response_bytes(random);
    let request = format!(
        "GET /object/{:08x}?session={:016x} HTTP/1.1\r\nHost: www{}.example.com\r\nUser-Agent: sluice-benches\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\n\r\n",
        random.next_u32(),
        random.next_u64(),
        random.below(100),
    );
    let response = format!(
        "HTTP/1.1 200 OK\r\nServer: example\r\nContent-Type: text/plain\r\nContent-Length: {body_bytes}\r\n\r\n"
    );
    message(plan, Direction::ToServer, request.into_bytes(), 0);
    message(plan, Direction::ToClient, response.into_bytes(), body_bytes);
}

fn message(plan: &mut Plan, direction: Direction, head: Vec<u8>, body_bytes: u32) {
    let offset = plan.stream_bytes(direction);
    let bytes = u32::try_from(head.len()).unwrap_or(u32::MAX).saturating_add(body_bytes);
    plan.streams[direction.index()].insets.push(Inset { offset, bytes: head });
    plan.send(direction, bytes);
}

/// A size from the bounded Pareto distribution of shape 1 (Crovella and Bestavros, "Self-similarity in World Wide Web
/// traffic", 1997, found 1.0 to 1.3), whose inverse needs no floating point: L H / (H - u (H - L)).
fn response_bytes(random: &mut Random) -> u32 {
    const LEAST: u64 = 1_150;
    const MOST: u64 = 2_000_000;
    // u is in units of 2^-20: (H - u (H - L)) * 2^20 stays below 2^41, and L H 2^20 below 2^52.
    let u = u64::from(random.next_u32() >> 12);
    let divisor = (MOST << 20) - u * (MOST - LEAST);
    u32::try_from(((LEAST * MOST) << 20) / divisor).unwrap_or(0)
}
