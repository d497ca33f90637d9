//! The native handler of a script: writes down what it is told.

use sluice_engine::event::{EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::flow::{ConnRecord, EndReason};
use sluice_engine::reassembly::Level;
use sluice_engine::tcp::{RefuseReason, TcpState};
use sluice_engine::view::PeekError;
use sluice_engine::{Direction, Side, View};

use super::packet::{FIRST_CLIENT_PORT, SERVER_PORT};
use super::{Options, text};

/// Writes the trace, and checks on the way that what it reads is what it is told.
#[derive(Debug)]
pub(super) struct Recorder {
    options: Options,
    /// The trace so far.
    pub(super) trace: Vec<String>,
    /// What contradicts itself.
    pub(super) problems: Vec<String>,
}

impl Recorder {
    pub(super) fn new(options: Options) -> Self {
        Self { options, trace: Vec::new(), problems: Vec::new() }
    }

    fn record(&mut self, call: &EventCall, line: &str) {
        let mut line = format!("{} {line}", text::show_time(call.moment()));
        match flow_number(call) {
            Some(0) | None => {}
            Some(flow) => line += &format!(" flow {flow}"),
        }
        self.trace.push(line);
    }

    fn packet_in(&mut self, call: &EventCall) {
        let place = call.place();
        let Some(side) = place.side().filter(|_| place.hook() == Hook::Sender) else { return };
        match reason(call) {
            Some(reason) => {
                self.record(call, &format!("packet-in {} refused {}", side.name(), reason.name()));
            }
            None if self.options.shows_packets => {
                self.record(call, &format!("packet-in {}", side.name()));
            }
            None => {}
        }
    }

    fn conn_start(&mut self, call: &EventCall) {
        let place = call.place();
        let partial = if place.is_partial() { " partial" } else { "" };
        let server = if place.side() == Some(Side::Server) { " by server" } else { "" };
        self.record(call, &format!("conn-start{partial}{server}"));
    }

    fn state_change(&mut self, call: &EventCall) {
        let Some(side) = call.place().side() else { return };
        let [_, left, server, client] = call.states.to_be_bytes();
        let number = if side == Side::Client { client } else { server };
        let name = state_name(number);
        if left == number {
            self.problems.push(format!("{} left {name} for {name}", side.name()));
        }
        self.record(call, &format!("tcp-state-change {} {name}", side.name()));
    }

    fn new_data(&mut self, call: &EventCall, view: &mut View) {
        let direction = call.place().direction();
        let mut shown = String::new();
        if self.options.reads {
            let mut bytes = Vec::new();
            let readable = call.readable;
            let result = view.peek(direction, u32::MAX, &mut bytes);
            if result.is_err() || bytes.len() as u64 != u64::from(readable) || readable < call.length {
                let got = bytes.len();
                self.problems.push(format!(
                    "new-data of {} at {}: {readable} readable, {got} read, {result:?}",
                    call.length, call.offset
                ));
            }
            if self.options.shows_bytes {
                shown = format!(" \"{}\"", String::from_utf8_lossy(&bytes));
            }
        }
        self.record(call, &format!("new-data {}{shown}", range(call, direction)));
    }

    fn conn_end(&mut self, call: &EventCall, view: &mut View) {
        let reason =
            view.flow_info().ok().and_then(|flow| flow.end_reason).map_or("unknown", EndReason::name);
        self.record(call, &format!("conn-end {reason}"));
        if self.options.level != Level::Full {
            return;
        }
        for direction in Direction::BOTH {
            self.check_span(direction, view);
        }
    }

    /// Every offset of a stream that has ended was delivered or is in a gap.
    fn check_span(&mut self, direction: Direction, view: &mut View) {
        let name = direction.name();
        let (Ok(info), Ok(sent)) = (view.buffer_info(direction), view.statistics(direction.sender())) else {
            self.problems.push(format!("{name} of a flow that ends is not there"));
            return;
        };
        if info.next != sent.delivered_bytes + sent.gap_bytes + sent.urgent_bytes {
            self.problems.push(format!("{name} spans {} but {sent:?}", info.next));
        }
        let mut rest = Vec::new();
        match view.peek(direction, u32::MAX, &mut rest) {
            Ok(()) if rest.is_empty() || !self.options.reads => {}
            Err(PeekError::Missed(_)) if !self.options.reads => {}
            other => {
                let left = rest.len();
                self.problems.push(format!("{name}: {left} bytes left at the end, {other:?}"));
            }
        }
    }
}

impl Handler for Recorder {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let Some(kind) = call.event_kind() else { return Err(Faulted) };
        let direction = call.place().direction();
        match kind {
            EventKind::PacketIn => self.packet_in(call),
            EventKind::ConnStart => self.conn_start(call),
            EventKind::StateChange => self.state_change(call),
            EventKind::NewData => self.new_data(call, view),
            EventKind::ConnEnd => self.conn_end(call, view),
            EventKind::Orphan => self.record(call, "orphan"),
            EventKind::Error => self.record(call, &format!("error {} no-room", range(call, direction))),
            EventKind::Rexmit if call.length == 0 => {
                self.record(call, &format!("rexmit {}", direction.name()));
            }
            EventKind::Rexmit | EventKind::Conflict | EventKind::Gap => {
                self.record(call, &format!("{} {}", kind.name(), range(call, direction)));
            }
        }
        Ok(0)
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        let [client, server] = record.sides.map(|side| {
            let seen = side.observables;
            if seen.missed_bytes > seen.stream_bytes {
                self.problems.push(format!("more is missing than was sent: {side:?}"));
            }
            let missed =
                if seen.missed_bytes > 0 { format!("-{}", seen.missed_bytes) } else { String::new() };
            format!("{}/{}/{}{missed}", seen.packets, seen.ip_bytes, seen.stream_bytes)
        });
        let time = text::show_time(record.start.after(record.duration));
        let (state, history) = (record.conn_state.name(), record.history);
        self.trace.push(format!("{time} record {state} {history} client {client} server {server}"));
    }
}

fn range(call: &EventCall, direction: Direction) -> String {
    let end = call.offset.saturating_add(u64::from(call.length));
    format!("{} {}..{end}", direction.name(), call.offset)
}

fn reason(call: &EventCall) -> Option<RefuseReason> {
    RefuseReason::ALL.into_iter().find(|reason| reason.number() == call.place().reason())
}

fn state_name(number: u8) -> &'static str {
    TcpState::ALL.into_iter().find(|state| state.number() == number).map_or("unknown", TcpState::name)
}

/// Which of the script's flows an event belongs to, by its ports.
fn flow_number(call: &EventCall) -> Option<u16> {
    let ports = [call.ports >> 16, call.ports & 0xffff];
    let client = ports.into_iter().find(|port| *port != u32::from(SERVER_PORT))?;
    u16::try_from(client).ok()?.checked_sub(FIRST_CLIENT_PORT)
}
