//! One engine or eight, bursts of any size: each flow gives the same events at the same times.

use std::fs;

use sluice_engine::limits::Timeouts;
use sluice_engine::{Config, Engine, Nanos, Side, millis, seconds};
use sluice_tests::fuzz::files;
use sluice_tests::{Frame, Frames, Random, SeenFlow, Watcher, balance, cases};
use sluice_wire::{Segment, SeqNumber, TcpFlags, Transport, parse};

use super::honest::{Plan, connection};
use super::replay::{frames_of, shared};

/// Burst sizes, in turn.
const BURSTS: [usize; 4] = [1, 3, 32, 500];

const ENGINES: usize = 8;

/// Mixes of connections.
const CASES: u32 = 12;

/// Which engine takes a packet: both directions of a flow go to the same one.
fn steer(frame: &Frame) -> usize {
    let headers = frame.link.and_then(|link| parse(link, &frame.bytes, frame.wire_len).ok());
    let Some((headers, tcp)) = headers.as_ref().and_then(|headers| Some((headers, headers.tcp()?))) else {
        return 0;
    };
    let end = |address: &[u8; 16], port: u16| {
        let word = |place: usize| u64::from_be_bytes(address[place..place + 8].try_into().unwrap());
        (word(0) ^ word(8) ^ u64::from(port) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
    };
    let ends = end(&headers.source.0, tcp.source_port) ^ end(&headers.destination.0, tcp.destination_port);
    usize::try_from(ends).unwrap() % ENGINES
}

/// Runs frames through `engines` engines and gives all flows, in an order that does not depend on them.
fn run(config: Config, frames: &[Frame], engines: usize, burst: usize) -> Vec<SeenFlow> {
    let mut queues = vec![Vec::new(); engines];
    let mut clock = Nanos(0);
    for frame in frames {
        // Who steers has one clock for all.
        clock = clock.max(frame.time);
        queues[steer(frame) % engines].push(Frame { time: clock, ..frame.clone() });
    }
    let mut flows = Vec::new();
    for queue in queues {
        let mut engine: Engine = Watcher::engine(config).unwrap();
        let mut watcher = Watcher::default();
        for burst in queue.chunks(burst) {
            let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut watcher);
            balance(&engine).unwrap();
        }
        // All engines have come to the end of the input when it ends.
        engine.expire(clock, &mut watcher);
        engine.finish(&mut watcher);
        balance(&engine).unwrap();
        assert_eq!(watcher.problems, Vec::<String>::new());
        flows.extend(watcher.by_log_id().into_iter().cloned());
    }
    flows.sort_by_key(|flow| (flow.log_id, flow.trace.first().map(|call| call.time)));
    flows
}

/// Compares every way of running with one engine and bursts of one packet; gives how many flows there were.
fn compare(config: Config, frames: &[Frame], what: &str) -> usize {
    let single = run(config, frames, 1, 1);
    for engines in [1, ENGINES] {
        for burst in BURSTS {
            let other = run(config, frames, engines, burst);
            assert_eq!(single.len(), other.len(), "{what}: {engines} engines, bursts of {burst}");
            for (one, other) in single.iter().zip(&other) {
                assert_eq!(one, other, "{what}: {engines} engines, bursts of {burst}");
            }
        }
    }
    single.len()
}

/// Many connections at once, and segments between them that nobody sent.
pub(super) fn mix(seed: u64) -> Vec<Frame> {
    let mut random = Random::new(seed);
    let mut frames = Vec::new();
    for flow in 0..40 {
        let start = Nanos(seconds(100) + millis(random.below(4_000) as u64) + random.below(1_000_000) as u64);
        let bytes = [random.below(6_000), random.below(6_000)];
        let plan = Plan { seed: random.bits(), flow, start, bytes, size: 500, lost: 50_000 };
        let sent = connection(plan);
        // A tap that loses, and connections that never end.
        let end = if random.below(3) == 0 { random.below(sent.len()) } else { sent.len() };
        for sent in sent.into_iter().take(end) {
            if random.below(20) == 0 {
                frames.push(forged(&mut random, flow, sent.frame.time.after(1)));
            }
            if random.below(30) > 0 {
                frames.push(sent.frame);
            }
        }
    }
    frames.sort_by_key(|frame| frame.time);
    frames
}

/// A segment of a flow's addresses with flags and numbers of anybody.
fn forged(random: &mut Random, flow: u16, time: Nanos) -> Frame {
    let number = |random: &mut Random| SeqNumber(u32::try_from(random.bits() >> 32).unwrap());
    let segment = Segment {
        flags: TcpFlags(random.byte()),
        seq: number(random),
        ack: number(random),
        payload: b"forged",
        ..Segment::default()
    };
    let sender = [Side::Client, Side::Server][random.below(2)];
    Frame::of(time, flow, sender, &segment).unwrap()
}

#[test]
fn mixed_connections_give_the_same_events_in_one_engine_and_in_eight() {
    let timeouts = Timeouts {
        established: millis(700),
        half_closed: millis(500),
        one_sided: millis(300),
        time_wait: millis(400),
        ..Timeouts::default()
    };
    for seed in 0..u64::from(cases(CASES)) {
        for timeouts in [timeouts, Timeouts::default()] {
            let flows = compare(Config { timeouts, ..Config::default() }, &mix(seed), "a mix");
            assert!(flows >= 30, "{flows}");
        }
    }
}

#[test]
fn captures_give_the_same_events_in_one_engine_and_in_eight() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/web.pcap.gz");
    assert!(compare(Config::default(), &frames_of(sample.as_ref()), "the sample") > 10);
    for (folder, pcaps) in [("corpus", "pcaps"), ("kernel-truth", "")] {
        let Some(folder) = shared(folder) else { continue };
        let pcaps = folder.join(pcaps);
        for path in files(&pcaps, "pcap").unwrap() {
            let frames = frames_of(&path);
            // Where a fragment belongs is known when its datagram is whole; who steers puts it together first.
            let is_fragment = |frame: &Frame| {
                let headers = frame.link.map(|link| parse(link, &frame.bytes, frame.wire_len));
                matches!(headers, Some(Ok(headers)) if matches!(headers.transport, Transport::Fragment))
            };
            if !frames.iter().any(is_fragment) && fs::metadata(&path).unwrap().len() < 100_000 {
                let _ = compare(Config::default(), &frames, &path.display().to_string());
            }
        }
    }
}
