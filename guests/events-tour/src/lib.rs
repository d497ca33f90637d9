//! One line for each feature of the event interface, over `samples/tour.pcap`: what it prints is its documentation.
//!
//! Each handler tells when it ran and what it found, and does one thing.

use core::fmt::Debug;
use core::time::Duration;

use sluice::prelude::*;
use sluice::{
    Endpoints, EventId, Fragment, Monitor, Native, ReadyFlows, Region, Sides, TcpFlags, TcpState, Timer,
    events,
};

#[derive(Default)]
struct Tour {
    events: Option<Events>,
    /// The time of the first packet: what is told is told from there.
    begin_ns: Option<u64>,
    flow: Option<FlowId>,
    buffer: Vec<u8>,
}

/// What is defined in `start` and used later.
struct Events {
    flows: Monitor,
    alarm: EventId,
    soon: Timer,
    never: Timer,
}

sluice::export!(Tour);

impl Middlebox for Tour {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&[])?;
        // Two monitors: of packets, and of flows. The latter sees resets that belong to no flow, and is told after each
        // burst of packets which of its flows can be read.
        let datagrams = setup.raw_monitor("udp")?;
        datagrams.on_packet(Self::on_datagram)?;
        let flows = setup.monitor("tcp port 80", Level::Full)?;
        flows.filter_orphans("tcp[tcpflags] & tcp-rst != 0")?;
        flows.observe()?;
        flows.poll()?;

        // Built-in events, and hooks: a packet is told at its sender first, then at its receiver.
        flows.on(Orphan, Self::on_orphan)?;
        flows.on(ConnStart, Self::on_start)?;
        flows.on(TcpStateChange, Self::on_state)?;
        flows.on(Rexmit, Self::on_rexmit)?;
        flows.on(Conflict, Self::on_conflict)?;
        flows.on(ConnEnd, Self::on_end)?;

        // User-defined events: the host's filters, the guest's own with an argument, one below another, one that is
        // raised.
        let hello = setup.define_native("hello", NewData, &Native::pattern(0, "HELLO "))?;
        let fin = setup.define_native("fin", PacketIn, &Native::tcp_flags(TcpFlags::FIN, TcpFlags::FIN))?;
        let line = setup.define("line", NewData, Self::is_line)?;
        let second = setup.define_bytes("second-line", line, b"second\n", Self::contains)?;
        let alarm = setup.alloc("alarm", hello)?;
        flows.on(hello, Self::on_hello)?;
        flows.on(alarm, Self::on_alarm)?;
        flows.on(fin, Self::on_fin)?;

        // Two handlers of one event run in the order in which they were named; its children come after them.
        flows.on(second, Self::on_second_line)?;
        flows.on(line, Self::on_line)?;
        flows.on(line, Self::on_line_too)?;

        // A handler that waits for the end of the burst.
        flows.on_deferred(NewData, Self::on_burst)?;

        let (soon, never) = (setup.timer(Self::on_soon)?, setup.timer(Self::on_never)?);
        Ok(Self { events: Some(Events { flows: flows.handle(), alarm, soon, never }), ..Self::default() })
    }

    /// Readiness: a flow is selected and read, up to where it was left.
    fn on_ready(&mut self, flows: &ReadyFlows) {
        for ready in flows.iter() {
            let is_readable = ready.is_readable(Direction::ToServer);
            let (is_new, has_ended) = (ready.is_new(), ready.has_ended());
            tell(
                "burst",
                "on-ready",
                &format!("new {is_new}, readable to server {is_readable}, ended {has_ended}"),
            );
            let Ok(flow) = ready.select() else { continue };
            if !is_readable {
                continue;
            }
            tell("burst", "peek", &answer(flow.peek(Direction::ToServer, &mut self.buffer).map(text)));
            tell("burst", "peek", &answer(flow.peek(Direction::ToServer, &mut self.buffer).map(text)));
        }
    }

    fn stop(&mut self) {
        let reason = self.flow.map(|flow| flow.select()?.info()).map(|info| info.map(|info| info.end_reason));
        tell("stop", "select-flow", &reason.map_or_else(String::new, answer));
    }
}

/// Filters.
impl Tour {
    /// Peeks without moving on.
    fn is_line(&self, event: &Event) -> Result<bool, Error> {
        let mut buffer = Vec::new();
        let is_to_server = event.direction() == Direction::ToServer;
        Ok(is_to_server
            && event
                .flow()
                .peek_at(event.direction(), event.offset(), event.length(), &mut buffer)?
                .contains(&b'\n'))
    }

    fn is_two_lines(&self, event: &Event) -> Result<bool, Error> {
        let mut buffer = Vec::new();
        let bytes = event.flow().peek_at(event.direction(), event.offset(), event.length(), &mut buffer)?;
        Ok(bytes.iter().filter(|byte| **byte == b'\n').count() == 2)
    }

