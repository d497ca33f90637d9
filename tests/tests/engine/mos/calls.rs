//! Every call of the guest interface at every moment answers as the WIT says, and concerns nobody else.
//!
//! mOS ends the process for a wrong side or a read at the end of the data (`mtcp_peek`, `mtcp_ppeek`), answers -1 for
//! "error" and for "one byte missed" alike, and hands out a dangling packet in timers.

use std::collections::BTreeSet;

use sluice_engine::event::{
    Definitions, EVENT_WORDS, EventBurst, EventCall, EventFilter, EventKind, Faulted, Handler, Hook, Place,
    TenantId,
};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, View, millis, seconds};
use sluice_tests::script::{Action, Script};
use sluice_tests::{Frames, balance};

use super::answers::{AT_ONCE, Call, Known, LATE_TIMER, ROWS, ROWS_OF_COUNTS, Row, letter, peek};
use super::scene::{all_events, kind, read};

/// Two flows, one of which ends by an RST and one by silence, with every event on the way.
pub(super) const CONVERSATION: &str = "
    0ms   c S  1000
    1ms   s S. 5000 ack 1001
    2ms   c .  1001 ack 5001
    3ms   c P. 1001:1011(10) \"0123456789\"
    4ms   c P. 1006:1011(5) \"XXXXX\"
    5ms   s P. 5001:5006(5) ack 1011
    # One hole too many.
    6ms   c P. 1021:1022(1)
    7ms   c P. 1031:1032(1)
    8ms   c P. 1041:1042(1)
    9ms   c P. 1011:1041(30)
    # Too much behind a hole.
    10ms  c P. 1051:1061(10)
    11ms  c P. 1061:1071(10)
    12ms  c P. 1071:1081(10)
    # Acknowledged and never seen.
    13ms  c P. 1091:1101(10)
    14ms  s .  5006 ack 1101
    expire 300ms
    301ms c R  1 flow 7
    302ms c S  1000 flow 1
    303ms c P. 1111:1121(10)
    304ms c R  1101
    305ms c .  1121
    expire 2s
    finish";

/// What is current in a call outside of events.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Selected {
    Nothing,
    Live,
    Ended,
}

/// When a call is made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Moment {
    /// In a handler or a filter of an event, with a packet or without.
    Handler(EventKind, Hook, bool),
    Filter(EventKind, Hook, bool),
    Deferred(EventKind, Hook),
    /// With an event selected, or none.
    Burst(Option<(EventKind, Hook)>),
    Timer(Selected),
    Ready(Selected),
    Stop(Selected),
}

impl Moment {
    /// The event at hand, or some event.
    fn kind(self) -> EventKind {
        match self {
            Self::Handler(kind, _, _) | Self::Filter(kind, _, _) | Self::Deferred(kind, _) => kind,
            Self::Burst(Some((kind, _))) => kind,
            Self::Burst(None) | Self::Timer(_) | Self::Ready(_) | Self::Stop(_) => EventKind::PacketIn,
        }
    }

    /// The column in the rows of answers.
    fn column(self) -> usize {
        let of_event = |kind, hook, has_packet: bool| match (kind, hook) {
            (EventKind::ConnEnd, _) => 2 + usize::from(!has_packet),
            (_, Hook::None) => 4,
            _ => usize::from(!has_packet),
        };
        match self {
            Self::Handler(kind, hook, has_packet) => of_event(kind, hook, has_packet),
            Self::Filter(kind, hook, has_packet) => 5 + of_event(kind, hook, has_packet),
            Self::Deferred(kind, hook) => 10 + of_event(kind, hook, true).div_ceil(2),
            Self::Timer(selected) | Self::Ready(selected) | Self::Stop(selected) => 13 + selected as usize,
            Self::Burst(None) => 16,
            Self::Burst(Some((kind, hook))) => 17 + of_event(kind, hook, true).div_ceil(2),
        }
    }
}

/// No event of a burst.
const NO_PLACE: u32 = u32::MAX;

const OF_USERS: u32 = 2;
const DEFERRED: u32 = 3;

const PROBER: TenantId = TenantId(0);

/// The first tenant makes one call at one moment; the second one writes down all that it is told.
struct Guests {
    known: Known,
    probe: Option<(Moment, Call)>,
    answer: Option<Result<(), Refusal>>,
    moments: BTreeSet<Moment>,
    witnessed: Vec<String>,
}

impl Guests {
    fn at(&mut self, moment: Moment, view: &mut View) {
        self.moments.insert(moment);
        if let Some((when, call)) = self.probe
            && when == moment
            && self.answer.is_none()
        {
            self.answer = Some(call(view, &Known { kind: moment.kind(), ..self.known }));
        }
    }

