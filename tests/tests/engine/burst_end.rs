//! The end of a burst: handlers that are deferred to it, and flows that are ready to be read.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::view::PeekError;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Refusal, Side, View, millis, seconds};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

const DEFERRED: u32 = 7;
const AT_ONCE: u32 = 1;

type Told = (TenantId, u32, EventKind, u64, u32, usize);

/// Reads with every deferred call, and what is ready; drops if it is told to.
#[derive(Default)]
struct Guest {
    /// Tenant, handler, kind, offset, length and the bytes that one peek gave.
    told: Vec<Told>,
    /// Flows with their flags, call by call.
    ready: Vec<Vec<(u64, u64)>>,
    /// What was read when flows were ready.
    read: Vec<(u64, String)>,
    leaves_unread: bool,
    verdict: u32,
    faults: bool,
}

impl Handler for Guest {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let mut bytes = Vec::new();
        if call.id == DEFERRED {
            assert!(!call.place().has_packet());
            assert_eq!(view.packet_info(), Err(Refusal::NoPacket));
            assert_eq!(view.raise(4096), Err(Refusal::NotAllowed));
            if call.flow_id().is_some() && !self.leaves_unread {
                let peeked = view.peek(call.place().direction(), u32::MAX, &mut bytes);
                assert!(!matches!(peeked, Err(PeekError::Missed(_))));
            }
        }
        let kind = call.event_kind().unwrap();
        self.told.push((tenant, call.id, kind, call.offset, call.length, bytes.len()));
        if self.faults { Err(Faulted) } else { Ok(self.verdict) }
    }

    fn ready(&mut self, _tenant: TenantId, flows: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        let (pairs, _) = flows.as_chunks::<2>();
        self.ready.push(pairs.iter().map(|[flow, flags]| (*flow, *flags)).collect());
        for [flow, flags] in pairs {
            view.select_flow(*flow).unwrap();
            view.select_monitor(u32::try_from(flags >> 32).unwrap()).unwrap();
            for direction in Direction::BOTH {
                let mut bytes = Vec::new();
                let is_readable = flags >> direction.index() & 1 != 0;
                if !self.leaves_unread && is_readable {
                    view.peek(direction, u32::MAX, &mut bytes).unwrap();
                    self.read.push((*flow, String::from_utf8(bytes).unwrap()));
                }
            }
        }
        if self.faults { Err(Faulted) } else { Ok(()) }
    }
}

/// An engine with a monitor whose handlers of data, gaps, ends and orphans are deferred, for each tenant.
fn deferring(tenants: u16, may_drop: bool) -> Engine {
    let mut engine = Engine::new(Config::default());
    for _ in 0..tenants {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        definitions.defer(DEFERRED).unwrap();
        for kind in [EventKind::NewData, EventKind::Gap] {
            definitions.register(monitor, kind.number(), Hook::Receiver, DEFERRED).unwrap();
        }
        for kind in [EventKind::ConnEnd, EventKind::Orphan] {
            definitions.register(monitor, kind.number(), Hook::None, DEFERRED).unwrap();
        }
        definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, AT_ONCE).unwrap();
        engine.attach(definitions, Grants { drop: may_drop, ..Grants::NONE }).unwrap();
    }
    engine
}

/// An engine with polled monitors of one tenant.
fn polling(monitors: usize) -> Engine {
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    for _ in 0..monitors {
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        definitions.poll(monitor).unwrap();
    }
    engine.attach(definitions, Grants::NONE).unwrap();
    engine
}

fn frame(flow: u16, flags: TcpFlags, seq: u32, payload: &[u8]) -> Frame {
    let segment = Segment { flags, seq: SeqNumber(seq), ack: SeqNumber(1), payload, ..Segment::default() };
    Frame::of(Nanos(1_000_000), flow, Side::Client, &segment).unwrap()
}

fn data(flow: u16, seq: u32, payload: &[u8]) -> Frame {
    frame(flow, TcpFlags::ACK, seq, payload)
}

fn receive(engine: &mut Engine, guest: &mut Guest, frames: Vec<Frame>) {
    let _ = engine.receive(Box::new(Frames(frames)), guest);
    balance(engine).unwrap();
}

/// What the deferred handler was told: kind, offset, length, bytes that a peek gave.
fn deferred(guest: &Guest) -> Vec<(EventKind, u64, u32, usize)> {
    let told = guest.told.iter().filter(|told| told.1 == DEFERRED);
    told.map(|(_, _, kind, offset, length, read)| (*kind, *offset, *length, *read)).collect()
}

