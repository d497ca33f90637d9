//! Monitors beside each other against each of them alone.
//!
//! Three monitors change levels, sizes and retention of one flow at random moments, and read at random. What each is
//! told and reads is what it is told and reads in an engine of its own, whatever the others want.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Side, Sides, View, millis};
use sluice_tests::{Frame, Frames, Random, balance, cases};
use sluice_wire::TcpFlags;

/// Packets of one conversation.
const STEPS: usize = 200;
/// Conversations: ten thousand packets in all.
const CASES: u32 = 50;
/// Where the streams begin.
const FIRST: [u32; 2] = [1_001, 5_001];

/// What a monitor does does not depend on the other monitors: on its number, the packet and the event alone.
fn choices(seed: u64, actor: usize, call: &EventCall) -> Random {
    let place = u64::from(call.place & 0xf00) | u64::from(call.kind) << 32;
    Random::new(seed ^ call.time.wrapping_mul(31) ^ place ^ (actor as u64) << 48)
}

#[derive(Debug)]
struct Actors<'a> {
    seed: u64,
    /// Where bytes are missing, by [`Direction::index`], at each millisecond.
    holes: &'a [[bool; 2]],
    /// The number of the first tenant's monitor.
    first: usize,
    told: [Vec<String>; 3],
}

impl Actors<'_> {
    fn act(&mut self, actor: usize, call: &EventCall, view: &mut View) {
        let mut random = choices(self.seed, actor, call);
        let told = &mut self.told[actor];
        let place = call.place();
        let names = (call.event_kind().unwrap().name(), place.side(), place.hook());
        told.push(format!("{} {names:?} {}+{} {}", call.time, call.offset, call.length, call.readable));
        let direction = Direction::BOTH[random.below(2)];
        for direction in Direction::BOTH {
            told.push(format!("{:?}", view.buffer_info(direction)));
            let mut runs = Vec::new();
            told.push(format!("{:?} {runs:?}", view.fraginfo(direction, &mut runs)));
        }
        let mut bytes = Vec::new();
        match random.below(12) {
            0..4 => {
                let max = u32::try_from(random.below(5_000)).unwrap();
                told.push(format!("{:?} {bytes:?}", view.peek(direction, max, &mut bytes)));
            }
            4..6 => {
                let back = random.below(6_000) as u64;
                let offset = call.offset.saturating_sub(back);
                told.push(format!("{:?} {bytes:?}", view.peek_at(direction, offset, 100, &mut bytes)));
            }
            6 => {
                // Who begins to read where others wait for a hole gets what lies behind it when they do.
                let at = usize::try_from(call.time / millis(1)).unwrap();
                let has_hole = self.holes.get(at).is_some_and(|holes| holes[direction.index()]);
                let level = [Level::Count, Level::Full, Level::Full][random.below(3)];
                if level == Level::Count || !has_hole {
                    view.set_level(direction, level).unwrap();
                }
            }
            7 => {
                let size = u32::try_from(random.below(8_000)).unwrap() + 1;
                told.push(format!("{:?}", view.set_size(direction, size)));
            }
            8 => {
                let retain = u32::try_from(random.below(6_000)).unwrap();
                told.push(format!("{:?}", view.set_retain(direction, retain)));
            }
            9 if random.below(60) == 0 => view.stop_monitoring(Sides::CLIENT).unwrap(),
            _ => {}
        }
    }
}

impl Handler for Actors<'_> {
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.act(self.first + usize::from(tenant.0), call, view);
        Ok(0)
    }
}

/// What becomes of the order of the packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    Kept,
    /// Some come late or again, some with other bytes.
    Mixed,
}

