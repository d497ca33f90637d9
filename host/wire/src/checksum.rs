//! The internet checksum (RFC 1071) of IPv4 headers and TCP segments.

use crate::address::IpAddress;
use crate::ip::{IpHeader, PROTOCOL_TCP, PROTOCOL_UDP};
use crate::packet::{Headers, Transport};

/// What a checksum says about a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum ChecksumStatus {
    /// It is that of the bytes.
    Valid,
    /// It is not.
    Invalid,
    /// Bytes that it covers are not there: the snap length cut them, they are in another fragment, a routing
    /// header hides an address. Also for all protocols but TCP.
    Unverifiable,
}

/// What the checksums of a parsed frame say about its TCP segment: that of the IPv4 header, if it has one, and that over
/// the segment. `frame` is what `headers` were parsed from.
#[inline]
#[must_use]
pub fn segment_valid(headers: &Headers, frame: &[u8]) -> ChecksumStatus {
    if headers.tcp().is_none() {
        return ChecksumStatus::Unverifiable;
    }
    if let Some(status) = plain_valid(headers, frame) {
        return status;
    }
    let header = frame.get(usize::from(headers.ip_offset)..).unwrap_or(&[]);
    let is_v4 = header.first().is_some_and(|first| first >> 4 == 4);
    if is_v4 && !ipv4_header_valid(header) {
        return ChecksumStatus::Invalid;
    }
    transport_valid(headers, frame)
}

/// As [`segment_valid`], of a segment in IPv4 without options of which all was captured; `None` for others.
///
/// All of it is read from the frame, where addresses and length lie together.
#[inline]
fn plain_valid(headers: &Headers, frame: &[u8]) -> Option<ChecksumStatus> {
    let datagram = frame.get(usize::from(headers.ip_offset)..)?;
    let fixed = datagram.first_chunk::<20>().filter(|fixed| fixed[0] == IPV4_NO_OPTIONS)?;
    if headers.is_carrier_damaged | headers.rerouted {
        return None;
    }
    let segment = datagram.get(20..usize::try_from(headers.ip_total_len).ok()?)?;
    let addresses: &[u8; 8] = fixed.last_chunk()?;
    if Sum::default().words(fixed).status() != ChecksumStatus::Valid {
        return Some(ChecksumStatus::Invalid);
    }
    let pseudo_header =
        Sum::default().words(addresses).protocol_and_len(PROTOCOL_TCP, headers.ip_payload_len());
    Some(pseudo_header.bytes(segment).status())
}

/// Version and length of an IPv4 header without options.
const IPV4_NO_OPTIONS: u8 = 0x45;

/// Whether the IPv4 header that `header` starts with has a correct checksum (RFC 791 section 3.1).
///
/// Bytes behind the header do not matter; a header that is cut or states less than 20 bytes is not valid.
#[inline]
#[must_use]
pub fn ipv4_header_valid(header: &[u8]) -> bool {
    let Some(fixed) = header.first_chunk::<20>() else { return false };
    if fixed[0] & 0x0f == 5 {
        // No options: nothing is to be counted.
        return Sum::default().words(fixed).status() == ChecksumStatus::Valid;
    }
    let len = usize::from(fixed[0] & 0x0f) << 2;
    match header.get(..len) {
        Some(header) if len >= 20 => Sum::default().bytes(header).status() == ChecksumStatus::Valid,
        _ => false,
    }
}

/// Verifies the TCP checksum of a parsed frame over the pseudo header of its IP version (RFC 9293 section 3.1,
/// RFC 8200 section 8.1). `frame` is what `headers` were parsed from. In a tunnel with a wrong checksum of its own
/// nothing is valid.
#[inline]
#[must_use]
pub fn transport_valid(headers: &Headers, frame: &[u8]) -> ChecksumStatus {
    let Transport::Tcp(tcp) = &headers.transport else {
        return ChecksumStatus::Unverifiable;
    };
    if headers.is_carrier_damaged {
        return ChecksumStatus::Invalid;
    }
    if headers.rerouted || tcp.captured_len != tcp.payload_len {
        return ChecksumStatus::Unverifiable;
    }
    let segment = headers.ip_payload(frame);
    pseudo_header(headers.source, headers.destination, PROTOCOL_TCP, headers.ip_payload_len())
        .bytes(segment)
        .status()
}

