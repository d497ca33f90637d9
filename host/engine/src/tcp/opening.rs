//! What one end host said about the connection when it opened it.

use sluice_wire::SeqNumber;

use crate::limits::CANDIDATE_ISNS;

/// What an end host's SYNs said, and what is rarely asked for later.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// The timestamp of its first SYN, if it offered them.
    pub syn_timestamp: u32,
    /// Right edge of the right-most block that it acknowledged selectively with its last ACK.
    pub sack_edge: SeqNumber,
    /// Shift that its SYN offered.
    pub offered_scale: Option<u8>,
    /// Whether it takes selective acknowledgements (RFC 2018 section 2).
    pub offers_sack: bool,
    /// Whether it has sent a SYN without ACK: it did not only listen.
    pub opens_actively: bool,
    isn_count: u8,
    /// Initial sequence numbers of its SYNs, the newest last; the peer's SYN-ACK decides among them.
    isns: [SeqNumber; CANDIDATE_ISNS],
}

impl Opening {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_recent_candidates_are_remembered() {
        let mut opening = Opening::default();
        assert_eq!(opening.isn(), None);
        for isn in 0..10 {
            opening.add_candidate(SeqNumber(isn));
            opening.add_candidate(SeqNumber(isn));
        }
        assert_eq!(opening.isn(), Some(SeqNumber(9)));
        assert!(opening.is_candidate(SeqNumber(7)));
        assert!(!opening.is_candidate(SeqNumber(6)));
        opening.settle_isn(SeqNumber(8));
        assert_eq!(opening.isn(), Some(SeqNumber(8)));
        assert!(!opening.is_candidate(SeqNumber(9)));
    }
}
