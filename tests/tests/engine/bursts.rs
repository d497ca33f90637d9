//! Many events in one call: what a tenant is told, reads and decides is what it is in a call for each.

use sluice_engine::event::{
    Definitions, EVENT_WORDS, EventBurst, EventCall, EventKind, Faulted, Handler, Hook, TenantId,
};
use sluice_engine::limits::{BURST_ARENA_BYTES, EVENTS_PER_BURST, Limits};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::view::PeekError;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Refusal, Side, Sides, View, millis};
use sluice_tests::{Frame, Frames, Random, balance, cases};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

use super::workers::mix;

const CASES: u32 = 12;
/// A deferred handler of everything, and a second one of data.
const FIRST: u32 = 3;
const SECOND: u32 = 4;
/// Sizes of bursts, in turn.
const BURSTS: [usize; 4] = [1, 2, 7, 32];

/// An event as a guest unpacks it: see `burst` in the WIT.
#[derive(Clone, Copy, Debug)]
struct Told {
    call: EventCall,
    monitor: u32,
    from: usize,
    len: usize,
}

fn unpack(word: &[u64]) -> Told {
    let low = |at: usize| u32::try_from(word[at] & 0xffff_ffff).unwrap();
    let high = |at: usize| u32::try_from(word[at] >> 32).unwrap();
    let call = EventCall {
        id: low(0),
        kind: high(0),
        place: low(1),
        states: high(1),
        flow: word[2],
        time: word[3],
        user_context: word[4],
        argument: word[5],
        offset: word[6],
        readable: low(7),
        length: high(7),
        wire_length: low(8),
        ports: high(8),
        sequence: low(9),
        acknowledgment: high(9),
        window: low(10),
        event: 0,
    };
    Told { call, monitor: high(10), from: low(11) as usize, len: high(11) as usize }
}

fn unpack_all(burst: &EventBurst) -> Vec<Told> {
    burst.words.chunks(EVENT_WORDS).map(unpack).collect()
}

/// Handles events by calls for each or in bursts, whatever the engine prefers.
#[derive(Default)]
struct Actor {
    told: Vec<String>,
    calls: usize,
    /// The most events and the most bytes of one call.
    most: (usize, usize),
    faults_at: Option<usize>,
    /// Events in hand of flows that it had stopped to monitor meanwhile.
    passed_over: u64,
}

impl Actor {
    /// What a tenant does with an event depends on the event alone. All data is read.
    fn act(&mut self, tenant: TenantId, call: &EventCall, brought: &[u8], view: &mut View) -> u32 {
        let direction = call.place().direction();
        let mut random = Random::new(call.time ^ call.offset << 20 ^ u64::from(call.kind) << 50 ^ call.flow);
        let mut bytes = brought.to_vec();
        let (is_data, is_end) =
            (call.event_kind() == Some(EventKind::NewData), call.event_kind() == Some(EventKind::ConnEnd));
        if is_data || is_end {
            let mut peeked = view.peek(direction, u32::MAX, &mut bytes);
            if let Err(PeekError::Missed(_)) = peeked {
                self.told.push(format!("{peeked:?}"));
                peeked = view.peek(direction, u32::MAX, &mut bytes);
            }
            self.told.push(format!("{peeked:?} {} bytes", bytes.len()));
        }
        // What is readable is as it was before the call; the second tenant peeks in it.
        let readable = if tenant.0 == 0 { call.readable } else { 0 };
        let call = EventCall { readable, ..*call };
        self.told.push(format!("{tenant:?} {call:?} {bytes:?} {:?}", view.argument().map(<[u8]>::to_vec)));
        if is_end {
            self.told
                .push(format!("{:?}", view.buffer_info(direction).map(|info| (info.position, info.next))));
        }
        self.told.push(Side::BOTH.map(|side| format!("{:?}", view.statistics(side))).concat());
        let verdict = u32::from(random.below(5) == 0);
        if random.below(40) == 0 {
            self.told.push(format!("{:?}", view.reset()));
        }
        verdict
    }
}

/// The user context that an event asks for, and whether it is the last one of its flow that the tenant wants.
fn wishes(call: &EventCall) -> (Option<u64>, bool) {
    let mut random = Random::new(call.time ^ call.offset << 7 ^ call.flow << 31);
    ((random.below(3) == 0).then(|| random.bits()), random.below(40) == 0)
}