    /// At a moment outside of events, without a flow, then with one.
    fn outside(&mut self, moment: fn(Selected) -> Moment, view: &mut View) {
        self.at(moment(Selected::Nothing), view);
        view.select_flow(self.known.flow).unwrap();
        let has_ended = view.flow_info().unwrap().end_reason.is_some();
        self.at(moment(if has_ended { Selected::Ended } else { Selected::Live }), view);
    }

    fn witness(&mut self, call: &EventCall, view: &mut View) {
        let mut line = format!("{call:?}");
        if kind(call) == EventKind::NewData {
            line += &read(view, call.place().direction());
        }
        self.witnessed.push(line);
    }
}

impl Handler for Guests {
    fn filter(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        let place = call.place();
        self.at(Moment::Filter(kind(call), place.hook(), place.has_packet()), view);
        Ok(true)
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let (kind, hook) = (kind(call), call.place().hook());
        if self.known.flow == 0 {
            self.known.flow = call.flow;
        }
        match (tenant, call.id) {
            (PROBER, AT_ONCE) => {
                self.at(Moment::Handler(kind, hook, call.place().has_packet()), view);
                if kind == EventKind::NewData {
                    let _ = peek(view, call.place().direction(), u32::MAX);
                }
            }
            (PROBER, DEFERRED) => self.at(Moment::Deferred(kind, hook), view),
            (PROBER, _) => {}
            _ => self.witness(call, view),
        }
        Ok(0)
    }

    fn burst(&mut self, _: TenantId, burst: &mut EventBurst, view: &mut Box<View>) -> Result<u64, Faulted> {
        self.at(Moment::Burst(None), view);
        for (words, place) in burst.words.chunks(EVENT_WORDS).zip(0..) {
            let kind =
                EventKind::ALL.into_iter().find(|kind| u64::from(kind.number()) == words[0] >> 32).unwrap();
            let hook = Place(u32::try_from(words[1] & 0xffff_ffff).unwrap()).hook();
            // What is refused is at hand all the same.
            let _ = view.select_event(place);
            self.known.place = place;
            self.at(Moment::Burst(Some((kind, hook))), view);
        }
        self.known.place = NO_PLACE;
        Ok(0)
    }

    fn timer(
        &mut self,
        _: TenantId,
        timer: u32,
        _: u64,
        _: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        // Not those that a call has set.
        if timer < LATE_TIMER {
            self.outside(Moment::Timer, view);
        }
        Ok(())
    }

    fn ready(&mut self, _: TenantId, _: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        self.outside(Moment::Ready, view);
        Ok(())
    }

    fn stop(&mut self, tenant: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
        if tenant == PROBER {
            self.outside(Moment::Stop, view);
        }
        Ok(())
    }
}

/// How deferred events are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    Each,
    InBursts,
}

/// What the prober defines: an event with a filter and one to raise below each kind, handlers at once and deferred.
fn prober(level: Level, told: Told, known: &mut Known) -> Definitions {
    let mut definitions = Definitions::new();
    let stream = definitions.open_stream(None, level).unwrap();
    let packets = definitions.open_raw(None).unwrap();
    definitions.poll(stream).unwrap();
    if level == Level::Full {
        definitions.observe(stream).unwrap();
    }
    definitions.defer(DEFERRED).unwrap();
    definitions.bring(DEFERRED).unwrap();
    if told == Told::InBursts {
        definitions.take_bursts();
    }
    for kind in EventKind::ALL {
        let (number, filter) = (kind.number(), EventFilter::Guest(1));
        known.defined[kind.index()] = definitions.define(kind.name(), number, filter, b"").unwrap();
        let name = format!("raised-{}", kind.name());
        let raised = definitions.define(&name, number, EventFilter::Raised, b"").unwrap();
        known.raised[kind.index()] = raised;
    }
    let on_streams = all_events().into_iter().map(|(kind, hook)| (stream, kind, hook));
    for (monitor, kind, hook) in on_streams.chain([(packets, EventKind::PacketIn, Hook::None)]) {
        for handler in [AT_ONCE, DEFERRED] {
            definitions.register(monitor, kind.number(), hook, handler).unwrap();
        }
        for event in [known.defined[kind.index()], known.raised[kind.index()]] {
            definitions.register(monitor, event, hook, OF_USERS).unwrap();
        }
    }
    for delay in [millis(250), millis(310), seconds(1 << 30)] {
        definitions.set_timer(delay, 0).unwrap();
    }
    definitions
}

pub(super) fn config() -> Config {
    let mut config = Config::default();
    (config.limits.total_segments, config.limits.ahead_bytes) = (2, 25);
    config.timeouts.syn_sent = seconds(1);
    config
}

