//! Datagrams within datagrams: IP in IP (RFC 2003, 2473, 4213), GRE and what UDP carries.
//!
//! GRE and IP in IP say in the IP header what they are. A UDP port says little, so a UDP datagram counts as a
//! tunnel only when everything within it parses.

use crate::checksum::ipv4_header_valid;
use crate::encapsulation::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, IpVersion, Network, unwrap_all};
use crate::error::ParseError;
use crate::extension::is_extension;
use crate::ip::{IpHeader, PROTOCOL_TCP, PROTOCOL_UDP};
use crate::packet::{clip, ip_header};
use crate::tcp::{self, TcpHeader};
use crate::tunnel::{Carried, ETHERTYPE_ETHERNET, ETHERTYPE_PPP, Layer};
use crate::{ChecksumStatus, gre, pppoe, udp};

const PROTOCOL_IPV4: u8 = 4;
const PROTOCOL_IPV6: u8 = 41;
const PROTOCOL_GRE: u8 = 47;

const IPV6_LEN: usize = 40;

/// Whether [`descend`] is worth its price for the IP header at `network`.
#[inline]
pub(crate) fn may_be(frame: &[u8], network: &Network) -> bool {
    let header = frame.get(usize::from(network.offset)..).and_then(|packet| packet.first_chunk::<20>());
    let protocol = header.map(|header| match network.version {
        IpVersion::V4 => header[9],
        IpVersion::V6 => header[6],
    });
    protocol != Some(PROTOCOL_TCP) && may_carry(frame, network.offset, protocol)
}

/// Whether a protocol is that of a tunnel, or of an IPv6 extension header that may precede one.
#[cold]
#[inline(never)]
fn may_carry(frame: &[u8], offset: u16, protocol: Option<u8>) -> bool {
    let packet = frame.get(usize::from(offset)..).unwrap_or_default();
    match protocol {
        Some(PROTOCOL_UDP) => {
            let header_len = match packet.first() {
                Some(first) if first >> 4 == 4 => usize::from(first & 0x0f) << 2,
                _ => IPV6_LEN,
            };
            udp::is_tunnel(packet.get(header_len..).unwrap_or_default())
        }
        Some(PROTOCOL_IPV4 | PROTOCOL_IPV6 | PROTOCOL_GRE) => true,
        Some(other) => is_extension(other),
        None => false,
    }
}

/// A datagram on the way in.
struct Datagram<'a> {
    /// The frame that it is in.
    frame: &'a [u8],
    network: Network,
    ip: IpHeader,
}

impl<'a> Datagram<'a> {
    /// Bytes from the start of the frame to what follows the IP header.
    fn payload_offset(&self) -> u32 {
        u32::from(self.network.offset).saturating_add(u32::from(self.ip.header_len))
    }

    /// Bytes that follow the IP header.
    fn payload_len(&self) -> u32 {
        self.ip.total_len.saturating_sub(u32::from(self.ip.header_len))
    }

    /// What was captured of them.
    fn payload(&self) -> &'a [u8] {
        let start = usize::try_from(self.payload_offset()).unwrap_or(usize::MAX);
        clip(self.frame.get(start..).unwrap_or_default(), self.payload_len())
    }

    /// The header and what was captured behind it.
    fn bytes(&self) -> &'a [u8] {
        self.frame.get(usize::from(self.network.offset)..).unwrap_or_default()
    }
}

/// Follows tunnels from the datagram at `network` to the innermost one that parses, and gives its place.
#[cold]
#[inline(never)]
pub(crate) fn descend(frame: &[u8], network: Network) -> Result<Network, ParseError> {
    let mut datagram = Datagram { frame, network, ip: IpHeader::EMPTY };
    ip_header(frame, &network, &mut datagram.ip)?;
    let mut udp = None;
    let error = loop {
        let carried = match carried(&datagram, udp.is_some()) {
            Ok(Some(carried)) => carried,
            Ok(None) => return Ok(datagram.network),
            Err(error) => break error,
        };
        if datagram.ip.protocol == PROTOCOL_UDP {
            udp = Some(datagram.network);
        }
        match enter(&datagram, &carried) {
            Ok(Some(inner)) => datagram.network = inner,
            Ok(None) => return Ok(datagram.network),
            Err(error) => break error,
        }
        if let Err(error) = ip_header(frame, &datagram.network, &mut datagram.ip) {
            break error;
        }
        if !states_length(&datagram) {
            break ParseError::IpTotalLength;
        }
    };
    match udp {
        Some(udp) if error != ParseError::TooManyLayers => Ok(udp),
        _ => Err(error),
    }
}

