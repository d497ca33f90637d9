//! What `TCP_INFO` tells an end host, told to an observer.
//!
//! Names and meanings are those of `struct tcp_info` (Linux, include/uapi/linux/tcp.h) as far as the wire shows them.
//! What only the host knows is left out: congestion window and thresholds, which segments it holds for lost, timers
//! under way, its buffers. ARCHITECTURE.md says where a Linux host counts otherwise.

use super::View;
use crate::flow::{Knowledge, Offer};
use crate::tcp::TcpState;
use crate::{Nanos, Refusal, Side};

/// Maximum segment size of who does not say (RFC 9293 section 3.7.1; Linux takes it with IPv6, too).
const MSS_DEFAULT: u16 = 536;

/// Bytes of the timestamps option with its padding (RFC 7323 appendix A): Linux counts them as header.
const TIMESTAMPS_LEN: u32 = 12;

/// Retransmission timeout before a round trip was measured (RFC 6298 section 2.1).
const RTO_INITIAL: u64 = 1_000_000_000;

/// Least that the retransmission timeout grants beyond the smoothed round trip: `TCP_RTO_MIN` of Linux.
const RTO_VARIANCE_MIN: u64 = 200_000_000;

/// Longest retransmission timeout: `TCP_RTO_MAX` of Linux.
const RTO_MAX: u64 = 120_000_000_000;

/// What one side knows of its connection, by what has reached it; see `side-tcp-info` in the WIT. Times are
/// nanoseconds, ages those at the time of the event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpInfo {
    /// `tcpi_state`, by RFC 9293.
    pub state: TcpState,
    /// `tcpi_options`: bits as [`TcpInfo::OPTION_TIMESTAMPS`] and the like.
    pub options: u32,
    /// `tcpi_snd_wscale`: shift of the peer's windows.
    pub send_window_scale: u8,
    /// `tcpi_rcv_wscale`: shift of its own windows.
    pub receive_window_scale: u8,
    /// `tcpi_rto`, without what repeated timeouts make of it.
    pub rto: u64,
    /// `tcpi_snd_mss`, in bytes.
    pub send_mss: u32,
    /// Largest payload of one segment that reached it, in bytes (compare `tcpi_rcv_mss`).
    pub receive_mss: u32,
    /// `tcpi_advmss`, in bytes.
    pub advertised_mss: u32,
    /// What it sent and what it received, as far as it was told.
    pub knowledge: Knowledge,
    /// Ages, in nanoseconds: `tcpi_last_data_sent`.
    pub last_data_sent: Option<u64>,
    /// `tcpi_last_ack_sent`.
    pub last_ack_sent: Option<u64>,
    /// `tcpi_last_data_recv`.
    pub last_data_received: Option<u64>,
    /// `tcpi_last_ack_recv`.
    pub last_ack_received: Option<u64>,
    /// `tcpi_rtt`: smoothed.
    pub rtt: u64,
    /// `tcpi_rttvar`.
    pub rtt_variation: u64,
    /// `tcpi_min_rtt`, of all of the connection.
    pub rtt_min: u64,
    /// `tcpi_rcv_wnd`: the window that it advertised last, in bytes.
    pub receive_window: u32,
}

impl TcpInfo {
    /// `TCPI_OPT_TIMESTAMPS`.
    pub const OPTION_TIMESTAMPS: u32 = 1;
    /// `TCPI_OPT_SACK`.
    pub const OPTION_SACK: u32 = 2;
    /// `TCPI_OPT_WSCALE`.
    pub const OPTION_WINDOW_SCALE: u32 = 4;
    /// `TCPI_OPT_ECN`.
    pub const OPTION_ECN: u32 = 8;
}

impl View {
    /// What a side knows of its connection at the moment of the event, whatever the monitor's level. At hook `sender`
    /// the packet counts for its sender alone.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotAllowed`] if the monitor did not ask for observables before its flows began.
    pub fn tcp_info(&self, side: Side) -> Result<TcpInfo, Refusal> {
        let flow = self.flow()?;
        let attachment = self.attachment().ok_or(Refusal::NoFlow)?;
        let account = flow.account().filter(|_| attachment.observes).ok_or(Refusal::NotAllowed)?;
        let knowledge = account.knowledge(side).ok_or(Refusal::NotAllowed)?;
        let stack = flow.stack(side);
        Ok(TcpInfo::of(knowledge, stack.state, stack.window, self.clock))
    }
}

