//! Real captures as other taps would show them: one direction earlier or later, every packet twice. The streams are the
//! same.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sluice_engine::{Checksums, Config, Nanos, millis};
use sluice_tests::{Frame, Frames, Watcher, balance};
use sluice_wire::{IpAddress, parse};

use super::replay::{frames_of, shared};

/// Captures of conversations that no RST ends: whatever its sender's peer sent before, and the tap shows later, comes
/// after the end.
const CAPTURES: [&str; 10] = [
    "tr-test",
    "zk-wikipedia",
    "sv-empty-sack",
    "sv-evasion-base",
    "sv-no-3whs",
    "sv-split-5whs",
    "zk-missing-syn",
    "zk-no-handshake",
    "zk-padding-http",
    "zk-smtp-one-side",
];

/// By how many milliseconds the packets to the higher address come late; the others do where it is negative.
const SKEWS: [i64; 10] = [-100, -50, -10, -3, -1, 1, 3, 10, 50, 100];

/// The captures that are there, with their names.
fn captures() -> Vec<(&'static str, Vec<Frame>)> {
    let Some(folder) = shared("corpus") else { return Vec::new() };
    let path = |name: &str| folder.join(format!("pcaps/{name}.pcap"));
    let (there, missing): (Vec<&str>, Vec<&str>) =
        CAPTURES.into_iter().partition(|name| path(name).is_file());
    #[expect(clippy::print_stdout, reason = "who runs the tests should know what did not run")]
    {
        println!("not there: {missing:?}");
    }
    assert!(!there.is_empty());
    there.into_iter().map(|name| (name, frames_of(&path(name)))).collect()
}

/// Sender and receiver, with ports.
type Ends = ((IpAddress, u16), (IpAddress, u16));

/// Length, hash, bytes in gaps and conflicts of each direction that has any bytes.
type Streams = BTreeMap<Vec<u8>, (usize, String, u64, usize)>;

fn ends(frame: &Frame) -> Option<Ends> {
    let headers = parse(frame.link?, &frame.bytes, frame.wire_len).ok()?;
    let tcp = headers.tcp()?;
    Some(((headers.source, tcp.source_port), (headers.destination, tcp.destination_port)))
}

fn streams(frames: Vec<Frame>) -> Streams {
    let mut engine = Watcher::engine(Config { checksums: Checksums::Ignore, ..Config::default() }).unwrap();
    let mut watcher = Watcher::default();
    let _ = engine.receive(Box::new(Frames(frames)), &mut watcher);
    balance(&engine).unwrap();
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(watcher.problems, Vec::<String>::new());
    let mut streams = Streams::new();
    for flow in watcher.flows.values() {
        let ports = flow.ports().unwrap();
        for (direction, stream) in flow.streams.iter().enumerate().filter(|(_, stream)| stream.next > 0) {
            let hash = format!("{:x}", Sha256::digest(&stream.bytes));
            // By ports, the sender's first: that does not depend on who is taken for the client.
            let ports = if direction == 0 { ports } else { ports.rotate_left(16) };
            let told = (stream.bytes.len(), hash, stream.missing(), stream.conflicts.len());
            let is_first = streams.insert(ports.to_be_bytes().to_vec(), told).is_none();
            assert!(is_first, "two flows with the ports {ports:08x}");
        }
    }
    streams
}

/// The capture with one direction of each flow late.
fn skewed(frames: &[Frame], skew: i64) -> Vec<Frame> {
    let late = |frame: &Frame| {
        let is_up = ends(frame).is_some_and(|(source, destination)| source < destination);
        let is_late = is_up == (skew > 0);
        let time = frame.time.after(if is_late { millis(skew.unsigned_abs()) } else { 0 });
        Frame { time, ..frame.clone() }
    };
    let mut frames: Vec<Frame> = frames.iter().map(late).collect();
    frames.sort_by_key(|frame| frame.time);
    frames
}

#[test]
fn captures_with_one_direction_late_give_the_same_streams() {
    for (name, frames) in captures() {
        let plain = streams(frames.clone());
        assert!(!plain.is_empty(), "{name}");
        for skew in SKEWS {
            assert_eq!(streams(skewed(&frames, skew)), plain, "{name}, {skew} ms");
        }
    }
}

#[test]
fn captures_with_every_packet_twice_give_the_same_streams() {
    for (name, frames) in captures() {
        let plain = streams(frames.clone());
        for lag in [0, 50_000, millis(5)] {
            let mut twice: Vec<Frame> = frames
                .iter()
                .flat_map(|frame| {
                    [frame.time, frame.time.after(lag)].map(|time| Frame { time, ..frame.clone() })
                })
                .collect();
            twice.sort_by_key(|frame: &Frame| -> Nanos { frame.time });
            assert_eq!(streams(twice), plain, "{name}, {lag} ns");
        }
    }
}