#[test]
fn data_of_a_burst_is_one_deferred_event_after_all_that_are_told_at_once() {
    let (mut engine, mut guest) = (deferring(1, false), Guest::default());
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc"), data(1, 1, b"x"), data(0, 4, b"defg")]);
    let ids: Vec<u32> = guest.told.iter().map(|told| told.1).collect();
    assert_eq!(ids, [AT_ONCE, AT_ONCE, AT_ONCE, DEFERRED, DEFERRED]);
    assert_eq!(deferred(&guest), [(EventKind::NewData, 0, 7, 7), (EventKind::NewData, 0, 1, 1)]);
    guest.told.clear();
    receive(&mut engine, &mut guest, vec![data(0, 8, b"h")]);
    assert_eq!(deferred(&guest), [(EventKind::NewData, 7, 1, 1)]);
    assert_eq!(engine.budget().used(), 0, "what was read is not kept");
}

#[test]
fn a_gap_comes_between_the_data_around_it() {
    let (mut engine, mut guest) = (deferring(1, false), Guest::default());
    // 600 KiB acknowledged and not seen: the hole is given up as soon as so much has come behind it.
    let segment =
        Segment { flags: TcpFlags::ACK, seq: SeqNumber(1), ack: SeqNumber(14), ..Segment::default() };
    let ack = Frame::of(Nanos(1_000_000), 0, Side::Server, &segment).unwrap();
    let burst = vec![data(0, 1, b"abc"), data(0, 9, b"hello"), ack];
    receive(&mut engine, &mut guest, burst);
    assert_eq!(deferred(&guest), [(EventKind::NewData, 0, 3, 3)]);
    guest.told.clear();
    engine.expire(engine.now().after(millis(300)), &mut guest);
    assert_eq!(deferred(&guest), [(EventKind::Gap, 3, 5, 0), (EventKind::NewData, 8, 5, 5)]);
    balance(&engine).unwrap();
}

#[test]
fn a_deferred_verdict_counts_for_every_packet_of_the_event() {
    let (mut engine, mut guest) = (deferring(1, true), Guest { verdict: 0, ..Guest::default() });
    receive(&mut engine, &mut guest, vec![frame(0, TcpFlags::SYN, 0, b"")]);
    guest.verdict = 1;
    guest.told.clear();
    let segment = |seq| frame(0, TcpFlags::ACK, seq, b"abc");
    receive(&mut engine, &mut guest, vec![segment(1), segment(4), frame(0, TcpFlags::ACK, 7, b"")]);
    assert_eq!(engine.verdicts(), [Verdict::Drop, Verdict::Drop, Verdict::Pass]);
}

#[test]
fn the_last_bytes_of_a_flow_that_ends_in_the_burst_can_be_read() {
    let (mut engine, mut guest) = (deferring(1, false), Guest::default());
    let rst = frame(0, TcpFlags::RST, 7, b"");
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abcdef"), rst]);
    assert_eq!(deferred(&guest), [(EventKind::NewData, 0, 6, 6), (EventKind::ConnEnd, 0, 0, 0)]);
    assert_eq!(engine.budget().used(), 0);
    assert_eq!(engine.tenant_counters(TenantId(0)).unwrap().flows, 0);
    // And of one that was read by nobody.
    let mut guest = Guest { leaves_unread: true, ..Guest::default() };
    receive(&mut engine, &mut guest, vec![data(1, 1, b"abcdef"), frame(1, TcpFlags::RST, 7, b"")]);
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn a_flow_that_gives_its_place_away_in_the_burst_is_told_before() {
    let (mut engine, mut guest) = (deferring(1, false), Guest::default());
    let burst = vec![
        frame(0, TcpFlags::SYN, 0, b""),
        data(0, 1, b"abc"),
        frame(0, TcpFlags::RST, 4, b""),
        // A new connection with the same addresses and ports.
        frame(0, TcpFlags::SYN, 500_000, b""),
    ];
    receive(&mut engine, &mut guest, burst);
    assert_eq!(deferred(&guest), [(EventKind::NewData, 0, 3, 3), (EventKind::ConnEnd, 0, 0, 0)]);
}

#[test]
fn deferred_events_are_grouped_by_tenant_in_the_order_in_which_they_happened() {
    let (mut engine, mut guest) = (deferring(2, false), Guest::default());
    let orphan = frame(9, TcpFlags::RST, 1, b"");
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc"), orphan, data(1, 1, b"x")]);
    let told: Vec<(u16, EventKind)> =
        guest.told.iter().filter(|told| told.1 == DEFERRED).map(|told| (told.0.0, told.2)).collect();
    let each = [EventKind::NewData, EventKind::Orphan, EventKind::NewData];
    assert_eq!(told, [0, 1].map(|tenant| each.map(|kind| (tenant, kind))).concat());
}

#[test]
fn a_tenant_that_faults_in_a_deferred_handler_is_told_no_more() {
    let (mut engine, mut guest) = (deferring(1, false), Guest::default());
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc")]);
    guest.told.clear();
    guest.faults = true;
    // Both flows have something, and the handlers at once fault first: so only let the deferred one do it.
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    definitions.defer(DEFERRED).unwrap();
    definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, DEFERRED).unwrap();
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc"), data(1, 1, b"abc")]);
    assert_eq!(deferred(&guest).len(), 1);
    assert!(!engine.is_alive(TenantId(0)));
    receive(&mut engine, &mut guest, vec![data(0, 4, b"abc")]);
    assert_eq!(deferred(&guest).len(), 1);
    assert_eq!(engine.budget().used(), 0);
}

