//! One end of a connection as Zeek's analyzer of TCP follows it.

use sluice_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::history::{History, Scaled};
use super::rtt::{RoundTrips, Timed};
use super::seen::Seen;
use super::strays::Strays;
use crate::{Nanos, Side};

/// What Zeek calls the state of an endpoint. It tells less than RFC 9293's states and is what `conn_state` is made of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Phase {
    /// Nothing came from it.
    #[default]
    Inactive,
    /// Client: it sent a SYN that was not answered.
    SynSent,
    /// Client: its first packet was a SYN-ACK.
    SynAckSent,
    /// Its first packet was neither.
    Partial,
    /// Server: it sent a SYN-ACK; client: its SYN was answered.
    Established,
    /// It sent a FIN.
    Closed,
    /// It sent an RST.
    Reset,
}

/// Further than this, a SYN or RST is not believed to continue the stream that was seen, nor anything behind its end.
pub(super) const STRIDE_MAX: i32 = 1 << 20;

/// Letters that are written once for each side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
enum Once {
    FinRst = 1,
    ManyFlags = 2,
    Data = 4,
    Ack = 8,
}

/// Letters that are written again for another sequence number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Changed {
    Syn,
    Fin,
    Rst,
}

/// One end. Positions are bytes from its initial sequence number: the SYN is at 0, the first byte of payload at 1, also
/// where the SYN was not seen.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) side: Side,
    pub(super) phase: Phase,
    /// The phase before.
    pub(super) left: Phase,
    pub(super) start: SeqNumber,
    /// Behind the last that it sent.
    pub(super) sent: i64,
    /// Behind the last that its peer acknowledged.
    pub(super) acked: i64,
    /// Behind its FIN.
    pub(super) fin: Option<i64>,
    /// It has sent what closes its side.
    pub(super) is_closing: bool,
    /// And all before that was seen or is known to be missing.
    pub(super) is_closed: bool,
    /// Its attempt to connect ended by a segment that a host would ignore: it goes on if its peer answers.
    pub(super) is_unsure: bool,
    written: u8,
    last: [Option<SeqNumber>; 3],
    pub(super) packets: u64,
    pub(super) ip_bytes: u64,
    pub(super) wrong_checksums: Scaled,
    pub(super) repeats: Scaled,
    pub(super) zero_windows: Scaled,
    pub(super) gaps: Scaled,
    pub(super) retransmissions: u32,
    pub(super) out_of_order: u32,
    pub(super) seen: Seen,
    pub(super) timed: Timed,
    pub(super) strays: Strays,
    /// How fast it answers.
    pub(super) answers: RoundTrips,
}

