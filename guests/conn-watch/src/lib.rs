//! What each connection is, found out with as little of it as possible.
//!
//! A flow begins with one handler, for its first data. What that says decides what the flow invokes from then on: an
//! HTTP client's data is read as long as it lasts, a TLS client's until the name of the server is known, and of
//! anything else nothing more. Flows that have come to the same point share what they invoke.

mod hello;
mod requests;

use std::collections::BTreeMap;

use hello::{HELLO_BYTES_MAX, Hello};
use requests::Requests;
use sluice::prelude::*;
use sluice::table;

/// Connections in the table unless `rows` says otherwise.
const ROWS_DEFAULT: usize = 4_096;

/// Connections of which more is known than that they are there, and bytes of request lines that are not complete, all
/// together: clients that begin and never go on take 32 MiB of 64.
const CONNECTIONS_MAX: usize = 65_536;
const COLLECTED_BYTES_MAX: usize = 8 << 20;

const HEADINGS: [&str; 8] =
    ["CLIENT", "SERVER", "PROTOCOL", "NAME", "REQUESTS", "TO SERVER", "TO CLIENT", "READ"];

/// What HTTP clients begin with, and servers.
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"TRACE ", b"CONNECT "];
const STATUS_LINE: &[u8] = b"HTTP/1.";

/// As long as the longest of them.
const BEGINNING_BYTES: u32 = 8;

/// A record of a handshake in SSL 3.0 to TLS 1.3.
const HANDSHAKE: &[u8] = &[22, 3];

#[derive(Default)]
struct ConnWatch {
    rows_max: usize,
    /// Whether request lines are reported.
    lines: bool,
    /// Connections that have sent data.
    connections: BTreeMap<FlowId, Connection>,
    /// With the time of the first packet.
    rows: Vec<(u64, [String; 8])>,
    totals: Totals,
    /// See [`COLLECTED_BYTES_MAX`].
    collected_bytes: usize,
    buffer: Vec<u8>,
}

#[derive(Default)]
struct Connection {
    protocol: Protocol,
    requests: Requests,
    server_name: Option<String>,
    read_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Protocol {
    Http,
    Tls,
    #[default]
    Other,
}

#[derive(Default)]
struct Totals {
    connections: u64,
    requests: u64,
    names: u64,
    bytes: u64,
    read_bytes: u64,
}

sluice::export!(ConnWatch);

impl Middlebox for ConnWatch {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["filter", "lines", "rows"])?;
        let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::Full)?;
        flows.on(NewData, Self::on_first_data)?;
        // From the beginning, and of no use to those that are let go: so each step of a flow is one change, to a set of
        // handlers that other flows have.
        flows.on(Gap, Self::on_gap)?;
        flows.on(ConnEnd, Self::on_end)?;
        Ok(Self {
            rows_max: configuration.parse("rows")?.unwrap_or(ROWS_DEFAULT),
            lines: configuration.parse("lines")?.unwrap_or(false),
            ..Self::default()
        })
    }

    fn stop(&mut self) {
        self.rows.sort();
        let not_shown = self.totals.connections - self.rows.len() as u64;
        let mut rows = vec![HEADINGS.map(String::from)];
        rows.extend(core::mem::take(&mut self.rows).into_iter().map(|(_, row)| row));
        report!("{}", table::aligned(&rows, |column| column >= 4));
        if not_shown > 0 {
            report!("{not_shown} more are not shown\n");
        }
        let Totals { connections, requests, names, bytes, read_bytes } = self.totals;
        report!("total: {connections} connections, {requests} requests, ");
        report!("{names} names in TLS, {read_bytes} of {bytes} bytes read\n");
    }
}

/// Handlers: which of them a flow has says what is known of it.
impl ConnWatch {
    fn on_first_data(&mut self, event: &Event) -> Result<(), Error> {
        let flow = event.flow();
        let first = flow.peek_at(event.direction(), 0, BEGINNING_BYTES, &mut self.buffer);
        let protocol = match first {
            Ok(bytes) if !event.partial() && self.connections.len() < CONNECTIONS_MAX => {
                Protocol::of(event.direction(), bytes)
            }
            Ok(_) | Err(_) => Some(Protocol::Other),
        };
        let Some(protocol) = protocol else { return Ok(()) };
        self.connections.insert(event.flow_id(), Connection { protocol, ..Connection::default() });
        if protocol == Protocol::Other {
            flow.off(NewData, Self::on_first_data)?;
            return stop_buffering(flow);
        }
        flow.set_level(Direction::ToClient, Level::Count)?;
        if protocol == Protocol::Http {
            flow.replace(NewData, Self::on_first_data, Self::on_requests)?;
            self.on_requests(event)
        } else {
            flow.replace(NewData, Self::on_first_data, Self::on_hello)?;
            self.on_hello(event)
        }
    }

