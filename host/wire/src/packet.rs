//! From a frame to its headers.

use crate::address::IpAddress;
use crate::carried;
use crate::encapsulation::{Encapsulation, IpVersion, Network};
use crate::error::ParseError;
use crate::ip::{Fragment, IpHeader, PROTOCOL_TCP};
use crate::link::{self, LinkType};
use crate::plain::parse_plain;
use crate::tcp::{self, TcpHeader};
use crate::{ipv4, ipv6};

/// Everything that a frame's headers say, checked; offsets are in bytes from the start of the captured frame.
///
/// Addresses, offsets and lengths are those of the innermost datagram that tunnels lead to. These hold: all headers
/// up to the payload are captured; `ip_header_len <= ip_total_len`; the datagram ends within the length that the
/// frame had on the wire and within each datagram that carries it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Headers {
    /// VLANs, MPLS label and tunnels.
    pub encapsulation: Encapsulation,
    /// Where the IP header starts.
    pub ip_offset: u16,
    /// Bytes from the IP header to the transport header, options and extension headers included; to the data
    /// when this is a fragment.
    pub ip_header_len: u16,
    /// Bytes of the datagram from the IP header on, by the IP header or, where that has none to state
    /// (segmentation offload), by the wire.
    pub ip_total_len: u32,
    /// Source address.
    pub source: IpAddress,
    /// Destination address of the IP header.
    pub destination: IpAddress,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Protocol number of what follows the IP header and its extension headers; of an IPv6 fragment, of what
    /// the whole datagram's fragmented part starts with, which may be another extension header.
    pub protocol: u8,
    /// Whether a source route, routing header or home address stands for another address than the one in the
    /// IP header: the transport checksum then covers that one.
    pub rerouted: bool,
    /// Whether a checksum of a datagram that carries this one is wrong: of its IPv4 header, of GRE, of UDP. The end of
    /// the tunnel would drop the packet.
    pub is_carrier_damaged: bool,
    /// The place of a fragment; `None` for whole datagrams and atomic fragments.
    pub fragment: Option<Fragment>,
    /// What the datagram carries.
    pub transport: Transport,
}

impl Headers {
    /// Headers of nothing, to be filled by [`parse_into`].
    pub const EMPTY: Self = Self {
        encapsulation: Encapsulation::NONE,
        ip_offset: 0,
        ip_header_len: 0,
        ip_total_len: 0,
        source: IpAddress([0; 16]),
        destination: IpAddress([0; 16]),
        ttl: 0,
        protocol: 0,
        rerouted: false,
        is_carrier_damaged: false,
        fragment: None,
        transport: Transport::Other,
    };

    /// The TCP header, if this is a whole TCP segment.
    #[inline]
    #[must_use]
    pub const fn tcp(&self) -> Option<&TcpHeader> {
        match &self.transport {
            Transport::Tcp(header) => Some(header),
            Transport::Other | Transport::Fragment => None,
        }
    }

    /// Where the transport header starts, or the data of a fragment; bytes from the start of the frame.
    #[inline]
    #[must_use]
    pub const fn transport_offset(&self) -> u32 {
        // Two u16 do not overflow a u32.
        (self.ip_offset as u32).wrapping_add(self.ip_header_len as u32)
    }

    /// Bytes behind the IP header and its extension headers.
    #[inline]
    #[must_use]
    pub const fn ip_payload_len(&self) -> u32 {
        self.ip_total_len.saturating_sub(self.ip_header_len as u32)
    }

    /// What was captured of the bytes behind the IP header and its extension headers: the transport header with
    /// its payload, or the data of a fragment. `frame` is what the headers were parsed from.
    #[inline]
    #[must_use]
    pub fn ip_payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = usize::try_from(self.transport_offset()).unwrap_or(usize::MAX);
        clip(frame.get(start..).unwrap_or_default(), self.ip_payload_len())
    }
}

/// What a datagram carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// A whole TCP segment.
    Tcp(TcpHeader),
    /// Something else; [`Headers::protocol`] tells what. Also a tunnel that carries no IP, and a UDP datagram to the
    /// port of a tunnel in which not all headers parse.
    Other,
    /// A part of a datagram. The first part is no exception: what it shows of a transport header is not final,
    /// since a later part may overlap it.
    Fragment,
}