impl Handler for Actor {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.calls += 1;
        if self.faults_at.is_some_and(|at| self.calls >= at) {
            return Err(Faulted);
        }
        // Guests are not told the number of the event.
        let call = EventCall { event: 0, ..*call };
        let verdict = self.act(tenant, &call, b"", view);
        let (context, stops) = wishes(&call);
        if let Some(context) = context {
            let _ = view.set_user_context(context);
        }
        if stops {
            let _ = view.stop_monitoring(Sides::BOTH);
        }
        Ok(verdict)
    }

    fn burst(
        &mut self,
        tenant: TenantId,
        burst: &mut EventBurst,
        view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        let mut events = unpack_all(burst);
        self.most = (self.most.0.max(events.len()), self.most.1.max(burst.arena_len()));
        let arena = view.arena(burst).collect::<Vec<_>>().concat();
        let mut verdicts = 0;
        let mut doubtful = 0_u64;
        assert_eq!(view.raise(4096), Err(Refusal::NotAllowed));
        assert_eq!(view.select_event(u32::try_from(events.len()).unwrap()), Err(Refusal::BadId));
        assert_eq!(view.endpoints(), Err(Refusal::NoFlow));
        for place in 0..events.len() {
            let Told { call, monitor, from, len } = events[place];
            let selected = view.select_event(u32::try_from(place).unwrap());
            if doubtful >> place & 1 != 0 && selected.is_err() {
                self.passed_over += 1;
                continue;
            }
            assert_eq!(selected.is_ok(), call.flow != 0);
            self.calls += 1;
            if self.faults_at.is_some_and(|at| self.calls >= at) {
                return Err(Faulted);
            }
            let brought = &arena[from..from + len];
            assert!(len <= call.readable as usize && (len == 0 || call.kind == EventKind::NewData.number()));
            let may_lack = tenant.0 == 1 || call.id == SECOND || call.kind != 6 || place + 1 == events.len();
            assert!(len == call.readable as usize || may_lack);
            let verdict = self.act(tenant, &call, brought, view);
            verdicts |= u64::from(verdict) << place;
            let (context, stops) = wishes(&call);
            let is_same = |told: &Told| (told.call.flow, told.monitor) == (call.flow, monitor);
            if let Some(context) = context
                && view.set_user_context(context).is_ok()
            {
                events[place + 1..].iter_mut().filter(|told| is_same(told)).for_each(|told| {
                    told.call.user_context = context;
                });
            }
            if stops {
                let _ = view.stop_monitoring(Sides::BOTH);
                let same = (0..).zip(&events).filter(|(_, told)| is_same(told));
                doubtful |= same.fold(0, |bits, (at, _)| bits | 1 << at);
            }
        }
        Ok(verdicts)
    }
}

/// An engine with two tenants of two monitors each, all of whose handlers are deferred.
fn engine(takes_bursts: bool, config: Config) -> Engine {
    let mut engine = Engine::new(config);
    for tenant in 0..2 {
        let mut definitions = Definitions::new();
        if takes_bursts {
            definitions.take_bursts();
        }
        assert_eq!(definitions.bring(FIRST), Err(Refusal::BadId));
        definitions.defer(FIRST).unwrap();
        definitions.defer(SECOND).unwrap();
        // The second tenant peeks.
        if tenant == 0 {
            definitions.bring(FIRST).unwrap();
        }
        for level in [Level::Full, Level::Count] {
            let monitor = definitions.open_stream(None, level).unwrap();
            for kind in (1..=10).filter_map(EventKind::from_number) {
                for hook in
                    [Hook::None, Hook::Sender, Hook::Receiver].into_iter().filter(|hook| kind.allows(*hook))
                {
                    definitions.register(monitor, kind.number(), hook, FIRST).unwrap();
                }
            }
            definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, SECOND).unwrap();
        }
        engine.attach(definitions, Grants { drop: tenant == 0, ..Grants::ALL }).unwrap();
    }
    engine
}

/// What came of frames in bursts of a size.
fn run(
    takes_bursts: bool,
    frames: &[Frame],
    size: usize,
    kept_bytes: usize,
    faults_at: Option<usize>,
) -> (Vec<String>, Actor) {
    let limits = Limits { kept_bytes, ..Limits::default() };
    let mut engine = engine(takes_bursts, Config { limits, ..Config::default() });
    let mut actor = Actor { faults_at, ..Actor::default() };
    let mut outcome = Vec::new();
    for burst in frames.chunks(size) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut actor);
        balance(&engine).unwrap();
        outcome.push(format!("{:?} {:?}", engine.verdicts(), engine.injected()));
    }
    engine.finish(&mut actor);
    balance(&engine).unwrap();
    assert_eq!(engine.budget().used(), 0);
    let alive = [0, 1].map(|tenant| engine.is_alive(TenantId(tenant)));
    let mut counters = *engine.counters();
    counters.callbacks -= actor.passed_over;
    outcome.push(format!("{counters:?} {alive:?}"));
    (outcome, actor)
}

