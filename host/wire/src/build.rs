//! Writing TCP segments: for traffic generators, tests and packets that a middlebox sends.

use crate::address::IpAddress;
use crate::checksum;
use crate::encapsulation::VLAN_TAGS_MAX;
use crate::flags::TcpFlags;
use crate::ip::PROTOCOL_TCP;
use crate::seq::SeqNumber;

const ETHERNET_LEN: usize = 14;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const TCP_LEN: usize = 20;

/// A TCP segment to be written, with all that its headers need.
///
/// The default is a bare ACK between two documentation addresses; set what matters:
///
/// ```
/// use sluice_wire::{LinkType, Segment, SeqNumber, parse};
///
/// let mut frame = [0; 1514];
/// let segment = Segment { seq: SeqNumber(1000), payload: b"GET / HTTP/1.1\r\n", ..Segment::default() };
/// let len = segment.write_frame(&mut frame).ok_or("too long")?;
/// let headers = parse(LinkType::Ethernet, &frame[..len], 70)?;
/// assert_eq!(headers.tcp().map(|tcp| tcp.payload_len), Some(16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Ethernet source address.
    pub source_mac: [u8; 6],
    /// Ethernet destination address.
    pub destination_mac: [u8; 6],
    /// VLAN ids, outer first, at most [`VLAN_TAGS_MAX`]. The last tag is 802.1Q, those around it are 802.1ad.
    pub vlan: &'a [u16],
    /// Source address; decides about the IP version together with `destination`.
    pub source: IpAddress,
    /// Destination address, of the version of `source`.
    pub destination: IpAddress,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// IPv4 identification; IPv6 has none.
    pub ip_id: u16,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgement number, written whether ACK is set or not.
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: TcpFlags,
    /// Receive window as on the wire, not scaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Option bytes: at most 40, a multiple of four.
    pub options: &'a [u8],
    /// Payload.
    pub payload: &'a [u8],
}

impl Default for Segment<'_> {
    fn default() -> Self {
        Self {
            source_mac: [2, 0, 0, 0, 0, 1],
            destination_mac: [2, 0, 0, 0, 0, 2],
            vlan: &[],
            source: IpAddress::v4([192, 0, 2, 1]),
            destination: IpAddress::v4([192, 0, 2, 2]),
            ttl: 64,
            ip_id: 0,
            source_port: 49_152,
            destination_port: 80,
            seq: SeqNumber(0),
            ack: SeqNumber(0),
            flags: TcpFlags::ACK,
            window: 65_535,
            urgent: 0,
            options: &[],
            payload: &[],
        }
    }
}

