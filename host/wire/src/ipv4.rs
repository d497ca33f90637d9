//! IPv4 headers (RFC 791).

use crate::address::IpAddress;
use crate::error::ParseError;
use crate::ip::{Fragment, IpHeader, PROTOCOL_TCP};

const HEADER_LEN_MIN: u16 = 20;

/// Parses the IPv4 header that `packet` starts with into `ip`; `wire_len` is the length that `packet` had on
/// the wire.
#[inline]
pub(crate) fn parse(packet: &[u8], wire_len: u32, ip: &mut IpHeader) -> Result<(), ParseError> {
    let fixed: &[u8; 20] = packet.first_chunk().ok_or(ParseError::IpHeaderTruncated)?;
    if fixed[0] >> 4 != 4 {
        return Err(ParseError::IpVersion);
    }
    let header_len = u16::from(fixed[0] & 0x0f) << 2;
    if header_len < HEADER_LEN_MIN {
        return Err(ParseError::IpHeaderLength);
    }
    let fragment = fragment(fixed);
    let protocol = fixed[9];
    let total_len = match u16::from_be_bytes([fixed[2], fixed[3]]) {
        // Segmentation offload: the kernel hands over what the network card has yet to cut, without a length.
        0 if protocol == PROTOCOL_TCP && fragment.is_none() => wire_len,
        stated => u32::from(stated),
    };
    if total_len < u32::from(header_len) || total_len > wire_len {
        return Err(ParseError::IpTotalLength);
    }
    let rerouted = if header_len > HEADER_LEN_MIN {
        let options = packet.get(20..usize::from(header_len)).ok_or(ParseError::IpHeaderTruncated)?;
        source_route_pending(options)
    } else {
        false
    };
    *ip = IpHeader {
        source: IpAddress::v4([fixed[12], fixed[13], fixed[14], fixed[15]]),
        destination: IpAddress::v4([fixed[16], fixed[17], fixed[18], fixed[19]]),
        total_len,
        header_len,
        ttl: fixed[8],
        protocol,
        fragment,
        rerouted,
    };
    Ok(())
}

#[inline]
fn fragment(fixed: &[u8; 20]) -> Option<Fragment> {
    let word = u16::from_be_bytes([fixed[6], fixed[7]]);
    // More fragments or an offset; the reserved bit and "don't fragment" do not matter.
    if word & 0x3fff == 0 {
        return None;
    }
    Some(Fragment {
        offset: u32::from(word & 0x1fff) << 3,
        more: word & 0x2000 != 0,
        id: u32::from(u16::from_be_bytes([fixed[4], fixed[5]])),
    })
}

/// Whether a source route has stops left, so that the destination in the header is not the last one.
#[cold]
fn source_route_pending(mut options: &[u8]) -> bool {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const LOOSE_SOURCE_ROUTE: u8 = 131;
    const STRICT_SOURCE_ROUTE: u8 = 137;
    while let [kind, rest @ ..] = options {
        match (*kind, rest) {
            (END, _) => return false,
            (NO_OPERATION, _) => options = rest,
            (LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE, [len, pointer, ..]) => return pointer <= len,
            (_, [len, ..]) if *len >= 2 => options = options.get(usize::from(*len)..).unwrap_or_default(),
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(packet: &[u8], wire_len: u32) -> Result<IpHeader, ParseError> {
        let mut ip = IpHeader::EMPTY;
        super::parse(packet, wire_len, &mut ip).map(|()| ip)
    }

    /// 192.0.2.1 > 192.0.2.2, TCP, 40 bytes in all, followed by zeros.
    fn packet() -> [u8; 80] {
        let mut packet = [0; 80];
        packet[..20]
            .copy_from_slice(&[0x45, 0, 0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        packet
    }

    #[test]
    fn a_plain_header_gives_its_fields() {
        let ip = parse(&packet(), 80).unwrap();
        assert_eq!(ip.source, IpAddress::v4([192, 0, 2, 1]));
        assert_eq!(ip.destination, IpAddress::v4([192, 0, 2, 2]));
        assert_eq!((ip.total_len, ip.header_len, ip.ttl, ip.protocol), (40, 20, 64, 6));
        assert_eq!((ip.fragment, ip.rerouted), (None, false));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        //           byte 0, total length, protocol, wire length
        let table = [
            (0x45, 40, 6, 40, Ok(40)),
            (0x45, 41, 6, 40, Err(ParseError::IpTotalLength)),
            (0x45, 20, 6, 40, Ok(20)),
            (0x45, 19, 6, 40, Err(ParseError::IpTotalLength)),
            (0x46, 23, 6, 40, Err(ParseError::IpTotalLength)),
            (0x44, 40, 6, 40, Err(ParseError::IpHeaderLength)),
            (0x40, 40, 6, 40, Err(ParseError::IpHeaderLength)),
            (0x65, 40, 6, 40, Err(ParseError::IpVersion)),
            (0x45, 0xffff, 6, 70_000, Ok(0xffff)),
            // Offload has no length to state, and is TCP's alone.
            (0x45, 0, 6, 70_000, Ok(70_000)),
            (0x45, 0, 17, 70_000, Err(ParseError::IpTotalLength)),
        ];
        for (first, total, protocol, wire_len, expected) in table {
            let mut packet = packet();
            packet[0] = first;
            packet[2..4].copy_from_slice(&u16::to_be_bytes(total));
            packet[9] = protocol;
            assert_eq!(parse(&packet, wire_len).map(|ip| ip.total_len), expected, "{total} {wire_len}");
        }
    }

    #[test]
    fn every_cut_within_the_header_is_truncated() {
        let mut packet = packet();
        packet[0] = 0x4f;
        packet[3] = 80;
        for len in 0..60 {
            assert_eq!(parse(&packet[..len], 80).err(), Some(ParseError::IpHeaderTruncated), "{len}");
        }
        assert_eq!(parse(&packet[..60], 80).map(|ip| ip.header_len), Ok(60));
    }

    #[test]
    fn offset_or_more_makes_a_fragment() {
        let table = [
            (0x0000, None),
            (0x4000, None),
            (0x8000, None),
            (0x2000, Some((0, true))),
            (0x2001, Some((8, true))),
            (0x1fff, Some((65_528, false))),
        ];
        for (word, expected) in table {
            let mut packet = packet();
            packet[6..8].copy_from_slice(&u16::to_be_bytes(word));
            let fragment = parse(&packet, 80).unwrap().fragment;
            assert_eq!(fragment.map(|part| (part.offset, part.more)), expected, "{word:04x}");
            assert!(fragment.is_none_or(|part| part.id == 0x1234));
        }
    }

    #[test]
    fn a_source_route_with_stops_left_is_told() {
        let table: [([u8; 8], bool); 6] = [
            ([131, 7, 4, 1, 2, 3, 4, 0], true),
            ([1, 137, 7, 4, 1, 2, 3, 4], true),
            ([131, 7, 8, 1, 2, 3, 4, 0], false),
            ([0, 131, 7, 4, 1, 2, 3, 4], false),
            ([148, 4, 0, 0, 1, 1, 1, 1], false),
            ([148, 0, 131, 7, 4, 1, 2, 3], false),
        ];
        for (options, expected) in table {
            let mut packet = packet();
            packet[0] = 0x47;
            packet[20..28].copy_from_slice(&options);
            assert_eq!(parse(&packet, 80).unwrap().rerouted, expected, "{options:?}");
        }
    }
}
