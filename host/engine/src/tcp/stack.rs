//! What the observer knows of one end host's TCP stack.

use sluice_wire::{SeqNumber, TcpOptions};

use super::TcpState;
use crate::limits::CANDIDATE_ISNS;

/// The TCP stack of one end host as the wire shows it. "Sent" and "acknowledged" are this host's own doing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack {
    /// Its state.
    pub state: TcpState,
    /// Whether a segment of it was accepted.
    pub has_sent: bool,
    /// Whether `acknowledged` holds something.
    pub has_acknowledged: bool,
    /// Whether it offered timestamps in its SYN (RFC 7323 section 3.2).
    pub offers_timestamps: bool,
    /// The timestamp of its first SYN, if it offered them.
    pub syn_timestamp: u32,
    /// Whether `recent_timestamp` holds something.
    pub has_timestamp: bool,
    /// Whether it takes selective acknowledgements (RFC 2018 section 2).
    pub offers_sack: bool,
    /// Whether it has sent a SYN without ACK: it did not only listen.
    pub opens_actively: bool,
    /// Whether `sack_edge` holds something.
    pub has_sack_edge: bool,
    /// Right edge of the right-most block that it acknowledged selectively with its last ACK.
    pub sack_edge: SeqNumber,
    /// Whether it has sent a FIN.
    pub has_sent_fin: bool,
    /// Shift of its windows, once both hosts offered one (RFC 7323 section 2.2).
    pub window_scale: u8,
    /// Shift that its SYN offered.
    pub offered_scale: Option<u8>,
    /// SND.NXT: behind the furthest sequence number that it sent.
    pub sent_end: SeqNumber,
    /// The highest ACK that it sent: RCV.NXT as far as it told.
    pub acknowledged: SeqNumber,
    /// The window that it advertised last, in bytes.
    pub window: u32,
    /// The largest window that it advertised, in bytes.
    pub window_max: u32,
    /// TS.Recent: the newest timestamp that it accepted from its peer (RFC 7323 section 4.3).
    pub recent_timestamp: u32,
    /// Initial sequence numbers of its SYNs, the newest last; the peer's SYN-ACK decides among them.
    isns: [SeqNumber; CANDIDATE_ISNS],
    isn_count: u8,
}

impl Stack {
    /// A stack in `state` of which nothing was seen.
    #[must_use]
    pub fn in_state(state: TcpState) -> Self {
        Self { state, ..Self::default() }
    }

    /// The initial sequence number of its newest SYN, or of the one that was answered.
    #[must_use]
    pub fn isn(&self) -> Option<SeqNumber> {
        usize::from(self.isn_count).checked_sub(1).and_then(|last| self.isns.get(last)).copied()
    }

    /// Whether a SYN with this initial sequence number was seen, among the last few.
    #[must_use]
    pub fn is_candidate(&self, isn: SeqNumber) -> bool {
        self.isns.iter().take(usize::from(self.isn_count)).any(|candidate| *candidate == isn)
    }

    /// Whether an ACK answers one of its SYNs: any of those remembered, or the last one once it has gone on from it.
    #[must_use]
    pub fn is_answered_by(&self, ack: SeqNumber) -> bool {
        let isn = SeqNumber(ack.0.wrapping_sub(1));
        if self.state.is_synchronized() { self.isn() == Some(isn) } else { self.is_candidate(isn) }
    }

    /// Remembers the initial sequence number of a SYN; the oldest is forgotten when there are too many.
    pub fn add_candidate(&mut self, isn: SeqNumber) {
        if self.is_candidate(isn) {
            return;
        }
        if usize::from(self.isn_count) == CANDIDATE_ISNS {
            self.isns.rotate_left(1);
            self.isn_count -= 1;
        }
        self.isns[usize::from(self.isn_count)] = isn;
        self.isn_count += 1;
    }

    /// The handshake has settled on this initial sequence number.
    pub fn settle_isn(&mut self, isn: SeqNumber) {
        self.isns[0] = isn;
        self.isn_count = 1;
    }

    /// Notes what an ACK of it says about bytes behind holes.
    pub fn acknowledge_selectively(&mut self, options: &TcpOptions) {
        self.has_sack_edge = options.sack_blocks > 0 && self.acknowledged.before(options.sack_edge);
        self.sack_edge = options.sack_edge;
    }

    /// Notes a window field of a segment that it sent; the window of a SYN is never scaled (RFC 7323 section 2.2).
    pub fn advertise(&mut self, field: u16, is_syn: bool) {
        let shift = if is_syn { 0 } else { self.window_scale };
        self.window = u32::from(field) << shift;
        self.window_max = self.window_max.max(self.window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_recent_candidates_are_remembered() {
        let mut stack = Stack::default();
        assert_eq!(stack.isn(), None);
        for isn in 0..10 {
            stack.add_candidate(SeqNumber(isn));
            stack.add_candidate(SeqNumber(isn));
        }
        assert_eq!(stack.isn(), Some(SeqNumber(9)));
        assert!(stack.is_candidate(SeqNumber(7)));
        assert!(!stack.is_candidate(SeqNumber(6)));
        stack.settle_isn(SeqNumber(8));
        assert_eq!(stack.isn(), Some(SeqNumber(8)));
        assert!(!stack.is_candidate(SeqNumber(9)));
    }
}
