//! Changing a captured packet: the lengths that its headers state, and its checksums.
//!
//! Who changes bytes of a packet says with [`write_lengths`] how long things are then, looks with
//! [`parse`](crate::parse) whether it is the packet that was meant, and calls [`amend_checksums`] once at the end.

use crate::checksum::{Sum, pseudo_header};
use crate::ip::{PROTOCOL_TCP, PROTOCOL_UDP};
use crate::packet::Headers;

const IPV6_LEN: u32 = 40;

/// What the headers of a packet without tunnels are to say about lengths, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lengths {
    /// Where the IP header starts in the frame.
    pub ip_offset: u16,
    /// Of the IP header with its options or extension headers. Written for IPv4 only, a multiple of 4 from 20 to 60.
    pub ip_header_len: u16,
    /// Of the datagram from the IP header on, at most 65,535, and 40 more for IPv6.
    pub ip_total_len: u32,
    /// Of the TCP header with its options, a multiple of 4 from 20 to 60; `None` for what is not TCP.
    pub tcp_header_len: Option<u8>,
}

/// Writes lengths into the headers of `frame`. `None` for what no header can say, or if the headers are not there; what
/// `frame` holds then is unspecified.
#[must_use]
pub fn write_lengths(frame: &mut [u8], lengths: &Lengths) -> Option<()> {
    let packet = frame.get_mut(usize::from(lengths.ip_offset)..)?;
    match packet.first()? >> 4 {
        4 => {
            let words =
                u8::try_from(lengths.ip_header_len >> 2).ok().filter(|words| (5..=15).contains(words))?;
            let total_len = u16::try_from(lengths.ip_total_len).ok()?;
            *packet.first_mut()? = 0x40 | words;
            packet.get_mut(2..4)?.copy_from_slice(&total_len.to_be_bytes());
        }
        6 => {
            let payload_len = u16::try_from(lengths.ip_total_len.checked_sub(IPV6_LEN)?).ok()?;
            packet.get_mut(4..6)?.copy_from_slice(&payload_len.to_be_bytes());
        }
        _ => return None,
    }
    if let Some(len) = lengths.tcp_header_len {
        let words = len >> 2;
        let byte = packet.get_mut(usize::from(lengths.ip_header_len).checked_add(12)?)?;
        *byte = *byte & 0x0f | words.checked_mul(16).filter(|_| (5..=15).contains(&words))?;
    }
    Some(())
}

/// Brings the checksums of a changed packet up to date: of the IPv4 header, and of TCP or UDP.
///
/// `before` and `after` are the packet's headers and frame; both carry the same protocol without a tunnel. The
/// checksums of `before` are changed by the difference of the sums (RFC 1624), so that a right one is right afterwards
/// and a wrong one stays wrong: no change hides damage. Bytes that the snap length cut count as unchanged, and must
/// stand where they stood. A UDP checksum of zero, none, stays zero (RFC 768).
///
/// `None`, with `after` unspecified, if the headers are not those of the frames.
#[must_use]
pub fn amend_checksums(before: (&Headers, &[u8]), after: (&Headers, &mut [u8])) -> Option<()> {
    let ((old, old_frame), (new, frame)) = (before, after);
    if new.source.is_v4() {
        let header = |headers: &Headers| {
            let start = usize::from(headers.ip_offset);
            Some(start..start.checked_add(usize::from(headers.ip_header_len))?)
        };
        let was = Checked { bytes: old_frame.get(header(old)?)?, field: 10, around: Sum::default() };
        let bytes = frame.get_mut(header(new)?)?;
        let checksum = was.amended(&Checked { bytes, field: 10, around: Sum::default() })?;
        bytes.get_mut(10..12)?.copy_from_slice(&checksum);
    }
    let field = match new.protocol {
        PROTOCOL_TCP => 16,
        PROTOCOL_UDP => 6,
        _ => return Some(()),
    };
    let was = Checked { bytes: old.ip_payload(old_frame), field, around: around(old) };
    if new.protocol == PROTOCOL_UDP && was.checksum()? == [0, 0] {
        return Some(());
    }
    let mut checksum = was.amended(&Checked { bytes: new.ip_payload(frame), field, around: around(new) })?;
    if new.protocol == PROTOCOL_UDP && checksum == [0, 0] {
        checksum = [0xff, 0xff];
    }
    let start = usize::try_from(new.transport_offset()).ok()?.checked_add(field)?;
    frame.get_mut(start..)?.first_chunk_mut::<2>().map(|place| *place = checksum)
}

/// The pseudo header of a segment or datagram.
fn around(headers: &Headers) -> Sum {
    pseudo_header(headers.source, headers.destination, headers.protocol, headers.ip_payload_len())
}

/// Bytes with a checksum over them.
struct Checked<'a> {
    bytes: &'a [u8],
    /// Where it is, even.
    field: usize,
    /// What else it covers.
    around: Sum,
}