/// Verifies the UDP checksum of a datagram of `len` bytes (RFC 768); none, which is zero, is right in tunnels over IPv6
/// too (RFC 6935). `datagram` is what was captured of it.
pub(crate) fn udp_valid(ip: &IpHeader, datagram: &[u8], len: u32) -> ChecksumStatus {
    if ip.rerouted || u32::try_from(datagram.len()) != Ok(len) || datagram.get(6..8) == Some(&[0, 0]) {
        return ChecksumStatus::Unverifiable;
    }
    pseudo_header(ip.source, ip.destination, PROTOCOL_UDP, len).bytes(datagram).status()
}

/// Verifies the checksum over a GRE packet of `len` bytes, which has no pseudo header (RFC 2784 section 2.4).
/// `packet` is what was captured of it.
pub(crate) fn gre_valid(packet: &[u8], len: u32) -> ChecksumStatus {
    if u32::try_from(packet.len()) == Ok(len) {
        Sum::default().bytes(packet).status()
    } else {
        ChecksumStatus::Unverifiable
    }
}

/// The checksum to put into an IPv4 header whose checksum field is zero.
#[must_use]
pub fn ipv4_header_checksum(header: &[u8]) -> u16 {
    Sum::default().bytes(header).checksum()
}

/// The checksum to put into a TCP segment whose checksum field is zero.
///
/// `segment` is the header with its options and the payload, below 4 GiB.
#[must_use]
pub fn tcp_checksum(source: IpAddress, destination: IpAddress, segment: &[u8]) -> u16 {
    let len = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    pseudo_header(source, destination, PROTOCOL_TCP, len).bytes(segment).checksum()
}

/// The sum of the pseudo header of a segment of `len` bytes.
///
/// One form serves both versions: the 0xffff in a v4-mapped address is zero in one's complement, and the
/// other fields differ in their place only.
#[inline]
pub(crate) fn pseudo_header(source: IpAddress, destination: IpAddress, protocol: u8, len: u32) -> Sum {
    Sum::default().bytes(&source.0).bytes(&destination.0).protocol_and_len(protocol, len)
}

/// A one's complement sum of 16-bit words before it is folded.
///
/// Words are added in little-endian order; one's complement lets the swap wait until the end (RFC 1071 section 2 B).
/// The sum of 32-bit words in 64 bits overflows after 16 GiB at the earliest.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum(u64);

/// Bytes that are added at a time: four vectors of the oldest 64-bit machines.
const BLOCK: usize = 64;

/// Words of 64 bits in a block.
const LANES: usize = BLOCK / 8;

/// The two halves of a number, added.
#[inline]
const fn halves(number: u64) -> u64 {
    (number & 0xffff_ffff).wrapping_add(number >> 32)
}

/// The sum of all lanes, halved in number as long as it goes: whole vectors are added then.
#[inline]
fn total([a, b, c, d, e, f, g, h]: [u64; LANES]) -> u64 {
    let sum = u64::wrapping_add;
    let (first, second) = (sum(sum(a, c), sum(e, g)), sum(sum(b, d), sum(f, h)));
    sum(first, second)
}

impl Sum {
    /// Adds bytes; all but the last addition of a sum must have an even number of them.
    #[inline]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let (blocks, mut rest) = bytes.as_chunks::<BLOCK>();
        let mut sum = if blocks.is_empty() { self } else { self.blocks(blocks) };
        // What is left by halves: no loop for the few words of a header.
        if let Some((first, behind)) = rest.split_first_chunk::<32>() {
            (sum, rest) = (sum.words(first), behind);
        }
        if let Some((first, behind)) = rest.split_first_chunk::<16>() {
            (sum, rest) = (sum.words(first), behind);
        }
        if let Some((first, behind)) = rest.split_first_chunk::<8>() {
            (sum, rest) = (sum.words(first), behind);
        }
        if rest.is_empty() {
            return sum;
        }
        // The last eight bytes at once, without those that were added already.
        let last = match bytes.last_chunk::<8>() {
            Some(last) => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
            None => rest.iter().rfold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        Self(sum.0.wrapping_add(halves(last)))
    }

