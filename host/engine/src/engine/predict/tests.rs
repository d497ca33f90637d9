//! The short way is the long way: the same packets through two engines, of which one knows no short way, leave the same
//! flows and counters behind after each packet, and call the same handlers with the same words.

use sluice_wire::{LinkType, Segment, SeqNumber, TcpFlags};

use super::*;
use crate::event::{Definitions, EventCall, Faulted, TenantId};
use crate::packet::{Burst, Packet};
use crate::reassembly::Level;
use crate::{Config, Direction, Grants, Nanos, Records, Sides, View};

/// A frame at a time.
struct One(Vec<u8>, Nanos);

impl Burst for One {
    fn len(&self) -> usize {
        1
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let (wire_len, link) = (u32::try_from(self.0.len()).ok()?, Some(LinkType::Ethernet));
        (slot == 0).then_some(Packet { bytes: &self.0, time: self.1, wire_len, link })
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

/// Repeatable numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 40).unwrap() % bound
    }

    fn one_in(&mut self, cases: u32) -> bool {
        self.below(cases) == 0
    }
}

/// Writes down what it is called with, reads, and changes its mind now and then.
struct Recorder {
    calls: Vec<(EventCall, Vec<u8>)>,
    random: Random,
}

impl Handler for Recorder {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let mut bytes = Vec::new();
        let direction = call.place().direction();
        if !self.random.one_in(3) {
            let _ = view.peek(direction, 1 + self.random.below(3_000), &mut bytes);
        }
        let level = [Level::State, Level::Count, Level::Full][usize::try_from(self.random.below(3)).unwrap()];
        let is_even = self.random.one_in(2);
        let other = if is_even { Direction::ToServer } else { Direction::ToClient };
        let sides = if is_even { Sides::CLIENT } else { Sides::SERVER };
        // Refused where the flow has ended.
        let _ = match self.random.below(120) {
            0 => view.set_level(direction, level),
            1 => view.set_level(other, level),
            2 => view.stop_monitoring(sides),
            3 => view.set_retain(direction, 2_048).map(|_| ()),
            _ => Ok(()),
        };
        self.calls.push((*call, bytes));
        Ok(0)
    }
}

/// A host of the connection, as it should be.
#[derive(Clone, Copy)]
struct Host {
    next: SeqNumber,
    heard: SeqNumber,
    clock: u32,
}

/// The handshake, then data.
fn flags(round: u32, random: &mut Random) -> TcpFlags {
    match round {
        0 => TcpFlags::SYN,
        1 => TcpFlags::SYN | TcpFlags::ACK,
        _ if random.one_in(3) => TcpFlags::ACK | TcpFlags::PSH,
        _ => TcpFlags::ACK,
    }
}

/// Timestamps, if there are some, and what a SYN offers.
fn options(stamps: Option<(u32, u32)>, is_syn: bool) -> Vec<u8> {
    let mut options = Vec::new();
    if let Some((value, echo)) = stamps {
        options.extend([1, 1, 8, 10]);
        options.extend(value.to_be_bytes());
        options.extend(echo.to_be_bytes());
    }
    if is_syn {
        options.extend([3, 3, 7, 1]);
    }
    options
}

