//! The ledger: every packet and every payload byte ends in exactly one counter.

use sluice_wire::ParseError;

use crate::defrag::FragmentReason;
use crate::event::KINDS;
use crate::flow::EndReason;
use crate::tcp::RefuseReason;

/// Packets by what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PacketCounters {
    /// All that came in.
    pub seen: u64,
    /// Segments that a flow took.
    pub tracked: u64,
    /// Segments that the receiving host would ignore, by [`RefuseReason::index`].
    pub refused: [u64; RefuseReason::COUNT],
    /// Frames that do not parse, by [`ParseError::index`].
    pub malformed: [u64; ParseError::COUNT],
    /// Link types that the host does not know.
    pub unknown_link: u64,
    /// Fragments, but for those that complete a datagram: they count as it.
    pub fragments: FragmentCounters,
    /// IP, but not TCP.
    pub not_tcp: u64,
    /// TCP that belongs to no flow and opens none.
    pub orphan: u64,
    /// TCP refused because the flow table was full.
    pub no_room: u64,
}

impl PacketCounters {
    /// The sum of all counters but `seen`; equal to `seen` at any time between packets.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        let refused: u64 = self.refused.iter().sum();
        let malformed: u64 = self.malformed.iter().sum();
        self.tracked
            + refused
            + malformed
            + self.unknown_link
            + self.fragments.accounted()
            + self.not_tcp
            + self.orphan
            + self.no_room
    }
}

/// Fragments by what became of them.
///
/// The packet that completes a datagram is not here. It counts as that datagram in [`PacketCounters`]: tracked, an
/// orphan, not TCP, and so on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FragmentCounters {
    /// Wait for the rest of their datagrams now.
    pub held: u64,
    /// Became part of a datagram that another packet completed.
    pub joined: u64,
    /// Came to nothing, by [`FragmentReason::index`].
    pub refused: [u64; FragmentReason::COUNT],
    /// Datagrams put together; no part of the ledger.
    pub rebuilt: u64,
}

impl FragmentCounters {
    /// Fragments in all counters.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.held + self.joined + self.refused.iter().sum::<u64>()
    }

    /// Counts a fragment that came to nothing.
    pub(crate) const fn refuse(&mut self, reason: FragmentReason) {
        self.refuse_all(reason, 1);
    }

    /// Counts fragments that came to nothing together.
    pub(crate) const fn refuse_all(&mut self, reason: FragmentReason, fragments: u64) {
        self.refused[reason.index()] += fragments;
    }
}

/// Payload bytes of TCP segments by what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ByteCounters {
    /// All that the IP headers promised, in segments that parsed.
    pub seen: u64,
    /// Became readable, or were counted where no monitor wants bytes.
    pub delivered: u64,
    /// Were there already.
    pub duplicate: u64,
    /// Waited behind a hole, and others took their place by the overlap policy.
    pub replaced: u64,
    /// Wait behind a hole now.
    pub buffered: u64,
    /// Urgent bytes that were left out of their stream.
    pub urgent: u64,
    /// In segments that the receiving host would ignore, garbage of keep-alives included.
    pub refused: u64,
    /// No limit had room for them.
    pub no_room: u64,
    /// Before the beginning of a stream picked up in mid-stream.
    pub before_start: u64,
    /// Behind the sender's FIN.
    pub after_fin: u64,
    /// Cut off by the snap length.
    pub cut: u64,
    /// In segments that belong to no flow.
    pub untracked: u64,
    /// Came with a SYN and were not taken by the server.
    pub syn_data: u64,
    /// Came with a SYN, and the answer is not seen yet.
    pub syn_data_waiting: u64,
}

impl ByteCounters {
    /// The sum of all counters but `seen`; equal to `seen` at any time between packets.
    #[must_use]
    pub const fn accounted(&self) -> u64 {
        self.delivered
            + self.duplicate
            + self.replaced
            + self.buffered
            + self.urgent
            + self.refused
            + self.no_room
            + self.before_start
            + self.after_fin
            + self.cut
            + self.untracked
            + self.syn_data
            + self.syn_data_waiting
    }
}

