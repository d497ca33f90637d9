//! Why a frame has no headers.

use std::error::Error;
use std::fmt;

/// Why [`parse`](crate::parse) refused a frame.
///
/// The fault is always the wire's or the capture's. Frames are refused by the million, so an error carries
/// nothing but its kind: count it by [`ParseError::index`] and print it by [`ParseError::name`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum ParseError {
    /// The captured bytes end before the link header, a VLAN tag, an MPLS label or the PPPoE header does.
    LinkTruncated,
    /// What the link carries is not IP: ARP, LLDP, an IEEE 802.3 length with LLC, an MPLS pseudowire, PPP's own
    /// negotiations.
    NotIp,
    /// More VLAN tags than [`VLAN_TAGS_MAX`](crate::VLAN_TAGS_MAX) or more MPLS labels than
    /// [`MPLS_LABELS_MAX`](crate::MPLS_LABELS_MAX).
    TooManyTags,
    /// More headers around the innermost IP header than [`LAYERS_MAX`](crate::LAYERS_MAX), or 64 KiB of them.
    TooManyLayers,
    /// The captured bytes end before the headers of a tunnel do.
    TunnelTruncated,
    /// A tunnel's length or headers leave what carries them: PPPoE (RFC 2516 section 4), GRE (RFC 2784 section 2).
    TunnelLength,
    /// The version in the IP header is not the one that the link layer announced, or neither 4 nor 6.
    IpVersion,
    /// The captured bytes end before the IP header with its options and extension headers does.
    IpHeaderTruncated,
    /// The IPv4 header length is below 20 bytes (RFC 791 section 3.1).
    IpHeaderLength,
    /// The length in the IP header is shorter than that header, longer than what was on the wire or in the tunnel, or
    /// not stated within a tunnel, where no offload explains it.
    IpTotalLength,
    /// A jumbo payload option that RFC 2675 section 3 forbids: beside a length, below 65,536 bytes, in a
    /// fragment, or longer than what was on the wire.
    JumboLength,
    /// An IPv6 extension header that leaves the datagram, has an impossible length or options that leave it,
    /// or is a hop-by-hop header in any but the first place (RFC 8200 section 4.1).
    ExtensionHeader,
    /// More IPv6 extension headers than [`EXTENSION_HEADERS_MAX`](crate::EXTENSION_HEADERS_MAX).
    TooManyExtensionHeaders,
    /// An IPv6 packet from or to a v4-mapped address: it would be taken for an IPv4 flow's. Hosts drop these
    /// as well (RFC 4291 section 2.5.5.2 keeps such addresses off the wire).
    MappedAddress,
    /// The captured bytes end before the TCP header with its options does.
    TcpHeaderTruncated,
    /// The TCP header length is below 20 bytes or leaves the IP payload (RFC 9293 section 3.1).
    TcpHeaderLength,
}

impl ParseError {
    /// How many kinds there are.
    pub const COUNT: usize = 16;

    /// Every kind, in the order of [`ParseError::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::LinkTruncated,
        Self::NotIp,
        Self::TooManyTags,
        Self::TooManyLayers,
        Self::TunnelTruncated,
        Self::TunnelLength,
        Self::IpVersion,
        Self::IpHeaderTruncated,
        Self::IpHeaderLength,
        Self::IpTotalLength,
        Self::JumboLength,
        Self::ExtensionHeader,
        Self::TooManyExtensionHeaders,
        Self::MappedAddress,
        Self::TcpHeaderTruncated,
        Self::TcpHeaderLength,
    ];

    /// The place of this kind in an array of counters; below [`ParseError::COUNT`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A stable name for statistics, in kebab-case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkTruncated => "link-truncated",
            Self::NotIp => "not-ip",
            Self::TooManyTags => "too-many-tags",
            Self::TooManyLayers => "too-many-layers",
            Self::TunnelTruncated => "tunnel-truncated",
            Self::TunnelLength => "tunnel-length",
            Self::IpVersion => "ip-version",
            Self::IpHeaderTruncated => "ip-header-truncated",
            Self::IpHeaderLength => "ip-header-length",
            Self::IpTotalLength => "ip-total-length",
            Self::JumboLength => "jumbo-length",
            Self::ExtensionHeader => "extension-header",
            Self::TooManyExtensionHeaders => "too-many-extension-headers",
            Self::MappedAddress => "mapped-address",
            Self::TcpHeaderTruncated => "tcp-header-truncated",
            Self::TcpHeaderLength => "tcp-header-length",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkTruncated => "capture ends within the link header",
            Self::NotIp => "frame does not carry IP",
            Self::TooManyTags => "too many VLAN tags or MPLS labels",
            Self::TooManyLayers => "too many headers around the IP header",
            Self::TunnelTruncated => "capture ends within the headers of a tunnel",
            Self::TunnelLength => "tunnel is longer than what carries it",
            Self::IpVersion => "unexpected IP version",
            Self::IpHeaderTruncated => "capture ends within the IP header",
            Self::IpHeaderLength => "impossible IP header length",
            Self::IpTotalLength => "IP length is not that of the packet",
            Self::JumboLength => "invalid jumbo payload option",
            Self::ExtensionHeader => "invalid IPv6 extension header",
            Self::TooManyExtensionHeaders => "too many IPv6 extension headers",
            Self::MappedAddress => "v4-mapped address in an IPv6 header",
            Self::TcpHeaderTruncated => "capture ends within the TCP header",
            Self::TcpHeaderLength => "impossible TCP header length",
        })
    }
}

impl Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn index_counts_through_all_kinds_and_names_are_unique_kebab_case() {
        let mut names = HashSet::new();
        for (place, kind) in ParseError::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), place);
            assert!(names.insert(kind.name()));
            assert!(kind.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        }
    }
}