/// What a datagram carries; `None` when it is no tunnel. The headers of TCP are looked at if they decide whether a UDP
/// datagram around them is a tunnel.
fn carried(datagram: &Datagram<'_>, is_within_udp: bool) -> Result<Option<Carried>, ParseError> {
    let (payload, len) = (datagram.payload(), datagram.payload_len());
    let ip = |ethertype| Carried {
        layer: Layer::IpInIp,
        id: 0,
        ethertype,
        start: 0,
        end: len,
        checksum: ChecksumStatus::Unverifiable,
    };
    if datagram.ip.fragment.is_some() {
        return Ok(None);
    }
    match datagram.ip.protocol {
        PROTOCOL_IPV4 => Ok(Some(ip(ETHERTYPE_IPV4))),
        PROTOCOL_IPV6 => Ok(Some(ip(ETHERTYPE_IPV6))),
        PROTOCOL_GRE => gre::parse(payload, len),
        PROTOCOL_UDP => Ok(udp::parse(payload, len, &datagram.ip)),
        PROTOCOL_TCP if is_within_udp => {
            let mut header = TcpHeader::EMPTY;
            tcp::parse(payload, len, datagram.payload_offset(), &mut header).map(|()| None)
        }
        _ => Ok(None),
    }
}

/// The place of the IP header in what a datagram carries; `None` when it carries something else than IP.
fn enter(outer: &Datagram<'_>, carried: &Carried) -> Result<Option<Network>, ParseError> {
    let (frame, base) = (outer.frame, outer.payload_offset());
    let end = base.saturating_add(carried.end);
    let is_damaged = carried.checksum == ChecksumStatus::Invalid
        || outer.ip.source.is_v4() && !ipv4_header_valid(outer.bytes());
    let mut network = Network { end, ..outer.network };
    network.is_carrier_damaged |= is_damaged;
    network.pass()?;
    network.encapsulation.tunnel = network.encapsulation.tunnel.within(carried.layer, carried.id);
    let inside = clip(frame, end);
    let (mut start, mut ethertype) = (base.saturating_add(carried.start), carried.ethertype);
    if ethertype == ETHERTYPE_ETHERNET {
        let at = usize::try_from(start).unwrap_or(usize::MAX);
        let header: Option<&[u8; 14]> = inside.get(at..).and_then(|rest| rest.first_chunk());
        let Some(header) = header else { return Err(cut(frame, end)) };
        ethertype = u16::from_be_bytes([header[12], header[13]]);
        start = start.saturating_add(14);
    }
    let start = u16::try_from(start).map_err(|_| ParseError::TooManyLayers)?;
    let followed = if ethertype == ETHERTYPE_PPP {
        pppoe::unwrap_ppp(inside, start, &mut network).map(|()| network)
    } else {
        unwrap_all(inside, start, ethertype, network)
    };
    match followed {
        Ok(network) => Ok(Some(network)),
        Err(ParseError::NotIp) => Ok(None),
        Err(ParseError::LinkTruncated) => Err(cut(frame, end)),
        Err(error) => Err(error),
    }
}

/// Why headers within a tunnel that ends at `end` are not all there.
fn cut(frame: &[u8], end: u32) -> ParseError {
    let is_captured = usize::try_from(end).is_ok_and(|end| frame.len() >= end);
    if is_captured { ParseError::TunnelLength } else { ParseError::TunnelTruncated }
}

