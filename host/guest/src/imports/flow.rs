//! The interface `flow`.

use sluice_engine::Refusal;

pub(crate) use super::tcp_info::tcp_info;
use crate::host::Host;
use crate::world::flow::{FlowEndpoints, FlowInfo, SideObservables, SideStatistics};
use crate::world::types::{Side, Sides};

pub(crate) fn select_flow(host: &mut Host, flow: u64) -> Result<(), Refusal> {
    host.view.select_flow(flow)
}

pub(crate) fn select_monitor(host: &mut Host, monitor: u32) -> Result<(), Refusal> {
    host.view.select_monitor(monitor)
}

pub(crate) fn set_user_context(host: &mut Host, value: u64) -> Result<(), Refusal> {
    host.view.set_user_context(value)
}

pub(crate) fn stop_monitoring(host: &mut Host, sides: Sides) -> Result<(), Refusal> {
    host.view.stop_monitoring(sides.into())
}

pub(crate) fn reset(host: &mut Host) -> Result<(), Refusal> {
    host.view.reset()
}

pub(crate) fn endpoints(host: &mut Host) -> Result<FlowEndpoints, Refusal> {
    let endpoints = host.view.endpoints()?;
    let [vlan_outer, vlan_inner] = endpoints.vlan;
    Ok(FlowEndpoints {
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

pub(crate) fn info(host: &mut Host) -> Result<FlowInfo, Refusal> {
    let info = host.view.flow_info()?;
    Ok(FlowInfo {
        log_id: info.log_id,
        start_time: info.start.0,
        last_activity: info.last_activity.0,
        client_state: u32::from(info.client_state.number()),
        server_state: u32::from(info.server_state.number()),
        end_reason: info.end_reason.map_or(0, |reason| u32::from(reason.number())),
        partial: info.partial,
    })
}

pub(crate) fn statistics(host: &mut Host, side: Side) -> Result<SideStatistics, Refusal> {
    let statistics = host.view.statistics(side.into())?;
    Ok(SideStatistics {
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

pub(crate) fn observables(host: &mut Host, side: Side) -> Result<SideObservables, Refusal> {
    let side = host.view.observables(side.into())?;
    let (seen, trips) = (side.observables, side.observables.round_trips);
    Ok(SideObservables {
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
