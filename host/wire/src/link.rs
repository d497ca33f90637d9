//! Link layers: what precedes the IP header of a captured frame.

use crate::encapsulation::{self, IpVersion, Network};
use crate::error::ParseError;

/// The link layer that a capture starts with, as its interface or file header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum LinkType {
    /// Ethernet II; IEEE 802.3 frames with a length are no IP.
    Ethernet,
    /// Linux "cooked" capture, 16 bytes (`LINKTYPE_LINUX_SLL`).
    LinuxSll,
    /// Linux "cooked" capture with the interface number, 20 bytes (`LINKTYPE_LINUX_SLL2`).
    LinuxSll2,
    /// No link header; the version in the IP header decides.
    RawIp,
    /// No link header, IPv4 only.
    Ipv4,
    /// No link header, IPv6 only.
    Ipv6,
    /// BSD loopback: four bytes of address family, in either byte order.
    BsdLoopback,
}

impl LinkType {
    /// The link type of a LINKTYPE_ or DLT_ code, `None` for codes that are not supported.
    ///
    /// 12 and 14 are what BSDs and OpenBSD wrote for raw IP before it had the code 101; 0 and 108 are loopback
    /// in the byte order of the host and of the network.
    #[must_use]
    pub const fn from_pcap(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Ethernet),
            113 => Some(Self::LinuxSll),
            276 => Some(Self::LinuxSll2),
            12 | 14 | 101 => Some(Self::RawIp),
            228 => Some(Self::Ipv4),
            229 => Some(Self::Ipv6),
            0 | 108 => Some(Self::BsdLoopback),
            _ => None,
        }
    }

    /// The LINKTYPE_ code to write into a capture file.
    #[must_use]
    pub const fn to_pcap(self) -> u32 {
        match self {
            Self::Ethernet => 1,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::RawIp => 101,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::BsdLoopback => 0,
        }
    }
}

/// Finds the IP header of a frame.
#[inline]
pub(crate) fn network(link: LinkType, frame: &[u8], network: &mut Network) -> Result<(), ParseError> {
    match link {
        LinkType::Ethernet => {
            let header: &[u8; 14] = frame.first_chunk().ok_or(ParseError::LinkTruncated)?;
            encapsulation::unwrap_tags(frame, 14, u16::from_be_bytes([header[12], header[13]]), network)
        }
        LinkType::LinuxSll => {
            let header: &[u8; 16] = frame.first_chunk().ok_or(ParseError::LinkTruncated)?;
            encapsulation::unwrap_tags(frame, 16, u16::from_be_bytes([header[14], header[15]]), network)
        }
        LinkType::LinuxSll2 => {
            let header: &[u8; 20] = frame.first_chunk().ok_or(ParseError::LinkTruncated)?;
            encapsulation::unwrap_tags(frame, 20, u16::from_be_bytes([header[0], header[1]]), network)
        }
        LinkType::RawIp => match frame.first().ok_or(ParseError::LinkTruncated)? >> 4 {
            4 => found(IpVersion::V4, 0, network),
            6 => found(IpVersion::V6, 0, network),
            _ => Err(ParseError::IpVersion),
        },
        LinkType::Ipv4 => found(IpVersion::V4, 0, network),
        LinkType::Ipv6 => found(IpVersion::V6, 0, network),
        LinkType::BsdLoopback => {
            let family = *frame.first_chunk().ok_or(ParseError::LinkTruncated)?;
            found(loopback_version(family).ok_or(ParseError::NotIp)?, 4, network)
        }
    }
}

#[inline]
fn found(version: IpVersion, offset: u16, network: &mut Network) -> Result<(), ParseError> {
    network.found(version, offset);
    Ok(())
}

/// The IP version of an address family. The file does not say whose byte order it is in; families are small
/// numbers, so at most one order makes sense.
fn loopback_version(family: [u8; 4]) -> Option<IpVersion> {
    match u32::from_be_bytes(family).min(u32::from_le_bytes(family)) {
        2 => Some(IpVersion::V4),
        // AF_INET6 of Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => Some(IpVersion::V6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(link: LinkType, frame: &[u8]) -> Result<(IpVersion, u16), ParseError> {
        let mut network = Network::start(u32::MAX);
        super::network(link, frame, &mut network).map(|()| (network.version, network.offset))
    }

    #[test]
    fn pcap_codes_survive_the_way_there_and_back() {
        for code in [0, 1, 101, 113, 228, 229, 276] {
            assert_eq!(LinkType::from_pcap(code).map(LinkType::to_pcap), Some(code));
        }
        for (code, link) in [(12, LinkType::RawIp), (14, LinkType::RawIp), (108, LinkType::BsdLoopback)] {
            assert_eq!(LinkType::from_pcap(code), Some(link));
        }
        assert_eq!(LinkType::from_pcap(105), None);
    }

    #[test]
    fn each_link_type_leads_to_the_ip_header() {
        let mut ethernet = [0u8; 14];
        ethernet[12..14].copy_from_slice(&[0x08, 0x00]);
        let mut sll = [0u8; 16];
        sll[14..16].copy_from_slice(&[0x86, 0xdd]);
        let mut sll2 = [0u8; 20];
        sll2[0..2].copy_from_slice(&[0x08, 0x00]);
        let table: [(LinkType, &[u8], _); 12] = [
            (LinkType::Ethernet, &ethernet, Ok((IpVersion::V4, 14))),
            (LinkType::LinuxSll, &sll, Ok((IpVersion::V6, 16))),
            (LinkType::LinuxSll2, &sll2, Ok((IpVersion::V4, 20))),
            (LinkType::RawIp, &[0x45], Ok((IpVersion::V4, 0))),
            (LinkType::RawIp, &[0x60], Ok((IpVersion::V6, 0))),
            (LinkType::RawIp, &[0x50], Err(ParseError::IpVersion)),
            (LinkType::Ipv4, &[0x45], Ok((IpVersion::V4, 0))),
            (LinkType::Ipv6, &[0x60], Ok((IpVersion::V6, 0))),
            (LinkType::BsdLoopback, &[2, 0, 0, 0], Ok((IpVersion::V4, 4))),
            (LinkType::BsdLoopback, &[0, 0, 0, 2], Ok((IpVersion::V4, 4))),
            (LinkType::BsdLoopback, &[30, 0, 0, 0], Ok((IpVersion::V6, 4))),
            (LinkType::BsdLoopback, &[0, 0, 0, 7], Err(ParseError::NotIp)),
        ];
        for (link, frame, expected) in table {
            assert_eq!(found(link, frame), expected, "{link:?} {frame:?}");
        }
    }

    #[test]
    fn a_frame_shorter_than_its_link_header_is_truncated() {
        for (link, header_len) in [
            (LinkType::Ethernet, 14),
            (LinkType::LinuxSll, 16),
            (LinkType::LinuxSll2, 20),
            (LinkType::RawIp, 1),
            (LinkType::BsdLoopback, 4),
        ] {
            for len in 0..header_len {
                let frame = [0u8; 20];
                assert_eq!(found(link, &frame[..len]), Err(ParseError::LinkTruncated), "{link:?} {len}");
            }
        }
    }
}
