//! Records of connections as lines of the event log, with the field names of Zeek's conn.log.

use std::time::Duration;

use serde_json::{Map, Value};
use sluice_engine::Nanos;
use sluice_engine::flow::{ConnRecord, SideRecord};
use sluice_engine::view::Endpoints;
use sluice_guest::EventFlow;
use sluice_wire::{NO_VLAN, Tunnel};

use super::eve;

/// IP protocol number of TCP.
const IPPROTO_TCP: u8 = 6;

/// The line of a connection. Zeek's own fields come first; it leaves out those that have no value, and so does this.
pub(crate) fn line(record: &ConnRecord) -> Map<String, Value> {
    let [client, server] = &record.sides;
    let endpoints = Endpoints {
        client_address: client.endpoint.address.0,
        server_address: server.endpoint.address.0,
        client_port: client.endpoint.port,
        server_port: server.endpoint.port,
        vlan: record.vlan,
    };
    let flow = EventFlow { log_id: record.log_id, endpoints };
    let mut line = eve::line("conn", record.start.after(record.duration), None, Some(&flow));
    line.insert("conn".into(), fields(record).into());
    line
}

fn fields(record: &ConnRecord) -> Map<String, Value> {
    let mut fields = Fields(Map::new());
    let [client, server] = &record.sides;
    fields.add("ts", moment(record.start));
    fields.add("uid", record.log_id.to_string());
    fields.add("id.orig_h", eve::address(client.endpoint.address.0));
    fields.add("id.orig_p", client.endpoint.port);
    fields.add("id.resp_h", eve::address(server.endpoint.address.0));
    fields.add("id.resp_p", server.endpoint.port);
    fields.add("proto", "tcp");
    let micros = Duration::from_nanos(record.duration).as_micros();
    if micros > 0 {
        fields.add("duration", seconds(record.duration));
        fields.add("orig_bytes", client.observables.stream_bytes);
        fields.add("resp_bytes", server.observables.stream_bytes);
    }
    fields.add("conn_state", record.conn_state.name());
    let missed = [client, server].map(|side| side.observables.missed_bytes);
    fields.add("missed_bytes", missed[0].saturating_add(missed[1]));
    fields.add("history", record.history.as_str());
    for (prefix, side) in [("orig", client), ("resp", server)] {
        fields.add(&format!("{prefix}_pkts"), side.observables.packets);
        fields.add(&format!("{prefix}_ip_bytes"), side.observables.ip_bytes);
    }
    fields.add("ip_proto", IPPROTO_TCP);
    add_encapsulation(&mut fields, record);
    fields.add("end_reason", record.end.name());
    fields.add("partial", record.is_partial);
    for (prefix, side) in [("orig", client), ("resp", server)] {
        add_side(&mut fields, prefix, side);
    }
    fields.0
}

/// VLANs and tunnels, by the names of Zeek's optional fields where it has them.
fn add_encapsulation(fields: &mut Fields, record: &ConnRecord) {
    for (name, id) in ["vlan", "inner_vlan"].into_iter().zip(record.vlan) {
        if id != NO_VLAN {
            fields.add(name, id);
        }
    }
    if record.tunnel != Tunnel::NONE {
        fields.add("tunnel", record.tunnel.to_string());
    }
}

/// What Zeek does not tell of a side.
fn add_side(fields: &mut Fields, prefix: &str, side: &SideRecord) {
    let seen = &side.observables;
    let mut add = |name: &str, value: Value| fields.add(&format!("{prefix}_{name}"), value);
    add("missed_bytes", seen.missed_bytes.into());
    add("gaps", seen.gaps.into());
    add("retransmissions", seen.retransmissions.into());
    add("out_of_order", seen.out_of_order.into());
    add("zero_windows", seen.zero_windows.into());
    add("bad_checksums", seen.wrong_checksums.into());
    add("refused", side.refused.into());
    add("conflicts", side.conflicts.into());
    if seen.round_trips.samples > 0 {
        add("rtt", seconds(seen.round_trips.smoothed));
        add("rtt_min", seconds(seen.round_trips.shortest));
    }
}

/// The members of an object, in order.
struct Fields(Map<String, Value>);

impl Fields {
    fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }
}

/// Seconds with microseconds, as Zeek writes them.
fn seconds(nanos: u64) -> Value {
    let text = format!("{}.{:06}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1000);
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

fn moment(time: Nanos) -> Value {
    seconds(time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_their_microseconds() {
        assert_eq!(moment(Nanos(1_300_475_169_780_331_999)).to_string(), "1300475169.780331");
        assert_eq!(seconds(119_905_000).to_string(), "0.119905");
    }
}
