//! The current packet.

use sluice_wire::Headers;

use super::View;
use super::egress::Edit;
use crate::event::{EventCall, Place};
use crate::flow::Flow;
use crate::packet::Packet;
use crate::{Nanos, Refusal, Side};

/// The packet that raised the events of this pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurrentPacket {
    /// Its place in the burst.
    pub(crate) slot: usize,
    /// What it is.
    pub(crate) headers: Headers,
    /// Stream offset of its payload.
    pub(crate) offset: u64,
    /// Who sent it.
    pub(crate) sender: Side,
    /// Bytes on the wire.
    pub(crate) wire_len: u32,
    /// Bytes captured.
    pub(crate) captured_len: u32,
    /// When it was captured.
    pub(crate) time: Nanos,
    /// Whether it is not what the burst holds there: a datagram put together, or a segment that has passed before.
    pub(crate) is_stand_in: bool,
}

impl CurrentPacket {
    /// Fills in what a call says about the packet.
    #[inline(always)]
    pub(crate) fn describe(&self, flow: Option<&Flow>, call: &mut EventCall) {
        call.wire_length = self.wire_len;
        match self.headers.tcp() {
            Some(tcp) => {
                call.place = Place(call.place).with_packet(tcp.flags.bits()).0;
                call.sequence = tcp.seq.0;
                call.acknowledgment = tcp.ack.0;
                call.window = flow.map_or(u32::from(tcp.window), |flow| flow.stack(self.sender).window);
                if flow.is_none() {
                    call.ports = u32::from(tcp.source_port) << 16 | u32::from(tcp.destination_port);
                }
            }
            None => call.place = Place(call.place).with_packet(0).0,
        }
    }
}

/// Where in the frame bytes are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Region {
    /// The whole captured frame.
    Frame,
    /// From the IP header on.
    Ip,
    /// From the TCP header on.
    Tcp,
    /// The TCP payload.
    Payload,
}

/// The current packet in numbers; see `packet-info` in the WIT.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PacketInfo {
    /// Capture time, nanoseconds.
    pub time: u64,
    /// Stream offset of the first payload byte.
    pub offset: u64,
    /// Bytes on the wire.
    pub wire_length: u32,
    /// Bytes captured.
    pub captured_length: u32,
    /// Offset of the IP header in the frame.
    pub ip_offset: u32,
    /// Offset of the TCP header in the frame.
    pub tcp_offset: u32,
    /// Offset of the payload in the frame.
    pub payload_offset: u32,
    /// Payload bytes as the IP header says.
    pub payload_length: u32,
    /// Payload bytes captured.
    pub payload_captured: u32,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Window field, unscaled.
    pub window: u32,
    /// TCP flags.
    pub flags: u32,
    /// Urgent pointer.
    pub urgent: u32,
    /// TTL or hop limit.
    pub ttl: u32,
    /// Outer VLAN id and, in the high half, the inner one.
    pub vlan: u32,
}

impl View {
    /// The current packet in numbers, with the edits made so far; `offset` is that of the packet as received.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoPacket`].
    pub fn packet_info(&self) -> Result<PacketInfo, Refusal> {
        let packet = self.packet.as_ref().ok_or(Refusal::NoPacket)?;
        let edit = self.egress.edit_of(packet);
        let headers = edit.map_or(&packet.headers, |edit| &edit.headers);
        let captured_len = |edit: &Edit| u32::try_from(edit.bytes.len()).unwrap_or(u32::MAX);
        let [outer, inner] = headers.encapsulation.vlan;
        let mut info = PacketInfo {
            time: packet.time.0,
            offset: packet.offset,
            wire_length: edit.map_or(packet.wire_len, |edit| edit.wire_len),
            captured_length: edit.map_or(packet.captured_len, captured_len),
            ip_offset: u32::from(headers.ip_offset),
            tcp_offset: headers.transport_offset(),
            payload_offset: headers.transport_offset(),
            ttl: u32::from(headers.ttl),
            vlan: u32::from(inner) << 16 | u32::from(outer),
            ..PacketInfo::default()
        };
        if let Some(tcp) = headers.tcp() {
            info.payload_offset = tcp.payload_offset;
            info.payload_length = tcp.payload_len;
            info.payload_captured = tcp.captured_len;
            info.sequence = tcp.seq.0;
            info.acknowledgment = tcp.ack.0;
            info.window = u32::from(tcp.window);
            info.flags = u32::from(tcp.flags.bits());
            info.urgent = u32::from(tcp.urgent);
        }
        Ok(info)
    }

    /// Up to `max` captured bytes of a region from `offset` on, with the edits made so far; empty behind its end.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoPacket`].
    pub fn packet_bytes(&self, region: Region, offset: u32, max: u32) -> Result<&[u8], Refusal> {
        let packet = self.packet.as_ref().ok_or(Refusal::NoPacket)?;
        let (frame, headers) = match self.egress.edit_of(packet) {
            Some(edit) => (&*edit.bytes, &edit.headers),
            None => (self.frame(packet.slot).ok_or(Refusal::NoPacket)?.bytes, &packet.headers),
        };
        let bytes = match (region, headers.tcp()) {
            (Region::Frame, _) => frame,
            (Region::Ip, _) => frame.get(usize::from(headers.ip_offset)..).unwrap_or(&[]),
            (Region::Tcp, Some(_)) => headers.ip_payload(frame),
            (Region::Payload, Some(tcp)) => tcp.payload(frame),
            (Region::Tcp | Region::Payload, None) => &[],
        };
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let until = from.saturating_add(usize::try_from(max).unwrap_or(usize::MAX)).min(bytes.len());
        Ok(bytes.get(from..until).unwrap_or(&[]))
    }

    /// A packet of the burst.
    pub(crate) fn frame(&self, slot: usize) -> Option<Packet<'_>> {
        self.burst.as_ref()?.packet(slot)
    }
}
