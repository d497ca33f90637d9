//! What one side of a flow knows of its connection.

use core::time::Duration;

use crate::bindings::sluice::middlebox::flow as raw;
use crate::kind::Side;
use crate::tcp::TcpState;
use crate::{Error, Flow};

/// What `TCP_INFO` tells an end host, as far as an observer can tell it, at the moment of the event.
///
/// A packet counts for its sender at [`Hook::Sender`](crate::Hook::Sender), and has arrived at its receiver at
/// [`Hook::Receiver`](crate::Hook::Receiver). The WIT says of each field which one of Linux' `struct tcp_info` it is
/// and how it is derived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// Its TCP state.
    pub state: TcpState,
    /// What both SYNs offered.
    pub options: Negotiated,
    /// Shift of the peer's windows; `None` unless negotiated.
    pub send_window_scale: Option<u8>,
    /// Shift of its own windows; `None` unless negotiated.
    pub receive_window_scale: Option<u8>,
    /// Retransmission timeout: the round trip and 4 times its variation, that at least 200 ms, in all at most 120 s;
    /// 1 s before a round trip was measured. Time-outs do not double it.
    pub rto: Duration,
    /// Largest payload that it may send in one segment, in bytes; `None` until the peer's SYN has arrived.
    pub send_mss: Option<u32>,
    /// Largest payload of one segment that arrived, in bytes; 0 if none did.
    pub receive_mss: u32,
    /// MSS in its SYN (536 of one without), less 12 with timestamps, in bytes; `None` if no SYN was seen.
    pub advertised_mss: Option<u32>,
    /// Segments with payload, SYN or FIN that passed and are not acknowledged; beyond 64, neighbours go together.
    pub unacknowledged: u32,
    /// Payload bytes from the first one not acknowledged to the furthest one that passed.
    pub unacknowledged_bytes: u64,
    /// Those unacknowledged that SACK blocks cover.
    pub sacked: u32,
    /// Their payload bytes.
    pub sacked_bytes: u32,
    /// Those unacknowledged that passed again since and that no SACK block covers.
    pub retransmitted: u32,
    /// Segments with payload, SYN or FIN that begin below the furthest one that passed.
    pub retransmissions: u32,
    /// Their payload bytes below that place.
    pub bytes_retransmitted: u64,
    /// ACKs that arrived and report a duplicate (RFC 2883).
    pub duplicate_reports: u32,
    /// Segments with payload that arrived ahead of missing bytes.
    pub out_of_order_in: u32,
    /// Since its last segment with payload.
    pub last_data_sent: Option<Duration>,
    /// Since its last segment with an ACK.
    pub last_ack_sent: Option<Duration>,
    /// Since payload arrived last.
    pub last_data_received: Option<Duration>,
    /// Since an ACK arrived last that it honours.
    pub last_ack_received: Option<Duration>,
    /// Largest IP datagram that it sent, in bytes.
    pub largest_sent: u32,
    /// The peer's window that arrived last, in bytes, scaled.
    pub send_window: u32,
    /// The window that it advertised last, in bytes, scaled.
    pub receive_window: u32,
    /// Payload bytes that ACKs which arrived cover.
    pub bytes_acknowledged: u64,
    /// Payload bytes that arrived in order or that it acknowledged.
    pub bytes_received: u64,
    /// Payload bytes, repeated ones each time.
    pub bytes_sent: u64,
    /// Segments that it sent.
    pub segments_out: u64,
    /// Segments that arrived, those included that it ignores.
    pub segments_in: u64,
    /// Segments with payload that it sent.
    pub data_segments_out: u64,
    /// Segments with payload that arrived.
    pub data_segments_in: u64,
    /// Segments with payload, SYN or FIN that ACKs or SACK blocks which arrived cover, and those reported as
    /// duplicates.
    pub delivered: u64,
    /// Round trips of the connection; `None` before a segment of this side was timed.
    pub round_trip: Option<RoundTrip>,
}

