//! What passed of one side of a flow.

use core::time::Duration;

use crate::bindings::sluice::middlebox::flow as raw;
use crate::kind::Side;
use crate::tcp::TcpState;
use crate::{Error, Flow};

/// What passed of one side of a flow, at every level of the monitor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SideObservables {
    /// Its TCP state.
    pub state: TcpState,
    /// Packets, those included that the receiver would ignore; not those with a wrong checksum.
    pub packets: u64,
    /// Bytes of these packets from the IP header on.
    pub ip_bytes: u64,
    /// Payload bytes by sequence numbers: missing ones included, repeated ones once.
    pub stream_bytes: u64,
    /// Payload bytes that the peer acknowledged and that never passed.
    pub missed_bytes: u64,
    /// Holes that an ACK of the peer revealed.
    pub gaps: u32,
    /// Packets with payload of which some had passed before.
    pub retransmissions: u32,
    /// Packets with payload that came ahead of bytes that had not passed.
    pub out_of_order: u32,
    /// Ranges that came again with other bytes; 0 below [`Level::Full`](crate::Level::Full).
    pub conflicts: u32,
    /// Urgent bytes that were left out of the stream without an event; 0 below [`Level::Full`](crate::Level::Full).
    pub urgent_bytes: u32,
    /// Packets that offered a window of zero.
    pub zero_windows: u32,
    /// Packets with a wrong checksum.
    pub wrong_checksums: u32,
    /// The window that it advertised last, in bytes, scaled.
    pub window: u32,
    /// The largest window that it advertised, in bytes, scaled.
    pub window_max: u32,
    /// Round trips from the observer to this side and back; `None` if none was measured.
    pub round_trips: Option<RoundTrips>,
}

/// Round trips from the observer to a host and back: from a segment for it to the ACK by it that covers the segment,
/// its delayed ACKs included. The round trip of the connection is the sum of both sides'.
///
/// One segment is timed at once, and none of which a byte was sent twice (Karn, RFC 6298 section 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RoundTrips {
    /// How many were measured.
    pub samples: u32,
    /// That of the handshake: SYN to SYN-ACK for the server, SYN-ACK to ACK for the client.
    pub handshake: Option<Duration>,
    /// The last one.
    pub latest: Duration,
    /// The shortest one.
    pub shortest: Duration,
    /// SRTT of RFC 6298 section 2.
    pub smoothed: Duration,
    /// RTTVAR of RFC 6298 section 2.
    pub variation: Duration,
}

impl Flow {
    /// What was observed of `side`.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotAllowed`] if the monitor did not ask for it
    /// ([`StreamMonitor::observe`](crate::StreamMonitor::observe)).
    pub fn observables(&self, side: Side) -> Result<SideObservables, Error> {
        let raw = raw::observables(side.raw()).map_err(Error::from_number)?;
        Ok(SideObservables {
            state: TcpState::from_number(u8::try_from(raw.state).unwrap_or(u8::MAX)),
            packets: raw.packets,
            ip_bytes: raw.ip_bytes,
            stream_bytes: raw.stream_bytes,
            missed_bytes: raw.missed_bytes,
            gaps: raw.gaps,
            retransmissions: raw.retransmissions,
            out_of_order: raw.out_of_order,
            conflicts: raw.conflicts,
            urgent_bytes: raw.urgent_bytes,
            zero_windows: raw.zero_windows,
            wrong_checksums: raw.wrong_checksums,
            window: raw.window,
            window_max: raw.window_max,
            round_trips: round_trips(&raw),
        })
    }
}

fn round_trips(raw: &raw::SideObservables) -> Option<RoundTrips> {
    let handshake = Some(raw.rtt_handshake).filter(|nanos| *nanos > 0).map(Duration::from_nanos);
    (raw.rtt_samples > 0).then_some(RoundTrips {
        samples: raw.rtt_samples,
        handshake,
        latest: Duration::from_nanos(raw.rtt_latest),
        shortest: Duration::from_nanos(raw.rtt_shortest),
        smoothed: Duration::from_nanos(raw.rtt_smoothed),
        variation: Duration::from_nanos(raw.rtt_variation),
    })
}
