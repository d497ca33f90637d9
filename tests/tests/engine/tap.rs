//! What taps do to honest conversations: they lose packets, show one direction late, and show packets twice.

use sluice_engine::counters::Counters;
use sluice_engine::event::EventKind;
use sluice_engine::limits::Timeouts;
use sluice_engine::{Config, Direction, Nanos, Side, millis};
use sluice_tests::{Frame, Frames, Random, SeenFlow, SeenStream, Watcher, balance, cases};

use super::honest::{Plan, Sent, connection, expected, stream};

/// Packets that a tap loses, of a million: 0.01 %, 1 % and 10 %.
const LOSSES: [u32; 3] = [100, 10_000, 100_000];

/// Packets of a loss in a burst; five windows of full segments are not lost at once.
const BURST: usize = 20;

/// Conversations of each property.
const CASES: u32 = 100;

fn plan(seed: u64) -> Plan {
    let mut random = Random::new(seed ^ 0xbeef);
    Plan {
        seed,
        flow: 0,
        start: Nanos(millis(1_000)),
        bytes: [1 + random.below(60_000), random.below(30_000)],
        size: 1 + random.below(1_460).max(199),
        lost: [0, 20_000][random.below(2)],
    }
}

/// What the tap keeps of a conversation: never of the handshake's packets, so that the streams' beginnings are known.
fn caught(sent: &[Sent], random: &mut Random, rate: u32, burst: usize) -> Vec<bool> {
    let mut is_there = vec![true; sent.len()];
    for at in 3..sent.len() {
        // Bursts as long are as much rarer.
        if random.in_a_million(rate / u32::try_from(burst).unwrap()) {
            let end = (at + burst).min(sent.len());
            is_there[at..end].fill(false);
        }
    }
    is_there
}

fn run(frames: Vec<Frame>) -> (SeenFlow, Counters) {
    let mut engine = Watcher::engine(Config::default()).unwrap();
    let mut watcher = Watcher::default();
    for burst in frames.chunks(7) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut watcher);
        balance(&engine).unwrap();
    }
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(watcher.problems, Vec::<String>::new());
    (watcher.only().unwrap().clone(), *engine.counters())
}

fn places(stream: &SeenStream) -> Vec<Option<u8>> {
    let mut places = vec![None; usize::try_from(stream.next).unwrap()];
    for (offset, piece) in stream.pieces() {
        for (place, byte) in (usize::try_from(offset).unwrap()..).zip(piece) {
            places[place] = Some(*byte);
        }
    }
    places
}

/// Nothing waits longer than twice the grace for bytes that the receiver was seen to acknowledge.
fn check_waits(plan: &Plan, seen: &[&Sent], flow: &SeenFlow) {
    let grace = Timeouts::default().gap_grace;
    for call in &flow.trace {
        if !matches!(call.event_kind(), Some(EventKind::NewData | EventKind::Gap)) {
            continue;
        }
        let end = usize::try_from(call.offset + u64::from(call.length)).unwrap();
        let sender = call.place().direction().sender();
        let covers = |sent: &&&Sent| sent.sender != sender && sent.ack.is_some_and(|ack| ack >= end);
        if let Some(ack) = seen.iter().find(covers) {
            let latest = ack.frame.time.after(2 * grace);
            assert!(call.time <= latest.0, "{plan:?}: {call:?} later than {latest}");
        }
    }
}

fn lose(rate: u32, burst: usize) {
    let (mut losses, mut missing) = (0, 0);
    // Where little is lost, most conversations lose nothing: as many more are made.
    let conversations = u64::from(cases(CASES)) * u64::from(LOSSES[2] / rate).min(200);
    for seed in 0..conversations {
        let plan = plan(seed);
        let sent = connection(plan);
        let mut random = Random::new(seed ^ u64::from(rate));
        let is_there = caught(&sent, &mut random, rate, burst);
        let seen: Vec<&Sent> =
            sent.iter().zip(&is_there).filter(|(_, is_there)| **is_there).map(|(sent, _)| sent).collect();
        losses += sent.len() - seen.len();
        if sent.len() == seen.len() && seed >= u64::from(cases(CASES)) {
            continue;
        }
        let (flow, counters) = run(seen.iter().map(|sent| sent.frame.clone()).collect());
        for direction in Direction::BOTH {
            let told = flow.stream(direction);
            let (wanted, end) = expected(&plan, &seen, direction, told.next);
            let what = format!("{plan:?} {direction:?} of {} packets, {:?}", seen.len(), counters.packets);
            assert!(places(told) == wanted, "{what}: {:?}", told.gaps);
            assert_eq!(told.next, end, "{what}");
            assert_eq!(told.conflicts, []);
            let lost = wanted.iter().filter(|byte| byte.is_none()).count() as u64;
            assert_eq!(told.missing(), lost, "{what}");
            missing += lost;
        }
        check_waits(&plan, &seen, &flow);
    }
    // Enough was lost for the rest to mean something.
    assert!(losses > 0 && missing > 0, "{losses} packets, {missing} bytes");
}