/// Parses the headers of one frame, through all tunnels to the innermost IP header.
///
/// `frame` are the captured bytes, `wire_len` is how many bytes the frame had on the wire; it is taken as
/// `frame.len()` when it is less. IPv4 header checksums and TCP checksums are not verified: see
/// [`ipv4_header_valid`](crate::ipv4_header_valid) and [`transport_valid`](crate::transport_valid).
///
/// # Errors
///
/// One [`ParseError`] for each way in which a frame is not IP, lies about a length, or was cut by the snap
/// length before the payload.
#[inline]
pub fn parse(link: LinkType, frame: &[u8], wire_len: u32) -> Result<Headers, ParseError> {
    let mut headers = Headers::EMPTY;
    parse_into(link, frame, wire_len, &mut headers).map(|()| headers)
}

/// As [`parse`], into headers that lie where they are needed: to move them costs as much as to read them. They mean
/// nothing after an error.
///
/// # Errors
///
/// As [`parse`].
#[inline]
pub fn parse_into(
    link: LinkType,
    frame: &[u8],
    wire_len: u32,
    headers: &mut Headers,
) -> Result<(), ParseError> {
    let captured_len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    if link == LinkType::Ethernet && parse_plain(frame, wire_len.max(captured_len), headers) {
        return Ok(());
    }
    parse_any_into(link, frame, wire_len, headers)
}

/// As [`parse_into`], whatever the frame is.
#[inline(never)]
pub(crate) fn parse_any_into(
    link: LinkType,
    frame: &[u8],
    wire_len: u32,
    headers: &mut Headers,
) -> Result<(), ParseError> {
    let captured_len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    let mut network = Network::start(wire_len.max(captured_len));
    link::network(link, frame, &mut network)?;
    innermost(frame, &mut network, headers)
}

/// Parses a datagram that was put together from fragments, all of it in `bytes`, as [`parse`] does a frame; `around` is
/// the encapsulation of the fragments.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_datagram(bytes: &[u8], around: Encapsulation) -> Result<Headers, ParseError> {
    let mut network = Network::start(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    link::network(LinkType::RawIp, bytes, &mut network)?;
    network.encapsulation = around;
    let mut headers = Headers::EMPTY;
    innermost(bytes, &mut network, &mut headers).map(|()| headers)
}

/// The headers of the datagram at `network`, or of the innermost one within.
#[inline]
fn innermost(frame: &[u8], network: &mut Network, headers: &mut Headers) -> Result<(), ParseError> {
    // Tunnels are looked for first and apart, and only places come from there. Headers that did would go through memory
    // for every packet, at twice the price of parsing.
    if carried::may_be(frame, network) {
        *network = carried::descend(frame, *network)?;
    }
    datagram(frame, network, headers)
}

/// Parses the IP header at `network`.
#[inline]
pub(crate) fn ip_header(frame: &[u8], network: &Network, ip: &mut IpHeader) -> Result<(), ParseError> {
    let packet = frame.get(usize::from(network.offset)..).unwrap_or_default();
    let packet_len = network.end.saturating_sub(u32::from(network.offset));
    match network.version {
        IpVersion::V4 => ipv4::parse(packet, packet_len, ip),
        IpVersion::V6 => ipv6::parse(packet, packet_len, ip),
    }
}

/// The headers of the datagram at `network`, whatever it carries.
#[inline]
fn datagram(frame: &[u8], network: &Network, headers: &mut Headers) -> Result<(), ParseError> {
    let mut ip = IpHeader::EMPTY;
    ip_header(frame, network, &mut ip)?;
    headers.encapsulation = network.encapsulation;
    headers.ip_offset = network.offset;
    headers.ip_header_len = ip.header_len;
    headers.ip_total_len = ip.total_len;
    headers.source = ip.source;
    headers.destination = ip.destination;
    headers.ttl = ip.ttl;
    headers.protocol = ip.protocol;
    headers.rerouted = ip.rerouted;
    headers.is_carrier_damaged = network.is_carrier_damaged;
    headers.fragment = ip.fragment;
    if ip.fragment.is_some() {
        headers.transport = Transport::Fragment;
    } else if ip.protocol == PROTOCOL_TCP {
        let captured = headers.ip_payload(frame);
        let mut tcp = TcpHeader::EMPTY;
        tcp::parse(captured, headers.ip_payload_len(), headers.transport_offset(), &mut tcp)?;
        headers.transport = Transport::Tcp(tcp);
    } else {
        headers.transport = Transport::Other;
    }
    Ok(())
}

