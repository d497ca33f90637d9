//! Bytes that stay in their packets until the end of the burst: whoever looks at a stream before sees what it would if
//! they had been stored at once.

use sluice_engine::event::{
    Definitions, EVENT_WORDS, EventBurst, EventCall, EventKind, Faulted, Handler, Hook, TenantId,
};
use sluice_engine::limits::{LOANS_PER_BURST, Limits};
use sluice_engine::reassembly::Level;
use sluice_engine::view::PeekError;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Sides, View, millis};
use sluice_tests::{Frame, Frames, Random, balance, cases, fragment};

use super::honest;
use super::workers::mix;

const CASES: u32 = 12;
/// The handler of data, deferred.
const READER: u32 = 1;
/// That of a reader which does not wait.
const AT_ONCE: u32 = 3;
/// The handler of the events that a plan names, called at once.
const LOOKER: u32 = 2;
/// Sizes of bursts, in turn.
const BURSTS: [usize; 3] = [2, 7, 32];

/// What looks at streams in the middle of a burst.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Handlers of packets, and of ends.
    events: &'static [(EventKind, Hook)],
    /// A timer, every so many milliseconds, which looks at all flows.
    timer: Option<u64>,
    /// Who reads, tenant by tenant; the first one also looks.
    readers: &'static [Reader],
    /// Into how many fragments some packets are cut.
    fragments: usize,
    /// Most bytes that one tenant's monitors may leave unread of a stream.
    size: Option<u32>,
}

impl Plan {
    const fn new() -> Self {
        Self { events: &[], timer: None, readers: &[Reader::Brings], fragments: 0, size: None }
    }
}

/// How a tenant reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reader {
    /// At the end of the burst; what it is told comes with the bytes, if the engine may do that.
    Brings,
    /// At the end of the burst, in a call for each event.
    Peeks,
    /// With each packet, not always all, and sometimes it wants no more.
    AtOnce,
}

/// Reads data at the end of each burst, in calls of either form, and writes down what else it sees.
#[derive(Default)]
struct Watcher {
    told: Vec<String>,
    /// Bytes that came with events.
    brought: usize,
    flows: Vec<u64>,
    timer: Option<u64>,
    size: Option<u32>,
}

impl Watcher {
    fn look(&mut self, what: &str, view: &View) {
        for direction in Direction::BOTH {
            let (mut runs, mut bytes) = (Vec::new(), Vec::new());
            let listed = view.fraginfo(direction, &mut runs);
            let info = view.buffer_info(direction);
            let from = info.map_or(0, |info| info.position);
            let read = view.peek_at(direction, from, u32::MAX, &mut bytes);
            self.told.push(format!("{what} {direction:?} {listed:?} {runs:?} {info:?} {read:?} {bytes:?}"));
        }
    }

    fn read(&mut self, tenant: TenantId, call: &EventCall, brought: &[u8], view: &mut View) {
        if !self.flows.contains(&call.flow) {
            self.flows.push(call.flow);
        }
        let mut bytes = brought.to_vec();
        let mut peeked = view.peek(call.place().direction(), u32::MAX, &mut bytes);
        while let Err(PeekError::Missed(missed)) = peeked {
            self.told.push(format!("missed {missed}"));
            peeked = view.peek(call.place().direction(), u32::MAX, &mut bytes);
        }
        let facts = (call.flow, call.offset, call.length, call.time);
        self.told.push(format!("{tenant:?} {facts:?} {peeked:?} {bytes:?}"));
    }
}

impl Watcher {
    fn read_some(&mut self, tenant: TenantId, call: &EventCall, view: &mut View) {
        let mut random = Random::new(call.time ^ call.offset << 20 ^ call.flow);
        let (direction, mut bytes) = (call.place().direction(), Vec::new());
        let max = u32::try_from(random.below(900)).unwrap();
        let peeked = view.peek(direction, max, &mut bytes);
        self.told.push(format!("{tenant:?} at once {} {peeked:?} {bytes:?}", call.readable));
        match random.below(12) {
            0 => view.set_level(direction, Level::Count).unwrap(),
            1 => view.stop_monitoring(Sides::BOTH).unwrap(),
            2 => drop(view.set_retain(direction, 700).unwrap()),
            _ => {}
        }
    }
}