/// Data of both sides, in pieces of up to 1,400 bytes, and where bytes are missing at each millisecond.
fn conversation(seed: u64, order: Order) -> (Vec<Frame>, Vec<[bool; 2]>) {
    let mut random = Random::new(seed);
    let at = |step: usize| Nanos(millis(step as u64 + 1));
    let plain = |step: usize, sender, flags, numbers, payload: &[u8]| {
        Frame::plain(at(step), sender, flags, numbers, payload).unwrap()
    };
    let mut frames = vec![
        plain(0, Side::Client, TcpFlags::SYN, (FIRST[0] - 1, 0), b""),
        plain(1, Side::Server, TcpFlags::SYN | TcpFlags::ACK, (FIRST[1] - 1, FIRST[0]), b""),
        plain(2, Side::Client, TcpFlags::ACK, (FIRST[0], FIRST[1]), b""),
    ];
    let mut sent = [0u32; 2];
    let mut late: Option<(Side, u32, Vec<u8>)> = None;
    // A step is sent a millisecond later.
    let mut holes = vec![[false; 2]; 4];
    for step in 3..STEPS {
        let lacks = |side: Side| late.as_ref().is_some_and(|(sender, ..)| *sender == side);
        holes.push(Side::BOTH.map(lacks));
        let sender = Side::BOTH[random.below(2)];
        let mut send = |step: usize, sender: Side, offset: u32, bytes: &[u8]| {
            let seq = FIRST[sender.index()] + offset;
            frames.push(plain(step, sender, TcpFlags::ACK, (seq, FIRST[sender.other().index()]), bytes));
        };
        if let Some((sender, offset, bytes)) = late.take_if(|_| random.below(3) == 0) {
            send(step, sender, offset, &bytes);
            continue;
        }
        let len = 1 + random.below(1_400);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
        let offset = sent[sender.index()];
        let is_again = order == Order::Mixed && offset > 6_000 && random.below(6) == 0;
        if is_again {
            bytes.truncate(1 + random.below(300));
            send(step, sender, offset - u32::try_from(random.below(6_000)).unwrap().max(301), &bytes);
            continue;
        }
        sent[sender.index()] += u32::try_from(len).unwrap();
        if order == Order::Mixed && late.is_none() && random.below(5) == 0 {
            late = Some((sender, offset, bytes));
        } else {
            send(step, sender, offset, &bytes);
        }
    }
    if let Some((sender, offset, bytes)) = late {
        let seq = FIRST[sender.index()] + offset;
        frames.push(plain(STEPS, sender, TcpFlags::ACK, (seq, FIRST[sender.other().index()]), &bytes));
        holes.push(Side::BOTH.map(|side| side == sender));
    }
    (frames, holes)
}

/// What the monitors numbered from `first` to before `until` are told, together in one engine.
fn told<'a>(
    seed: u64,
    (frames, holes): &'a (Vec<Frame>, Vec<[bool; 2]>),
    first: usize,
    until: usize,
) -> Actors<'a> {
    let mut config = Config::default();
    (config.limits.kept_bytes, config.limits.retain_bytes) = (6_000, 2_000);
    let mut engine = Engine::new(config);
    for actor in first..until {
        let mut definitions = Definitions::new();
        let level = [Level::Full, Level::Count, Level::Full][actor];
        let monitor = definitions.open_stream(None, level).unwrap();
        for kind in EventKind::ALL {
            // The second one does not compare, and retains nothing of itself.
            let compares = matches!(kind, EventKind::Rexmit | EventKind::Conflict);
            for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook) && (actor != 1 || !compares)) {
                definitions.register(monitor, kind.number(), hook, 0).unwrap();
            }
        }
        if actor == 2 {
            definitions.set_size(monitor, Direction::ToServer, 1_500).unwrap();
            definitions.set_retain(monitor, Direction::ToClient, 3_000).unwrap();
        }
        engine.attach(definitions, Grants::NONE).unwrap();
    }
    let mut actors = Actors { seed, holes, first, told: Default::default() };
    for frame in frames {
        let _ = engine.receive(Box::new(Frames(vec![frame.clone()])), &mut actors);
        balance(&engine).unwrap();
    }
    engine.finish(&mut actors);
    balance(&engine).unwrap();
    assert_eq!(engine.budget().used(), 0);
    actors
}

/// Gives what all three were told together.
fn check(seed: u64, order: Order) -> Vec<String> {
    let conversation = conversation(seed, order);
    let together = told(seed, &conversation, 0, 3);
    for actor in 0..3 {
        let alone = told(seed, &conversation, actor, actor + 1);
        let pairs = alone.told[actor].iter().zip(&together.told[actor]);
        let differs = pairs.enumerate().find(|(_, (alone, together))| alone != together);
        if let Some((line, _)) = differs {
            let from = line.saturating_sub(8);
            let cut = |lines: &[String]| -> Vec<String> {
                lines[from..=line].iter().map(|line| line.chars().take(160).collect()).collect()
            };
            let (alone, together) = (cut(&alone.told[actor]), cut(&together.told[actor]));
            panic!("seed {seed}, monitor {actor}: alone\n{alone:#?}\ntogether\n{together:#?}");
        }
        assert_eq!(alone.told[actor].len(), together.told[actor].len());
    }
    together.told.concat()
}

/// Checks so many conversations; gives how many lines of all that was told hold each of the words.
fn check_all<const N: usize>(order: Order, words: [&str; N]) -> [usize; N] {
    let mut found = [0; N];
    for seed in 0..u64::from(cases(CASES)) {
        let told = check(seed, order);
        for (found, word) in found.iter_mut().zip(words) {
            *found += told.iter().filter(|line| line.contains(word)).count();
        }
    }
    found
}

#[test]
fn a_monitor_sees_in_company_what_it_sees_alone() {
    let found = check_all(Order::Kept, ["new-data", "Missed", "NotBuffered", "NoData"]);
    assert!(found.iter().all(|lines| *lines > 100), "{found:?}");
}

#[test]
fn a_monitor_sees_in_company_what_it_sees_alone_where_segments_come_late_again_and_altered() {
    let found = check_all(Order::Mixed, ["new-data", "Missed", "rexmit", "conflict"]);
    assert!(found.iter().all(|lines| *lines > 100), "{found:?}");
}
