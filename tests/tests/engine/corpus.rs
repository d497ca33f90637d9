//! Captures of the public test suites of Suricata, Zeek and others, with what other tools made of them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_engine::defrag::FragmentReason;
use sluice_engine::{Checksums, Config};

use super::replay::{Streams, replay, shared};

/// Captures read without looking at checksums, and why.
const UNVERIFIED: [(&str, &str); 11] = [
    ("sv-seqjump-1MB", OFFLOADED),
    ("td-bigtcp4", OFFLOADED),
    ("zk-ssh-dups", OFFLOADED),
    ("zk-localhost-badcs", OFFLOADED),
    ("sv-http-gap-simple", OFFLOADED),
    ("sv-http-gap-double", OFFLOADED),
    ("sv-smb-overlap", OFFLOADED),
    ("sv-tfo-seg", OFFLOADED),
    ("zk-padding-http", OFFLOADED),
    ("zk-smtp-one-side", OFFLOADED),
    ("zk-vlan-mpls-mix", "addresses were changed after the capture, and the checksums were not"),
];

const OFFLOADED: &str = "captured on the sending host, which leaves the checksums to its network card";

/// Directions on which the other tools disagree or are too few: what we read, and why.
const OURS: [(&str, &str, &str, usize, &str); 22] = [
    ("sv-gap-middle", "1.1.1.1:12345", "2.2.2.2:8080", 8, HOLE),
    ("sv-dns-tcp-gap", "10.16.1.11:46574", "8.8.8.8:53", 68, HOLE),
    ("sv-http-gap-simple", "127.0.0.1:8080", "127.0.0.1:51297", 418, HOLE),
    ("sv-http-gap-double", "127.0.0.1:8080", "127.0.0.1:51297", 404, HOLE),
    ("sv-rst-unacked-gap", "2.2.2.2:8080", "1.1.1.1:12345", 13, RST),
    ("sv-rst-unacked-http", "1.1.1.1:12345", "2.2.2.2:8080", 39, RST),
    ("sv-evasion-linux", "192.168.1.43:35532", "192.168.1.90:80", 338, PADDING),
    ("zk-options", "192.168.1.102:36861", "193.1.193.64:80", 104, PADDING),
    ("sv-smb-overlap", "192.168.1.3:445", "192.168.1.100:48234", 1130, PADDING),
    ("zk-ssh-dups", "192.168.0.102:53206", "192.168.0.112:22", 3705, ENCRYPTED),
    ("zk-ssh-dups", "192.168.0.112:22", "192.168.0.102:53206", 4273, ENCRYPTED),
    ("td-mptcp", "10.2.1.2:41221", "10.1.2.2:22", 1336, ENCRYPTED),
    ("td-mptcp", "10.1.2.2:22", "10.2.1.2:41221", 3304, ENCRYPTED),
    ("sv-urg-oob", "10.10.10.44:43950", "10.10.10.55:9090", 167, "urgent bytes are read where they lie"),
    ("zk-timestamps", "192.168.2.20:12345", "192.168.1.10:60706", 20_730, "the snap length leaves gaps"),
    ("sv-async-imap", "123.125.50.47:143", "10.0.1.150:55774", 181_278, "one side of a flow is followed too"),
    ("td-bigtcp4", "10.25.132.13:35871", "10.25.132.11:36425", 80_000, "the wire tells an offloaded length"),
    ("sv-frag6-tcp", "::1:12345", "::1:8080", 1000, "tshark alone reads IPv6 fragments of raw IP"),
    ("zk-pppoe-qinq", "1.1.1.1:20394", "2.2.2.2:443", 11_352, TUNNEL),
    ("zk-pppoe-qinq", "2.2.2.2:443", "1.1.1.1:20394", 4984, TUNNEL),
    ("zk-vxlan-http", "172.16.11.201:40354", "54.86.237.188:80", 87, TUNNEL),
    ("zk-vxlan-http", "54.86.237.188:80", "172.16.11.201:40354", 9212, TUNNEL),
];

const HOLE: &str = "a hole is a gap, not bytes, and what lies behind it is read";
const RST: &str = "what waits behind a hole when an RST comes is read behind a gap, the RST's payload is not";
const PADDING: &str = "padding of the link is no payload";
const TUNNEL: &str = "tunnels are followed";
const ENCRYPTED: &str = "reading goes on where an application layer would stop";

