//! Segments of numbered flows, made by hand.

use sluice_engine::{Nanos, Side};
use sluice_wire::checksum::ipv4_header_checksum;
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use crate::Frame;

/// Room for every header that [`Frame::of`] writes, options included.
const HEADERS_LEN: usize = 160;

const ETHERNET_LEN: usize = 14;
const IPV4_LEN: usize = 20;

/// Client port of flow 0.
const FIRST_PORT: u16 = 40_000;

impl Frame {
    /// An Ethernet frame of a segment that `sender` of a flow sends; addresses and ports are the flow's.
    ///
    /// `None` for what no frame can say: options of a wrong length, too much payload.
    #[must_use]
    pub fn of(time: Nanos, flow: u16, sender: Side, segment: &Segment<'_>) -> Option<Self> {
        let [high, low] = flow.to_be_bytes();
        let client = (IpAddress::v4([198, 18, high, low]), FIRST_PORT.wrapping_add(flow));
        let server = (IpAddress::v4([198, 19, 0, low & 7]), 80);
        let (source, destination) = match sender {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let segment = Segment {
            source: source.0,
            source_port: source.1,
            destination: destination.0,
            destination_port: destination.1,
            ..*segment
        };
        let mut bytes = vec![0; segment.payload.len().checked_add(HEADERS_LEN)?];
        let len = segment.write_frame(&mut bytes)?;
        bytes.truncate(len);
        Some(Self { time, wire_len: u32::try_from(len).ok()?, bytes, link: Some(LinkType::Ethernet) })
    }

    /// A frame of a segment with these flags, numbers and payload; for what else a segment has, see [`Frame::of`].
    #[must_use]
    pub fn plain(
        time: Nanos,
        sender: Side,
        flags: TcpFlags,
        numbers: (u32, u32),
        payload: &[u8],
    ) -> Option<Self> {
        let (seq, ack) = (SeqNumber(numbers.0), SeqNumber(numbers.1));
        Self::of(time, 0, sender, &Segment { flags, seq, ack, payload, ..Segment::default() })
    }

    /// The three frames of a handshake of flow 0: who sends which initial sequence number, a millisecond apart.
    #[must_use]
    pub fn handshake(time: Nanos, client: u32, server: u32) -> Option<Vec<Self>> {
        let (first, answer) = (client.wrapping_add(1), server.wrapping_add(1));
        let syn_ack = TcpFlags::SYN | TcpFlags::ACK;
        Some(vec![
            Self::plain(time, Side::Client, TcpFlags::SYN, (client, 0), b"")?,
            Self::plain(time.after(1_000_000), Side::Server, syn_ack, (server, first), b"")?,
            Self::plain(time.after(2_000_000), Side::Client, TcpFlags::ACK, (first, answer), b"")?,
        ])
    }

    /// The frame as a snap length shows it that lies `missing` payload bytes before its end: they count on the wire
    /// only.
    ///
    /// `None` if the frame is no Ethernet frame of IPv4, or if no datagram is as long.
    #[must_use]
    pub fn with_payload_cut_off(mut self, missing: u32) -> Option<Self> {
        if missing == 0 {
            return Some(self);
        }
        let header = self.bytes.get_mut(ETHERNET_LEN..)?.first_chunk_mut::<IPV4_LEN>()?;
        let stated = u32::from(u16::from_be_bytes([header[2], header[3]])).checked_add(missing)?;
        header[2..4].copy_from_slice(&u16::try_from(stated).ok()?.to_be_bytes());
        header[10..12].fill(0);
        let checksum = ipv4_header_checksum(header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        self.wire_len = self.wire_len.checked_add(missing)?;
        Some(self)
    }
}