    fn on_requests(&mut self, event: &Event) -> Result<(), Error> {
        let Some(connection) = self.connections.get_mut(&event.flow_id()) else { return Ok(()) };
        let bytes = match event.flow().peek(Direction::ToServer, &mut self.buffer) {
            Err(Error::Missed { .. }) => return let_go(event.flow()),
            bytes => bytes?,
        };
        connection.read_bytes += bytes.len() as u64;
        self.collected_bytes -= connection.requests.line.len();
        let client = if self.lines { Some(event.flow().endpoints()?.client) } else { None };
        let read = connection.requests.push(bytes, |line| {
            client.iter().for_each(|client| report!("{client}  {}\n", line.escape_default()));
        });
        self.collected_bytes += connection.requests.line.len();
        let is_lost = read.is_none() || self.collected_bytes > COLLECTED_BYTES_MAX;
        if is_lost { let_go(event.flow()) } else { Ok(()) }
    }

    /// What is not read yet is left with the host.
    fn on_hello(&mut self, event: &Event) -> Result<(), Error> {
        let Some(connection) = self.connections.get_mut(&event.flow_id()) else { return Ok(()) };
        let bytes = event.flow().peek_at(Direction::ToServer, 0, HELLO_BYTES_MAX, &mut self.buffer)?;
        connection.read_bytes = bytes.len() as u64;
        match Hello::read(bytes) {
            Hello::Part => return Ok(()),
            Hello::Whole(name) => connection.server_name = name,
            Hello::Broken => connection.protocol = Protocol::Other,
        }
        let_go(event.flow())
    }

    /// Where requests or a hello go on cannot be told behind bytes that are missing.
    fn on_gap(&mut self, event: &Event) -> Result<(), Error> {
        let is_known = self.connections.contains_key(&event.flow_id());
        let is_read = is_known && event.direction() == Direction::ToServer;
        if is_read { let_go(event.flow()) } else { Ok(()) }
    }

    fn on_end(&mut self, event: &Event) -> Result<(), Error> {
        let connection = self.connections.remove(&event.flow_id());
        let protocol = connection.as_ref().map_or("-", |connection| connection.protocol.name());
        let Connection { requests, server_name, read_bytes, .. } = connection.unwrap_or_default();
        self.collected_bytes -= requests.line.len();
        let (flow, names) = (event.flow(), u64::from(server_name.is_some()));
        let endpoints = flow.endpoints()?;
        let to_server = flow.statistics(Side::Client)?.delivered_bytes;
        let to_client = flow.statistics(Side::Server)?.delivered_bytes;
        self.totals.connections += 1;
        self.totals.requests += requests.count;
        self.totals.names += names;
        self.totals.bytes += to_server + to_client;
        self.totals.read_bytes += read_bytes;
        if self.rows.len() < self.rows_max {
            let row = [
                endpoints.client.to_string(),
                endpoints.server.to_string(),
                protocol.into(),
                server_name.or(requests.host).unwrap_or_else(|| "-".into()),
                requests.count.to_string(),
                to_server.to_string(),
                to_client.to_string(),
                read_bytes.to_string(),
            ];
            self.rows.push((flow.info()?.start_time_ns, row));
        }
        Ok(())
    }
}

/// There is nothing more to learn.
fn let_go(flow: &Flow) -> Result<(), Error> {
    // One of the two is registered.
    flow.off(NewData, ConnWatch::on_requests).or_else(|_| flow.off(NewData, ConnWatch::on_hello))?;
    stop_buffering(flow)
}

/// From here on the host counts bytes for this monitor, and keeps none.
fn stop_buffering(flow: &Flow) -> Result<(), Error> {
    flow.set_level(Direction::ToServer, Level::Count)?;
    flow.set_level(Direction::ToClient, Level::Count)
}

impl Protocol {
    /// What a stream that begins so is; `None` if more of it has to be seen.
    fn of(direction: Direction, beginning: &[u8]) -> Option<Self> {
        let known: &[(&[u8], Option<Self>)] = match direction {
            Direction::ToServer => &[(HANDSHAKE, Some(Self::Tls))],
            // A response, or a server's part of a handshake, captured before what it answers.
            Direction::ToClient => &[(HANDSHAKE, None), (STATUS_LINE, None)],
        };
        let methods = METHODS.iter().filter(|_| direction == Direction::ToServer);
        let known = known.iter().copied().chain(methods.map(|method| (*method, Some(Self::Http))));
        for (bytes, protocol) in known {
            if beginning.starts_with(bytes) {
                return protocol;
            }
            if bytes.starts_with(beginning) {
                return None;
            }
        }
        Some(Self::Other)
    }

    const fn name(self) -> &'static str {
        ["HTTP", "TLS", "other"][self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        let client = |bytes: &[u8]| Protocol::of(Direction::ToServer, bytes);
        let server = |bytes: &[u8]| Protocol::of(Direction::ToClient, bytes);
        assert_eq!(
            [client(b"POST /a"), client(b"PO"), client(b"PORT")],
            [Some(Protocol::Http), None, Some(Protocol::Other)]
        );
        assert_eq!(
            [client(&[22, 3, 1]), client(&[22]), client(&[22, 4])],
            [Some(Protocol::Tls), None, Some(Protocol::Other)]
        );
        assert_eq!(
            [server(b"HTTP/1.1"), server(b"HT"), server(b"220 ")],
            [None, None, Some(Protocol::Other)]
        );
    }
}