/// A conversation of two hosts over a tap that loses, doubles and delays little, and of which some segments are odd.
fn conversation(random: &mut Random) -> Vec<One> {
    let stamps = random.one_in(2);
    let isn = |random: &mut Random| SeqNumber(u32::MAX - random.below(20_000));
    let mut hosts = [0, 1].map(|_| Host { next: isn(random), heard: SeqNumber(0), clock: 100 });
    let mut packets: Vec<One> = Vec::new();
    let mut time = 1_000_000_000;
    let rounds = 30 + random.below(60);
    for round in 0..rounds {
        let from = match round {
            0 | 2 => 0,
            1 => 1,
            _ => usize::try_from(random.below(2)).unwrap(),
        };
        hosts[from].clock += random.below(3);
        let plain = flags(round, random);
        let len = if round < 3 || random.one_in(3) { 0 } else { 1 + random.below(1_400) };
        let payload: Vec<u8> = (0..len).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let odd = if round < 3 { 99 } else { random.below(60) };
        let flags = match odd {
            0 => plain | TcpFlags::URG,
            1 if round > 20 => plain | TcpFlags::FIN,
            _ => plain,
        };
        let (seq, ack) = (hosts[from].next, hosts[from].heard);
        let seq = if odd == 2 { SeqNumber(seq.0.wrapping_sub(random.below(3_000))) } else { seq };
        let ack = if odd == 3 { ack.add(random.below(3_000)) } else { ack };
        let echo = hosts[1 - from].clock;
        let value = if odd == 4 { hosts[from].clock.wrapping_sub(50) } else { hosts[from].clock };
        let options = match odd {
            5 => vec![1; 8],
            _ => options(stamps.then_some((value, echo)), round < 2),
        };
        let urgent = u16::try_from(random.below(50)).unwrap();
        let mut segment = Segment {
            seq,
            ack,
            flags,
            urgent,
            window: u16::try_from(2_000 + random.below(500)).unwrap(),
            options: &options,
            payload: &payload,
            ..Segment::default()
        };
        if from == 1 {
            std::mem::swap(&mut segment.source, &mut segment.destination);
            std::mem::swap(&mut segment.source_port, &mut segment.destination_port);
        }
        let mut frame = vec![0; 1_600];
        let written = segment.write_frame(&mut frame).unwrap();
        frame.truncate(written);
        if odd == 6 {
            frame[written - 1] ^= 1;
        }
        hosts[from].next = seq.add(len).add(u32::from(round < 2));
        if odd != 7 {
            hosts[1 - from].heard = hosts[from].next;
        }
        time += u64::from(random.below(40)) * 1_000_000 + if odd == 8 { 4_000_000_000 } else { 0 };
        if odd != 9 {
            packets.push(One(frame.clone(), Nanos(time)));
        }
        if odd == 10 {
            packets.push(One(frame, Nanos(time)));
        }
        if random.one_in(25) && packets.len() > 4 {
            let last = packets.len() - 1;
            packets.swap(last, last - 1);
        }
    }
    packets
}

fn engine(work: u32, takes_long_way: bool) -> Engine {
    let records = if work.is_multiple_of(2) { Records::Each } else { Records::None };
    let mut engine = Engine::new(Config { records, ..Config::default() });
    engine.takes_long_way = takes_long_way;
    for tenant in 0..1 + work % 2 {
        let mut definitions = Definitions::new();
        let level = if (work >> 1 ^ tenant).is_multiple_of(2) { Level::Full } else { Level::State };
        let monitor = definitions.open_stream(None, level).unwrap();
        if work.is_multiple_of(5) {
            definitions.observe(monitor).unwrap();
        }
        for kind in EventKind::ALL {
            for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
                let is_wanted = kind != EventKind::PacketIn || (work >> 2) & (1 << (hook as u32)) != 0;
                if is_wanted {
                    // Not every kind may be registered with a monitor of streams.
                    let _ = definitions.register(monitor, kind.number(), hook, kind.number());
                }
            }
        }
        engine.attach(definitions, Grants::NONE).unwrap();
    }
    engine
}

#[test]
fn the_short_way_leaves_behind_what_the_long_way_does() {
    let mut short_segments = 0;
    for seed in 0..60 {
        let mut random = Random(seed);
        let work = random.below(64);
        let mut engines = [false, true].map(|takes_long_way| engine(work, takes_long_way));
        let mut recorders = [0, 1].map(|_| Recorder { calls: Vec::new(), random: Random(seed) });
        for (number, One(frame, time)) in conversation(&mut random).into_iter().enumerate() {
            let mut seen = Vec::new();
            for (engine, recorder) in engines.iter_mut().zip(&mut recorders) {
                drop(engine.receive(Box::new(One(frame.clone(), time)), recorder));
                let flows = engine.view.flows.places().filter_map(|place| engine.view.flows.get(place));
                let flows = flows.map(|flow| format!("{flow:?}")).collect::<Vec<_>>().join("\n");
                let budget = format!("{:?} {:?}", engine.budget, engine.verdicts());
                seen.push((flows, *engine.counters(), budget, std::mem::take(&mut recorder.calls)));
            }
            assert!(seen[0] == seen[1], "seed {seed}, packet {number}:\n{:?}\n{:?}", seen[0], seen[1]);
        }
        short_segments += engines[0].short_segments;
        assert_eq!(engines[1].short_segments, 0);
    }
    assert!(short_segments > 600, "{short_segments} segments went the short way");
}
