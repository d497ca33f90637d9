//! The control bits of a TCP header (RFC 9293 section 3.1).

use std::fmt;
use std::ops::BitOr;

/// The eight control bits of a TCP header; prints as tcpdump does: `S`, `S.`, `P.`, `none`.
///
/// The ninth bit (AE, RFC 9768) and the reserved bits are not kept.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push function.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// Whether all bits of `other` are set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether at least one bit of `other` is set.
    #[inline]
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits as they are in byte 13 of the header.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// tcpdump's letters in tcpdump's order.
const LETTERS: [(TcpFlags, &str); 8] = [
    (TcpFlags::FIN, "F"),
    (TcpFlags::SYN, "S"),
    (TcpFlags::RST, "R"),
    (TcpFlags::PSH, "P"),
    (TcpFlags::ACK, "."),
    (TcpFlags::URG, "U"),
    (TcpFlags::ECE, "E"),
    (TcpFlags::CWR, "W"),
];

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        LETTERS
            .iter()
            .filter(|(flag, _)| self.contains(*flag))
            .try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_print_as_tcpdump_prints_them() {
        let table = [
            (TcpFlags(0), "none"),
            (TcpFlags::SYN, "S"),
            (TcpFlags::SYN | TcpFlags::ACK, "S."),
            (TcpFlags::PSH | TcpFlags::ACK, "P."),
            (TcpFlags::FIN | TcpFlags::ACK, "F."),
            (TcpFlags::RST, "R"),
            (TcpFlags::ACK, "."),
            (TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR, "SEW"),
            (TcpFlags(0xff), "FSRP.UEW"),
        ];
        for (flags, text) in table {
            assert_eq!(flags.to_string(), text);
            assert_eq!(format!("{flags:?}"), text);
        }
    }

    #[test]
    fn contains_asks_for_all_and_intersects_for_any() {
        let syn_ack = TcpFlags::SYN | TcpFlags::ACK;
        assert!(syn_ack.contains(TcpFlags::SYN));
        assert!(!TcpFlags::SYN.contains(syn_ack));
        assert!(TcpFlags::SYN.intersects(syn_ack));
        assert!(!TcpFlags::RST.intersects(syn_ack));
        assert_eq!(syn_ack.bits(), 0x12);
    }
}
