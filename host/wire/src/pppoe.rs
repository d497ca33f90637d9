//! PPPoE sessions (RFC 2516), and the PPP frames in them and elsewhere.

use crate::encapsulation::{IpVersion, Network, unwrap_labels};
use crate::error::ParseError;
use crate::tunnel::Layer;

const HEADER_LEN: u16 = 6;

/// Version 1, type 1, and the code of a session.
const SESSION: [u8; 2] = [0x11, 0x00];

const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;

/// Follows the PPPoE header at `offset` to the IP header. The session is part of the encapsulation, the length bounds
/// the datagram: what lies behind it is padding.
pub(crate) fn unwrap(frame: &[u8], offset: u16, network: &mut Network) -> Result<(), ParseError> {
    let rest = frame.get(usize::from(offset)..).unwrap_or_default();
    let [version, code, session_high, session_low, len_high, len_low] =
        *rest.first_chunk::<6>().ok_or(ParseError::LinkTruncated)?;
    if [version, code] != SESSION {
        return Err(ParseError::NotIp);
    }
    network.pass()?;
    let start = offset.saturating_add(HEADER_LEN);
    let len = u16::from_be_bytes([len_high, len_low]);
    let end = u32::from(start).saturating_add(u32::from(len));
    if end > network.end {
        return Err(ParseError::TunnelLength);
    }
    network.end = end;
    let session = u16::from_be_bytes([session_high, session_low]);
    network.encapsulation.tunnel = network.encapsulation.tunnel.within(Layer::Pppoe, u32::from(session));
    unwrap_ppp(frame, start, network)
}

/// Follows the PPP protocol number at `offset` to the IP header.
pub(crate) fn unwrap_ppp(frame: &[u8], offset: u16, network: &mut Network) -> Result<(), ParseError> {
    let rest = frame.get(usize::from(offset)..).unwrap_or_default();
    // Address and control, which PPPoE leaves out and PPTP need not (RFC 1662 section 3.1).
    let (rest, control_len) = rest.strip_prefix(&[0xff, 0x03]).map_or((rest, 0), |rest| (rest, 2));
    let (protocol, protocol_len) = match *rest {
        // A protocol number is odd; an odd first byte is one without its upper byte (RFC 1661 section 6.5).
        [low, ..] if low & 1 == 1 => (u16::from(low), 1),
        [high, low, ..] => (u16::from_be_bytes([high, low]), 2),
        _ => return Err(ParseError::LinkTruncated),
    };
    let start = offset.saturating_add(control_len).saturating_add(protocol_len);
    if u32::from(start) > network.end {
        return Err(ParseError::TunnelLength);
    }
    match protocol {
        PPP_IPV4 => network.found(IpVersion::V4, start),
        PPP_IPV6 => network.found(IpVersion::V6, start),
        PPP_MPLS => return unwrap_labels(frame, start, network),
        _ => return Err(ParseError::NotIp),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::wrap::{self, ethernet, pppoe, vlan};
    use crate::{
        ChecksumStatus, Encapsulation, Headers, LinkType, ParseError, Transport, parse, transport_valid,
    };

    fn parsed(frame: &[u8]) -> Result<Headers, ParseError> {
        parse(LinkType::Ethernet, frame, u32::try_from(frame.len()).unwrap())
    }

    #[test]
    fn sessions_lead_to_their_datagram_below_any_tags() {
        for (version, protocol) in [(4, 0x0021), (6, 0x0057)] {
            let session = pppoe(9, protocol, &wrap::tcp(version));
            let table = [
                ethernet(0x8864, &session),
                ethernet(0x8100, &vlan(5, 0x8864, &session)),
                ethernet(0x88a8, &vlan(7, 0x8100, &vlan(5, 0x8864, &session))),
            ];
            for frame in table {
                let headers = parsed(&frame).unwrap();
                assert_eq!(headers.tcp().unwrap().payload(&frame), b"hello");
                assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Valid);
                assert_eq!(headers.encapsulation.tunnel.number(), 2 << 32 | 9);
            }
        }
    }

    #[test]
    fn protocol_numbers_of_one_byte_and_labels_are_followed() {
        let datagram = wrap::tcp(4);
        let short = [&[0x11, 0, 0, 9, 0, 46, 0x21][..], &datagram].concat();
        let labelled = pppoe(9, 0x0281, &[&[0, 1, 1, 64][..], &datagram].concat());
        for (session, mpls) in [(short, Encapsulation::NONE.mpls), (labelled, 16)] {
            let frame = ethernet(0x8864, &session);
            let headers = parsed(&frame).unwrap();
            assert_eq!(headers.tcp().unwrap().payload(&frame), b"hello");
            assert_eq!(headers.encapsulation.mpls, mpls);
        }
    }

    #[test]
    fn padding_behind_the_session_is_no_payload_and_lengths_that_lie_are_refused() {
        let frame = ethernet(0x8864, &pppoe(9, 0x0021, &wrap::tcp(4)));
        // Behind the Ethernet header: PPPoE's length is 47, IP's 45.
        let table = [
            (47, 45, Ok(5)),
            (48, 45, Ok(5)),
            (49, 45, Err(ParseError::TunnelLength)),
            (46, 45, Err(ParseError::IpTotalLength)),
            (47, 46, Err(ParseError::IpTotalLength)),
            (47, 44, Ok(4)),
            (1, 45, Err(ParseError::TunnelLength)),
            (0, 45, Err(ParseError::TunnelLength)),
            // What offload leaves out, the session tells.
            (47, 0, Ok(5)),
        ];
        for (session, ip, expected) in table {
            let mut frame = [&frame[..], &[0xaa]].concat();
            frame[19] = session;
            frame[25] = ip;
            let found = parsed(&frame).map(|headers| headers.tcp().unwrap().payload_len);
            assert_eq!(found, expected, "{session} {ip}");
        }
    }

    #[test]
    fn what_is_no_ip_session_is_named_so() {
        let datagram = wrap::tcp(4);
        let table = [
            pppoe(9, 0xc021, &datagram),
            pppoe(9, 0x8021, &datagram),
            [&[0x21, 0][..], &pppoe(9, 0x0021, &datagram)[2..]].concat(),
            [&[0x11, 0xa7][..], &pppoe(9, 0x0021, &datagram)[2..]].concat(),
        ];
        for session in table {
            assert_eq!(parsed(&ethernet(0x8864, &session)), Err(ParseError::NotIp));
        }
    }

    #[test]
    fn a_cut_header_is_truncated_and_fragments_stay_fragments() {
        let mut frame = ethernet(0x8864, &pppoe(9, 0x0021, &wrap::tcp(4)));
        let wire_len = u32::try_from(frame.len()).unwrap();
        for len in 14..22 {
            let found = parse(LinkType::Ethernet, &frame[..len], wire_len);
            assert_eq!(found, Err(ParseError::LinkTruncated), "{len}");
        }
        frame[28] = 0x20;
        assert_eq!(parsed(&frame).map(|headers| headers.transport), Ok(Transport::Fragment));
    }
}