impl Handler for Watcher {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if call.id == READER {
            self.read(tenant, call, b"", view);
            return Ok(0);
        }
        if call.id == AT_ONCE {
            self.read_some(tenant, call, view);
            return Ok(0);
        }
        if let Some(size) = self.size.filter(|_| call.event_kind() == Some(EventKind::ConnStart)) {
            for direction in Direction::BOTH {
                view.set_size(direction, size).unwrap();
            }
        }
        self.look("packet", view);
        Ok(0)
    }

    fn burst(
        &mut self,
        tenant: TenantId,
        burst: &mut EventBurst,
        view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        let low = |word: u64| u32::try_from(word & 0xffff_ffff).unwrap();
        let high = |word: u64| u32::try_from(word >> 32).unwrap();
        let arena = view.arena(burst).collect::<Vec<_>>().concat();
        for (place, words) in (0..).zip(burst.words.chunks(EVENT_WORDS)) {
            let call = EventCall {
                id: low(words[0]),
                kind: high(words[0]),
                place: low(words[1]),
                flow: words[2],
                time: words[3],
                offset: words[6],
                length: high(words[7]),
                ..EventCall::default()
            };
            view.select_event(place).unwrap();
            let (from, len) = (low(words[11]) as usize, high(words[11]) as usize);
            self.brought += len;
            self.read(tenant, &call, &arena[from..from + len], view);
        }
        Ok(0)
    }

    fn timer(
        &mut self,
        _: TenantId,
        _: u32,
        _: u64,
        now: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        for flow in self.flows.clone() {
            if view.select_flow(flow).is_ok() {
                self.look(&format!("timer at {now:?}, flow {flow}:"), view);
            }
        }
        if let Some(interval) = self.timer {
            view.set_timer(millis(interval), 0).unwrap();
        }
        Ok(())
    }
}

/// What is told of frames in bursts of a size, by an engine whose deferred handlers get bytes with their events or
/// peek.
fn run(brings: bool, frames: &[Frame], size: usize, plan: Plan, limits: Limits) -> Watcher {
    let mut engine = Engine::new(Config { limits, ..Config::default() });
    for (tenant, reader) in plan.readers.iter().enumerate() {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        definitions.defer(READER).unwrap();
        if brings && *reader == Reader::Brings {
            definitions.take_bursts();
            definitions.bring(READER).unwrap();
        }
        let handler = if *reader == Reader::AtOnce { AT_ONCE } else { READER };
        definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, handler).unwrap();
        for (kind, hook) in plan.events.iter().filter(|_| tenant == 0) {
            definitions.register(monitor, kind.number(), *hook, LOOKER).unwrap();
        }
        if let Some(interval) = plan.timer.filter(|_| tenant == 0) {
            definitions.set_timer(millis(interval), 0).unwrap();
        }
        engine.attach(definitions, Grants::ALL).unwrap();
    }
    let mut watcher = Watcher { timer: plan.timer, size: plan.size, ..Watcher::default() };
    for burst in frames.chunks(size) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut watcher);
        balance(&engine).unwrap();
    }
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(engine.budget().used(), 0);
    watcher
}

/// Every other packet that is long enough in so many fragments, the last one first.
fn cut(frames: Vec<Frame>, fragments: usize) -> Vec<Frame> {
    let mut cut = Vec::new();
    for (number, frame) in (0..).zip(frames) {
        let len = frame.bytes.len().saturating_sub(34);
        if fragments == 0 || number % 2 == 0 || len < 8 * fragments {
            cut.push(frame);
            continue;
        }
        let size = len.div_ceil(fragments).next_multiple_of(8);
        let places = (0..len).step_by(size).rev();
        cut.extend(places.map(|from| fragment(&frame, from..len.min(from + size), number).unwrap()));
    }
    cut
}

