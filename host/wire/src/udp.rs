//! Tunnels over UDP: VXLAN (RFC 7348), Geneve (RFC 8926).

use crate::ChecksumStatus;
use crate::checksum::udp_valid;
use crate::ip::IpHeader;
use crate::packet::clip;
use crate::tunnel::{Carried, ETHERTYPE_ETHERNET, Layer};

/// The UDP ports of VXLAN: IANA's, and the one that Linux had before and still takes by default.
const PORTS_VXLAN: [u16; 2] = [4789, 8472];
const PORT_GENEVE: u16 = 6081;

const UDP_LEN: u32 = 8;
const VXLAN_LEN: u32 = 8;
const GENEVE_LEN: u32 = 8;

/// Whether a UDP datagram goes to the port of a tunnel.
pub(crate) fn is_tunnel(payload: &[u8]) -> bool {
    destination_port(payload).is_some_and(|port| port == PORT_GENEVE || PORTS_VXLAN.contains(&port))
}

fn destination_port(payload: &[u8]) -> Option<u16> {
    let [_, _, high, low] = *payload.first_chunk::<4>()?;
    Some(u16::from_be_bytes([high, low]))
}

/// What a UDP datagram carries, by its destination port.
///
/// `payload` is what was captured of the datagram with its header, `len` are its bytes by the IP header `ip`. `None`
/// for UDP that is no tunnel, also by what its own header says.
pub(crate) fn parse(payload: &[u8], len: u32, ip: &IpHeader) -> Option<Carried> {
    let port = destination_port(payload)?;
    let (header, rest) = payload.split_first_chunk::<8>()?;
    let [_, _, _, _, len_high, len_low, ..] = *header;
    let end = u32::from(u16::from_be_bytes([len_high, len_low]));
    if end < UDP_LEN || end > len {
        return None;
    }
    let mut carried = if PORTS_VXLAN.contains(&port) {
        vxlan(rest)?
    } else if port == PORT_GENEVE {
        geneve(rest)?
    } else {
        return None;
    };
    carried.end = end;
    carried.checksum = udp_valid(ip, clip(payload, end), end);
    Some(carried)
}

/// A VXLAN header; its identifier counts only with the I flag, the other bits are to be ignored (RFC 7348 section 5).
fn vxlan(header: &[u8]) -> Option<Carried> {
    let [flags, _, _, _, vni @ .., _] = *header.first_chunk::<8>()?;
    (flags & 0x08 != 0).then_some(Carried {
        layer: Layer::Vxlan,
        id: network_identifier(vni),
        ethertype: ETHERTYPE_ETHERNET,
        start: UDP_LEN.saturating_add(VXLAN_LEN),
        end: 0,
        checksum: ChecksumStatus::Unverifiable,
    })
}

/// A Geneve header with its options, version 0; control packets carry no datagrams (RFC 8926 section 3.4).
fn geneve(header: &[u8]) -> Option<Carried> {
    let [version, flags, type_high, type_low, vni @ .., _] = *header.first_chunk::<8>()?;
    if version >> 6 != 0 || flags & 0x80 != 0 {
        return None;
    }
    let options_len = u32::from(version & 0x3f) << 2;
    Some(Carried {
        layer: Layer::Geneve,
        id: network_identifier(vni),
        ethertype: u16::from_be_bytes([type_high, type_low]),
        start: UDP_LEN.saturating_add(GENEVE_LEN).saturating_add(options_len),
        end: 0,
        checksum: ChecksumStatus::Unverifiable,
    })
}

fn network_identifier([high, middle, low]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, high, middle, low])
}

#[cfg(test)]
mod tests {
    use crate::wrap::{self, ETHERNET, IPV4, ethernet, geneve, gre, ipv4, ipv6, udp, vxlan};
    use crate::{Headers, LinkType, Transport, parse};

    fn parsed(datagram: &[u8]) -> Headers {
        parse(LinkType::RawIp, datagram, u32::try_from(datagram.len()).unwrap()).unwrap()
    }

    #[test]
    fn udp_is_a_tunnel_only_with_the_right_port_header_and_contents() {
        let frame = ethernet(IPV4, &wrap::tcp(4));
        let mut unflagged = vxlan(5, &frame);
        unflagged[0] = 0;
        let mut control = geneve(5, 0, ETHERNET, &frame);
        control[1] = 0x80;
        let mut version = geneve(5, 0, ETHERNET, &frame);
        version[0] = 0x40;
        let (mut short, mut long) = (udp(4789, &vxlan(5, &frame)), udp(4789, &vxlan(5, &frame)));
        short[5] = 7;
        long[5] += 1;
        let table = [
            udp(4788, &vxlan(5, &frame)),
            udp(4789, &unflagged),
            udp(4789, &vxlan(5, &ethernet(0x0806, &[0; 28]))),
            udp(4789, &vxlan(5, &frame[..13])),
            udp(4789, &vxlan(5, &frame[..30])),
            udp(4789, &vxlan(5, &ethernet(IPV4, &ipv4(6, &[0; 19])))),
            udp(4789, &vxlan(5, &ethernet(IPV4, &ipv4(47, &gre(0, 0, IPV4, b"short"))))),
            udp(6081, &control),
            udp(6081, &version),
            udp(6081, &geneve(5, 0, 0x0806, &frame)),
            udp(6081, &geneve(5, 63, ETHERNET, &frame)[..100]),
            short,
            long,
            vec![0; 7],
        ];
        for (place, payload) in table.into_iter().enumerate() {
            let headers = parsed(&ipv4(17, &payload));
            assert_eq!((headers.transport, headers.protocol), (Transport::Other, 17), "{place}");
            assert_eq!((headers.ip_offset, headers.is_carrier_damaged), (0, false));
        }
    }

    #[test]
    fn a_udp_checksum_that_is_right_is_taken() {
        let payload = udp(4789, &vxlan(5, &ethernet(IPV4, &wrap::tcp(4))));
        for outer in [ipv4, ipv6] {
            let found = (0..=u16::MAX).filter(|checksum| {
                let mut payload = payload.clone();
                payload[6..8].copy_from_slice(&checksum.to_be_bytes());
                !parsed(&outer(17, &payload)).is_carrier_damaged
            });
            // None at all, and the one that is right.
            assert_eq!(found.count(), 2);
        }
    }
}
