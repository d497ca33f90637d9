//! What the operator decides about a stream: whose copy of a byte counts, and what urgent bytes are.

/// Which copy of a byte is read when several came before it was delivered. A delivered byte never changes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum OverlapPolicy {
    /// The one that came first.
    #[default]
    First,
    /// The one that came last.
    Last,
    /// As Linux 6.18 keeps its out-of-order queue: that of the segment that begins first, segments that follow one
    /// another without a gap being one; of two that begin together, that of the longer one. See `linux`.
    Linux,
    /// As 4.4BSD and its heirs: what begins at or before the segment stays, what begins behind its start is replaced.
    Bsd,
    /// As Windows: the same as BSD in every relation of two segments.
    Windows,
    /// As Solaris and HP-UX 11: the segment that ends later; of two that end together, the longer one, then the
    /// newer one.
    Solaris,
}

impl OverlapPolicy {
    /// All policies.
    pub const ALL: [Self; 6] =
        [Self::First, Self::Last, Self::Linux, Self::Bsd, Self::Windows, Self::Solaris];

    /// The number as guests see it: its place in [`OverlapPolicy::ALL`].
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The word in options and traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Linux => "linux",
            Self::Bsd => "bsd",
            Self::Windows => "windows",
            Self::Solaris => "solaris",
        }
    }

    /// The policy that a word names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// What becomes of the byte that an urgent pointer marks (RFC 9293 section 3.8.5).
///
/// RFC 6093 wants it read in line; Linux and most other hosts take the byte before the pointer out of the stream.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Urgent {
    /// It is read where it lies.
    #[default]
    Inline,
    /// It is left out, as Linux leaves it out: readers step over its offset.
    Oob,
    /// It is left out, and readers are told of a gap of one byte.
    Gap,
}

impl Urgent {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Inline, Self::Oob, Self::Gap];

    /// The word in options and traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Oob => "oob",
            Self::Gap => "gap",
        }
    }

    /// The mode that a word names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// How one direction is read: as the host that receives it would.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Rules {
    /// Whose copy of a byte counts.
    pub overlap: OverlapPolicy,
    /// What urgent bytes are.
    pub urgent: Urgent,
}