#[test]
fn a_tenant_is_told_the_same_in_one_call_as_in_many() {
    let (mut most, mut missed) = ((0, 0), 0);
    for seed in 0..u64::from(cases(CASES)) {
        let frames = mix(seed);
        for size in BURSTS {
            // With little room, bytes are dropped before they are read.
            let kept = [Limits::default().kept_bytes, 2_048][usize::from(seed % 2 == 0)];
            let (one, two) = (run(false, &frames, size, kept, None), run(true, &frames, size, kept, None));
            for (one, two) in one.1.told.iter().zip(&two.1.told) {
                assert_eq!(one, two, "seed {seed}, bursts of {size}");
            }
            assert_eq!(one.1.told.len(), two.1.told.len(), "seed {seed}, bursts of {size}");
            for (one, two) in one.0.iter().zip(&two.0) {
                assert_eq!(one, two, "seed {seed}, bursts of {size}");
            }
            missed += two.1.told.iter().filter(|told| told.contains("Missed")).count();
            most = (most.0.max(two.1.most.0), most.1.max(two.1.most.1));
        }
    }
    assert!(most.0 >= EVENTS_PER_BURST && most.1 > 5_000 && missed > 10, "{most:?} {missed}");
}

#[test]
fn a_tenant_that_faults_in_a_burst_is_told_no_more_and_what_it_asked_for_is_taken_back() {
    for seed in 0..u64::from(cases(CASES)) {
        let frames = mix(seed);
        for (size, kept) in BURSTS.map(|size| (size, Limits::default().kept_bytes)) {
            // The one of the two tenants that handles its hundredth event first.
            let (outcome, actor) = run(true, &frames, size, kept, Some(100));
            assert_eq!(actor.calls, 101, "both end with their next event");
            assert!(outcome.last().unwrap().ends_with("[false, false]"));
        }
    }
}

/// Tells what it is told; answers with the same bits each time.
#[derive(Default)]
struct Teller {
    told: Vec<Vec<Told>>,
    arena: Vec<Vec<u8>>,
    /// What a peek gave after the last event, which asked for nothing.
    rest: Vec<Vec<u8>>,
    verdicts: u64,
    faults: bool,
}

impl Handler for Teller {
    fn callback(&mut self, _: TenantId, _: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        unreachable!("what is not deferred has no handler")
    }

    fn burst(&mut self, _: TenantId, burst: &mut EventBurst, view: &mut Box<View>) -> Result<u64, Faulted> {
        self.told.push(unpack_all(burst));
        self.arena.push(view.arena(burst).collect::<Vec<_>>().concat());
        view.select_event(u32::try_from(burst.len() - 1).unwrap()).unwrap();
        let mut rest = Vec::new();
        view.peek(Direction::ToServer, u32::MAX, &mut rest).unwrap();
        self.rest.push(rest);
        if self.faults {
            view.reset().unwrap();
            return Err(Faulted);
        }
        Ok(self.verdicts)
    }
}

/// An engine with one monitor that is told of data in bursts.
fn telling() -> Engine {
    let mut engine = Engine::new(Config::default());
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    definitions.take_bursts();
    definitions.defer(FIRST).unwrap();
    definitions.bring(FIRST).unwrap();
    definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, FIRST).unwrap();
    engine.attach(definitions, Grants::ALL).unwrap();
    engine
}

fn data(flow: u16, seq: u32, payload: &[u8]) -> Frame {
    let segment = Segment {
        flags: TcpFlags::ACK,
        seq: SeqNumber(seq),
        ack: SeqNumber(1),
        payload,
        ..Segment::default()
    };
    Frame::of(Nanos(millis(1)), flow, Side::Client, &segment).unwrap()
}

fn receive(engine: &mut Engine, teller: &mut Teller, frames: Vec<Frame>) {
    let _ = engine.receive(Box::new(Frames(frames)), teller);
    balance(engine).unwrap();
}