    /// Adds the protocol and length of a pseudo header.
    #[inline]
    fn protocol_and_len(self, protocol: u8, len: u32) -> Self {
        let protocol = u64::from(u16::from_le_bytes([0, protocol]));
        Self(self.0.wrapping_add(protocol).wrapping_add(u64::from(len.swap_bytes())))
    }

    /// Adds a few bytes.
    #[inline]
    fn words<const LEN: usize>(self, bytes: &[u8; LEN]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let words = words.iter().map(|word| u64::from(u32::from_le_bytes(*word)));
        Self(words.fold(self.0, u64::wrapping_add))
    }

    /// Adds many bytes.
    ///
    /// In lanes of 64 bits: one sum of the words as they are, whose carries are lost, and one of their high halves.
    /// The former without the latter is the exact sum of the low halves. That is four vector instructions for 16
    /// bytes, with nothing but what every 64-bit machine has; to take the halves apart first would be six.
    #[inline]
    fn blocks(self, blocks: &[[u8; BLOCK]]) -> Self {
        let (mut all, mut high) = ([0u64; LANES], [0u64; LANES]);
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            for ((all, high), word) in all.iter_mut().zip(&mut high).zip(words) {
                let word = u64::from_le_bytes(*word);
                *all = all.wrapping_add(word);
                *high = high.wrapping_add(word >> 32);
            }
        }
        let (all, high) = (total(all), total(high));
        let low = all.wrapping_sub(high << 32);
        Self(self.0.wrapping_add(low).wrapping_add(high))
    }

    /// The sum in 16 bits, in little-endian order.
    #[inline]
    pub(crate) fn fold(self) -> u16 {
        // Twice: the first sum of the halves may carry. Then the same with halves of 16 bits.
        let sum = halves(halves(self.0));
        let sum = (sum & 0xffff).wrapping_add(sum >> 16);
        let sum = (sum & 0xffff).wrapping_add(sum >> 16);
        u16::try_from(sum).unwrap_or(u16::MAX)
    }

    /// What a sum over everything, the checksum included, says.
    #[inline]
    fn status(self) -> ChecksumStatus {
        // To add halves is to take the remainder, and whether that is zero is a multiplication and a compare. A sum of
        // nothing but zeros is no checksum's.
        let is_right = self.0 != 0 && self.0.is_multiple_of(0xffff);
        if is_right { ChecksumStatus::Valid } else { ChecksumStatus::Invalid }
    }

    /// The complement of the sum, as a number: what is written big-endian into a header.
    fn checksum(self) -> u16 {
        (!self.fold()).swap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::{self, IPV4, ethernet, gre, ipv4, ipv6, udp, vxlan};
    use crate::{LinkType, parse};

    /// RFC 1071's definition, word by word.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        let sum = Sum::default().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.fold().swap_bytes(), 0xddf2);
        assert_eq!(sum.checksum(), !0xddf2);
    }

    #[test]
    fn every_length_sums_as_the_definition_says() {
        let bytes: Vec<u8> = (0..300u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for len in 0..bytes.len() {
            let expected = naive(&bytes[..len]);
            let sum = Sum::default().bytes(&bytes[..len]);
            assert_eq!(sum.fold().swap_bytes(), expected, "{len}");
            assert_eq!(sum.status() == ChecksumStatus::Valid, expected == 0xffff, "{len}");
        }
        let ones = [0xff; 65_536];
        assert_eq!(Sum::default().bytes(&ones).fold(), 0xffff);
        assert_eq!(Sum::default().bytes(&ones).status(), ChecksumStatus::Valid);
        assert_eq!(Sum::default().bytes(&[0; 300]).status(), ChecksumStatus::Invalid);
    }

    #[test]
    fn an_ipv4_header_is_valid_until_a_bit_changes() {
        // The header of the example in Wikipedia's article on the IPv4 header checksum.
        let header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert!(ipv4_header_valid(&header));
        assert!(ipv4_header_valid(&[&header[..], &[1, 2, 3]].concat()));
        for bit in 8..160 {
            let mut changed = header;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!ipv4_header_valid(&changed), "{bit}");
        }
        for len in 0..20 {
            assert!(!ipv4_header_valid(&header[..len]));
        }
        assert!(!ipv4_header_valid(&[0; 20]));
    }

    #[test]
    fn the_pseudo_header_of_ipv4_equals_its_mapped_form() {
        let (source, destination) = ([192, 0, 2, 1], [198, 51, 100, 7]);
        let ipv4 = [&source[..], &destination[..], &[0, 6, 0, 20]].concat();
        let mapped = pseudo_header(IpAddress::v4(source), IpAddress::v4(destination), PROTOCOL_TCP, 20);
        assert_eq!(mapped.fold().swap_bytes(), naive(&ipv4));
    }

    /// What a segment's checksums say by the definition, one after the other.
    fn apart(headers: &Headers, frame: &[u8]) -> ChecksumStatus {
        let header = &frame[usize::from(headers.ip_offset)..];
        let is_right = header[0] >> 4 != 4 || naive(&header[..usize::from(header[0] & 15) * 4]) == 0xffff;
        if headers.tcp().is_none() || is_right {
            transport_valid(headers, frame)
        } else {
            ChecksumStatus::Invalid
        }
    }

    #[test]
    fn both_checksums_at_once_are_both_of_them_whatever_bit_changes_and_wherever_a_frame_is_cut() {
        let inner = wrap::tcp(4);
        let mut long = inner.clone();
        long[0] = 0x46;
        long.splice(20..20, [1, 1, 1, 1]);
        let frames =
            [ethernet(IPV4, &inner), ethernet(IPV4, &ipv4(4, &inner)), ethernet(IPV4, &long), wrap::tcp(6)];
        let mut seen = std::collections::HashSet::new();
        for (link, frame) in [LinkType::Ethernet; 3].into_iter().chain([LinkType::RawIp]).zip(frames) {
            let mut compare = |frame: &[u8], wire_len: usize| {
                let Ok(headers) = parse(link, frame, u32::try_from(wire_len).unwrap()) else { return };
                let status = segment_valid(&headers, frame);
                assert_eq!(status, apart(&headers, frame), "{frame:02x?}");
                seen.insert(status);
            };
            for bit in 0..frame.len() * 8 {
                let mut changed = frame.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                compare(&changed, frame.len());
            }
            for cut in 0..=frame.len() {
                compare(&frame[..cut], frame.len());
                compare(&[&frame[..cut], &[0; 7]].concat(), frame.len() + 7);
            }
        }
        assert_eq!(seen.len(), 3, "valid, invalid and unverifiable ones");
    }

    #[test]
    fn a_tunnel_with_a_wrong_checksum_of_its_own_makes_the_segment_invalid() {
        let inner = wrap::tcp(4);
        let frame = ethernet(IPV4, &inner);
        let mut header = ipv4(4, &inner);
        header[11] ^= 1;
        let mut checked = ipv4(47, &gre(0x8000, 0, IPV4, &inner));
        checked[25] ^= 1;
        let mut outermost = ipv4(47, &gre(0, 0, IPV4, &ipv4(4, &inner)));
        outermost[11] ^= 1;
        let mut summed = udp(4789, &vxlan(5, &frame));
        summed[7] = 1;
        for datagram in [header, checked, outermost, ipv4(17, &summed), ipv6(17, &summed)] {
            let headers = parse(LinkType::RawIp, &datagram, 0).unwrap();
            assert!(headers.is_carrier_damaged && headers.tcp().is_some());
            assert_eq!(transport_valid(&headers, &datagram), ChecksumStatus::Invalid);
        }
    }
}
