//! From the header of a first fragment to that of the whole datagram.

use crate::checksum;
use crate::extension;

const IPV6_LEN: usize = 40;
const FRAGMENT_HEADER_LEN: usize = 8;

/// Makes the header of a first fragment the header of the whole datagram, in place, and gives the number of its bytes
/// that remain.
///
/// `header` is everything in front of the fragment's data: [`Headers::ip_header_len`](crate::Headers::ip_header_len)
/// bytes from [`Headers::ip_offset`](crate::Headers::ip_offset) on. `payload_len` are the bytes of the whole fragmented
/// part.
///
/// IPv4: options stay, the place in the datagram is cleared, the checksum is made anew (RFC 791 section 3.2). IPv6: the
/// fragment header, which is the last one, is cut off, and the header before it names what follows (RFC 8200 section
/// 4.5).
///
/// `None` when the datagram would be longer than its header can say, 65,535 bytes, or `header` is no such header. What
/// it holds then is unspecified.
#[must_use]
pub fn make_whole(header: &mut [u8], payload_len: usize) -> Option<usize> {
    match header.first()? >> 4 {
        4 => make_whole_v4(header, payload_len),
        6 => make_whole_v6(header, payload_len),
        _ => None,
    }
}

fn make_whole_v4(header: &mut [u8], payload_len: usize) -> Option<usize> {
    let total_len = u16::try_from(header.len().checked_add(payload_len)?).ok()?;
    header.get_mut(2..4)?.copy_from_slice(&total_len.to_be_bytes());
    header.get_mut(6..8)?.fill(0);
    header.get_mut(10..12)?.fill(0);
    let checksum = checksum::ipv4_header_checksum(header);
    header.get_mut(10..12)?.copy_from_slice(&checksum.to_be_bytes());
    Some(header.len())
}

fn make_whole_v6(header: &mut [u8], payload_len: usize) -> Option<usize> {
    let whole_len = header.len().checked_sub(FRAGMENT_HEADER_LEN)?;
    // Where the number of the header at `start` is written.
    let (mut number_at, mut start) = (6, IPV6_LEN);
    while start < whole_len {
        let (number, units) = (*header.get(number_at)?, *header.get(start.checked_add(1)?)?);
        number_at = start;
        start = start.checked_add(usize::from(extension::header_len(number, units)))?;
    }
    if start != whole_len {
        return None;
    }
    *header.get_mut(number_at)? = *header.get(start)?;
    let extensions_len = whole_len.checked_sub(IPV6_LEN)?;
    let stated = u16::try_from(extensions_len.checked_add(payload_len)?).ok()?;
    header.get_mut(4..6)?.copy_from_slice(&stated.to_be_bytes());
    Some(whole_len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, Transport, ipv4_header_valid, parse};

    /// An IPv6 header with the extension headers of `chain`, the last of which is the fragment header.
    fn six(next: u8, chain: &[u8]) -> Vec<u8> {
        let mut header = vec![0x60, 0, 0, 0, 0, 99, next, 64];
        header.extend([[0x20; 16], [0x21; 16]].concat());
        header.extend(chain);
        header
    }

    #[test]
    fn an_ipv4_header_keeps_its_options_and_loses_its_place() {
        let mut header =
            vec![0x46, 0, 0, 99, 7, 7, 0x20, 3, 64, 17, 9, 9, 192, 0, 2, 1, 192, 0, 2, 2, 1, 1, 1, 0];
        assert_eq!(make_whole(&mut header, 1000), Some(24));
        assert_eq!(header[2..4], 1024u16.to_be_bytes());
        assert_eq!(header[4..10], [7, 7, 0, 0, 64, 17]);
        assert_eq!(header[20..], [1, 1, 1, 0]);
        assert!(ipv4_header_valid(&header));
        assert_eq!(make_whole(&mut header, 65_511), Some(24));
        assert_eq!(make_whole(&mut header, 65_512), None);
    }

    #[test]
    fn an_ipv6_header_names_what_followed_the_fragment_header() {
        let fragment = [17, 0, 0, 1, 1, 2, 3, 4];
        let options = |next| [next, 0, 1, 4, 0, 0, 0, 0];
        let atomic = [44, 0, 0, 0, 9, 9, 9, 9];
        let authentication = [[44, 1, 0, 0, 0, 0, 0, 0], [0; 8]].concat();
        let long = [[44, 2, 1, 20], [0; 4]].concat();
        let table = [
            (44, fragment.to_vec(), 40, 6),
            (60, [options(44), fragment].concat(), 48, 40),
            (0, [options(60), options(44), fragment].concat(), 56, 48),
            (44, [atomic, fragment].concat(), 48, 40),
            // RFC 4302: three words of four bytes here.
            (51, [&authentication[..12], &fragment].concat(), 52, 40),
            (60, [&long[..], &[0; 16], &fragment].concat(), 64, 40),
        ];
        for (next, chain, len, number_at) in table {
            let mut header = six(next, &chain);
            assert_eq!(make_whole(&mut header, 32), Some(len), "{chain:?}");
            assert_eq!(header[number_at], 17);
            header.truncate(len);
            header.extend([0; 32]);
            let headers = parse(LinkType::RawIp, &header, 0).unwrap();
            assert_eq!((headers.transport, headers.protocol), (Transport::Other, 17));
            assert_eq!(headers.ip_payload_len(), 32);
        }
    }

    #[test]
    fn no_header_can_say_more_than_its_length_field() {
        let chain = [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 1, 2, 3, 4];
        assert_eq!(make_whole(&mut six(60, &chain), 65_527), Some(48));
        assert_eq!(make_whole(&mut six(60, &chain), 65_528), None);
        assert_eq!(make_whole(&mut six(44, &chain[8..]), usize::MAX), None);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [vec![], vec![0x60; 7], vec![0x50; 60], vec![0x40], six(44, &[]), six(60, &[1; 12])] {
            assert_eq!(make_whole(&mut bytes.clone(), 8), None, "{bytes:?}");
        }
    }
}