/// Why a flow was pushed out before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Eviction {
    /// Half-open, and another SYN came.
    HalfOpen,
    /// Ended already; it only absorbed stragglers.
    Ended,
    /// One direction of it was seen, and another flow began.
    OneSided,
    /// Silent for longer than flows may be in an emergency.
    Silent,
}

impl Eviction {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// All reasons in the order of [`Eviction::index`].
    pub const ALL: [Self; Self::COUNT] = [Self::HalfOpen, Self::Ended, Self::OneSided, Self::Silent];

    /// Place in arrays of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word in logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfOpen => "half-open",
            Self::Ended => "ended",
            Self::OneSided => "one-sided",
            Self::Silent => "silent",
        }
    }
}

/// What runs short in an emergency.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Shortage {
    /// Places for half-open flows: only those are given less time.
    HalfOpen,
    /// Places for flows.
    Flows,
    /// Memory or segments for what waits behind holes: holes are given up.
    Buffers,
}

impl Shortage {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// All of them in the order of [`Shortage::index`].
    pub const ALL: [Self; Self::COUNT] = [Self::HalfOpen, Self::Flows, Self::Buffers];

    /// Place in arrays of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word in logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfOpen => "half-open",
            Self::Flows => "flows",
            Self::Buffers => "buffers",
        }
    }
}

/// What caps did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PressureCounters {
    /// Flows pushed out, by [`Eviction::index`]. Those that had ended count here only; the others are in
    /// [`Counters::ended`] too.
    pub evicted: [u64; Eviction::COUNT],
    /// Emergencies begun, by [`Shortage::index`].
    pub emergencies: [u64; Shortage::COUNT],
    /// Nanoseconds of packet time in which there was an emergency, by [`Shortage::index`].
    pub emergency_nanos: [u64; Shortage::COUNT],
    /// Holes given up because buffers ran short.
    pub holes_given_up: u64,
}

/// What one tenant uses, and was refused.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TenantCounters {
    /// Flows that its monitors watch now, each monitor counted.
    pub flows: u64,
    /// Flows that a monitor of it was not given, because it watched too many.
    pub refused_flows: u64,
    /// Bytes kept now that it has not read.
    pub kept_bytes: u64,
    /// The most that it ever was.
    pub kept_bytes_peak: u64,
    /// Bytes that were not kept for it, because it had left too many unread.
    pub refused_bytes: u64,
}

/// Everything that the engine counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Packets.
    pub packets: PacketCounters,
    /// Payload bytes.
    pub bytes: ByteCounters,
    /// Flows opened.
    pub flows: u64,
    /// Records of connections handed out.
    pub records: u64,
    /// Flows picked up in mid-stream, of those that were opened.
    pub partial_flows: u64,
    /// Flows ended, by [`EndReason::number`].
    pub ended: [u64; 8],
    /// Gaps declared.
    pub gaps: u64,
    /// Bytes in them.
    pub gap_bytes: u64,
    /// Stretches that came again with other bytes.
    pub conflicts: u64,
    /// Repeated bytes that could not be compared any more.
    pub unverifiable_bytes: u64,
    /// Packets that repeated something.
    pub retransmissions: u64,
    /// Events raised, by kind, whether anyone listened or not.
    pub events: [u64; KINDS],
    /// Handlers called.
    pub callbacks: u64,
    /// Packets that a tenant dropped.
    pub dropped: u64,
    /// Drops that a tenant asked for and may not.
    pub drops_refused: u64,
    /// Packets that left as tenants have changed them.
    pub edits: u64,
    /// Changes that were refused, for whatever reason.
    pub edits_refused: u64,
    /// Segments that tenants sent, those of resets included.
    pub injected: u64,
    /// Segments and resets that were refused, for whatever reason.
    pub injected_refused: u64,
    /// What caps did.
    pub pressure: PressureCounters,
}

impl Counters {
    /// Flows that ended for a reason.
    #[must_use]
    pub fn ended_by(&self, reason: EndReason) -> u64 {
        self.ended[usize::from(reason.number())]
    }
}
