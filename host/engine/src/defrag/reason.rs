//! Why fragments came to nothing.

/// Why a fragment is part of no datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum FragmentReason {
    /// Held already, with the same bytes.
    Duplicate,
    /// Held already, with other bytes: the first ones stay.
    Conflicting,
    /// It overlaps others, or one of its datagram did (RFC 5722 section 3).
    Overlap,
    /// It, or one of its datagram, holds no data.
    Empty,
    /// Data follows it, and its own is no multiple of eight bytes (RFC 791 section 3.2, RFC 8200 section 4.5).
    Misaligned,
    /// The datagram would be longer than 65,535 bytes (the "ping of death").
    TooLong,
    /// Another end than the last fragment gave, or data behind it (the "teardrop" is one such).
    EndMoved,
    /// The first fragment of an IPv6 datagram ends within the TCP header (RFC 7112 section 5).
    HeaderSplit,
    /// The checksum of its IPv4 header is wrong.
    BadChecksum,
    /// The snap length cut it.
    Cut,
    /// It completes a datagram that is itself a fragment; Linux drops such a datagram, too.
    Nested,
    /// Its datagram is in more pieces than any honest one.
    TooMany,
    /// No datagram may be held at all.
    NoRoom,
    /// The rest of its datagram did not come in time.
    TimedOut,
    /// Younger datagrams needed the room.
    Evicted,
    /// The input ended before the rest of its datagram came.
    EndOfInput,
}

impl FragmentReason {
    /// How many there are.
    pub const COUNT: usize = 16;

    /// All reasons in the order of [`FragmentReason::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Duplicate,
        Self::Conflicting,
        Self::Overlap,
        Self::Empty,
        Self::Misaligned,
        Self::TooLong,
        Self::EndMoved,
        Self::HeaderSplit,
        Self::BadChecksum,
        Self::Cut,
        Self::Nested,
        Self::TooMany,
        Self::NoRoom,
        Self::TimedOut,
        Self::Evicted,
        Self::EndOfInput,
    ];

    /// As an index into a table of [`FragmentReason::COUNT`] counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word in statistics and traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "fragment-duplicate",
            Self::Conflicting => "fragment-conflicting",
            Self::Overlap => "fragment-overlap",
            Self::Empty => "fragment-empty",
            Self::Misaligned => "fragment-misaligned",
            Self::TooLong => "fragment-too-long",
            Self::EndMoved => "fragment-end-moved",
            Self::HeaderSplit => "fragment-header-split",
            Self::BadChecksum => "fragment-bad-checksum",
            Self::Cut => "fragment-cut",
            Self::Nested => "fragment-nested",
            Self::TooMany => "fragment-too-many",
            Self::NoRoom => "fragment-no-room",
            Self::TimedOut => "fragment-timed-out",
            Self::Evicted => "fragment-evicted",
            Self::EndOfInput => "fragment-end-of-input",
        }
    }

    /// Whether a host that meets such a fragment gives the whole datagram up.
    pub(super) const fn ends_datagram(self) -> bool {
        match self {
            Self::Overlap | Self::Empty | Self::EndMoved | Self::TooMany => true,
            Self::Duplicate
            | Self::Conflicting
            | Self::Misaligned
            | Self::TooLong
            | Self::HeaderSplit
            | Self::BadChecksum
            | Self::Cut
            | Self::Nested
            | Self::NoRoom
            | Self::TimedOut
            | Self::Evicted
            | Self::EndOfInput => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn indices_are_dense_and_names_are_unique() {
        let names: HashSet<_> = FragmentReason::ALL.into_iter().map(FragmentReason::name).collect();
        assert_eq!(names.len(), FragmentReason::COUNT);
        for (position, reason) in FragmentReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), position);
        }
    }
}