impl TcpInfo {
    fn of(knowledge: Knowledge, state: TcpState, receive_window: u32, now: Nanos) -> Self {
        let Knowledge { offered, heard, beyond, near, times, .. } = knowledge;
        let both = |has: fn(&Offer) -> bool| {
            offered.is_some_and(|own| has(&own)) && heard.is_some_and(|peer| has(&peer))
        };
        let has_timestamps = both(|offer| offer.timestamps);
        let scales = both(|offer| offer.window_scale.is_some());
        let scale =
            |offer: Option<Offer>| offer.and_then(|offer| offer.window_scale).filter(|_| scales).unwrap_or(0);
        let bit = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
        let age = |time: Option<Nanos>| time.map(|time| now.since(time));
        let is_measured = beyond.samples > 0;
        let whole = |part: u64| if is_measured { part.saturating_add(near.shortest) } else { 0 };
        let rtt = whole(beyond.smoothed);
        Self {
            state,
            options: bit(has_timestamps, Self::OPTION_TIMESTAMPS)
                | bit(both(|offer| offer.sack), Self::OPTION_SACK)
                | bit(scales, Self::OPTION_WINDOW_SCALE)
                | bit(both(|offer| offer.ecn), Self::OPTION_ECN),
            send_window_scale: scale(heard),
            receive_window_scale: scale(offered),
            rto: if is_measured { timeout(rtt, beyond.variation) } else { RTO_INITIAL },
            send_mss: send_mss(offered, heard, has_timestamps),
            receive_mss: knowledge.counts.payload_in_max,
            advertised_mss: offered
                .map_or(0, |own| segment_size(own.mss.unwrap_or(MSS_DEFAULT), has_timestamps)),
            knowledge,
            last_data_sent: age(times.data_sent),
            last_ack_sent: age(times.ack_sent),
            last_data_received: age(times.data_received),
            last_ack_received: age(times.ack_received),
            rtt,
            rtt_variation: beyond.variation,
            rtt_min: whole(beyond.shortest),
            receive_window,
        }
    }
}

/// RTO of RFC 6298 section 2, with the bounds of Linux.
fn timeout(rtt: u64, variation: u64) -> u64 {
    rtt.saturating_add(variation.saturating_mul(4).max(RTO_VARIANCE_MIN)).min(RTO_MAX)
}

/// What it may send in one segment: no more than its peer takes, and than it takes itself, for that is what its own
/// link carries; less the timestamps.
fn send_mss(offered: Option<Offer>, heard: Option<Offer>, has_timestamps: bool) -> u32 {
    let Some(heard) = heard else { return 0 };
    let taken = heard.mss.unwrap_or(MSS_DEFAULT);
    let own = offered.and_then(|offer| offer.mss).unwrap_or(u16::MAX);
    segment_size(taken.min(own), has_timestamps)
}

/// Payload of a segment with this MSS.
fn segment_size(mss: u16, has_timestamps: bool) -> u32 {
    u32::from(mss).saturating_sub(if has_timestamps { TIMESTAMPS_LEN } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_has_the_bounds_of_linux() {
        let millis = |ms: u64| ms * 1_000_000;
        assert_eq!(timeout(millis(10), millis(5)), millis(210));
        assert_eq!(timeout(millis(100), millis(80)), millis(420));
        assert_eq!(timeout(millis(100_000), millis(80_000)), millis(120_000));
        assert_eq!(timeout(u64::MAX, u64::MAX), millis(120_000));
    }

    #[test]
    fn the_segment_size_is_the_smaller_one_without_timestamps() {
        let offer = |mss| Some(Offer { mss, ..Offer::default() });
        assert_eq!(send_mss(offer(Some(1460)), offer(Some(1400)), true), 1388);
        assert_eq!(send_mss(offer(Some(1360)), offer(Some(1460)), false), 1360);
        assert_eq!(send_mss(offer(Some(1460)), offer(None), false), 536);
        assert_eq!(send_mss(None, offer(Some(1460)), false), 1460);
        assert_eq!(send_mss(offer(Some(1460)), None, false), 0);
    }
}
