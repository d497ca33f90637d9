//! The plain frame: what nearly all of the traffic is, parsed without a look around.
//!
//! Ethernet without tags, IPv4 without options, whole, TCP. All that decides is at fixed places, so one look at the
//! length of the frame is enough for all of it. Options of TCP are nearly always none, or timestamps in their usual
//! layout; others, which every SYN has, are read apart.

use crate::address::IpAddress;
use crate::encapsulation::Encapsulation;
use crate::flags::TcpFlags;
use crate::ip::PROTOCOL_TCP;
use crate::options::TcpOptions;
use crate::packet::{Headers, Transport};
use crate::seq::SeqNumber;
use crate::tcp::TcpHeader;

/// Where the IP header starts.
const IP: u16 = 14;

/// Where the TCP header starts.
const TCP: u16 = 34;

/// Bytes of an IP header and of a TCP header without options.
const FIXED: u16 = 20;

/// What all plain frames have in common: EtherType, version and length of the IP header.
const IPV4_PLAIN: [u8; 3] = [0x08, 0x00, 0x45];

/// Parses an Ethernet frame into `headers` if it is a plain one, to what [`parse_into`](crate::parse_into) would make
/// of it; false, with no meaning in `headers`, if it is another one or a wrong one. `frame_len` are its bytes on the
/// wire, no fewer than were captured.
#[inline]
pub(crate) fn parse_plain(frame: &[u8], frame_len: u32, headers: &mut Headers) -> bool {
    let Some(fixed) = frame.first_chunk::<54>() else { return false };
    let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let address = |at: usize| IpAddress::v4([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let (total_len, fragment, header_len) = (word(16), word(20) & 0x3fff, u16::from(fixed[46] & 0xf0) >> 2);
    let is_plain =
        [fixed[12], fixed[13], fixed[14]] == IPV4_PLAIN && fixed[23] == PROTOCOL_TCP && fragment == 0;
    // Both lengths at once: a sum of two headers that fits.
    let fits = header_len >= FIXED
        && total_len >= header_len.saturating_add(FIXED)
        && u32::from(total_len).saturating_add(u32::from(IP)) <= frame_len;
    if !is_plain || !fits {
        return false;
    }
    let (segment_len, payload_start) = (total_len.saturating_sub(FIXED), TCP.saturating_add(header_len));
    let Some(option_bytes) = frame.get(54..usize::from(payload_start)) else { return false };
    let options = TcpOptions::usual(option_bytes);
    let captured_len =
        u32::try_from(frame.len()).unwrap_or(u32::MAX).saturating_sub(u32::from(payload_start));
    let payload_len = u32::from(segment_len.saturating_sub(header_len));
    headers.encapsulation = Encapsulation::NONE;
    headers.ip_offset = IP;
    headers.ip_header_len = FIXED;
    headers.ip_total_len = u32::from(total_len);
    headers.source = address(26);
    headers.destination = address(30);
    headers.ttl = fixed[22];
    headers.protocol = PROTOCOL_TCP;
    headers.rerouted = false;
    headers.is_carrier_damaged = false;
    headers.fragment = None;
    headers.transport = Transport::Tcp(TcpHeader {
        source_port: word(34),
        destination_port: word(36),
        seq: SeqNumber(long(38)),
        ack: SeqNumber(long(42)),
        flags: TcpFlags(fixed[47]),
        window: word(48),
        checksum: word(50),
        urgent: word(52),
        header_len: fixed[46] >> 4 << 2,
        options: options.unwrap_or(TcpOptions::NONE),
        payload_offset: u32::from(payload_start),
        payload_len,
        captured_len: captured_len.min(payload_len),
    });
    if options.is_none() {
        read_options(option_bytes, headers);
    }
    true
}

/// Reads options of another than the usual layout.
#[inline(never)]
fn read_options(bytes: &[u8], headers: &mut Headers) {
    if let Transport::Tcp(tcp) = &mut headers.transport {
        tcp.options = TcpOptions::parse(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::parse_any_into;
    use crate::{LinkType, Segment};

    /// What the long way makes of a frame.
    fn parsed(frame: &[u8], wire_len: u32) -> Option<Headers> {
        let mut headers = Headers::EMPTY;
        parse_any_into(LinkType::Ethernet, frame, wire_len, &mut headers).ok().map(|()| headers)
    }

    /// As the long way, or not at all; whether it was a plain frame.
    fn agrees(frame: &[u8], wire_len: u32) -> bool {
        let mut headers = Headers::EMPTY;
        let frame_len = wire_len.max(u32::try_from(frame.len()).unwrap());
        let is_plain = parse_plain(frame, frame_len, &mut headers);
        assert!(!is_plain || Some(headers) == parsed(frame, wire_len), "{frame:02x?} {wire_len}");
        is_plain
    }

    fn frame(options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 200];
        let len = Segment { options, payload, ..Segment::default() }.write_frame(&mut frame).unwrap();
        frame.truncate(len);
        frame
    }

    const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

    /// What Linux has in a SYN.
    const OF_SYN: [u8; 20] = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];

    #[test]
    fn segments_are_plain_whatever_their_options() {
        for options in [&[][..], &TIMESTAMPS[..], &OF_SYN[..], &[1, 1, 1, 0], &[2, 4, 5, 180]] {
            for payload in [&b""[..], b"hello"] {
                assert!(agrees(&frame(options, payload), 0), "{options:?}");
            }
        }
        let padded = [&frame(&TIMESTAMPS, b"hello")[..], &[0xaa; 30]].concat();
        assert!(agrees(&padded, 0) && agrees(&padded, 500));
    }

    #[test]
    fn any_cut_is_parsed_as_on_the_long_way() {
        for options in [&[][..], &TIMESTAMPS[..], &OF_SYN[..]] {
            let whole = frame(options, b"hello");
            let len = u32::try_from(whole.len()).unwrap();
            for cut in 0..=whole.len() {
                for wire_len in [0, len, len + 9] {
                    agrees(&whole[..cut], wire_len);
                }
            }
            assert!(agrees(&whole[..whole.len() - 5], len), "a snap length that cuts payload");
        }
    }

    /// Each byte of the headers at each value, and random pairs of them.
    #[test]
    fn any_change_is_parsed_as_on_the_long_way() {
        let mut random = 7u64;
        for options in [&[][..], &TIMESTAMPS[..], &OF_SYN[..]] {
            let whole = frame(options, b"hello");
            for place in 0..74.min(whole.len()) {
                for value in 0..=255 {
                    let mut changed = whole.clone();
                    changed[place] = value;
                    agrees(&changed, 0);
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let [other, value, ..] = random.to_be_bytes();
                    changed[12 + usize::from(other) % 42] = value;
                    agrees(&changed, u32::from(other));
                }
            }
        }
    }
}
