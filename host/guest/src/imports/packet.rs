//! The interface `packet`.

use std::sync::Arc;

use sluice_engine::Refusal;
use sluice_engine::view::Region;
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

use super::words::RegionName;
use super::{function, number};
use crate::host::Host;

/// `packet-info` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct PacketRecord {
    time: u64,
    offset: u64,
    #[component(name = "wire-length")]
    wire_length: u32,
    #[component(name = "captured-length")]
    captured_length: u32,
    #[component(name = "ip-offset")]
    ip_offset: u32,
    #[component(name = "tcp-offset")]
    tcp_offset: u32,
    #[component(name = "payload-offset")]
    payload_offset: u32,
    #[component(name = "payload-length")]
    payload_length: u32,
    #[component(name = "payload-captured")]
    payload_captured: u32,
    sequence: u32,
    acknowledgment: u32,
    window: u32,
    flags: u32,
    urgent: u32,
    ttl: u32,
    vlan: u32,
}

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "getlastpkt", |host, (): ()| getlastpkt(host).map_err(number))?;
    function(interface, "bytes", |host, (region, offset, max): (RegionName, u32, u32)| {
        bytes(host, region.into(), offset, max).map_err(number)
    })
}

fn getlastpkt(host: &Host) -> Result<PacketRecord, Refusal> {
    let info = host.view.packet_info()?;
    Ok(PacketRecord {
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

fn bytes(host: &mut Host, region: Region, offset: u32, max: u32) -> Result<Arc<Vec<u8>>, Refusal> {
    let found = host.view.packet_bytes(region, offset, max)?;
    let bytes = Arc::make_mut(&mut host.bytes);
    bytes.clear();
    bytes.extend_from_slice(found);
    Ok(Arc::clone(&host.bytes))
}
