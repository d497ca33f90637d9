//! IPv6 headers (RFC 8200).

use crate::address::IpAddress;
use crate::error::ParseError;
use crate::extension;
use crate::ip::{IpHeader, PROTOCOL_TCP};

const HEADER_LEN: u16 = 40;

/// Parses the IPv6 header and the extension headers that `packet` starts with into `ip`; `wire_len` is the
/// length that `packet` had on the wire.
#[inline]
pub(crate) fn parse(packet: &[u8], wire_len: u32, ip: &mut IpHeader) -> Result<(), ParseError> {
    let fixed: &[u8; 40] = packet.first_chunk().ok_or(ParseError::IpHeaderTruncated)?;
    if fixed[0] >> 4 != 6 {
        return Err(ParseError::IpVersion);
    }
    let (source, destination) = addresses(fixed);
    if source.is_v4() || destination.is_v4() {
        return Err(ParseError::MappedAddress);
    }
    let next = fixed[6];
    let payload_len = u16::from_be_bytes([fixed[4], fixed[5]]);
    let total_len = match payload_len {
        // Segmentation offload has no length to state; a jumbogram states it in the hop-by-hop header.
        0 if next == PROTOCOL_TCP || next == extension::HOP_BY_HOP => wire_len,
        stated => u32::from(stated).saturating_add(u32::from(HEADER_LEN)),
    };
    if total_len > wire_len {
        return Err(ParseError::IpTotalLength);
    }
    *ip = IpHeader {
        source,
        destination,
        total_len,
        header_len: HEADER_LEN,
        ttl: fixed[7],
        protocol: next,
        fragment: None,
        rerouted: false,
    };
    if extension::is_extension(next) {
        // A copy goes through memory, so that `ip` need not.
        let mut behind = *ip;
        extension::walk(packet, wire_len, payload_len, &mut behind)?;
        *ip = behind;
    }
    Ok(())
}

#[inline]
fn addresses(fixed: &[u8; 40]) -> (IpAddress, IpAddress) {
    let mut source = [0; 16];
    source.copy_from_slice(&fixed[8..24]);
    let mut destination = [0; 16];
    destination.copy_from_slice(&fixed[24..40]);
    (IpAddress(source), IpAddress(destination))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(packet: &[u8], wire_len: u32) -> Result<IpHeader, ParseError> {
        let mut ip = IpHeader::EMPTY;
        super::parse(packet, wire_len, &mut ip).map(|()| ip)
    }

    /// 2001:db8::1 > 2001:db8::2, payload of `payload_len` bytes, followed by zeros.
    fn packet(payload_len: u16, next: u8) -> [u8; 100] {
        let mut packet = [0; 100];
        packet[0] = 0x60;
        packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
        packet[6] = next;
        packet[7] = 64;
        for (place, last) in [(8, 1), (24, 2)] {
            packet[place..place + 4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
            packet[place + 15] = last;
        }
        packet
    }

    #[test]
    fn a_plain_header_gives_its_fields() {
        let ip = parse(&packet(20, 6), 100).unwrap();
        assert_eq!(ip.source.to_string(), "2001:db8::1");
        assert_eq!(ip.destination.to_string(), "2001:db8::2");
        assert_eq!((ip.total_len, ip.header_len, ip.ttl, ip.protocol), (60, 40, 64, 6));
        assert_eq!((ip.fragment, ip.rerouted), (None, false));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let table = [
            (60, 6, 100, Ok(100)),
            (61, 6, 100, Err(ParseError::IpTotalLength)),
            (1, 6, 100, Ok(41)),
            (0, 6, 70_000, Ok(70_000)),
            // No next header, UDP: a header without payload is allowed and has no offload.
            (0, 59, 100, Ok(40)),
            (0, 17, 100, Ok(40)),
        ];
        for (payload_len, next, wire_len, expected) in table {
            let total_len = parse(&packet(payload_len, next), wire_len).map(|ip| ip.total_len);
            assert_eq!(total_len, expected, "{payload_len} {next}");
        }
    }

    #[test]
    fn every_cut_within_the_header_is_truncated() {
        for len in 0..40 {
            assert_eq!(parse(&packet(20, 6)[..len], 100).err(), Some(ParseError::IpHeaderTruncated));
        }
    }

    #[test]
    fn addresses_that_would_pass_for_ipv4_are_refused() {
        for place in [8, 24] {
            let mut packet = packet(20, 6);
            packet[place..place + 16].copy_from_slice(&IpAddress::v4([192, 0, 2, 1]).0);
            assert_eq!(parse(&packet, 100).err(), Some(ParseError::MappedAddress));
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut packet = packet(20, 6);
        packet[0] = 0x45;
        assert_eq!(parse(&packet, 100).err(), Some(ParseError::IpVersion));
    }
}