/// Compares both ways for frames in bursts of a size; gives how many bytes came with events.
fn compare_one(frames: &[Frame], size: usize, plan: Plan, limits: Limits) -> usize {
    let (one, two) = (run(false, frames, size, plan, limits), run(true, frames, size, plan, limits));
    for (one, two) in one.told.iter().zip(&two.told) {
        assert_eq!(one, two, "bursts of {size}");
    }
    assert_eq!(one.told.len(), two.told.len(), "bursts of {size}");
    assert!(one.told.iter().any(|told| told.starts_with("TenantId")) && one.brought == 0);
    two.brought
}

/// Compares both ways for many conversations; gives how many bytes came with events.
fn compare(plan: Plan, limits: Limits) -> usize {
    let mut brought = 0;
    for seed in 0..u64::from(cases(CASES)) {
        let frames = cut(mix(seed), plan.fragments);
        brought += BURSTS.map(|size| compare_one(&frames, size, plan, limits)).iter().sum::<usize>();
    }
    brought
}

#[test]
fn nobody_else_looks_and_all_bytes_come() {
    assert!(compare(Plan::new(), Limits::default()) > 100_000);
}

#[test]
fn later_packets_of_the_flow_see_them() {
    const EACH: &[(EventKind, Hook)] = &[(EventKind::PacketIn, Hook::Sender)];
    const BOTH: &[(EventKind, Hook)] =
        &[(EventKind::PacketIn, Hook::Receiver), (EventKind::ConnEnd, Hook::None)];
    for events in [EACH, BOTH] {
        assert!(compare(Plan { events, ..Plan::new() }, Limits::default()) > 100_000);
    }
}

#[test]
fn timers_in_the_middle_of_a_burst_see_them() {
    assert!(compare(Plan { timer: Some(3), ..Plan::new() }, Limits::default()) > 100_000);
}

#[test]
fn other_readers_have_them_too() {
    use Reader::{AtOnce, Brings, Peeks};

    const COMPANIES: [&[Reader]; 5] =
        [&[Brings, Brings], &[Brings, Peeks], &[Peeks, Brings], &[Brings, AtOnce], &[AtOnce, Peeks, Brings]];
    for readers in COMPANIES {
        assert!(compare(Plan { readers, ..Plan::new() }, Limits::default()) > 100_000, "{readers:?}");
    }
}

#[test]
fn those_of_a_datagram_made_of_fragments_are_not_lost_with_it() {
    assert!(compare(Plan { fragments: 2, ..Plan::new() }, Limits::default()) > 100_000);
}

#[test]
fn who_may_leave_little_unread_misses_the_same_bytes() {
    let events = &[(EventKind::ConnStart, Hook::Sender)];
    let plan = Plan { events, size: Some(1_024), ..Plan::new() };
    assert!(compare(plan, Limits::default()) > 100_000);
    let limits = Limits { kept_bytes: 1_024, ..Limits::default() };
    assert!(compare(Plan { timer: Some(5), ..Plan::new() }, limits) > 100_000);
}

#[test]
fn flows_that_give_way_to_others_are_told_first() {
    let limits = Limits { flows: 8, ..Limits::default() };
    assert!(compare(Plan::new(), limits) > 50_000);
}

#[test]
fn of_more_packets_than_may_be_lent_the_rest_is_stored() {
    let packets = 6 * LOANS_PER_BURST;
    let one = honest::Plan {
        seed: 1,
        flow: 1,
        start: Nanos(millis(1_000)),
        bytes: [100 * packets, 0],
        size: 100,
        lost: 0,
    };
    let frames: Vec<Frame> = honest::connection(one).into_iter().map(|sent| sent.frame).collect();
    // In the first of them the connection is not steady yet.
    let size = 3 * LOANS_PER_BURST;
    assert!(frames.len() > 2 * size);
    assert!(compare_one(&frames, size, Plan::new(), Limits::default()) >= 100 * packets);
}