    /// Whether the new bytes contain the argument of the definition.
    fn contains(&self, event: &Event) -> Result<bool, Error> {
        let (mut buffer, mut wanted) = (Vec::new(), Vec::new());
        let bytes = event.flow().peek_at(event.direction(), event.offset(), event.length(), &mut buffer)?;
        let wanted = event.argument_bytes(&mut wanted)?;
        Ok(bytes.windows(wanted.len()).any(|window| window == wanted))
    }
}

/// Handlers.
impl Tour {
    fn on_datagram(&mut self, event: &Event) -> Result<(), Error> {
        let packet = event.packet()?;
        self.tell(event, "raw monitor", &format!("{} bytes with TTL {}", packet.wire_length, packet.ttl));
        self.tell(event, "flow", &answer(event.flow().info()));
        Ok(())
    }

    fn on_orphan(&mut self, event: &Event) {
        self.tell(event, "orphan", "a RST; the filter takes no others");
    }

    fn on_start(&mut self, event: &Event) -> Result<(), Error> {
        let Endpoints { client, server, .. } = event.flow().endpoints()?;
        self.tell(event, "conn-start", &format!("{client} -> {server}"));
        self.flow = Some(event.flow_id());
        event.flow().set_user_context(42)?;
        let size = event.flow().set_size(Direction::ToClient, 1_000)?;
        self.tell(event, "set-size", &format!("{size} bytes to the client"));
        let Some(Events { soon, never, .. }) = self.events else { return Ok(()) };
        soon.after(Duration::from_micros(2_500))?;
        never.after(Duration::from_micros(2_600))?.cancel()?;
        self.tell(event, "timer", "one is set, one set and cancelled");
        Ok(())
    }

    fn on_state(&mut self, event: &Event) -> Result<(), Error> {
        let states = format!("{}, {}", event.client_state(), event.server_state());
        self.tell(event, "tcp-state-change", &format!("{states}, user context {}", event.user_context()));
        if event.server_state() == TcpState::Established {
            event.flow().off(TcpStateChange, Self::on_state)?;
            self.tell(event, "unregister", "no more states of this flow");
            self.tell(event, "unregister", &answer(event.flow().off(TcpStateChange, Self::on_state)));
        }
        Ok(())
    }

    fn on_soon(&mut self, tick: &Tick) {
        let Some(state) = self.flow.map(|flow| flow.select()?.info()) else { return };
        let state = answer(state.map(|info| info.server_state));
        self.tell_at(tick.time_ns(), "on-timer", &format!("selects the flow, whose server is {state}"));
    }

    fn on_never(&mut self, tick: &Tick) {
        self.tell_at(tick.time_ns(), "on-timer", "was cancelled");
    }

    /// The host has compared the bytes: there was no call of the guest for that.
    fn on_hello(&mut self, event: &Event) -> Result<(), Error> {
        self.tell(event, "hello", "a native filter holds");
        if let Some(events) = &self.events {
            events.alarm.raise()?;
        }
        event.flow().on(self.large()?, Self::on_large)?;
        event.flow().on_at(Hook::Receiver, PacketIn, Self::on_packet)?;
        self.tell(event, "register", "two handlers on this flow, from the next pass on");
        Ok(())
    }

    /// Functions that are named here for the first time.
    fn on_alarm(&mut self, event: &Event) -> Result<(), Error> {
        self.tell(event, "alarm", "raised by the handler of its parent");
        let lines = events::define("two-lines", NewData, Self::is_two_lines)?;
        event.flow().on(lines, Self::on_two_lines)?;
        self.tell(event, "define", "an event with a filter of the guest");
        if let Some(Events { flows, .. }) = self.events {
            flows.replace(ConnStart, Self::on_start, Self::on_later_start)?;
            self.tell(event, "replace", "one handler by another, for flows that begin later");
        }
        Ok(())
    }

    fn on_two_lines(&mut self, event: &Event) {
        self.tell(event, "two-lines", "the guest's filter was asked");
    }

    fn on_later_start(&mut self, event: &Event) {
        self.tell(event, "conn-start", &format!("the other handler, for port {}", event.client_port()));
    }

    fn on_packet(&mut self, event: &Event) -> Result<(), Error> {
        let fragments = event.flow().fraginfo(Direction::ToServer)?;
        let [.., ahead] = fragments[..] else { return Ok(()) };
        let info = event.flow().buffer_info(Direction::ToServer)?;
        if info.ahead_bytes == 0 {
            return Ok(());
        }
        let Fragment { offset, length } = ahead;
        self.tell(event, "fraginfo", &format!("the last of {} begins at {offset}", fragments.len()));
        self.tell(
            event,
            "buffer-info",
            &format!("next {}, highest {}, ahead {length}", info.next, info.highest),
        );
        let bytes = event.flow().peek_at(Direction::ToServer, offset, u32::MAX, &mut self.buffer);
        let bytes = answer(bytes.map(text));
        self.tell(event, "peek-at", &format!("behind the hole there is {bytes}"));
        event.flow().replace_at(Hook::Receiver, PacketIn, Self::on_packet, Self::on_packet_after)?;
        self.tell(event, "replace", "one handler by another, from the next pass on");
        Ok(())
    }