/// The conversation, with one call at one moment.
fn play(level: Level, told: Told, script: &Script, probe: Option<(Moment, Call)>) -> Guests {
    let (defined, raised) = ([0; 11], [0; 11]);
    let mut known = Known { kind: EventKind::PacketIn, flow: 0, place: NO_PLACE, defined, raised };
    let mut engine = Engine::new(config());
    let prober = prober(level, told, &mut known);
    for definitions in [prober, super::scene::everything(Level::Full)] {
        engine.attach(definitions, Grants { drop: true, ..Grants::NONE }).unwrap();
    }
    let mut guests = Guests { known, probe, answer: None, moments: BTreeSet::new(), witnessed: Vec::new() };
    for action in &script.actions {
        match action {
            Action::Packet(packet) => {
                let _ = engine.receive(Box::new(Frames(vec![packet.frame().unwrap()])), &mut guests);
                assert_eq!(engine.verdicts(), [Verdict::Pass]);
            }
            Action::Expire(now) => engine.expire(*now, &mut guests),
            Action::Finish => engine.finish(&mut guests),
        }
        balance(&engine).unwrap();
    }
    engine.stop(&mut guests);
    assert_eq!((engine.budget().used(), engine.budget().segments()), (0, 0), "{probe:?}");
    for tenant in [PROBER, TenantId(1)] {
        let counters = engine.tenant_counters(tenant).unwrap();
        assert_eq!((counters.flows, counters.kept_bytes), (0, 0), "{probe:?}");
        assert!(engine.is_alive(tenant));
        assert!(engine.events(tenant).unwrap().forests().len() <= 2, "{probe:?}: forests of flows are left");
    }
    guests
}

/// Makes each call at each moment and compares the answers. Where events are told in bursts, in those alone.
fn probe(level: Level, told: Told, rows: &[Row]) -> BTreeSet<Moment> {
    let script = Script::parse(CONVERSATION).unwrap();
    let untouched = play(level, told, &script, None);
    let mut moments = untouched.moments;
    if told == Told::InBursts {
        assert!(!moments.iter().any(|moment| matches!(moment, Moment::Deferred(..))));
        moments.retain(|moment| matches!(moment, Moment::Burst(_)));
    }
    let mut problems = Vec::new();
    for (name, cells, call) in rows {
        let cells: Vec<char> = cells.chars().filter(|cell| *cell != ' ').collect();
        assert_eq!(cells.len(), 20, "{name}");
        for moment in &moments {
            let guests = play(level, told, &script, Some((*moment, *call)));
            let (want, got) = (cells[moment.column()], guests.answer.map(letter));
            if got != Some(want) {
                problems.push(format!("{name} at {moment:?}: {got:?}, not {want:?}"));
            }
            if guests.witnessed != untouched.witnessed {
                problems.push(format!("{name} at {moment:?}: another tenant sees a difference"));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    moments
}

#[test]
fn every_call_in_every_mode_answers_as_the_wit_says() {
    let moments = probe(Level::Full, Told::Each, ROWS);
    // Of the events, gaps, changes of state and ends happen with a packet and without, and data and all else with one.
    let without_packet = [
        (EventKind::Gap, Hook::Receiver),
        (EventKind::NewData, Hook::Receiver),
        (EventKind::StateChange, Hook::Receiver),
        (EventKind::ConnEnd, Hook::None),
    ];
    let mut expected = BTreeSet::new();
    for (kind, hook) in all_events().into_iter().chain([(EventKind::PacketIn, Hook::None)]) {
        expected.extend([Moment::Handler(kind, hook, true), Moment::Filter(kind, hook, true)]);
        expected.insert(Moment::Deferred(kind, hook));
    }
    for (kind, hook) in without_packet {
        expected.extend([Moment::Handler(kind, hook, false), Moment::Filter(kind, hook, false)]);
    }
    for selected in [Selected::Nothing, Selected::Live, Selected::Ended] {
        expected.extend([Moment::Timer(selected), Moment::Ready(selected)]);
    }
    expected.extend([Moment::Stop(Selected::Nothing), Moment::Stop(Selected::Ended)]);
    assert_eq!(moments, expected);
}

#[test]
fn every_call_in_a_burst_answers_as_the_wit_says() {
    let moments = probe(Level::Full, Told::InBursts, ROWS);
    let events = all_events().into_iter().chain([(EventKind::PacketIn, Hook::None)]).map(Some);
    let expected: BTreeSet<Moment> = events.chain([None]).map(Moment::Burst).collect();
    assert_eq!(moments, expected);
}

#[test]
fn a_monitor_of_counts_is_refused_bytes_and_what_it_did_not_ask_for() {
    let moments = probe(Level::Count, Told::Each, ROWS_OF_COUNTS);
    assert!(!moments.contains(&Moment::Handler(EventKind::NewData, Hook::Receiver, true)));
    assert!(moments.contains(&Moment::Ready(Selected::Ended)));
    let moments = probe(Level::Count, Told::InBursts, ROWS_OF_COUNTS);
    assert!(moments.contains(&Moment::Burst(Some((EventKind::ConnEnd, Hook::None)))));
}