/// The first `len` bytes, or as many as there are.
#[inline]
pub(crate) fn clip(bytes: &[u8], len: u32) -> &[u8] {
    usize::try_from(len).ok().and_then(|len| bytes.get(..len)).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::{Layer, Tunnel};
    use crate::wrap::{self, IPV4, ethernet, ipv4, pppoe, udp, vlan, vxlan};
    use crate::{ChecksumStatus, Segment, SeqNumber, TcpFlags, transport_valid};

    /// An Ethernet frame with IPv4, 32 bytes of TCP header and "hello".
    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 200];
        let segment = Segment {
            options: &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
            payload: b"hello",
            ..Segment::default()
        };
        let len = segment.write_frame(&mut frame).unwrap();
        frame.truncate(len);
        frame
    }

    fn len(frame: &[u8]) -> u32 {
        u32::try_from(frame.len()).unwrap()
    }

    fn parsed(frame: &[u8]) -> Headers {
        parse(LinkType::Ethernet, frame, len(frame)).unwrap()
    }

    #[test]
    fn offsets_count_from_the_start_of_the_frame() {
        let frame = frame();
        let headers = parsed(&frame);
        assert_eq!((headers.ip_offset, headers.ip_header_len, headers.ip_total_len), (14, 20, 57));
        assert_eq!((headers.transport_offset(), headers.ip_payload_len()), (34, 37));
        let tcp = headers.tcp().unwrap();
        assert_eq!((tcp.payload_offset, tcp.payload_len, tcp.captured_len), (66, 5, 5));
        assert_eq!(tcp.options.timestamps, Some((1, 2)));
        assert_eq!(tcp.payload(&frame), b"hello");
    }

    #[test]
    fn padding_and_trailers_are_no_payload() {
        let mut padded = frame();
        padded.extend([0xaa; 40]);
        let headers = parsed(&padded);
        assert_eq!(headers.tcp().unwrap().payload(&padded), b"hello");
        assert_eq!(transport_valid(&headers, &padded), ChecksumStatus::Valid);
    }

    #[test]
    fn a_snap_length_that_cuts_payload_is_told_and_one_that_cuts_headers_is_an_error() {
        let whole = frame();
        for cut in 0..whole.len() {
            let result = parse(LinkType::Ethernet, &whole[..cut], len(&whole));
            match cut {
                0..14 => assert_eq!(result, Err(ParseError::LinkTruncated)),
                14..34 => assert_eq!(result, Err(ParseError::IpHeaderTruncated)),
                34..66 => assert_eq!(result, Err(ParseError::TcpHeaderTruncated)),
                _ => {
                    let headers = result.unwrap();
                    let tcp = headers.tcp().unwrap();
                    assert_eq!((tcp.payload_len, tcp.captured_len), (5, len(&whole[66..cut])));
                    assert_eq!(transport_valid(&headers, &whole[..cut]), ChecksumStatus::Unverifiable);
                }
            }
        }
    }

    #[test]
    fn a_datagram_longer_than_the_wire_is_a_lie() {
        let mut frame = frame();
        frame[17] += 1;
        assert_eq!(parse(LinkType::Ethernet, &frame, len(&frame)), Err(ParseError::IpTotalLength));
        assert!(parse(LinkType::Ethernet, &frame, len(&frame) + 1).is_ok());
        // A wire length below the captured one says nothing.
        frame[17] -= 1;
        assert!(parse(LinkType::Ethernet, &frame, 0).is_ok());
    }

    #[test]
    fn offload_without_a_length_takes_that_of_the_wire() {
        let mut frame = frame();
        frame[16..18].copy_from_slice(&[0, 0]);
        let headers = parse(LinkType::Ethernet, &frame, 100_000).unwrap();
        assert_eq!(headers.ip_total_len, 99_986);
        assert_eq!((headers.tcp().unwrap().payload_len, headers.tcp().unwrap().captured_len), (99_934, 5));

        let mut six = vec![0; 200];
        let (source, destination) = (IpAddress([0x20; 16]), IpAddress([0x21; 16]));
        let segment = Segment { source, destination, payload: b"hello", ..Segment::default() };
        let written = segment.write_frame(&mut six).unwrap();
        six.truncate(written);
        six[18..20].copy_from_slice(&[0, 0]);
        assert_eq!(parsed(&six).tcp().unwrap().payload(&six), b"hello");
    }

    #[test]
    fn fragments_show_no_transport_header() {
        for (word, offset, more) in [([0x20, 0], 0, true), ([0x20, 1], 8, true), ([0, 1], 8, false)] {
            let mut frame = frame();
            frame[20..22].copy_from_slice(&word);
            let headers = parsed(&frame);
            assert_eq!(headers.transport, Transport::Fragment);
            assert_eq!(headers.fragment, Some(Fragment { offset, more, id: 0 }));
            assert_eq!(headers.ip_payload(&frame), &frame[34..]);
            assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Unverifiable);
        }
    }

    #[test]
    fn other_protocols_keep_their_number() {
        let mut frame = frame();
        frame[23] = 17;
        let headers = parsed(&frame);
        assert_eq!((headers.transport, headers.protocol), (Transport::Other, 17));
        assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Unverifiable);
    }

    #[test]
    fn all_link_types_find_the_same_datagram() {
        let frame = frame();
        let datagram = &frame[14..];
        let sll = [&[0; 14][..], &[8, 0]].concat();
        let sll2 = [&[8, 0][..], &[0; 18]].concat();
        let table: [(LinkType, &[u8]); 6] = [
            (LinkType::RawIp, &[]),
            (LinkType::Ipv4, &[]),
            (LinkType::BsdLoopback, &[2, 0, 0, 0]),
            (LinkType::LinuxSll, &sll),
            (LinkType::LinuxSll2, &sll2),
            (LinkType::Ethernet, &frame[..14]),
        ];
        for (link, header) in table {
            let bytes = [header, datagram].concat();
            let headers = parse(link, &bytes, len(&bytes)).unwrap();
            assert_eq!(headers.tcp().unwrap().payload(&bytes), b"hello", "{link:?}");
            assert_eq!(transport_valid(&headers, &bytes), ChecksumStatus::Valid);
        }
        assert_eq!(parse(LinkType::Ipv6, datagram, len(datagram)), Err(ParseError::IpVersion));
    }

    #[test]
    fn a_tcp_header_that_leaves_the_datagram_is_refused() {
        for first in [0x00, 0x40, 0xf0] {
            let mut frame = frame();
            frame[46] = first;
            assert_eq!(parse(LinkType::Ethernet, &frame, len(&frame)), Err(ParseError::TcpHeaderLength));
        }
    }

    #[test]
    fn any_changed_bit_of_the_segment_shows_in_the_checksum() {
        let whole = frame();
        for bit in 34 * 8..whole.len() * 8 {
            let mut frame = whole.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            if let Ok(headers) = parse(LinkType::Ethernet, &frame, len(&frame)) {
                assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Invalid, "{bit}");
            }
        }
    }

    #[test]
    fn a_rerouted_segment_has_no_verifiable_checksum() {
        let frame = frame();
        let mut headers = parsed(&frame);
        headers.rerouted = true;
        assert_eq!(transport_valid(&headers, &frame), ChecksumStatus::Unverifiable);
    }

    #[test]
    fn flags_and_numbers_are_where_they_belong() {
        let mut frame = [0; 100];
        let segment = Segment {
            seq: SeqNumber(0xfffe_fdfc),
            ack: SeqNumber(7),
            flags: TcpFlags::SYN | TcpFlags::ACK,
            ..Segment::default()
        };
        let written = segment.write_frame(&mut frame).unwrap();
        let headers = parsed(&frame[..written]);
        let tcp = headers.tcp().unwrap();
        assert_eq!((tcp.seq, tcp.ack, tcp.flags), (segment.seq, segment.ack, segment.flags));
    }

    #[test]
    fn vlans_within_a_tunnel_belong_to_the_tunnel() {
        let bridged = |id| ethernet(0x8100, &vlan(id, IPV4, &wrap::tcp(4)));
        let over = |id| ethernet(0x8100, &vlan(9, IPV4, &ipv4(17, &udp(4789, &vxlan(5, &bridged(id))))));
        let around = |frame: &[u8]| parse(LinkType::Ethernet, frame, 0).unwrap().encapsulation;
        assert_eq!(around(&over(3)).vlan, [9, crate::NO_VLAN]);
        assert_eq!(around(&over(3)), around(&over(3)));
        assert_ne!(around(&over(3)).tunnel, around(&over(4)).tunnel);
        assert_eq!(around(&over(0)).tunnel, Tunnel::NONE.within(Layer::Vxlan, 5));
    }

    #[test]
    fn a_datagram_from_fragments_keeps_the_encapsulation_around_them() {
        let frame = ethernet(0x8100, &vlan(9, 0x8864, &pppoe(7, 0x0021, &ipv4(4, &wrap::tcp(4)))));
        let whole = parse(LinkType::Ethernet, &frame, 0).unwrap();
        let session = ethernet(0x8100, &vlan(9, 0x8864, &pppoe(7, 0x0021, &ipv4(1, &[]))));
        let around = parse(LinkType::Ethernet, &session, 0).unwrap().encapsulation;
        let datagram = &frame[26..];
        let headers = parse_datagram(datagram, around).unwrap();
        assert_eq!(headers.encapsulation, whole.encapsulation);
        assert_eq!(headers.tcp().unwrap().payload(datagram), b"hello");
        assert_eq!(parse_datagram(&[], around), Err(ParseError::LinkTruncated));
    }
}
