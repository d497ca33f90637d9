//! Why the receiving host would not honour a segment.

/// Why a segment touches no state. The numbers are the reasons of `packet-in` in the WIT's `place`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum RefuseReason {
    /// The TCP checksum, or that of the IPv4 header, is wrong.
    BadChecksum = 1,
    /// Neither SYN, RST nor ACK, or FIN without ACK (RFC 9293 section 3.10.7.4, fifth check).
    NoAck = 2,
    /// SYN and FIN, or SYN and RST, in one segment: no host means it.
    BadFlags = 3,
    /// An RST that is in the window but not at the next expected byte (RFC 5961 section 3.2): answered, not obeyed.
    RstInWindow = 4,
    /// An RST elsewhere.
    RstOutOfWindow = 5,
    /// A SYN in a synchronized state (RFC 5961 section 4.2): answered, not obeyed.
    SynInConnection = 6,
    /// A SYN-ACK that acknowledges no SYN of the client.
    SynAckWrongAck = 7,
    /// An ACK for data that the peer cannot have sent yet (RFC 5961 section 5.2).
    AckFuture = 8,
    /// An ACK older than the largest window (RFC 5961 section 5.2).
    AckOld = 9,
    /// An older timestamp than the last one accepted (PAWS, RFC 7323 section 5.3).
    Paws = 10,
    /// Right of the receive window.
    OutOfWindow = 11,
    /// An MD5 or AO option in a connection that began without (RFC 2385 section 4.1; Linux drops it).
    Signed = 12,
    /// The receiver has sent a SYN and waits for one; this is no SYN.
    NotSynchronized = 13,
    /// The connection is over.
    AfterEnd = 14,
}

impl RefuseReason {
    /// How many there are.
    pub const COUNT: usize = 14;

    /// All reasons in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::BadChecksum,
        Self::NoAck,
        Self::BadFlags,
        Self::RstInWindow,
        Self::RstOutOfWindow,
        Self::SynInConnection,
        Self::SynAckWrongAck,
        Self::AckFuture,
        Self::AckOld,
        Self::Paws,
        Self::OutOfWindow,
        Self::Signed,
        Self::NotSynchronized,
        Self::AfterEnd,
    ];

    /// The number as guests see it; never 0.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// As an index into a table of [`RefuseReason::COUNT`] counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// The word in statistics and traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadChecksum => "bad-checksum",
            Self::NoAck => "no-ack",
            Self::BadFlags => "bad-flags",
            Self::RstInWindow => "rst-in-window",
            Self::RstOutOfWindow => "rst-out-of-window",
            Self::SynInConnection => "syn-in-connection",
            Self::SynAckWrongAck => "syn-ack-wrong-ack",
            Self::AckFuture => "ack-future",
            Self::AckOld => "ack-old",
            Self::Paws => "paws",
            Self::OutOfWindow => "out-of-window",
            Self::Signed => "signed",
            Self::NotSynchronized => "not-synchronized",
            Self::AfterEnd => "after-end",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_dense() {
        for (position, reason) in RefuseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), position);
            assert_eq!(usize::from(reason.number()), position + 1);
        }
    }
}
