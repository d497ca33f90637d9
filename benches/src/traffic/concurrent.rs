//! Connections that are all open at the same time.

use super::flow::Flow;
use super::mix::{Mix, ping_pong};
use super::plan::Plan;
use super::{Traffic, Writer};

/// Requests and responses of one connection, ten bytes each.
const EXCHANGES: u32 = 10;

/// Packets of one connection: three of the handshake, a request and a response ten times, three of the end.
pub const CONCURRENT_PACKETS: u32 = 2 * EXCHANGES + 6;

/// Time between the last packet of some connections and the first one of the next, in nanoseconds: five minutes, after
/// which nothing is left of those that have ended.
const LAP_NS: u64 = 300_000_000_000;

/// Makes connections of which `live` are open at the same time: all of them send their first packet, then all their
/// second one and so on, each time in another order, so that no packet finds what the one before it has fetched. When
/// they have ended, that many others begin, `laps` times in all.
///
/// All frames have 64 bytes but the SYNs. Making stops before the arena exceeds what a `u32` offset reaches.
#[must_use]
pub fn concurrent(live: u32, laps: u32, seed: u64) -> Traffic {
    let mut writer = Writer::of(Mix::ShortFlows, 0, seed);
    writer.traffic.name = "concurrent";
    for _ in 0..laps {
        let mut flows: Vec<Flow> = (0..live).map(|_| open(&mut writer)).collect();
        for _ in 0..CONCURRENT_PACKETS {
            for unshuffled in (1..flows.len()).rev() {
                flows.swap(unshuffled, writer.random.index(unshuffled + 1));
            }
            for flow in &mut flows {
                writer.write_packet(flow);
            }
        }
        writer.time_tenths = writer.time_tenths.saturating_add(LAP_NS.saturating_mul(10));
    }
    writer.traffic
}

fn open(writer: &mut Writer) -> Flow {
    let mut plan = Plan::opened();
    ping_pong(&mut plan, EXCHANGES);
    let flow = Flow::of(writer.traffic.flows, plan, &writer.pool, &mut writer.random);
    writer.traffic.flows += 1;
    flow
}

/// The number of the connection, in the order of their making, that has this client: its IPv4 address and its port.
#[must_use]
pub fn serial_of(address: [u8; 4], port: u16) -> u32 {
    let block = u32::from(port.saturating_sub(1024) / 1024);
    let [_, _, high, low] = address;
    block << 16 | u32::from(high) << 8 | u32::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_wire::{LinkType, parse};

    #[test]
    fn all_connections_of_a_lap_are_open_between_their_first_and_last_packets() {
        let traffic = concurrent(100, 2, 1);
        assert_eq!(traffic.flows, 200);
        assert_eq!(traffic.packets.len(), 200 * CONCURRENT_PACKETS as usize);
        let clients: Vec<u32> = traffic
            .frames()
            .map(|(_, frame)| {
                let headers = parse(LinkType::Ethernet, frame, 0).unwrap();
                let sluice_wire::Transport::Tcp(tcp) = headers.transport else { panic!("{headers:?}") };
                let is_client = tcp.destination_port == 80;
                let address = if is_client { headers.source } else { headers.destination };
                let port = if is_client { tcp.source_port } else { tcp.destination_port };
                serial_of(address.to_v4().unwrap(), port)
            })
            .collect();
        for (lap, packets) in clients.chunks(100 * CONCURRENT_PACKETS as usize).enumerate() {
            for round in packets.chunks(100) {
                let mut round = round.to_vec();
                round.sort_unstable();
                let first = u32::try_from(lap * 100).unwrap();
                assert_eq!(round, (first..first + 100).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_number_of_a_connection_is_told_from_its_client_beyond_65_536_too() {
        let serials = [0, 1, 65_535, 65_536, 199_999];
        for serial in serials {
            let [_, block, high, low] = u32::to_be_bytes(serial);
            let port = 1024 + u16::from(block) * 1024 + u16::try_from(serial % 1021).unwrap();
            assert_eq!(serial_of([198, 18, high, low], port), serial);
        }
    }
}