#[test]
fn a_tap_that_loses_packets_tells_the_lost_bytes_as_gaps_and_no_wrong_byte() {
    LOSSES.into_iter().for_each(|rate| lose(rate, 1));
}

#[test]
fn a_tap_that_loses_packets_in_bursts_tells_the_lost_bytes_as_gaps_and_no_wrong_byte() {
    LOSSES.into_iter().for_each(|rate| lose(rate, BURST));
}

/// A tap that loses any packet, those of the handshake too: where streams begin is not always known then, but no byte
/// is ever wrong or out of place among its neighbours.
#[test]
fn a_tap_that_loses_the_handshake_too_tells_no_wrong_byte() {
    for seed in 0..u64::from(cases(CASES)) {
        let plan = plan(seed);
        let mut random = Random::new(seed);
        let sent = connection(plan);
        let frames: Vec<Frame> = sent
            .iter()
            .enumerate()
            .filter(|(place, _)| {
                *place > 2 && !random.in_a_million(50_000) || *place <= 2 && random.below(2) == 0
            })
            .map(|(_, sent)| sent.frame.clone())
            .collect();
        let (flow, _) = run(frames);
        let streams = Side::BOTH.map(|side| stream(&plan, side));
        for told in &flow.streams {
            // The roles may be wrong, but each direction is one of the two streams, from some place on.
            let places = places(told);
            let fits = |whole: &Vec<u8>| {
                (0..=whole.len()).any(|from| {
                    places
                        .iter()
                        .zip(from..)
                        .all(|(byte, place)| byte.is_none_or(|byte| whole.get(place) == Some(&byte)))
                })
            };
            assert!(streams.iter().any(fits), "{plan:?}");
            assert_eq!(told.conflicts, []);
        }
    }
}

/// The whole of a conversation, with one side's packets later than they were by `late`.
fn late(sent: &[Sent], side: Side, late: u64) -> Vec<Frame> {
    let mut frames: Vec<Frame> = sent
        .iter()
        .map(|sent| {
            let delay = if sent.sender == side { late } else { 0 };
            Frame { time: sent.frame.time.after(delay), ..sent.frame.clone() }
        })
        .collect();
    frames.sort_by_key(|frame| frame.time);
    frames
}

#[test]
fn one_direction_that_comes_late_changes_no_stream() {
    for seed in 0..u64::from(cases(CASES)) {
        let plan = plan(seed);
        let sent = connection(plan);
        for (side, delay) in [(Side::Client, 1), (Side::Server, 10), (Side::Client, 100), (Side::Server, 100)]
        {
            let (flow, counters) = run(late(&sent, side, millis(delay)));
            for direction in Direction::BOTH {
                let told = flow.stream(direction);
                let whole = stream(&plan, direction.sender());
                let what = format!("{plan:?} {side:?} {delay} {:?}", counters.packets);
                assert!(told.bytes == whole, "{what}: {:?}", told.gaps);
                assert_eq!((&told.gaps, &told.conflicts), (&Vec::new(), &Vec::new()), "{what}");
            }
        }
    }
}

#[test]
fn a_tap_that_shows_every_packet_twice_changes_no_stream() {
    for seed in 0..u64::from(cases(CASES)) {
        let plan = plan(seed);
        let sent = connection(plan);
        // At once, or a little later: two taps on one link are not equally far away.
        let lag = millis([0, 3][usize::from(seed % 2 == 1)]);
        let twice = |sent: &Sent| {
            [sent.frame.time, sent.frame.time.after(lag)].map(|time| (time, sent.frame.clone()))
        };
        let mut frames: Vec<Frame> =
            sent.iter().flat_map(twice).map(|(time, frame)| Frame { time, ..frame }).collect();
        frames.sort_by_key(|frame| frame.time);
        let (flow, counters) = run(frames);
        for direction in Direction::BOTH {
            let told = flow.stream(direction);
            assert!(told.bytes == stream(&plan, direction.sender()), "{plan:?} {:?}", counters.packets);
            assert_eq!((&told.gaps, &told.conflicts), (&Vec::new(), &Vec::new()), "{plan:?}");
        }
    }
}