impl Segment<'_> {
    /// Writes an Ethernet frame with correct lengths and checksums and returns its length in bytes.
    ///
    /// Short frames are not padded. `None` when `frame` is too short, or for what no frame can say: addresses
    /// of two versions, options of a wrong length, a VLAN id above 4095, too many tags, a datagram above
    /// 65,535 bytes. What `frame` holds then is unspecified.
    #[must_use]
    pub fn write_frame(&self, frame: &mut [u8]) -> Option<usize> {
        if self.vlan.len() > VLAN_TAGS_MAX {
            return None;
        }
        let (header, mut rest) = frame.split_first_chunk_mut::<ETHERNET_LEN>()?;
        header[..6].copy_from_slice(&self.destination_mac);
        header[6..12].copy_from_slice(&self.source_mac);
        header[12..].copy_from_slice(&self.ethertype_at(0).to_be_bytes());
        for (place, id) in self.vlan.iter().enumerate() {
            let (tag, behind) = rest.split_first_chunk_mut::<4>()?;
            if *id > 0x0fff {
                return None;
            }
            tag[..2].copy_from_slice(&id.to_be_bytes());
            tag[2..].copy_from_slice(&self.ethertype_at(place.checked_add(1)?).to_be_bytes());
            rest = behind;
        }
        let link_len = self.vlan.len().checked_mul(4)?.checked_add(ETHERNET_LEN)?;
        self.write_datagram(rest)?.checked_add(link_len)
    }

    /// Writes an IP datagram, without a link header, with correct lengths and checksums and returns its length
    /// in bytes; `None` as for [`Segment::write_frame`].
    #[must_use]
    pub fn write_datagram(&self, packet: &mut [u8]) -> Option<usize> {
        let segment_len = self.segment_len()?;
        match (self.source.to_v4(), self.destination.to_v4()) {
            (Some(source), Some(destination)) => {
                let total_len = segment_len.checked_add(IPV4_LEN)?;
                let (header, rest) = packet.split_first_chunk_mut()?;
                self.write_ipv4(header, source, destination, u16::try_from(total_len).ok()?);
                self.write_tcp(rest.get_mut(..segment_len)?)?;
                Some(total_len)
            }
            (None, None) => {
                let (header, rest) = packet.split_first_chunk_mut()?;
                self.write_ipv6(header, u16::try_from(segment_len).ok()?);
                self.write_tcp(rest.get_mut(..segment_len)?)?;
                segment_len.checked_add(IPV6_LEN)
            }
            _ => None,
        }
    }

    /// Bytes of the TCP header with options and payload; `None` for options that no header can hold.
    fn segment_len(&self) -> Option<usize> {
        if self.options.len() > 40 || !self.options.len().is_multiple_of(4) {
            return None;
        }
        self.payload.len().checked_add(self.options.len())?.checked_add(TCP_LEN)
    }

    /// The EtherType in front of the tag at `place`, or of IP behind the last one.
    fn ethertype_at(&self, place: usize) -> u16 {
        match self.vlan.len().saturating_sub(place) {
            0 if self.source.is_v4() => 0x0800,
            0 => 0x86dd,
            1 => 0x8100,
            _ => 0x88a8,
        }
    }

    fn write_ipv4(&self, header: &mut [u8; IPV4_LEN], source: [u8; 4], destination: [u8; 4], total_len: u16) {
        header[..2].copy_from_slice(&[0x45, 0]);
        header[2..4].copy_from_slice(&total_len.to_be_bytes());
        header[4..6].copy_from_slice(&self.ip_id.to_be_bytes());
        // Don't fragment; no checksum yet.
        header[6..12].copy_from_slice(&[0x40, 0, self.ttl, PROTOCOL_TCP, 0, 0]);
        header[12..16].copy_from_slice(&source);
        header[16..20].copy_from_slice(&destination);
        let checksum = checksum::ipv4_header_checksum(header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    fn write_ipv6(&self, header: &mut [u8; IPV6_LEN], payload_len: u16) {
        header[..4].copy_from_slice(&[0x60, 0, 0, 0]);
        header[4..6].copy_from_slice(&payload_len.to_be_bytes());
        header[6..8].copy_from_slice(&[PROTOCOL_TCP, self.ttl]);
        header[8..24].copy_from_slice(&self.source.0);
        header[24..40].copy_from_slice(&self.destination.0);
    }

    /// Writes the TCP segment; `segment` has the length that [`Segment::segment_len`] says.
    fn write_tcp(&self, segment: &mut [u8]) -> Option<()> {
        let (header, rest) = segment.split_first_chunk_mut::<TCP_LEN>()?;
        header[..2].copy_from_slice(&self.source_port.to_be_bytes());
        header[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        header[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        header[8..12].copy_from_slice(&self.ack.0.to_be_bytes());
        // Words of four bytes in the high nibble: four times the number of bytes.
        let header_len = u8::try_from(self.options.len().checked_add(TCP_LEN)?).ok()?;
        header[12..14].copy_from_slice(&[header_len.checked_mul(4)?, self.flags.bits()]);
        header[14..16].copy_from_slice(&self.window.to_be_bytes());
        header[16..18].copy_from_slice(&[0, 0]);
        header[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        let (options, payload) = rest.split_at_mut_checked(self.options.len())?;
        options.copy_from_slice(self.options);
        payload.get_mut(..self.payload.len())?.copy_from_slice(self.payload);
        let checksum = checksum::tcp_checksum(self.source, self.destination, segment);
        segment.get_mut(16..18)?.copy_from_slice(&checksum.to_be_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ChecksumStatus, Encapsulation, LinkType, NO_VLAN, ipv4_header_valid, parse, transport_valid,
    };

    fn v6(last: u8) -> IpAddress {
        IpAddress([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    }

    #[test]
    fn what_is_written_parses_to_the_same_with_valid_checksums() {
        let payload: Vec<u8> = (0..=255).cycle().take(1460).collect();
        let vlans: [(&[u16], [u16; 2]); 3] = [(&[], [NO_VLAN; 2]), (&[5], [5, NO_VLAN]), (&[7, 5], [7, 5])];
        let families = [(IpAddress::v4([10, 0, 0, 1]), IpAddress::v4([10, 0, 0, 2])), (v6(1), v6(2))];
        for (source, destination) in families {
            for (vlan, ids) in vlans {
                for payload_len in [0, 1, 2, 3, 31, 32, 33, 1460] {
                    let segment = Segment {
                        source,
                        destination,
                        vlan,
                        ttl: 63,
                        ip_id: 0x1234,
                        source_port: 4321,
                        destination_port: 443,
                        seq: SeqNumber(0xffff_fff0),
                        ack: SeqNumber(99),
                        flags: TcpFlags::PSH | TcpFlags::ACK,
                        window: 1024,
                        urgent: 3,
                        options: &[2, 4, 5, 0xb4],
                        payload: &payload[..payload_len],
                        ..Segment::default()
                    };
                    let mut frame = [0; 1600];
                    let len = segment.write_frame(&mut frame).unwrap();
                    check(&segment, &frame[..len], ids);
                }
            }
        }
    }

    fn check(segment: &Segment<'_>, frame: &[u8], vlan: [u16; 2]) {
        let headers = parse(LinkType::Ethernet, frame, u32::try_from(frame.len()).unwrap()).unwrap();
        assert_eq!(headers.encapsulation, Encapsulation { vlan, ..Encapsulation::NONE });
        assert_eq!((headers.source, headers.destination), (segment.source, segment.destination));
        assert_eq!(headers.ttl, segment.ttl);
        let tcp = headers.tcp().unwrap();
        assert_eq!(tcp.source_port, segment.source_port);
        assert_eq!(tcp.destination_port, segment.destination_port);
        assert_eq!((tcp.seq, tcp.ack, tcp.flags), (segment.seq, segment.ack, segment.flags));
        assert_eq!((tcp.window, tcp.urgent), (segment.window, segment.urgent));
        assert_eq!(tcp.options.mss, Some(1460));
        assert_eq!(tcp.payload(frame), segment.payload);
        assert_eq!(transport_valid(&headers, frame), ChecksumStatus::Valid);
        if segment.source.is_v4() {
            assert!(ipv4_header_valid(&frame[usize::from(headers.ip_offset)..]));
        }
    }

    #[test]
    fn a_buffer_of_the_exact_length_is_enough_and_one_byte_less_is_not() {
        for (source, destination) in
            [(Segment::default().source, Segment::default().destination), (v6(1), v6(2))]
        {
            let segment =
                Segment { source, destination, vlan: &[1], payload: b"hello", ..Segment::default() };
            let mut frame = [0; 200];
            let len = segment.write_frame(&mut frame).unwrap();
            assert_eq!(segment.write_frame(&mut frame[..len]), Some(len));
            for short in 0..len {
                assert_eq!(segment.write_frame(&mut frame[..short]), None);
            }
        }
    }

    #[test]
    fn what_no_frame_can_say_is_refused() {
        let plain = Segment::default();
        let long = vec![0; 65_536];
        let table = [
            Segment { destination: v6(1), ..plain },
            Segment { options: &[1], ..plain },
            Segment { options: &[1; 44], ..plain },
            Segment { vlan: &[4096], ..plain },
            Segment { vlan: &[1; 5], ..plain },
            Segment { payload: &long[..65_496], ..plain },
            Segment { payload: &long[..65_516], source: v6(1), destination: v6(2), ..plain },
        ];
        let mut frame = vec![0; 100_000];
        for segment in table {
            assert_eq!(segment.write_frame(&mut frame), None);
        }
        let most = Segment { payload: &long[..65_495], ..plain };
        assert_eq!(most.write_frame(&mut frame), Some(65_549));
        let full = Segment { options: &[1; 40], ..plain };
        assert_eq!(full.write_datagram(&mut frame), Some(80));
    }
}
