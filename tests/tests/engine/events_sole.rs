//! The short way to a pass's only handler against the walk that does for all passes. A profile of events is kept by the
//! walk alone, so a run with one takes it for every call.

use sluice_engine::event::{Change, Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Engine, Grants, Sides, View};
use sluice_tests::events::Traffic;
use sluice_tests::{Frames, Random, balance, cases};

/// Packets of one run.
const PACKETS: usize = 400;

/// Runs in `make test`.
const RUNS: u32 = 150;

/// Writes down each call, and asks for something now and then.
#[derive(Debug)]
struct Talker {
    random: Random,
    calls: Vec<(EventCall, Vec<u8>)>,
    listed: Vec<u64>,
    /// Whether a call may fail, once.
    may_fault: bool,
}

impl Talker {
    fn act(&mut self, call: &EventCall, view: &mut View) -> u32 {
        let direction = Direction::BOTH[self.random.below(2)];
        match self.random.below(40) {
            0..6 => {
                let most = [5, u32::MAX][self.random.below(2)];
                let mut bytes = Vec::new();
                if view.peek(call.place().direction(), most, &mut bytes).is_ok() {
                    self.calls.push((EventCall::default(), bytes));
                }
            }
            6 => drop(view.set_user_context(self.random.bits())),
            7 => drop(view.set_level(direction, [Level::State, Level::Full][self.random.below(2)])),
            8 if self.random.below(3) == 0 => drop(view.stop_monitoring(Sides::CLIENT)),
            9 if self.random.below(6) == 0 => drop(view.stop_monitoring(Sides::BOTH)),
            10..13 => drop(view.change_flow(registration(&mut self.random))),
            13 => drop(view.reset()),
            14..16 => return 1,
            _ => {}
        }
        0
    }
}

impl Handler for Talker {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.calls.push((*call, Vec::new()));
        if self.may_fault && self.random.below(500) == 0 {
            return Err(Faulted);
        }
        Ok(self.act(call, view))
    }

    fn ready(&mut self, _: TenantId, flows: &[u64], _: &mut Box<View>) -> Result<(), Faulted> {
        self.listed.extend(flows);
        Ok(())
    }
}

/// A handler for some event where that is raised.
fn registration(random: &mut Random) -> Change {
    loop {
        let kind = EventKind::ALL[random.below(EventKind::ALL.len())];
        let hook = Hook::ALL[random.below(Hook::ALL.len())];
        if kind.allows(hook) {
            return Change::register(kind.number(), hook, u32::try_from(random.below(3)).unwrap());
        }
    }
}

/// A tenant with a monitor, or with two, and few handlers.
fn definitions(random: &mut Random) -> Definitions {
    let mut definitions = Definitions::new();
    for _ in 0..1 + random.below(8) / 7 {
        let level = [Level::State, Level::Count, Level::Full, Level::Full][random.below(4)];
        let monitor = definitions.open_stream(None, level).unwrap();
        for _ in 0..1 + random.below(4) {
            let Change { add: Some(added), .. } = registration(random) else { continue };
            let _ = definitions.register(monitor, added.event, added.hook, added.handler);
        }
        if random.below(3) == 0 {
            definitions.poll(monitor).unwrap();
        }
    }
    if random.below(6) == 0 {
        definitions.defer(0).unwrap();
    }
    definitions
}

/// All that a run shows: calls with what was read in them, flows listed, verdicts, and the counters in words.
type Shown = (Vec<(EventCall, Vec<u8>)>, Vec<u64>, Vec<Verdict>, String);

fn run(seed: u64, is_profiled: bool) -> (Shown, u64) {
    let mut random = Random::new(seed);
    let mut engine = Engine::new(Config { seed, ..Config::default() });
    engine.attach(definitions(&mut random), Grants::ALL).unwrap();
    if is_profiled {
        engine.profile_events();
    }
    let may_fault = random.below(4) == 0;
    let mut talker = Talker { random, calls: Vec::new(), listed: Vec::new(), may_fault };
    let mut traffic = Traffic::new(seed, 4);
    let (mut verdicts, burst) = (Vec::new(), 1 + usize::try_from(seed % 5).unwrap());
    for _ in 0..PACKETS / burst {
        let frames = (0..burst).map(|_| traffic.next_frame().unwrap()).collect();
        let _ = engine.receive(Box::new(Frames(frames)), &mut talker);
        verdicts.extend_from_slice(engine.verdicts());
        balance(&engine).unwrap();
    }
    engine.finish(&mut talker);
    balance(&engine).unwrap();
    let called = engine
        .event_profile()
        .map_or(0, |profile| profile.of_tenant(TenantId(0)).map(|(_, node)| node.called).sum());
    let counters = format!("{:?} {:?}", engine.counters(), engine.tenant_counters(TenantId(0)));
    ((talker.calls, talker.listed, verdicts, counters), called)
}

#[test]
fn the_only_handler_of_a_pass_is_called_as_the_walk_would_call_it() {
    let mut called = 0;
    for seed in 0..u64::from(cases(RUNS)) {
        let ((shown, none), (walked, calls)) = (run(seed, false), run(seed, true));
        assert_eq!(none, 0, "a run without a profile walks only where it must");
        assert_eq!(shown.0, walked.0, "seed {seed}");
        assert_eq!((&shown.1, &shown.2, &shown.3), (&walked.1, &walked.2, &walked.3), "seed {seed}");
        called += calls;
    }
    assert!(called > u64::from(cases(RUNS)) * 100, "{called} calls are too few");
}