impl Checked<'_> {
    fn checksum(&self) -> Option<[u8; 2]> {
        self.bytes.get(self.field..)?.first_chunk().copied()
    }

    /// The sum of everything but the checksum.
    fn sum(&self) -> Option<u16> {
        let (before, behind) = self.bytes.split_at_checked(self.field)?;
        Some(self.around.bytes(before).bytes(behind.get(2..)?).fold())
    }

    /// The checksum of `new`, given that of `self` (RFC 1624 section 3, equation 3).
    fn amended(&self, new: &Checked<'_>) -> Option<[u8; 2]> {
        let old_checksum = u16::from_le_bytes(self.checksum()?);
        let (old_sum, new_sum) = (self.sum()?, new.sum()?);
        let words = [!old_checksum, !old_sum, new_sum];
        let sum = words.iter().fold(Sum::default(), |sum, word| sum.bytes(&word.to_le_bytes()));
        Some((!sum.fold()).to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::{self, IPV4};
    use crate::{ChecksumStatus, IpAddress, LinkType, Segment, ipv4_header_valid, parse, transport_valid};

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 200];
        let segment = Segment { payload, options: &[1, 1, 1, 1], ..Segment::default() };
        let len = segment.write_frame(&mut frame).unwrap();
        frame.truncate(len);
        frame
    }

    fn parsed(frame: &[u8]) -> Headers {
        parse(LinkType::Ethernet, frame, u32::try_from(frame.len()).unwrap()).unwrap()
    }

    fn amended(before: &[u8], mut after: Vec<u8>) -> Vec<u8> {
        let (old, new) = (parsed(before), parsed(&after));
        amend_checksums((&old, before), (&new, &mut after)).unwrap();
        after
    }

    fn is_right(frame: &[u8]) -> bool {
        let headers = parsed(frame);
        ipv4_header_valid(&frame[14..]) && transport_valid(&headers, frame) == ChecksumStatus::Valid
    }

    #[test]
    fn any_byte_may_change_and_right_checksums_stay_right() {
        let whole = frame(b"hello, world");
        // What parsing depends on stays: EtherType, version and lengths, fragment, protocol, data offset.
        let kept = [12, 13, 14, 16, 17, 20, 21, 23, 46];
        for place in (0..whole.len()).filter(|place| !kept.contains(place)) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[place] = value;
                assert!(is_right(&amended(&whole, changed)), "{place} {value}");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_stays_wrong() {
        for field in [24, 50] {
            let mut whole = frame(b"hello");
            whole[field] ^= 0x10;
            let mut changed = whole.clone();
            changed[30] = 9;
            assert!(!is_right(&amended(&whole, changed)));
        }
    }

    #[test]
    fn a_cut_segment_has_the_checksum_of_the_whole_one() {
        let mut whole = frame(b"hello, world");
        let cut = whole.len() - 7;
        let before = parse(LinkType::Ethernet, &whole[..cut], u32::try_from(whole.len()).unwrap()).unwrap();
        let old = whole.clone();
        whole[30..34].copy_from_slice(&[10, 1, 2, 3]);
        whole[61] = b'x';
        let after = parse(LinkType::Ethernet, &whole[..cut], u32::try_from(whole.len()).unwrap()).unwrap();
        amend_checksums((&before, &old[..cut]), (&after, &mut whole[..cut])).unwrap();
        assert!(is_right(&whole));
    }

    #[test]
    fn lengths_are_written_where_the_versions_have_them() {
        let mut whole = frame(b"hello");
        let lengths =
            Lengths { ip_offset: 14, ip_header_len: 20, ip_total_len: 47, tcp_header_len: Some(20) };
        write_lengths(&mut whole, &lengths).unwrap();
        let headers = parse(LinkType::Ethernet, &whole, 100).unwrap();
        assert_eq!((headers.ip_total_len, headers.tcp().unwrap().header_len), (47, 20));
        let source = IpAddress([0x20; 16]);
        let segment = Segment { source, destination: source, payload: b"hello", ..Segment::default() };
        let mut six = vec![0; 200];
        let len = segment.write_frame(&mut six).unwrap();
        let lengths = Lengths { ip_header_len: 40, ip_total_len: 62, ..lengths };
        write_lengths(&mut six, &lengths).unwrap();
        assert_eq!(parsed(&six[..len]).ip_total_len, 62);
    }

    #[test]
    fn what_no_header_can_say_is_refused() {
        let lengths =
            Lengths { ip_offset: 14, ip_header_len: 20, ip_total_len: 49, tcp_header_len: Some(24) };
        let table = [
            Lengths { ip_header_len: 16, ..lengths },
            Lengths { ip_header_len: 64, ..lengths },
            Lengths { ip_total_len: 65_536, ..lengths },
            Lengths { tcp_header_len: Some(16), ..lengths },
            Lengths { tcp_header_len: Some(64), ..lengths },
            Lengths { ip_offset: 12, ..lengths },
            Lengths { ip_offset: 9_000, ..lengths },
        ];
        for lengths in table {
            assert_eq!(write_lengths(&mut frame(b"hello"), &lengths), None, "{lengths:?}");
        }
    }

    #[test]
    fn udp_without_a_checksum_gets_none() {
        let udp = wrap::udp(2000, b"question");
        let whole = wrap::ethernet(IPV4, &wrap::ipv4(17, &udp));
        let mut changed = whole.clone();
        changed[35] ^= 1;
        assert_eq!(whole[40..42], [0, 0]);
        assert_eq!(amended(&whole, changed)[40..42], [0, 0]);
    }
}
