//! What one end host of a connection knows of it, as `TCP_INFO` tells it of a Linux socket (include/uapi/linux/tcp.h).
//!
//! What a host does changes its own knowledge as the segment passes ([`Host::send`]); its peer learns of it when the
//! segment reaches that ([`Host::hear`]), which is after the handlers at hook `sender` have run.

use sluice_wire::{SackBlocks, SeqNumber, TcpFlags, TcpHeader};

use super::end::{End, span};
use super::flight::{Flight, UnderWay};
use super::rtt::RoundTrips;
use crate::Nanos;
use crate::tcp::Class;

/// What a SYN offers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offer {
    /// Maximum segment size in bytes (RFC 9293 section 3.7.1).
    pub mss: Option<u16>,
    /// Shift of windows (RFC 7323 section 2.2).
    pub window_scale: Option<u8>,
    /// Selective acknowledgements (RFC 2018 section 2).
    pub sack: bool,
    /// Timestamps (RFC 7323 section 3.2).
    pub timestamps: bool,
    /// Explicit congestion notification: ECE and CWR in a SYN, ECE alone in a SYN-ACK (RFC 3168 section 6.1.1).
    pub ecn: bool,
}

impl Offer {
    fn of(tcp: &TcpHeader) -> Self {
        let has = |flag| tcp.flags.contains(flag);
        Self {
            mss: tcp.options.mss,
            window_scale: tcp.options.window_scale,
            sack: tcp.options.sack_permitted,
            timestamps: tcp.options.timestamps.is_some(),
            ecn: has(TcpFlags::ECE) && has(TcpFlags::CWR) != has(TcpFlags::ACK),
        }
    }
}

/// What is counted of one host, for [`View::tcp_info`](crate::View::tcp_info). Counts include what its peer would
/// ignore, not what has a wrong checksum.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HostCounts {
    /// Segments that reached it.
    pub segments_in: u64,
    /// Those with payload.
    pub data_segments_in: u64,
    /// Segments with payload that it sent.
    pub data_segments_out: u64,
    /// Payload bytes that it sent, repeated ones each time.
    pub bytes_sent: u64,
    /// Those of them that lie below the furthest sent before.
    pub bytes_retransmitted: u64,
    /// Its segments, SYN and FIN included, that its peer acknowledged, in order or selectively, or reported as
    /// duplicates.
    pub delivered: u64,
    /// Segments with payload, SYN or FIN of which some lies below the furthest sent before.
    pub retransmissions: u32,
    /// Reports of duplicates that it received (RFC 2883).
    pub duplicate_reports: u32,
    /// Segments that reached it ahead of missing bytes.
    pub out_of_order_in: u32,
    /// Largest payload of one segment that reached it.
    pub payload_in_max: u32,
    /// Largest IP datagram that it sent.
    pub datagram_max: u32,
}

/// When a host sent and received last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LastTimes {
    /// Sent payload.
    pub data_sent: Option<Nanos>,
    /// Sent a segment with an ACK.
    pub ack_sent: Option<Nanos>,
    /// Was reached by payload.
    pub data_received: Option<Nanos>,
    /// Was reached by a segment with an ACK that it honours.
    pub ack_received: Option<Nanos>,
}

/// What one host knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// Its initial sequence number, as its [`End`] had it last.
    start: SeqNumber,
    /// Behind the furthest that it sent.
    sent: i64,
    /// Behind the last that it was told was acknowledged.
    pub(super) acknowledged: i64,
    flight: Flight,
    /// Bytes of its peer that reached it in order, or that it acknowledged.
    pub(super) received: u64,
    /// What it offered, and what it heard its peer offer.
    pub(super) offered: Option<Offer>,
    pub(super) heard: Option<Offer>,
    /// Its peer's window in bytes, scaled, and the sequence number of the segment that told (SND.WL1).
    pub(super) window_heard: u32,
    window_from: Option<SeqNumber>,
    /// Its peer's answers, as far as they reached it.
    pub(super) answers: RoundTrips,
    pub(super) counts: HostCounts,
    pub(super) times: LastTimes,
}

/// A segment that reaches its receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// Its header.
    pub(crate) tcp: &'a TcpHeader,
    /// Its blocks of selective acknowledgement.
    pub(crate) blocks: SackBlocks,
    /// Its window in bytes, scaled.
    pub(crate) window: u32,
    /// How the receiver takes it.
    pub(crate) class: Class,
    /// When it passed.
    pub(crate) now: Nanos,
}

impl Host {
    /// It sent a segment, which `own` has taken if it `is_taken`.
    pub(super) fn send(&mut self, own: &End, tcp: &TcpHeader, ip_len: u32, is_taken: bool, now: Nanos) {
        let payload_len = u64::from(tcp.payload_len);
        if payload_len > 0 {
            self.counts.data_segments_out = self.counts.data_segments_out.saturating_add(1);
            self.counts.bytes_sent = self.counts.bytes_sent.saturating_add(payload_len);
            self.times.data_sent = Some(now);
        }
        self.counts.datagram_max = self.counts.datagram_max.max(ip_len);
        if tcp.flags.contains(TcpFlags::ACK) {
            self.times.ack_sent = Some(now);
        }
        if !is_taken {
            return;
        }
        let from = own.position(tcp.seq);
        self.follow(own, tcp, from);
        let end = from.saturating_add(span(tcp));
        if tcp.flags.contains(TcpFlags::RST) || end <= from {
            return;
        }
        let below = self.sent.min(end).saturating_sub(from);
        if below > 0 {
            self.counts.retransmissions = self.counts.retransmissions.saturating_add(1);
            let repeated = u64::try_from(below).unwrap_or(0).min(payload_len);
            self.counts.bytes_retransmitted = self.counts.bytes_retransmitted.saturating_add(repeated);
        }
        // What was acknowledged already is not under way again.
        let from = from.max(self.acknowledged);
        if end > from {
            self.flight.send(from, end);
        }
        self.sent = self.sent.max(end);
    }

