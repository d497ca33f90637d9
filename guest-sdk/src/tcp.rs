//! TCP states, flags, and why a flow ended.

use core::fmt;
use core::ops::BitOr;

/// A TCP state (RFC 9293 section 3.3.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TcpState {
    /// CLOSED
    Closed,
    /// LISTEN
    Listen,
    /// SYN-SENT
    SynSent,
    /// SYN-RECEIVED
    SynReceived,
    /// ESTABLISHED
    Established,
    /// FIN-WAIT-1
    FinWait1,
    /// FIN-WAIT-2
    FinWait2,
    /// CLOSE-WAIT
    CloseWait,
    /// CLOSING
    Closing,
    /// LAST-ACK
    LastAck,
    /// TIME-WAIT
    TimeWait,
    /// A number that this SDK does not know.
    Other(u8),
}

impl TcpState {
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Closed,
            1 => Self::Listen,
            2 => Self::SynSent,
            3 => Self::SynReceived,
            4 => Self::Established,
            5 => Self::FinWait1,
            6 => Self::FinWait2,
            7 => Self::CloseWait,
            8 => Self::Closing,
            9 => Self::LastAck,
            10 => Self::TimeWait,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for TcpState {
    /// The RFC's names in upper case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Other(_) => "OTHER",
        })
    }
}

/// The flags of a segment as on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more bytes from the sender.
    pub const FIN: Self = Self(1);
    /// Synchronises sequence numbers.
    pub const SYN: Self = Self(2);
    /// Resets the connection.
    pub const RST: Self = Self(4);
    /// Push.
    pub const PSH: Self = Self(8);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(16);
    /// The urgent pointer counts.
    pub const URG: Self = Self(32);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(64);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(128);
    /// None of them.
    pub const NONE: Self = Self(0);

    /// No more bytes from the sender.
    #[must_use]
    pub const fn fin(self) -> bool {
        self.0 & 1 != 0
    }

    /// Synchronises sequence numbers.
    #[must_use]
    pub const fn syn(self) -> bool {
        self.0 & 2 != 0
    }

    /// Resets the connection.
    #[must_use]
    pub const fn rst(self) -> bool {
        self.0 & 4 != 0
    }

    /// Push.
    #[must_use]
    pub const fn psh(self) -> bool {
        self.0 & 8 != 0
    }

    /// The acknowledgment number counts.
    #[must_use]
    pub const fn ack(self) -> bool {
        self.0 & 16 != 0
    }

    /// The urgent pointer counts.
    #[must_use]
    pub const fn urg(self) -> bool {
        self.0 & 32 != 0
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EndReason {
    /// By FIN on both sides.
    Closed,
    /// Reset by the client.
    ResetByClient,
    /// Reset by the server.
    ResetByServer,
    /// Nothing came for too long.
    Timeout,
    /// A limit of the host.
    Evicted,
    /// The capture ended or the host stopped.
    EndOfInput,
    /// A new connection with the same addresses and ports began.
    Replaced,
    /// A number that this SDK does not know.
    Other(u32),
}

impl EndReason {
    /// `None` for 0: the flow lives.
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => return None,
            1 => Self::Closed,
            2 => Self::ResetByClient,
            3 => Self::ResetByServer,
            4 => Self::Timeout,
            5 => Self::Evicted,
            6 => Self::EndOfInput,
            7 => Self::Replaced,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for EndReason {
    /// The names that the host uses, in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::ResetByClient => "reset by client",
            Self::ResetByServer => "reset by server",
            Self::Timeout => "timeout",
            Self::Evicted => "evicted",
            Self::EndOfInput => "end of input",
            Self::Replaced => "replaced",
            Self::Other(_) => "other",
        })
    }
}