/// Options that both SYNs offered, as far as they were seen and have arrived.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Negotiated {
    /// Timestamps (RFC 7323 section 3).
    pub timestamps: bool,
    /// Selective acknowledgements (RFC 2018).
    pub sack: bool,
    /// Window scale (RFC 7323 section 2).
    pub window_scale: bool,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: bool,
}

/// Round trips between a side and its peer: what the peer's answers take as seen from the observer, and the shortest
/// way from the observer to this side and back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// Smoothed (SRTT of RFC 6298).
    pub smoothed: Duration,
    /// Variation of the peer's answers (RTTVAR of RFC 6298).
    pub variation: Duration,
    /// The shortest of the connection.
    pub shortest: Duration,
}

impl Flow {
    /// What `side` knows of the connection.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotAllowed`] if the monitor did not ask for it
    /// ([`StreamMonitor::observe`](crate::StreamMonitor::observe)).
    pub fn tcp_info(&self, side: Side) -> Result<TcpInfo, Error> {
        raw::tcp_info(side.raw()).map(|raw| TcpInfo::of(&raw)).map_err(Error::from_number)
    }
}

impl TcpInfo {
    fn of(raw: &raw::SideTcpInfo) -> Self {
        let options = Negotiated::of(raw.options);
        Self {
            state: TcpState::from_number(u8::try_from(raw.state).unwrap_or(u8::MAX)),
            options,
            send_window_scale: options.window_scale.then_some(raw.snd_wscale),
            receive_window_scale: options.window_scale.then_some(raw.rcv_wscale),
            rto: Duration::from_nanos(raw.rto),
            send_mss: Some(raw.snd_mss).filter(|mss| *mss > 0),
            receive_mss: raw.rcv_mss,
            advertised_mss: Some(raw.advmss).filter(|mss| *mss > 0),
            unacknowledged: raw.unacked,
            unacknowledged_bytes: raw.unacked_bytes,
            sacked: raw.sacked,
            sacked_bytes: raw.sacked_bytes,
            retransmitted: raw.retrans,
            retransmissions: raw.total_retrans,
            bytes_retransmitted: raw.bytes_retrans,
            duplicate_reports: raw.dsack_dups,
            out_of_order_in: raw.rcv_ooopack,
            last_data_sent: raw.last_data_sent.map(Duration::from_nanos),
            last_ack_sent: raw.last_ack_sent.map(Duration::from_nanos),
            last_data_received: raw.last_data_recv.map(Duration::from_nanos),
            last_ack_received: raw.last_ack_recv.map(Duration::from_nanos),
            largest_sent: raw.largest_sent,
            send_window: raw.snd_wnd,
            receive_window: raw.rcv_wnd,
            bytes_acknowledged: raw.bytes_acked,
            bytes_received: raw.bytes_received,
            bytes_sent: raw.bytes_sent,
            segments_out: raw.segs_out,
            segments_in: raw.segs_in,
            data_segments_out: raw.data_segs_out,
            data_segments_in: raw.data_segs_in,
            delivered: raw.delivered,
            round_trip: round_trip(raw),
        }
    }
}

impl Negotiated {
    /// Bits are those of Linux' `tcpi_options`.
    const fn of(bits: u32) -> Self {
        Self {
            timestamps: bits & 1 != 0,
            sack: bits & 2 != 0,
            window_scale: bits & 4 != 0,
            ecn: bits & 8 != 0,
        }
    }
}

/// Not measured is all zero.
fn round_trip(raw: &raw::SideTcpInfo) -> Option<RoundTrip> {
    (raw.rtt > 0 || raw.rttvar > 0 || raw.min_rtt > 0).then_some(RoundTrip {
        smoothed: Duration::from_nanos(raw.rtt),
        variation: Duration::from_nanos(raw.rttvar),
        shortest: Duration::from_nanos(raw.min_rtt),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_the_bits_of_linux() {
        let all = Negotiated { timestamps: true, sack: true, window_scale: true, ecn: true };
        assert_eq!(Negotiated::of(15), all);
        assert_eq!(Negotiated::of(6), Negotiated { timestamps: false, ecn: false, ..all });
        assert_eq!(Negotiated::of(0), Negotiated::default());
    }
}