const READABLE: u64 = 1;
const NEW: u64 = 4;
const ENDED: u64 = 8;

fn flags(guest: &Guest) -> Vec<Vec<u64>> {
    guest.ready.iter().map(|call| call.iter().map(|(_, flags)| *flags).collect()).collect()
}

#[test]
fn a_flow_is_listed_until_it_is_read() {
    let (mut engine, mut guest) = (polling(1), Guest { leaves_unread: true, ..Guest::default() });
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc"), data(0, 4, b"def"), data(1, 1, b"")]);
    receive(&mut engine, &mut guest, vec![data(1, 1, b"")]);
    assert_eq!(flags(&guest), [vec![NEW | READABLE, NEW], vec![READABLE]]);
    guest.leaves_unread = false;
    receive(&mut engine, &mut guest, vec![data(1, 1, b"")]);
    assert_eq!(guest.read.len(), 1);
    assert_eq!(guest.read[0].1, "abcdef");
    assert_eq!(engine.budget().used(), 0);
    receive(&mut engine, &mut guest, vec![data(1, 1, b"")]);
    assert_eq!(guest.ready.len(), 3, "nothing is left to be told");
}

#[test]
fn what_a_flow_that_ended_has_left_can_be_read_once_more() {
    let (mut engine, mut guest) = (polling(1), Guest { leaves_unread: true, ..Guest::default() });
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc")]);
    guest.leaves_unread = false;
    receive(&mut engine, &mut guest, vec![data(0, 4, b"def"), frame(0, TcpFlags::RST, 7, b"")]);
    assert_eq!(flags(&guest), [vec![NEW | READABLE], vec![READABLE | ENDED]]);
    assert_eq!(guest.read.iter().map(|(_, read)| read.as_str()).collect::<Vec<_>>(), ["abcdef"]);
    assert_eq!(engine.budget().used(), 0);
    receive(&mut engine, &mut guest, vec![data(1, 1, b"")]);
    assert_eq!(flags(&guest).last(), Some(&vec![NEW]));
}

#[test]
fn the_end_of_input_is_told_of_every_flow() {
    let (mut engine, mut guest) = (polling(1), Guest::default());
    let flows = (0..3_000).map(|flow| data(flow, 1, b"abc")).collect();
    receive(&mut engine, &mut guest, flows);
    guest.ready.clear();
    engine.finish(&mut guest);
    let told: Vec<u64> = flags(&guest).concat();
    assert_eq!((told.len(), told.iter().all(|flags| *flags == ENDED)), (3_000, true));
    assert!(guest.ready.iter().all(|call| call.len() <= 1_024));
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn a_guest_that_never_reads_is_reminded_of_some_flows_each_burst() {
    let (mut engine, mut guest) = (polling(1), Guest { leaves_unread: true, ..Guest::default() });
    let flows = (0..3_000).map(|flow| data(flow, 1, b"abc")).collect();
    receive(&mut engine, &mut guest, flows);
    assert_eq!(guest.ready.iter().map(Vec::len).sum::<usize>(), 3_000, "what is new is told at once");
    let mut reminded = std::collections::BTreeSet::new();
    for _ in 0..3 {
        guest.ready.clear();
        receive(&mut engine, &mut guest, vec![data(0, 4, b"")]);
        assert_eq!(guest.ready.iter().map(Vec::len).sum::<usize>(), 1_024);
        reminded.extend(guest.ready.concat().into_iter().map(|(flow, _)| flow));
    }
    assert_eq!(reminded.len(), 3_000, "each has its turn");
}

#[test]
fn each_monitor_has_its_own_place_in_the_stream() {
    let (mut engine, mut guest) = (polling(2), Guest::default());
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc")]);
    let monitors: Vec<u64> = guest.ready.concat().iter().map(|(_, flags)| flags >> 32).collect();
    assert_eq!(monitors, [0, 1]);
    assert_eq!(guest.read.len(), 2);
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn a_flow_that_times_out_is_told_when_it_does() {
    let (mut engine, mut guest) = (polling(1), Guest::default());
    receive(&mut engine, &mut guest, vec![data(0, 1, b"abc")]);
    engine.expire(engine.now().after(seconds(400)), &mut guest);
    assert_eq!(flags(&guest), [vec![NEW | READABLE], vec![ENDED]]);
    guest.faults = true;
    receive(&mut engine, &mut guest, vec![data(1, 1, b"abc")]);
    assert!(!engine.is_alive(TenantId(0)));
    assert_eq!(engine.budget().used(), 0);
}
