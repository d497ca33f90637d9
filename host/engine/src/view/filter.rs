//! What native filters look at.

use sluice_wire::{Headers, IpAddress, TcpFlags, Transport};

use super::View;
use crate::{Direction, Side};

/// Protocols other than TCP whose header begins with both ports, as in pcap-filter's `port`: UDP (RFC 768) and SCTP
/// (RFC 9260).
const WITH_PORTS: [u8; 2] = [17, 132];

impl View {
    /// Flags of the current packet; `None` if none is current or it is no TCP segment.
    #[inline]
    pub(crate) fn tcp_flags(&self) -> Option<TcpFlags> {
        Some(self.packet.as_ref()?.headers.tcp()?.flags)
    }

    /// The innermost IP datagram of the current packet as far as it was captured, without what the link put behind it.
    pub(crate) fn datagram(&self) -> Option<&[u8]> {
        let packet = self.packet.as_ref()?;
        let bytes = self.frame(packet.slot)?.bytes.get(usize::from(packet.headers.ip_offset)..)?;
        let length = usize::try_from(packet.headers.ip_total_len).unwrap_or(usize::MAX);
        Some(bytes.get(..length).unwrap_or(bytes))
    }

    /// Client's and server's port of the current flow; without one, source and destination port of the current packet,
    /// if it has any.
    #[inline]
    pub(crate) fn ports(&self) -> Option<[u16; 2]> {
        match self.current.flow {
            Some(_) => self.flow().ok().map(|flow| Side::BOTH.map(|side| flow.endpoint(side).port)),
            None => self.packet_ports(),
        }
    }

    /// Client's and server's address of the current flow; without one, source and destination of the current packet.
    #[inline]
    pub(crate) fn addresses(&self) -> Option<[IpAddress; 2]> {
        match self.current.flow {
            Some(_) => self.flow().ok().map(|flow| Side::BOTH.map(|side| flow.endpoint(side).address)),
            None => self.packet.as_ref().map(|packet| [packet.headers.source, packet.headers.destination]),
        }
    }

    /// Packets that the sender of the current packet has sent in the current flow and that its receiver honours, this
    /// one included if it does; `None` if they are not counted any more.
    #[inline]
    pub(crate) fn packets_of_sender(&self) -> Option<u32> {
        let sender = self.packet.as_ref()?.sender;
        Some(self.flow().ok()?.packets(sender)).filter(|packets| *packets < u32::MAX)
    }

    /// Whether a stream of the current flow holds `bytes` at `offset`, all of them readable in order.
    pub(crate) fn stream_holds(&self, direction: Direction, offset: u64, bytes: &[u8]) -> bool {
        let Ok(flow) = self.flow() else { return false };
        let mut rest = bytes;
        // An empty piece points nowhere; comparing with it costs 100 ns where the processor loads under a mask.
        let held = self.held(flow.stream(direction), direction, offset, bytes.len());
        for piece in held.into_iter().filter(|piece| !piece.is_empty()) {
            match rest.strip_prefix(piece) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }

    fn packet_ports(&self) -> Option<[u16; 2]> {
        let packet = self.packet.as_ref()?;
        let headers: &Headers = &packet.headers;
        match &headers.transport {
            Transport::Tcp(tcp) => Some([tcp.source_port, tcp.destination_port]),
            Transport::Other if WITH_PORTS.contains(&headers.protocol) => {
                let header = headers.ip_payload(self.frame(packet.slot)?.bytes).first_chunk::<4>()?;
                let [a, b, c, d] = *header;
                Some([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])])
            }
            Transport::Other | Transport::Fragment => None,
        }
    }
}