    /// Learns what its SYN says, and begins anew with another initial sequence number.
    fn follow(&mut self, own: &End, tcp: &TcpHeader, from: i64) {
        if self.start != own.start || self.sent == 0 && self.offered.is_none() {
            self.start = own.start;
            (self.sent, self.acknowledged, self.flight) = (from, 0, Flight::default());
            self.offered = None;
        }
        if tcp.flags.contains(TcpFlags::SYN) {
            self.offered.get_or_insert_with(|| Offer::of(tcp));
        }
    }

    /// A segment of `peer`, which that has taken into account, reaches this host, whose end is `own`.
    pub(super) fn hear(&mut self, own: &End, peer: &End, offered: Option<Offer>, segment: &Arrival<'_>) {
        let Arrival { tcp, class, now, .. } = *segment;
        self.counts.segments_in = self.counts.segments_in.saturating_add(1);
        if tcp.payload_len > 0 {
            self.counts.data_segments_in = self.counts.data_segments_in.saturating_add(1);
        }
        // A probe for life lies before the window: it is answered, and nothing in it is looked at.
        if matches!(class, Class::Refuse(_) | Class::KeepAlive) {
            return;
        }
        if tcp.payload_len > 0 {
            self.times.data_received = Some(now);
            self.counts.payload_in_max = self.counts.payload_in_max.max(tcp.payload_len);
        }
        self.counts.out_of_order_in = peer.out_of_order;
        self.received = self.received.max(peer.seen.delivered());
        if tcp.flags.contains(TcpFlags::SYN) {
            self.heard = offered;
        }
        if !tcp.flags.contains(TcpFlags::RST) {
            self.hear_acknowledgement(own, peer, segment);
        }
    }

    fn hear_acknowledgement(&mut self, own: &End, peer: &End, segment: &Arrival<'_>) {
        let Arrival { tcp, blocks, window, now, .. } = *segment;
        let has_ack = tcp.flags.contains(TcpFlags::ACK);
        let is_further = has_ack && own.acked > self.acknowledged;
        let is_later = self.window_from.is_none_or(|from| from.before(tcp.seq));
        let is_same = self.window_from == Some(tcp.seq);
        // As Linux decides it (`tcp_may_update_window`).
        if is_further || is_later || is_same && (window > self.window_heard || window == 0) {
            (self.window_heard, self.window_from) = (window, Some(tcp.seq));
        }
        if !has_ack {
            return;
        }
        self.times.ack_received = Some(now);
        self.answers = peer.answers;
        let is_told = |offer: Option<Offer>| offer.is_none_or(|offer| offer.sack);
        let mut told: u32 = 0;
        if is_told(self.offered) && is_told(self.heard) {
            if reports_duplicate(&blocks, tcp.ack) {
                self.counts.duplicate_reports = self.counts.duplicate_reports.saturating_add(1);
                // As in Linux: what was sent again in vain was delivered, too (`tcp_dsack_seen`).
                told = u32::from(self.counts.duplicate_reports <= self.counts.retransmissions);
            }
            for (start, end) in blocks.as_slice() {
                let (start, end) = (own.position(*start), own.position(*end));
                told = told.saturating_add(self.flight.acknowledge_block(start, end, own.fin));
            }
        }
        self.acknowledged = self.acknowledged.max(own.acked);
        self.sent = self.sent.max(self.acknowledged);
        told = told.saturating_add(self.flight.acknowledge(self.acknowledged));
        self.counts.delivered = self.counts.delivered.saturating_add(u64::from(told));
    }

    /// A segment that it was told to have ignored reaches it after all: it is counted once.
    pub(super) fn forget_ignored(&mut self, tcp: &TcpHeader) {
        self.counts.segments_in = self.counts.segments_in.saturating_sub(1);
        let data = u64::from(tcp.payload_len > 0);
        self.counts.data_segments_in = self.counts.data_segments_in.saturating_sub(data);
    }

    /// Its segments under way.
    pub(super) fn under_way(&self) -> UnderWay {
        self.flight.under_way()
    }

    /// Payload bytes before a position: neither SYN nor FIN is payload.
    fn payload_before(position: i64, fin: Option<i64>) -> u64 {
        let has_fin = fin.is_some_and(|fin| fin > 1 && fin <= position);
        let bytes = position.saturating_sub(1).saturating_sub(i64::from(has_fin));
        u64::try_from(bytes).unwrap_or(0)
    }

    /// Payload bytes that its peer acknowledged, as far as it was told.
    pub(super) fn bytes_acknowledged(&self, own: &End) -> u64 {
        Self::payload_before(self.acknowledged, own.fin)
    }

    /// Payload bytes from the first that is not acknowledged to the furthest sent.
    pub(super) fn bytes_unacknowledged(&self, own: &End) -> u64 {
        Self::payload_before(self.sent, own.fin).saturating_sub(self.bytes_acknowledged(own))
    }
}

/// Whether the first block tells of bytes that came twice: it lies below what is acknowledged, or within the second
/// (RFC 2883 section 4).
fn reports_duplicate(blocks: &SackBlocks, ack: SeqNumber) -> bool {
    match blocks.as_slice() {
        [] => false,
        [(start, _), ..] if start.before(ack) => true,
        [_] => false,
        [(start, end), (from, to), ..] => from.before_or_at(*start) && end.before_or_at(*to),
    }
}
