//! The interface `flow`.

use sluice_engine::{Refusal, Side};
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

use super::words::{SideName, SidesName};
use super::{function, number};
use crate::host::Host;

/// `flow-endpoints` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct EndpointsRecord {
    #[component(name = "client-address")]
    client_address: (u64, u64),
    #[component(name = "server-address")]
    server_address: (u64, u64),
    #[component(name = "client-port")]
    client_port: u16,
    #[component(name = "server-port")]
    server_port: u16,
    #[component(name = "vlan-outer")]
    vlan_outer: u16,
    #[component(name = "vlan-inner")]
    vlan_inner: u16,
}

/// `flow-info` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct FlowRecord {
    #[component(name = "log-id")]
    log_id: u64,
    #[component(name = "start-time")]
    start_time: u64,
    #[component(name = "last-activity")]
    last_activity: u64,
    #[component(name = "client-state")]
    client_state: u32,
    #[component(name = "server-state")]
    server_state: u32,
    #[component(name = "end-reason")]
    end_reason: u32,
    partial: bool,
}

/// `side-statistics` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct StatisticsRecord {
    packets: u64,
    #[component(name = "ip-bytes")]
    ip_bytes: u64,
    #[component(name = "payload-bytes")]
    payload_bytes: u64,
    #[component(name = "delivered-bytes")]
    delivered_bytes: u64,
    retransmissions: u64,
    #[component(name = "out-of-order")]
    out_of_order: u64,
    #[component(name = "gap-bytes")]
    gap_bytes: u64,
    conflicts: u64,
    refused: u64,
}

/// `side-observables` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ObservablesRecord {
    state: u32,
    packets: u64,
    #[component(name = "ip-bytes")]
    ip_bytes: u64,
    #[component(name = "stream-bytes")]
    stream_bytes: u64,
    #[component(name = "missed-bytes")]
    missed_bytes: u64,
    gaps: u32,
    retransmissions: u32,
    #[component(name = "out-of-order")]
    out_of_order: u32,
    conflicts: u32,
    #[component(name = "urgent-bytes")]
    urgent_bytes: u32,
    #[component(name = "zero-windows")]
    zero_windows: u32,
    #[component(name = "wrong-checksums")]
    wrong_checksums: u32,
    window: u32,
    #[component(name = "window-max")]
    window_max: u32,
    #[component(name = "rtt-samples")]
    rtt_samples: u32,
    #[component(name = "rtt-handshake")]
    rtt_handshake: u64,
    #[component(name = "rtt-latest")]
    rtt_latest: u64,
    #[component(name = "rtt-shortest")]
    rtt_shortest: u64,
    #[component(name = "rtt-smoothed")]
    rtt_smoothed: u64,
    #[component(name = "rtt-variation")]
    rtt_variation: u64,
}

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "select-flow", |host, (flow,): (u64,)| host.view.select_flow(flow).map_err(number))?;
    function(interface, "select-monitor", |host, (monitor,): (u32,)| {
        host.view.select_monitor(monitor).map_err(number)
    })?;
    function(interface, "endpoints", |host, (): ()| endpoints(host).map_err(number))?;
    function(interface, "info", |host, (): ()| info(host).map_err(number))?;
    function(interface, "statistics", |host, (side,): (SideName,)| {
        statistics(host, side.into()).map_err(number)
    })?;
    function(interface, "observables", |host, (side,): (SideName,)| {
        observables(host, side.into()).map_err(number)
    })?;
    function(interface, "tcp-info", |host, (side,): (SideName,)| {
        super::tcp_info::tcp_info(host, side.into()).map_err(number)
    })?;
    function(interface, "set-user-context", |host, (value,): (u64,)| {
        host.view.set_user_context(value).map_err(number)
    })?;
    function(interface, "stop-monitoring", |host, (sides,): (SidesName,)| {
        host.view.stop_monitoring(sides.into()).map_err(number)
    })
}

fn endpoints(host: &Host) -> Result<EndpointsRecord, Refusal> {
    let endpoints = host.view.endpoints()?;
    let [vlan_outer, vlan_inner] = endpoints.vlan;
    Ok(EndpointsRecord {
        client_address: halves(endpoints.client_address),
        server_address: halves(endpoints.server_address),
        client_port: endpoints.client_port,
        server_port: endpoints.server_port,
        vlan_outer,
        vlan_inner,
    })
}

/// An address as two numbers in network order.
fn halves(address: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, rest @ ..] = address;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(rest))
}

fn info(host: &Host) -> Result<FlowRecord, Refusal> {
    let info = host.view.flow_info()?;
    Ok(FlowRecord {
        log_id: info.log_id,
        start_time: info.start.0,
        last_activity: info.last_activity.0,
        client_state: u32::from(info.client_state.number()),
        server_state: u32::from(info.server_state.number()),
        end_reason: info.end_reason.map_or(0, |reason| u32::from(reason.number())),
        partial: info.partial,
    })
}

fn statistics(host: &Host, side: Side) -> Result<StatisticsRecord, Refusal> {
    let statistics = host.view.statistics(side)?;
    Ok(StatisticsRecord {
        packets: statistics.packets,
        ip_bytes: statistics.ip_bytes,
        payload_bytes: statistics.payload_bytes,
        delivered_bytes: statistics.delivered_bytes,
        retransmissions: statistics.retransmissions,
        out_of_order: statistics.out_of_order,
        gap_bytes: statistics.gap_bytes,
        conflicts: statistics.conflicts,
        refused: statistics.refused,
    })
}

fn observables(host: &Host, side: Side) -> Result<ObservablesRecord, Refusal> {
    let side = host.view.observables(side)?;
    let (seen, trips) = (side.observables, side.observables.round_trips);
    Ok(ObservablesRecord {
        state: u32::from(side.state.number()),
        packets: seen.packets,
        ip_bytes: seen.ip_bytes,
        stream_bytes: seen.stream_bytes,
        missed_bytes: seen.missed_bytes,
        gaps: seen.gaps,
        retransmissions: seen.retransmissions,
        out_of_order: seen.out_of_order,
        conflicts: side.conflicts,
        urgent_bytes: side.urgent_bytes,
        zero_windows: seen.zero_windows,
        wrong_checksums: seen.wrong_checksums,
        window: side.window,
        window_max: side.window_max,
        rtt_samples: trips.samples,
        rtt_handshake: trips.handshake,
        rtt_latest: trips.latest,
        rtt_shortest: trips.shortest,
        rtt_smoothed: trips.smoothed,
        rtt_variation: trips.variation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_two_numbers_in_network_order() {
        let mapped = std::net::Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
        assert_eq!(halves(mapped.octets()), (0, 0x0000_ffff_0a00_0001));
    }
}
