//! The interface `packet`.

use sluice_engine::Refusal;
use sluice_engine::limits::{DATAGRAM_BYTES, INJECTED_DATAGRAM_BYTES};
use sluice_engine::view::SegmentSpec;
use sluice_wire::{SeqNumber, TcpFlags};

use super::InView;
use crate::host::Host;
use crate::world::packet::{PacketInfo, Region, Segment};

pub(crate) fn getlastpkt(host: &mut Host) -> Result<PacketInfo, Refusal> {
    let info = host.view.packet_info()?;
    Ok(PacketInfo {
        time: info.time,
        offset: info.offset,
        wire_length: info.wire_length,
        captured_length: info.captured_length,
        ip_offset: info.ip_offset,
        tcp_offset: info.tcp_offset,
        payload_offset: info.payload_offset,
        payload_length: info.payload_length,
        payload_captured: info.payload_captured,
        sequence: info.sequence,
        acknowledgment: info.acknowledgment,
        window: info.window,
        flags: info.flags,
        urgent: info.urgent,
        ttl: info.ttl,
        vlan: info.vlan,
    })
}

pub(crate) fn bytes(host: &mut Host, region: Region, offset: u32, max: u32) -> Result<InView, Refusal> {
    let region = region.into();
    host.view.packet_bytes(region, offset, max).map(|bytes| InView::Packet(region, offset, bytes.len()))
}

pub(crate) fn overwrite(host: &mut Host, region: Region, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
    host.view.overwrite(region.into(), offset, cut(bytes, DATAGRAM_BYTES))
}

pub(crate) fn insert(host: &mut Host, region: Region, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
    host.view.insert(region.into(), offset, cut(bytes, DATAGRAM_BYTES))
}

pub(crate) fn chomp(host: &mut Host, region: Region, offset: u32, length: u32) -> Result<(), Refusal> {
    host.view.chomp(region.into(), offset, length)
}

pub(crate) fn sendpkt(host: &mut Host, segment: Segment) -> Result<(), Refusal> {
    host.view.send_segment(&SegmentSpec {
        side: segment.side.into(),
        flags: TcpFlags(segment.flags),
        seq: SeqNumber(segment.sequence),
        ack: SeqNumber(segment.acknowledgment),
        window: segment.window,
        options: cut(&segment.options, INJECTED_DATAGRAM_BYTES),
        payload: cut(&segment.payload, INJECTED_DATAGRAM_BYTES),
    })
}

/// Of bytes that are more than `max`, one more than that: they are refused as too long, whatever they are.
fn cut(bytes: &[u8], max: usize) -> &[u8] {
    bytes.get(..=max).unwrap_or(bytes)
}
