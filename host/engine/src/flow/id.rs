//! Names of flows.

/// A flow as guests name it: a place in the flow table and how often that place was used before.
///
/// A number that a guest kept from a flow that has ended names no other flow later.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FlowId {
    /// Place in the table.
    pub index: u32,
    /// How often the place was taken; never 0.
    pub generation: u32,
}

impl FlowId {
    /// The number as guests see it; never 0.
    #[must_use]
    pub const fn number(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The id with this number; `None` for 0 and other numbers that no flow ever had.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        let generation = (number >> 32) as u32;
        if generation == 0 {
            return None;
        }
        Some(Self { index: (number & 0xffff_ffff) as u32, generation })
    }
}

/// Why a flow ended; the numbers are those of the WIT.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum EndReason {
    /// Both sides have sent FIN and had it acknowledged.
    Closed = 1,
    /// The client reset it.
    ResetByClient = 2,
    /// The server reset it.
    ResetByServer = 3,
    /// It was silent for too long.
    Timeout = 4,
    /// A limit was reached.
    Evicted = 5,
    /// The input ended.
    EndOfInput = 6,
    /// A new connection took its addresses and ports.
    Replaced = 7,
}

impl EndReason {
    /// The number as guests see it.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The word in traces, logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ResetByClient => "reset-by-client",
            Self::ResetByServer => "reset-by-server",
            Self::Timeout => "timeout",
            Self::Evicted => "evicted",
            Self::EndOfInput => "end-of-input",
            Self::Replaced => "replaced",
        }
    }
}