#[test]
fn streams_are_those_on_which_all_other_tools_agree() {
    let Some(folder) = shared("corpus") else { return };
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let (mut report, mut compared) = (String::new(), 0);
    for capture in manifest.as_array().unwrap() {
        let name = capture["name"].as_str().unwrap();
        let is_unverified = UNVERIFIED.iter().any(|(other, _)| *other == name);
        let checksums = if is_unverified { Checksums::Ignore } else { Checksums::Verify };
        let config = Config { checksums, ..Config::default() };
        let streams = replay(&folder.join(capture["file"].as_str().unwrap()), config);
        compared += compare(&folder, name, &streams, &mut report);
        for (_, from, to, len, why) in OURS.iter().filter(|(other, ..)| *other == name) {
            let ours = streams.between(from, to).concat().len();
            if ours != *len {
                writeln!(report, "{name}: {from} to {to}: {ours} bytes, not {len}: {why}").unwrap();
            }
        }
    }
    assert!(compared > 0);
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn a_stream_of_which_the_tap_lost_gigabytes_is_as_long_as_zeek_says() {
    let Some(folder) = shared("corpus") else { return };
    let streams = replay(&folder.join("pcaps/zk-seqwrap-bigtransfer.pcap"), Config::default());
    let missed = streams.missed.values().copied().collect::<Vec<u64>>();
    assert_eq!(missed, [5_416_642_848]);
    let delivered = streams.between("192.168.56.101:37150", "192.168.56.1:59764").concat().len();
    assert_eq!(delivered, 23_822);
}

/// Compares with the directions on which the tools agree and gives how many there are.
fn compare(folder: &Path, name: &str, streams: &Streams, report: &mut String) -> usize {
    let oracle = fs::read_to_string(folder.join(format!("oracle/{name}.json"))).unwrap();
    let oracle: Value = serde_json::from_str(&oracle).unwrap();
    let directions = oracle["agreement"]["directions"].as_array().unwrap();
    let unanimous = directions.iter().filter(|direction| direction["verdict"] == "unanimous");
    let mut compared = 0;
    for direction in unanimous {
        let (from, to) = (direction["from"].as_str().unwrap(), direction["to"].as_str().unwrap());
        compared += 1;
        let flows = streams.between(from, to);
        let ours = fingerprint(&flows.concat());
        let theirs = expected(&oracle, from, to);
        // The others take the same ends in several VLANs for one flow, or show one of them.
        let is_each = flows.len() > 1 && flows.iter().all(|flow| theirs.contains(&fingerprint(flow)));
        if !theirs.contains(&ours) && !is_each {
            let others: Vec<u64> = theirs.iter().map(|(len, _)| *len).collect();
            writeln!(report, "{name}: {from} to {to}: {} bytes, others {others:?}", ours.0).unwrap();
            writeln!(report, "  {:?}", streams.packets).unwrap();
        }
    }
    compared
}

fn fingerprint(bytes: &[u8]) -> (u64, String) {
    (bytes.len() as u64, format!("{:x}", Sha256::digest(bytes)))
}

/// Lengths and hashes that the tools give for a direction.
fn expected(oracle: &Value, from: &str, to: &str) -> Vec<(u64, String)> {
    let pair = |value: &Value| Some((value["bytes"].as_u64()?, value["sha256"].as_str()?.to_owned()));
    let mut found = Vec::new();
    for stream in oracle["tshark"]["streams"].as_array().into_iter().flatten() {
        let follow = &stream["follow"];
        for (sender, receiver, key) in
            [("node0", "node1", "node0_to_node1"), ("node1", "node0", "node1_to_node0")]
        {
            if follow[sender] == from && follow[receiver] == to {
                found.extend(pair(&follow[key]));
            }
        }
    }
    for flow in oracle["tcpflow"]["flows"].as_array().into_iter().flatten() {
        if flow["from"] == from && flow["to"] == to {
            found.extend(pair(flow));
        }
    }
    found
}

/// Fragments that came to nothing, by reason.
type Refused = [(FragmentReason, u64)];

/// Captures of fragments, and what becomes of them: datagrams put together, fragments that came to nothing.
const FRAGMENTED: [(&str, u64, &Refused); 5] = [
    ("sv-frag6-tcp", 1, &[]),
    ("zk-frag-syn", 1, &[]),
    ("zk-frag-overlap2", 0, &[(FragmentReason::Misaligned, 2), (FragmentReason::EndOfInput, 1)]),
    ("zk-frag6-leak", 0, &LEAK),
    ("sv-frag6-malformed", 0, &[]),
];

/// Two datagrams of a byte too many in 46 fragments each, one a second: 30 wait until the first has timed out.
const LEAK: [(FragmentReason, u64); 3] =
    [(FragmentReason::TooLong, 2), (FragmentReason::TimedOut, 75), (FragmentReason::EndOfInput, 15)];

#[test]
fn captures_of_fragments_give_what_a_linux_host_would_put_together() {
    let Some(folder) = shared("corpus") else { return };
    let mut report = String::new();
    for (name, rebuilt, refused) in FRAGMENTED {
        let streams = replay(&folder.join(format!("pcaps/{name}.pcap")), Config::default());
        let fragments = streams.packets.fragments;
        let counted = FragmentReason::ALL.map(|reason| (reason, fragments.refused[reason.index()]));
        let counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
        if (fragments.rebuilt, counted.as_slice()) != (rebuilt, refused) || fragments.held > 0 {
            writeln!(report, "{name}: {} rebuilt, {counted:?}, {:?}", fragments.rebuilt, streams.packets)
                .unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