/// Whether a TCP datagram's header says how long it is. Segmentation offload leaves that out in what a host hands to
/// its network card, not in what it wraps; and padding of an inner Ethernet frame would pass for payload.
fn states_length(datagram: &Datagram<'_>) -> bool {
    match datagram.bytes() {
        [first, _, high, low, ..] if first >> 4 == 4 => (*high, *low) != (0, 0),
        [_, _, _, _, high, low, next, ..] => *next != PROTOCOL_TCP || (*high, *low) != (0, 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::{
        self, ETHERNET, IPV4, IPV6, ethernet, geneve, gre, ipv4, ipv6, pppoe, udp, vlan, vxlan,
    };
    use crate::{Headers, LAYERS_MAX, LinkType, Transport, Tunnel, parse, transport_valid};

    fn parsed(datagram: &[u8]) -> Result<Headers, ParseError> {
        parse(LinkType::RawIp, datagram, u32::try_from(datagram.len()).unwrap())
    }

    /// One of each kind of tunnel around a datagram of the version, with the layer that it adds.
    fn tunnels(version: u8) -> Vec<(Layer, u32, Vec<u8>)> {
        let inner = wrap::tcp(version);
        let (ethertype, protocol) = if version == 6 { (IPV6, 41) } else { (IPV4, 4) };
        let frame = ethernet(ethertype, &inner);
        // An inner frame of a bridge is padded to what Ethernet asks for.
        let padded = [&frame[..], &[0xaa; 30]].concat();
        let mut tunnels = Vec::new();
        for outer in [ipv4, ipv6] {
            tunnels.push((Layer::IpInIp, 0, outer(protocol, &inner)));
            tunnels.push((Layer::Gre, 0, outer(47, &gre(0, 0, ethertype, &inner))));
            tunnels.push((Layer::KeyedGre, 5, outer(47, &gre(0xb000, 5, ethertype, &inner))));
            tunnels.push((Layer::KeyedGre, 5, outer(47, &gre(0x2000, 5, ETHERNET, &padded))));
            let mirrored = gre(0x1000, 0, 0x88be, &[&[0x10; 8][..], &padded].concat());
            tunnels.push((Layer::Erspan, 0, outer(47, &mirrored)));
            let ppp = [&[0xff, 3, 0, if version == 6 { 0x57 } else { 0x21 }][..], &inner].concat();
            let len = u8::try_from(ppp.len()).unwrap();
            let dialled = [&[0x30, 1, 0x88, 0x0b, 0, len, 0, 9, 0, 0, 0, 1][..], &ppp].concat();
            tunnels.push((Layer::Pptp, 0, outer(47, &dialled)));
            tunnels.push((Layer::Vxlan, 5, outer(17, &udp(4789, &vxlan(5, &padded)))));
            tunnels.push((Layer::Vxlan, 5, outer(17, &udp(8472, &vxlan(5, &frame)))));
            tunnels.push((Layer::Geneve, 5, outer(17, &udp(6081, &geneve(5, 0, ETHERNET, &padded)))));
            tunnels.push((Layer::Geneve, 5, outer(17, &udp(6081, &geneve(5, 63, ethertype, &inner)))));
        }
        tunnels
    }

    #[test]
    fn every_tunnel_leads_to_the_inner_datagram_and_padding_is_no_payload() {
        for version in [4, 6] {
            for (place, (layer, id, datagram)) in tunnels(version).into_iter().enumerate() {
                // Padding behind the outer datagram.
                let frame = [&datagram[..], &[0xbb; 9]].concat();
                let headers = parsed(&frame).unwrap();
                let tcp = headers.tcp().unwrap();
                assert_eq!((tcp.payload(&frame), tcp.payload_len), (&b"hello"[..], 5), "{place}");
                assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Valid);
                assert_eq!(headers.source.is_v4(), version == 4);
                assert_eq!(headers.encapsulation.tunnel, Tunnel::NONE.within(layer, id), "{place}");
            }
        }
    }

    #[test]
    fn the_inner_checksum_is_verified_over_the_inner_addresses() {
        for version in [4, 6] {
            for (_, _, datagram) in tunnels(version) {
                let headers = parsed(&datagram).unwrap();
                let first = usize::try_from(headers.transport_offset()).unwrap();
                let last_address = usize::from(headers.ip_offset) + if version == 4 { 19 } else { 39 };
                for place in [last_address, first, first + 24] {
                    let mut frame = datagram.clone();
                    frame[place] ^= 4;
                    let headers = parsed(&frame).unwrap();
                    assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Invalid);
                }
            }
        }
    }

    #[test]
    fn inner_lengths_stay_within_the_outer_ones() {
        for version in [4, 6] {
            for (layer, _, datagram) in tunnels(version) {
                let headers = parsed(&datagram).unwrap();
                let (outer_is_v4, low) = (datagram[0] >> 4 == 4, if version == 4 { 3 } else { 5 });
                for change in [1, 40, 100] {
                    let mut frame = [&datagram[..], &[0xaa; 200]].concat();
                    frame[usize::from(headers.ip_offset) + low] += change;
                    let end = headers.ip_total_len + u32::from(headers.ip_offset) + u32::from(change);
                    let fits = usize::try_from(end).unwrap() <= datagram.len();
                    let found = parsed(&frame);
                    if fits {
                        assert!(found.unwrap().tcp().is_some());
                    } else if [Layer::Vxlan, Layer::Geneve].contains(&layer) {
                        let headers = found.unwrap();
                        assert_eq!((headers.transport, headers.protocol), (Transport::Other, 17));
                        assert_eq!(headers.source.is_v4(), outer_is_v4);
                        assert_eq!(headers.encapsulation.tunnel, Tunnel::NONE);
                    } else {
                        assert_eq!(found, Err(ParseError::IpTotalLength));
                    }
                }
            }
        }
    }

    #[test]
    fn a_length_that_is_not_stated_is_no_offload_within_a_tunnel() {
        for (version, low) in [(4, 3), (6, 5)] {
            let mut inner = wrap::tcp(version);
            inner[low] = 0;
            let ethertype = if version == 4 { IPV4 } else { IPV6 };
            let bare = parsed(&ipv4(47, &gre(0, 0, ethertype, &inner)));
            assert_eq!(bare, Err(ParseError::IpTotalLength));
            let over_udp = ipv4(17, &udp(4789, &vxlan(5, &ethernet(ethertype, &inner))));
            assert_eq!(parsed(&over_udp).map(|headers| headers.transport), Ok(Transport::Other));
        }
    }

    #[test]
    fn gre_around_something_else_stays_gre() {
        let arp = ethernet(0x0806, &[0; 28]);
        for packet in [gre(0, 0, 0x880b, &[0; 40]), gre(0, 0, ETHERNET, &arp), gre(1, 0, IPV4, &wrap::tcp(4))]
        {
            let headers = parsed(&ipv4(47, &packet)).unwrap();
            assert_eq!((headers.transport, headers.protocol), (Transport::Other, 47));
        }
        let udp_within = parsed(&ipv4(47, &gre(0, 0, IPV4, &ipv4(17, &udp(53, b"query"))))).unwrap();
        assert_eq!((udp_within.protocol, udp_within.ip_offset), (17, 24));
    }

    #[test]
    fn headers_within_gre_that_are_not_there_are_told_by_why() {
        let inner = ethernet(0x8100, &vlan(5, IPV4, &wrap::tcp(4)));
        let whole = ipv4(47, &gre(0, 0, ETHERNET, &inner));
        let wire_len = u32::try_from(whole.len()).unwrap();
        for cut in 24..42 {
            let captured = parse(LinkType::RawIp, &whole[..cut], wire_len);
            assert_eq!(captured, Err(ParseError::TunnelTruncated), "{cut}");
            let stated = parsed(&ipv4(47, &whole[20..cut]));
            assert_eq!(stated, Err(ParseError::TunnelLength), "{cut}");
        }
        assert_eq!(parsed(&ipv4(4, &[])), Err(ParseError::IpHeaderTruncated));
        assert_eq!(parsed(&ipv4(4, &wrap::tcp(6))), Err(ParseError::IpVersion));
    }

    #[test]
    fn fragments_are_not_looked_into_at_any_depth() {
        for (_, _, datagram) in tunnels(4).into_iter().filter(|(_, _, bytes)| bytes[0] >> 4 == 4) {
            let offset = usize::from(parsed(&datagram).unwrap().ip_offset);
            for place in [0, offset] {
                let mut frame = datagram.clone();
                frame[place + 6] = 0x20;
                let headers = parsed(&frame).unwrap();
                assert_eq!(headers.transport, Transport::Fragment);
                assert_eq!(usize::from(headers.ip_offset), place);
            }
        }
    }

    #[test]
    fn tunnels_nest_up_to_the_limit_of_layers() {
        let (mut datagram, mut layers) = (wrap::tcp(4), 0);
        while layers < LAYERS_MAX {
            datagram = match layers % 4 {
                0 => ipv4(4, &datagram),
                1 => ipv6(4, &datagram),
                2 => ipv6(47, &gre(0x8000, 0, IPV6, &datagram)),
                _ => ipv4(17, &udp(4789, &vxlan(5, &ethernet(IPV6, &datagram)))),
            };
            layers += 1;
        }
        assert_eq!(parsed(&datagram).unwrap().tcp().unwrap().payload(&datagram), b"hello");
        let over = ipv4(4, &datagram);
        assert_eq!(parsed(&over), Err(ParseError::TooManyLayers));
        // What carries the layers below a UDP datagram is not taken for UDP.
        let over = ipv4(17, &udp(4789, &vxlan(5, &ethernet(IPV4, &datagram))));
        assert_eq!(parsed(&over), Err(ParseError::TooManyLayers));
        let tagged = ethernet(0x8100, &vlan(1, 0x8864, &pppoe(1, 0x0021, &datagram)));
        assert_eq!(parse(LinkType::Ethernet, &tagged, 0), Err(ParseError::TooManyLayers));
    }

    /// `count` destination options headers of 2,048 bytes each, all padding, in front of a datagram of IPv6.
    fn with_options(count: usize, datagram: &[u8]) -> Vec<u8> {
        let mut headers = [&[60, 255][..], &[0; 2046]].concat().repeat(count);
        headers[2048 * (count - 1)] = 41;
        [&headers, datagram].concat()
    }

    #[test]
    fn headers_beyond_64_kib_are_too_many() {
        let mut datagram = ipv6(60, &with_options(1, &wrap::tcp(6)));
        for _ in 0..3 {
            datagram = ipv6(60, &with_options(8, &datagram));
        }
        assert!(parsed(&datagram).unwrap().tcp().is_some());
        // A jumbogram has room for more.
        let payload = with_options(7, &datagram);
        let len = u32::try_from(payload.len() + 8).unwrap();
        let jumbo = [&[60, 0, 0xc2, 4][..], &len.to_be_bytes(), &payload].concat();
        let mut outer = ipv6(0, &[]);
        outer.extend(jumbo);
        assert_eq!(parsed(&outer), Err(ParseError::TooManyLayers));
    }
}
