//! Bytes that captures lack: as many as tshark and Zeek found missing, and none, with no conflict either, where all
//! tools agree.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sluice_engine::{Checksums, Config, Side};
use sluice_tests::{Frames, SeenFlow, Watcher, balance};

use super::replay::{frames_of, shared};

/// Bytes missing where tshark sees no hole or another one: capture, sender, receiver, ours, and why.
const OURS: [(&str, &str, &str, u64, &str); 10] = [
    ("zk-reassembly-mixed", "63.193.213.194:2564", "128.3.97.175:80", 10_100, SHORT),
    ("sv-seqjump-1MB", "127.0.0.1:56052", "127.0.0.1:8001", 1_048_581, BEHIND),
    ("sv-rst-unacked-gap", "2.2.2.2:8080", "1.1.1.1:12345", 4, BEHIND),
    ("sv-rst-unacked-http", "1.1.1.1:12345", "2.2.2.2:8080", 16, BEHIND),
    ("zk-timestamps", "192.168.2.20:12345", "192.168.1.10:60706", 979_270, "the snap length cut them off"),
    ("sv-async-http-srv", "10.92.95.2:49161", "10.92.67.138:80", 397, UNSEEN),
    ("sv-async-imap", "10.0.1.150:55774", "123.125.50.47:143", 484, UNSEEN),
    ("zk-smtp-one-side", "192.150.186.11:25", "192.150.187.22:57722", 764, UNSEEN),
    ("zk-one-sided", "247.180.123.139:2745", "245.181.165.133:1433", 52, UNSEEN),
    ("zk-one-sided", "91.189.148.149:2745", "245.181.165.131:281", 67, UNSEEN),
];

const SHORT: &str = "frames shorter than their IP header says are refused, as a host refuses them";
const BEHIND: &str = "what lies behind a hole at the end is read, and the hole is a gap";
const UNSEEN: &str = "nothing of this side was captured; what the other one acknowledges, a FIN apart, tells how much \
                      it sent";

fn watch(path: &Path) -> Watcher {
    // Captures of sending hosts hold wrong checksums; which ones is the business of another test.
    let mut engine = Watcher::engine(Config { checksums: Checksums::Ignore, ..Config::default() }).unwrap();
    let mut watcher = Watcher::default();
    let _ = engine.receive(Box::new(Frames(frames_of(path))), &mut watcher);
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(watcher.problems, Vec::<String>::new());
    watcher
}

/// Bytes missing in what the sender with this port sent to the other one.
fn missing(watcher: &Watcher, from: &str, to: &str) -> u64 {
    let port = |end: &str| end.rsplit(':').next().unwrap().parse::<u32>().unwrap();
    let ports = |side: Side| match side {
        Side::Client => port(from) << 16 | port(to),
        Side::Server => port(to) << 16 | port(from),
    };
    let streams = watcher.flows.values().flat_map(|flow: &SeenFlow| {
        let own = Side::BOTH.into_iter().filter(|side| flow.ports() == Some(ports(*side)));
        own.map(|side| flow.stream(side.sends()).missing())
    });
    streams.sum()
}

/// Captures with their name, their oracle, and what was told of them.
fn captures() -> Vec<(String, Value, Watcher)> {
    let Some(folder) = shared("corpus") else { return Vec::new() };
    let read = |name: String| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
    };
    let manifest = read("manifest.json".to_owned());
    let capture = |entry: &Value| {
        let name = entry["name"].as_str().unwrap().to_owned();
        let watcher = watch(&folder.join(entry["file"].as_str().unwrap()));
        (name.clone(), read(format!("oracle/{name}.json")), watcher)
    };
    manifest.as_array().unwrap().iter().map(capture).collect()
}

#[test]
fn captures_lack_as_many_bytes_as_other_tools_say() {
    let captures = captures();
    let mut report = String::new();
    let mut check = |name: &str, (from, to): (&str, &str), ours: u64, wanted: u64| {
        if ours != wanted {
            report += &format!("{name}: {from} to {to}: {ours}, not {wanted}\n");
        }
    };
    let known =
        |name: &str, from: &str| OURS.iter().find(|(other, sender, ..)| (*other, *sender) == (name, from));
    for (name, oracle, watcher) in &captures {
        for (_, from, to, wanted, _) in OURS.iter().filter(|(other, ..)| other == name) {
            check(name, (from, to), missing(watcher, from, to), *wanted);
        }
        for stream in oracle["tshark"]["streams"].as_array().into_iter().flatten() {
            let follow = &stream["follow"];
            for (from, to, key) in
                [("node0", "node1", "node0_to_node1"), ("node1", "node0", "node1_to_node0")]
            {
                let Some(theirs) = follow[key]["missing_bytes"].as_u64() else { continue };
                let (from, to) = (follow[from].as_str().unwrap(), follow[to].as_str().unwrap());
                if known(name, from).is_none() {
                    check(name, (from, to), missing(watcher, from, to), theirs);
                }
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn captures_on_which_all_tools_agree_hold_no_conflict() {
    for (name, oracle, watcher) in captures() {
        let directions = oracle["agreement"]["directions"].as_array().map_or(&[][..], Vec::as_slice);
        if directions.iter().all(|direction| direction["verdict"] == "unanimous") && !directions.is_empty() {
            let streams = watcher.flows.values().flat_map(|flow: &SeenFlow| &flow.streams);
            let conflicts: Vec<_> = streams.flat_map(|stream| &stream.conflicts).collect();
            assert!(conflicts.is_empty(), "{name}: {conflicts:?}");
        }
    }
}
