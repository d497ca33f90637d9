//! Lines of the event log: JSON in the shape of Suricata's EVE format, so that its readers work unchanged.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};
use sluice_engine::Nanos;
use sluice_engine::view::Endpoints;
use sluice_guest::EventFlow;
use sluice_wire::{IpAddress, NO_VLAN};

/// Name of the schema that every line carries.
pub(crate) const SCHEMA: &str = "sluice/1";

/// A moment as EVE writes it: local to UTC, microseconds.
pub(crate) fn timestamp(time: Nanos) -> String {
    let moment = Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format("%Y-%m-%dT%H:%M:%S.%6f+0000", moment).unwrap_or_default()
}

/// The part of a line that every event has.
pub(crate) fn line(
    event_type: &str,
    time: Nanos,
    guest: Option<&str>,
    flow: Option<&EventFlow>,
) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("schema".into(), SCHEMA.into());
    line.insert("timestamp".into(), timestamp(time).into());
    if let Some(flow) = flow {
        line.insert("flow_id".into(), flow.log_id.into());
    }
    line.insert("event_type".into(), event_type.into());
    if let Some(flow) = flow {
        insert_endpoints(&mut line, &flow.endpoints);
    }
    if let Some(guest) = guest {
        line.insert("guest".into(), guest.into());
    }
    line
}

fn insert_endpoints(line: &mut Map<String, Value>, endpoints: &Endpoints) {
    let vlan: Vec<u16> = endpoints.vlan.into_iter().filter(|id| *id != NO_VLAN).collect();
    if !vlan.is_empty() {
        line.insert("vlan".into(), json!(vlan));
    }
    line.insert("src_ip".into(), address(endpoints.client_address).into());
    line.insert("src_port".into(), endpoints.client_port.into());
    line.insert("dest_ip".into(), address(endpoints.server_address).into());
    line.insert("dest_port".into(), endpoints.server_port.into());
    line.insert("proto".into(), "TCP".into());
}

/// An address as text.
pub(crate) fn address(bytes: [u8; 16]) -> String {
    IpAddress(bytes).to_string()
}

/// An address and port as text, the address in brackets where it has colons.
pub(crate) fn socket(bytes: [u8; 16], port: u16) -> String {
    std::net::SocketAddr::new(IpAddress(bytes).to_std(), port).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_that_eve_readers_look_for() {
        let endpoints = Endpoints {
            client_address: IpAddress::v4([192, 0, 2, 1]).0,
            server_address: IpAddress::v4([198, 51, 100, 2]).0,
            client_port: 40_000,
            server_port: 80,
            vlan: [7, NO_VLAN],
        };
        let flow = EventFlow { log_id: 42, endpoints };
        let line = line("http", Nanos(1_500_000_000_123_456_789), Some("http-log"), Some(&flow));
        let text = Value::Object(line).to_string();
        assert_eq!(
            text,
            "{\"schema\":\"sluice/1\",\"timestamp\":\"2017-07-14T02:40:00.123456+0000\",\"flow_id\":42,\
             \"event_type\":\"http\",\"vlan\":[7],\"src_ip\":\"192.0.2.1\",\"src_port\":40000,\
             \"dest_ip\":\"198.51.100.2\",\"dest_port\":80,\"proto\":\"TCP\",\"guest\":\"http-log\"}"
        );
    }

    #[test]
    fn moments_beyond_the_calendar_do_not_matter() {
        assert!(!timestamp(Nanos::NEVER).is_empty());
    }
}
