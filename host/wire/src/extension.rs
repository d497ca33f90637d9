//! IPv6 extension headers (RFC 8200 section 4), the jumbo payload option (RFC 2675).

use crate::error::ParseError;
use crate::ip::{Fragment, IpHeader};

/// Extension headers that may precede the transport header.
///
/// RFC 8200 section 4.1 recommends at most seven; a chain that does not end only makes us loop.
pub const EXTENSION_HEADERS_MAX: usize = 8;

pub(crate) const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// Whether [`walk`] looks behind a header with this number.
#[inline]
pub(crate) const fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        HOP_BY_HOP
            | ROUTING
            | FRAGMENT
            | AUTHENTICATION
            | DESTINATION_OPTIONS
            | MOBILITY
            | HOST_IDENTITY
            | SHIM6
    )
}

/// Advances `ip` over the extension headers behind its fixed header to the transport header, or to the data of
/// a fragment. `payload_len` is what the fixed header states.
#[cold]
pub(crate) fn walk(
    packet: &[u8],
    wire_len: u32,
    payload_len: u16,
    ip: &mut IpHeader,
) -> Result<(), ParseError> {
    let mut jumbo = false;
    for position in 0..=EXTENSION_HEADERS_MAX {
        let kind = ip.protocol;
        if !is_extension(kind) {
            return Ok(());
        }
        if position == EXTENSION_HEADERS_MAX {
            break;
        }
        let header = extension_at(packet, ip)?;
        match kind {
            HOP_BY_HOP if position > 0 => return Err(ParseError::ExtensionHeader),
            HOP_BY_HOP => {
                let stated = options(header)?.jumbo;
                jumbo = stated.is_some();
                ip.total_len = datagram_len(ip.total_len, payload_len, stated, wire_len)?;
            }
            DESTINATION_OPTIONS => ip.rerouted |= options(header)?.home_address,
            // Segments left: the destination in the header is not the last one.
            ROUTING => ip.rerouted |= header.get(3).is_some_and(|left| *left > 0),
            FRAGMENT => ip.fragment = fragment(header),
            _ => {}
        }
        ip.protocol = header.first().copied().unwrap_or_default();
        // Eight headers of at most 2,048 bytes: this does not saturate.
        ip.header_len = ip.header_len.saturating_add(u16::try_from(header.len()).unwrap_or(u16::MAX));
        if ip.fragment.is_some() {
            return if jumbo { Err(ParseError::JumboLength) } else { Ok(()) };
        }
    }
    Err(ParseError::TooManyExtensionHeaders)
}

/// All bytes of the extension header that follows what `ip` covers.
fn extension_at<'a>(packet: &'a [u8], ip: &IpHeader) -> Result<&'a [u8], ParseError> {
    let start = usize::from(ip.header_len);
    let left = ip.total_len.saturating_sub(u32::from(ip.header_len));
    if left < 8 {
        return Err(ParseError::ExtensionHeader);
    }
    let rest = packet.get(start..).ok_or(ParseError::IpHeaderTruncated)?;
    let [_, units, ..] = *rest.first_chunk::<8>().ok_or(ParseError::IpHeaderTruncated)?;
    // The fixed fields of an authentication header are 12 bytes.
    let is_impossible = ip.protocol == AUTHENTICATION && units == 0;
    let len = header_len(ip.protocol, units);
    if is_impossible || u32::from(len) > left {
        return Err(ParseError::ExtensionHeader);
    }
    rest.get(..usize::from(len)).ok_or(ParseError::IpHeaderTruncated)
}

/// Bytes of an extension header of this kind whose length field holds `units`.
pub(crate) const fn header_len(kind: u8, units: u8) -> u16 {
    match kind {
        FRAGMENT => 8,
        // RFC 4302 section 2.2: in words of four bytes, minus two.
        AUTHENTICATION => (units as u16).saturating_add(2) << 2,
        _ => (units as u16).saturating_add(1) << 3,
    }
}

/// `None` for an atomic fragment, which is a datagram of its own (RFC 6946).
fn fragment(header: &[u8]) -> Option<Fragment> {
    let [_, _, high, low, id @ ..] = *header.first_chunk::<8>()?;
    let word = u16::from_be_bytes([high, low]);
    let fragment =
        Fragment { offset: u32::from(word & 0xfff8), more: word & 1 != 0, id: u32::from_be_bytes(id) };
    (fragment.offset > 0 || fragment.more).then_some(fragment)
}