#[test]
fn a_call_has_64_events_and_each_bit_of_the_answer_drops_the_packets_of_one() {
    let (mut engine, mut teller) = (telling(), Teller { verdicts: 0b101 | 1 << 63, ..Teller::default() });
    // Two packets of the first flow, one of each other.
    let frames = (0..100).map(|flow| data(flow, 1, b"abc")).chain([data(0, 4, b"def")]).collect();
    receive(&mut engine, &mut teller, frames);
    assert_eq!(teller.told.iter().map(Vec::len).collect::<Vec<_>>(), [64, 36]);
    assert_eq!(teller.arena[0], [&b"abcdef"[..], &b"abc".repeat(63)].concat());
    let dropped = (0..).zip(engine.verdicts()).filter(|(_, verdict)| **verdict == Verdict::Drop);
    assert_eq!(dropped.map(|(slot, _)| slot).collect::<Vec<usize>>(), [0, 2, 63, 64, 66, 100]);
    assert_eq!(engine.counters().callbacks, 100);
}

#[test]
fn bytes_beyond_the_room_of_a_call_come_with_the_next_one() {
    let (mut engine, mut teller) = (telling(), Teller::default());
    let payload = vec![7; 1_400];
    // 47 of them make more than 64 KiB.
    let frames = (0..47).map(|flow| data(flow, 1, &payload)).collect();
    receive(&mut engine, &mut teller, frames);
    let room = BURST_ARENA_BYTES / 1_400;
    assert_eq!(teller.told.iter().map(Vec::len).collect::<Vec<_>>(), [room, 47 - room]);
    assert_eq!(teller.arena[1].len(), (47 - room) * 1_400);
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn of_more_than_fits_the_rest_is_there_to_be_read_and_the_call_ends_with_that_event() {
    let (mut engine, mut teller) = (telling(), Teller::default());
    let bytes: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    let mut frames = vec![data(0, 1, &bytes[..1]), data(1, 1, b"before")];
    frames.extend((1..100).map(|piece| {
        let from = piece * 1_000 + 1;
        data(0, u32::try_from(from + 1).unwrap(), &bytes[from..bytes.len().min(from + 1_000)])
    }));
    receive(&mut engine, &mut teller, frames);
    // The hole is closed: 99,999 bytes become readable at once.
    receive(&mut engine, &mut teller, vec![data(2, 1, b"x"), data(0, 2, &bytes[1..1_001]), data(1, 7, b"y")]);
    let told: Vec<Vec<(usize, u32)>> = teller.told[1..]
        .iter()
        .map(|call| call.iter().map(|told| (told.len, told.call.readable)).collect())
        .collect();
    assert_eq!(told, [vec![(1, 1)], vec![(BURST_ARENA_BYTES, 99_999)], vec![(1, 1)]]);
    assert_eq!([&teller.arena[2][..], &teller.rest[2]].concat(), bytes[1..]);
    assert_eq!(engine.budget().used(), 0);
}

#[test]
fn a_fault_in_a_burst_sends_nothing_and_drops_nothing() {
    let (mut engine, mut teller) = (telling(), Teller { faults: true, verdicts: 3, ..Teller::default() });
    receive(&mut engine, &mut teller, vec![data(0, 1, b"abc"), data(1, 1, b"abc")]);
    assert_eq!((teller.told.len(), engine.is_alive(TenantId(0))), (1, false));
    assert_eq!((engine.verdicts(), engine.injected().len()), (&[Verdict::Pass; 2][..], 0));
    receive(&mut engine, &mut teller, vec![data(0, 4, b"abc")]);
    assert_eq!((teller.told.len(), engine.budget().used()), (1, 0));
}

#[test]
fn events_are_profiled_one_by_one() {
    let (mut engine, mut teller) = (telling(), Teller::default());
    engine.profile_events();
    receive(&mut engine, &mut teller, vec![data(0, 1, b"abc"), data(1, 1, b"abc")]);
    let profile = engine.event_profile().unwrap().of_tenant(TenantId(0));
    assert_eq!(profile.map(|(event, node)| (event, node.called)).collect::<Vec<_>>(), [(6, 2)]);
}

#[test]
fn an_event_is_selected_in_bursts_only() {
    struct Asker;
    impl Handler for Asker {
        fn callback(&mut self, _: TenantId, _: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
            assert_eq!(view.select_event(0), Err(Refusal::NotAllowed));
            Ok(0)
        }

        fn stop(&mut self, _: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
            assert_eq!(view.select_event(0), Err(Refusal::NotAllowed));
            Ok(())
        }
    }
    let mut engine = engine(false, Config::default());
    let _ = engine.receive(Box::new(Frames(vec![data(0, 1, b"abc")])), &mut Asker);
    engine.finish(&mut Asker);
    assert!(engine.is_alive(TenantId(0)) && engine.counters().callbacks > 0);
}