impl End {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            phase: Phase::Inactive,
            left: Phase::Inactive,
            start: SeqNumber(0),
            sent: 0,
            acked: 0,
            fin: None,
            is_closing: false,
            is_closed: false,
            is_unsure: false,
            written: 0,
            last: [None; 3],
            packets: 0,
            ip_bytes: 0,
            wrong_checksums: Scaled::new(),
            repeats: Scaled::new(),
            zero_windows: Scaled::new(),
            gaps: Scaled::new(),
            retransmissions: 0,
            out_of_order: 0,
            seen: Seen::default(),
            timed: Timed::default(),
            strays: Strays::default(),
            answers: RoundTrips::default(),
        }
    }

    /// Enters a phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        if phase != self.phase {
            self.left = std::mem::replace(&mut self.phase, phase);
        }
    }

    /// Its SYN was answered.
    pub(super) fn establish(&mut self) {
        self.enter(Phase::Established);
        (self.is_closing, self.is_closed, self.is_unsure, self.fin) = (false, false, false, None);
    }

    /// Learns where its stream begins, from a segment that it sent.
    pub(super) fn begin(&mut self, tcp: &TcpHeader) {
        let is_syn = tcp.flags.contains(TcpFlags::SYN);
        match self.phase {
            Phase::Inactive if !is_syn => self.restart(SeqNumber(tcp.seq.0.wrapping_sub(1)), 1),
            Phase::Inactive => self.restart(tcp.seq, 0),
            Phase::SynSent | Phase::SynAckSent | Phase::Established | Phase::Partial
                if is_syn && tcp.seq != self.start =>
            {
                self.restart(tcp.seq, 0);
            }
            // The RST that came before its SYN may have been forged, and told the number.
            Phase::Reset if is_syn && self.left == Phase::Inactive => self.restart(tcp.seq, 0),
            Phase::SynSent
            | Phase::SynAckSent
            | Phase::Established
            | Phase::Partial
            | Phase::Closed
            | Phase::Reset => {}
        }
    }

    /// Nothing came from it, but its peer acknowledges something.
    pub(super) fn begin_before(&mut self, ack: SeqNumber) {
        self.restart(SeqNumber(ack.0.wrapping_sub(1)), 0);
    }

    fn restart(&mut self, start: SeqNumber, sent: i64) {
        (self.start, self.sent, self.acked) = (start, sent, 0);
        self.seen = Seen::default();
        self.timed = Timed::default();
    }

    /// The position of a sequence or acknowledgement number of its stream: the one next to the furthest that is known.
    pub(super) fn position(&self, seq: SeqNumber) -> i64 {
        let near = self.sent.max(self.acked);
        near.saturating_add(i64::from(seq.distance_from(self.number(near))))
    }

    /// The sequence number at a position.
    fn number(&self, position: i64) -> SeqNumber {
        SeqNumber(self.start.0.wrapping_add(low_half(position)))
    }

    /// Writes the letters of a segment.
    pub(super) fn write(&mut self, tcp: &TcpHeader, history: &mut History) {
        let has = |flag| tcp.flags.contains(flag);
        let (syn, fin, rst) = (has(TcpFlags::SYN), has(TcpFlags::FIN), has(TcpFlags::RST));
        match (syn, fin, rst) {
            (_, true, true) => self.write_once(Once::FinRst, b'I', history),
            (true, true, false) | (true, false, true) => self.write_once(Once::ManyFlags, b'Q', history),
            (true, false, false) => {
                let letter = if has(TcpFlags::ACK) { b'H' } else { b'S' };
                self.write_changed(Changed::Syn, tcp.seq, letter, history);
            }
            // A FIN lies behind the payload that comes with it.
            (false, true, false) => {
                self.write_changed(Changed::Fin, tcp.seq.add(tcp.payload_len), b'F', history);
            }
            (false, false, true) => self.write_changed(Changed::Rst, tcp.seq, b'R', history),
            (false, false, false) if tcp.payload_len > 0 => self.write_once(Once::Data, b'D', history),
            (false, false, false) if has(TcpFlags::ACK) => self.write_once(Once::Ack, b'A', history),
            (false, false, false) => {}
        }
    }

    fn write_once(&mut self, once: Once, letter: u8, history: &mut History) {
        if self.written & once as u8 == 0 {
            self.written |= once as u8;
            history.add_of(self.side, letter);
        }
    }

    fn write_changed(&mut self, what: Changed, at: SeqNumber, letter: u8, history: &mut History) {
        if self.last[what as usize].replace(at) != Some(at) {
            history.add_of(self.side, letter);
        }
    }

    /// Notes how far a segment reaches that begins at `from`. Gives whether it went further than anything before.
    pub(super) fn advance(&mut self, tcp: &TcpHeader, from: i64, history: &mut History) -> bool {
        let end = from.saturating_add(span(tcp));
        let ahead = end.saturating_sub(self.sent);
        let is_far = ahead.unsigned_abs() > u64::from(STRIDE_MAX.unsigned_abs());
        if tcp.flags.intersects(TcpFlags(TcpFlags::SYN.0 | TcpFlags::RST.0)) && is_far {
            return false;
        }
        if tcp.flags.contains(TcpFlags::FIN) && self.sent == 1 {
            // Of a stream of which only the SYN was seen, the FIN may lie more than half of the sequence space ahead.
            let forward = tcp.seq.add(tcp.sequence_len()).0.wrapping_sub(self.number(1).0);
            self.sent = i64::from(forward).saturating_add(1);
            return true;
        }
        if self.phase == Phase::Reset {
            return false;
        }
        if ahead > 0 {
            self.sent = end;
        } else if tcp.payload_len > 0 && self.repeats.note() {
            history.add_of(self.side, b'T');
        }
        ahead > 0
    }

    /// Payload bytes that it sent, by sequence numbers: those that nobody saw included.
    pub(super) fn size(&self) -> u64 {
        let end = self.sent.max(self.acked);
        // A FIN at the place of the SYN is none of this stream.
        let has_fin = self.fin.is_some_and(|fin| fin > 1 && fin <= end);
        // Neither SYN nor FIN is payload.
        let size = end.saturating_sub(1).saturating_sub(i64::from(has_fin));
        u64::try_from(size).unwrap_or(0)
    }

    /// Whether its peer acknowledged payload.
    pub(super) const fn has_data_acked(&self) -> bool {
        self.acked > 1
    }

    /// Whether this end and its peer went through a handshake and no worse than a FIN since.
    pub(super) fn is_clean(&self) -> bool {
        self.phase == Phase::Established || self.phase == Phase::Closed && self.left == Phase::Established
    }

    /// Whether bytes that it sent before it closed may still come.
    pub(super) fn is_pending(&self, peer: &Self) -> bool {
        let delivered = i64::try_from(self.seen.delivered()).unwrap_or(i64::MAX).saturating_add(1);
        if self.sent < delivered {
            return false;
        }
        if delivered != self.sent && delivered != self.sent.saturating_sub(1) {
            return true;
        }
        // Data of its peer that it did not acknowledge yet, unless it does not acknowledge within our sight.
        let is_deaf = !peer.has_data_acked() && peer.size() > UNACKNOWLEDGED_MAX;
        self.phase != Phase::Reset && peer.seen.has_unacknowledged() && !is_deaf
    }

    /// Notes that it closes; it has closed once nothing is pending.
    pub(super) fn settle(&mut self, peer: &Self) {
        self.is_closed |= self.is_closing && !self.is_pending(peer);
    }

    /// Times the segment of an accepted packet, or stops timing where it was sent again.
    pub(super) fn time(&mut self, tcp: &TcpHeader, is_new: bool, now: Nanos) {
        if tcp.flags.contains(TcpFlags::RST) || tcp.sequence_len() == 0 {
            return;
        }
        if is_new {
            self.timed.start(self.sent, now);
        } else {
            self.timed.cancel();
        }
    }
}

/// Payload without any ACK after which an end is taken to acknowledge out of sight (Zeek's `tcp_max_initial_window`).
const UNACKNOWLEDGED_MAX: u64 = 16_384;

/// Sequence space of a segment; the payload of an RST takes none.
pub(super) fn span(tcp: &TcpHeader) -> i64 {
    let is_rst = tcp.flags.contains(TcpFlags::RST);
    let payload = if is_rst { tcp.payload_len } else { 0 };
    i64::from(tcp.sequence_len().wrapping_sub(payload))
}

/// What is left of a position in 32 bits.
const fn low_half(position: i64) -> u32 {
    let [a, b, c, d, ..] = position.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