/// Bytes of the whole datagram, by the fixed header or by the jumbo payload option.
fn datagram_len(
    by_header: u32,
    payload_len: u16,
    jumbo: Option<u32>,
    wire_len: u32,
) -> Result<u32, ParseError> {
    match (payload_len, jumbo) {
        (0, None) => Err(ParseError::IpTotalLength),
        (0, Some(stated)) if stated > u32::from(u16::MAX) => {
            // The fixed header does not count.
            stated.checked_add(40).filter(|total| *total <= wire_len).ok_or(ParseError::JumboLength)
        }
        (_, Some(_)) => Err(ParseError::JumboLength),
        (_, None) => Ok(by_header),
    }
}

/// What matters here of the options in a hop-by-hop or destination options header.
#[derive(Default)]
struct Options {
    /// The length of the payload of a jumbogram, in bytes (RFC 2675 section 2).
    jumbo: Option<u32>,
    /// Whether a home address replaces the source in checksums (RFC 6275 section 6.3).
    home_address: bool,
}

fn options(header: &[u8]) -> Result<Options, ParseError> {
    const PAD1: u8 = 0;
    const JUMBO: u8 = 0xc2;
    const HOME_ADDRESS: u8 = 0xc9;
    let mut found = Options::default();
    let mut rest = header.get(2..).unwrap_or_default();
    while let [kind, after_kind @ ..] = rest {
        if *kind == PAD1 {
            rest = after_kind;
            continue;
        }
        let [len, after_len @ ..] = after_kind else {
            return Err(ParseError::ExtensionHeader);
        };
        let (body, after) =
            after_len.split_at_checked(usize::from(*len)).ok_or(ParseError::ExtensionHeader)?;
        match *kind {
            JUMBO => {
                let value = body.try_into().map_err(|_| ParseError::JumboLength)?;
                found.jumbo = Some(u32::from_be_bytes(value));
            }
            HOME_ADDRESS => found.home_address = true,
            _ => {}
        }
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipv6;

    const TCP: u8 = 6;

    /// An IPv6 packet whose payload is `payload` and that states `payload_len`.
    fn packet(next: u8, payload_len: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(payload_len.to_be_bytes());
        packet.extend([next, 64]);
        packet.extend([0x20; 32]);
        packet.extend(payload);
        packet
    }

    fn parse(packet: &[u8], wire_len: u32) -> Result<IpHeader, ParseError> {
        let mut ip = IpHeader::EMPTY;
        ipv6::parse(packet, wire_len, &mut ip).map(|()| ip)
    }

    fn parsed(next: u8, payload: &[u8]) -> Result<IpHeader, ParseError> {
        let packet = packet(next, u16::try_from(payload.len()).unwrap(), payload);
        parse(&packet, u32::try_from(packet.len()).unwrap())
    }

    fn plain(next: u8) -> Vec<u8> {
        // PadN with four bytes.
        vec![next, 0, 1, 4, 0, 0, 0, 0]
    }

    #[test]
    fn chains_lead_to_the_transport_header() {
        let authentication = |next| vec![next, 4].into_iter().chain([0; 22]).collect::<Vec<u8>>();
        let long = |next| [vec![next, 2, 1, 20], vec![0; 20]].concat();
        let table: [(u8, Vec<Vec<u8>>, u8, u16); 9] = [
            (HOP_BY_HOP, vec![plain(TCP)], TCP, 48),
            (ROUTING, vec![plain(TCP)], TCP, 48),
            (DESTINATION_OPTIONS, vec![long(TCP)], TCP, 64),
            (AUTHENTICATION, vec![authentication(TCP)], TCP, 64),
            (HOP_BY_HOP, vec![plain(ROUTING), plain(DESTINATION_OPTIONS), plain(17)], 17, 64),
            (MOBILITY, vec![plain(59)], 59, 48),
            (HOST_IDENTITY, vec![plain(SHIM6), plain(TCP)], TCP, 56),
            // ESP hides what follows.
            (DESTINATION_OPTIONS, vec![plain(50)], 50, 48),
            (DESTINATION_OPTIONS, [vec![plain(DESTINATION_OPTIONS); 7], vec![plain(TCP)]].concat(), TCP, 104),
        ];
        for (next, chain, protocol, header_len) in table {
            let ip = parsed(next, &[chain.concat(), vec![0; 20]].concat()).unwrap();
            assert_eq!((ip.protocol, ip.header_len), (protocol, header_len), "{chain:?}");
            assert!(ip.fragment.is_none());
        }
    }

    #[test]
    fn chains_that_lie_are_refused() {
        let over = [vec![plain(DESTINATION_OPTIONS); 8], vec![plain(TCP)]].concat().concat();
        let table: [(u8, Vec<u8>, ParseError); 8] = [
            (DESTINATION_OPTIONS, over, ParseError::TooManyExtensionHeaders),
            (DESTINATION_OPTIONS, [plain(HOP_BY_HOP), plain(TCP)].concat(), ParseError::ExtensionHeader),
            (DESTINATION_OPTIONS, vec![TCP, 1, 1, 4, 0, 0, 0, 0], ParseError::ExtensionHeader),
            (DESTINATION_OPTIONS, vec![TCP, 0, 1, 4, 0, 0, 0], ParseError::ExtensionHeader),
            (DESTINATION_OPTIONS, vec![TCP, 0, 1, 5, 0, 0, 0, 0], ParseError::ExtensionHeader),
            (DESTINATION_OPTIONS, vec![TCP, 0, 1, 3, 0, 0, 0, 1], ParseError::ExtensionHeader),
            (AUTHENTICATION, vec![TCP, 0, 0, 0, 0, 0, 0, 0], ParseError::ExtensionHeader),
            (FRAGMENT, vec![TCP, 0, 0, 0, 0, 0], ParseError::ExtensionHeader),
        ];
        for (next, payload, error) in table {
            assert_eq!(parsed(next, &payload).err(), Some(error), "{next} {payload:?}");
        }
    }

    #[test]
    fn a_chain_cut_by_the_snap_length_is_truncated() {
        let packet = packet(HOP_BY_HOP, 28, &[plain(TCP), vec![0; 20]].concat());
        for len in 40..48 {
            assert_eq!(parse(&packet[..len], 68).err(), Some(ParseError::IpHeaderTruncated));
        }
        assert_eq!(parse(&packet[..48], 68).map(|ip| ip.header_len), Ok(48));
    }

    #[test]
    fn fragments_end_the_chain_and_atomic_ones_do_not() {
        let table = [
            ([0x00, 0x01], Some((0, true))),
            ([0x00, 0x08], Some((8, false))),
            ([0xff, 0xff], Some((65_528, true))),
            ([0x00, 0x00], None),
            ([0x00, 0x06], None),
        ];
        for (word, expected) in table {
            let header = [vec![DESTINATION_OPTIONS, 0], word.to_vec(), vec![1, 2, 3, 4]].concat();
            let ip = parsed(FRAGMENT, &[header, plain(TCP), vec![0; 20]].concat()).unwrap();
            assert_eq!(ip.fragment.map(|part| (part.offset, part.more)), expected);
            assert!(ip.fragment.is_none_or(|part| part.id == 0x0102_0304));
            let end = if expected.is_some() { (DESTINATION_OPTIONS, 48) } else { (TCP, 56) };
            assert_eq!((ip.protocol, ip.header_len), end);
        }
    }

    #[test]
    fn a_jumbogram_has_the_length_of_its_option() {
        let jumbo = |next, stated: u32| [vec![next, 0, 0xc2, 4], stated.to_be_bytes().to_vec()].concat();
        let table = [
            (0, 70_000, 70_040, Ok(70_040)),
            (0, 70_000, 80_000, Ok(70_040)),
            (0, 70_000, 70_039, Err(ParseError::JumboLength)),
            (0, 65_535, 80_000, Err(ParseError::JumboLength)),
            (0, u32::MAX, u32::MAX, Err(ParseError::JumboLength)),
            (28, 70_000, 80_000, Err(ParseError::JumboLength)),
        ];
        for (payload_len, stated, wire_len, expected) in table {
            let packet = packet(HOP_BY_HOP, payload_len, &[jumbo(TCP, stated), vec![0; 20]].concat());
            assert_eq!(parse(&packet, wire_len).map(|ip| ip.total_len), expected, "{stated}");
        }
        let fragmented = [jumbo(FRAGMENT, 70_000), vec![TCP, 0, 0, 1, 0, 0, 0, 0], vec![0; 20]].concat();
        let result = parse(&packet(HOP_BY_HOP, 0, &fragmented), 80_000);
        assert_eq!(result.err(), Some(ParseError::JumboLength));
        let without = packet(HOP_BY_HOP, 0, &[plain(TCP), vec![0; 20]].concat());
        assert_eq!(parse(&without, 80_000).err(), Some(ParseError::IpTotalLength));
        let short = packet(HOP_BY_HOP, 0, &[TCP, 0, 0xc2, 2, 0, 0, 0, 0]);
        assert_eq!(parse(&short, 80_000).err(), Some(ParseError::JumboLength));
    }

    #[test]
    fn headers_that_replace_an_address_are_told() {
        let left = |segments| vec![TCP, 0, 4, segments, 0, 0, 0, 0];
        let home = [vec![TCP, 2, 0xc9, 16], vec![0x20; 16], vec![1, 2, 0, 0]].concat();
        for (next, header, expected) in [
            (ROUTING, left(0), false),
            (ROUTING, left(1), true),
            (DESTINATION_OPTIONS, home, true),
            (DESTINATION_OPTIONS, plain(TCP), false),
        ] {
            let ip = parsed(next, &[header, vec![0; 20]].concat()).unwrap();
            assert_eq!(ip.rerouted, expected);
        }
    }
}