    fn on_packet_after(&mut self, event: &Event) -> Result<(), Error> {
        self.tell(event, "packet-in", "at hook receiver: once is enough");
        event.flow().off_at(Hook::Receiver, PacketIn, Self::on_packet_after)
    }

    fn on_line(&mut self, event: &Event) {
        let end = event.offset() + u64::from(event.length());
        self.tell(event, "line", &format!("bytes {}..{end}: the first handler", event.offset()));
    }

    fn on_line_too(&mut self, event: &Event) {
        self.tell(event, "line", "the second handler");
        if let Some(alarm) = self.events.as_ref().map(|events| events.alarm) {
            self.tell(event, "raise", &answer(alarm.raise()));
        }
    }

    fn on_second_line(&mut self, event: &Event) {
        let argument = answer(event.argument_bytes(&mut self.buffer).map(text));
        self.tell(event, "second-line", &format!("below line, defined with {argument}"));
    }

    fn on_rexmit(&mut self, event: &Event) {
        self.tell(event, "rexmit", &format!("{} bytes from {} on", event.length(), event.offset()));
    }

    fn on_conflict(&mut self, event: &Event) -> Result<(), Error> {
        let (offset, length) = (event.offset(), event.length());
        let held =
            answer(event.flow().peek_at(event.direction(), offset, length, &mut self.buffer).map(text));
        self.tell(event, "conflict", &format!("at {offset} there is {held}"));
        let place = u32::try_from(offset - event.packet()?.offset).unwrap_or(0);
        let came = answer(event.packet_bytes(Region::Payload, place, length, &mut self.buffer).map(text));
        self.tell(event, "getlastpkt", &format!("the packet has {came}"));
        Ok(())
    }

    /// The same definition again is the same event.
    fn on_large(&mut self, event: &Event) -> Result<(), Error> {
        self.tell(event, "large", &format!("{} bytes", event.length()));
        self.large()?.undefine()?;
        self.tell(event, "undefine", "with its handlers, of all flows");
        Ok(())
    }

    /// Reads what the server sent: all but the last 1,024 bytes were dropped meanwhile.
    fn on_fin(&mut self, event: &Event) -> Result<(), Error> {
        let from = if event.direction() == Direction::ToServer { "client" } else { "server" };
        self.tell(event, "fin", &format!("from the {from}"));
        for _ in 0..2 {
            let read = event.flow().peek(Direction::ToClient, &mut self.buffer).map(<[u8]>::len);
            self.tell(event, "peek", &answer(read));
        }
        event.flow().stop_monitoring(Sides::Client)?;
        self.tell(event, "stop-monitoring", "of the client, and of what it receives");
        Ok(())
    }

    fn on_burst(&mut self, event: &Event) {
        let whither = if event.direction() == Direction::ToServer { "server" } else { "client" };
        tell("burst", "deferred", &format!("{} bytes to the {whither} at once", event.length()));
        tell("burst", "getlastpkt", &answer(event.packet()));
        if let Some(events) = &self.events {
            tell("burst", "raise", &answer(events.alarm.raise()));
        }
    }

    fn on_end(&mut self, event: &Event) -> Result<(), Error> {
        self.tell(
            event,
            "conn-end",
            &event.end_reason().map_or_else(String::new, |reason| reason.to_string()),
        );
        let [client, server] = [Side::Client, Side::Server].map(|side| event.flow().tcp_info(side));
        let (client, server) = (client?, server?);
        let sent = format!("sent {} bytes, {} of them again", client.bytes_sent, client.bytes_retransmitted);
        self.tell(event, "tcp-info", &format!("client {sent}; server sent {}", server.bytes_sent));
        let statistics = event.flow().statistics(Side::Client)?;
        self.tell(
            event,
            "statistics",
            &format!("{} packets, {} conflicts", statistics.packets, statistics.conflicts),
        );
        Ok(())
    }
}

impl Tour {
    fn large(&self) -> Result<EventId, Error> {
        events::define_native("large", NewData, &Native::length(1_000..=u32::MAX))
    }

    fn tell(&mut self, event: &Event, what: &str, text: &str) {
        self.tell_at(event.time_ns(), what, text);
    }

    /// With the time since the first packet.
    fn tell_at(&mut self, time_ns: u64, what: &str, text: &str) {
        let us = (time_ns - *self.begin_ns.get_or_insert(time_ns)) / 1_000;
        tell(&format!("{}.{} ms", us / 1_000, us % 1_000 / 100), what, text);
    }
}

fn tell(when: &str, what: &str, text: &str) {
    report!("{when:>8}  {what:<16}  {text}\n");
}

/// What the host answered: an error is one of the answers.
fn answer<T: Debug>(answer: Result<T, Error>) -> String {
    answer.map_or_else(|error| format!("refused: {error}"), |value| format!("{value:?}"))
}

/// Bytes as a person reads them.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
