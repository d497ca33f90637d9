//! Bytes that came twice with different values: what `fake-rexmit` says about captures that have such bytes, and about
//! those in which the receiving host refused one of the copies.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::program::{Folder, shared};

/// Conversations of `kernel-truth` in which the host accepted both copies: stream offset, the first copy, the second.
const CONFLICTS: [(&str, u64, &str, &str); 13] = [
    ("allen-hole-d", 32, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-hole-di", 32, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-hole-eq", 16, "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYY"),
    ("allen-hole-fi", 40, "XXXXXXXXXXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYYYYYYYYYY"),
    ("allen-hole-o", 32, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-hole-s", 16, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-hole-si", 16, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-inorder-oi", 32, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-inorder-s", 16, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    ("allen-inorder-si", 16, "XXXXXXXXXXXXXXXX", "YYYYYYYYYYYYYYYY"),
    // Linux takes a segment without the timestamps that were agreed on.
    ("data-no-ts", 4, "NOTS", "more"),
    // Of the conflicts in a packet, the first stretch that is held in one piece.
    ("novak-inorder", 2, "AA", "JJ"),
    ("retrans-longer-after-ack", 0, "good", "EVIL"),
];

/// Conversations with two copies of a byte of which the host refused one: there is nothing to report.
const REFUSED: [(&str, &str); 8] = [
    ("data-ack-future", "the first copy acknowledges what was never sent"),
    ("data-ack-old", "the first copy has an ACK from long ago"),
    ("data-badcsum", "the first copy has a wrong checksum"),
    ("data-noack", "the first copy has no ACK flag"),
    ("fin-then-data", "the data lies behind the FIN"),
    ("keepalive-garbage", "the byte before the next one is a keep-alive's"),
    ("syn-data-notfo", "data in the SYN was not taken and came again"),
    ("synfin-data", "the copy is in a segment with SYN, which is answered by a challenge ACK"),
];

/// The lines of the guest's report. For each conflict there is a structured event too, which text shows as a row.
fn fake_rexmit(here: &Folder, capture: &Path) -> Vec<String> {
    let outcome = here.sluice_with("run -q @fake-rexmit -r", capture).well();
    let is_row = |line: &String| line.contains("  fake-rexmit  anomaly  ");
    let (rows, lines): (Vec<String>, Vec<String>) = outcome.out.lines().map(str::to_owned).partition(is_row);
    assert_eq!(rows.len() + 1, lines.len(), "{}", outcome.out);
    lines
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn came_again(before: &str, after: &str) -> String {
    format!("{} \"{before}\" came again as {} \"{after}\"", hex(before), hex(after))
}

#[test]
fn a_conflict_is_reported_with_its_place_and_both_versions() {
    let Some(corpus) = shared("corpus") else { return };
    let here = Folder::new("conflict");
    let capture = corpus.join("pcaps/sv-overlap-partial-diff.pcap");
    let lines = fake_rexmit(&here, &capture);
    assert_eq!(
        lines,
        [
            format!("1.1.1.1:12345 > 2.2.2.2:8080 offset 1 length 3: {}", came_again("OOD", "XXX")),
            "1 retransmissions, 1 of them with other bytes, in 1 streams".to_owned()
        ]
    );
    let events = here.sluice_with("run -q -j @fake-rexmit -r", &capture).well().json();
    let anomaly = &events.iter().find(|line| line["event_type"] == "anomaly").unwrap()["anomaly"];
    assert_eq!(anomaly["event"], "stream.reassembly_overlap_different_data");
    assert_eq!(anomaly["direction"], "to_server");
    assert_eq!((&anomaly["stream_offset"], &anomaly["length"]), (&Value::from(1), &Value::from(3)));
    let versions = [&anomaly["original_printable"], &anomaly["repeated_printable"]];
    assert_eq!(versions, ["OOD", "XXX"]);
}

#[test]
fn conversations_with_a_linux_host_have_one_report_each_where_it_accepted_both_copies() {
    let Some(folder) = shared("kernel-truth") else { return };
    let here = Folder::new("kernel-truth");
    let truth: Value =
        serde_json::from_slice(&std::fs::read(folder.join("kernel_truth.json")).unwrap()).unwrap();
    let (mut found, mut expected) = (BTreeMap::new(), BTreeMap::new());
    let cases = truth["cases"].as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let mut lines = fake_rexmit(&here, &folder.join(case["pcap"].as_str().unwrap()));
        let sum = lines.pop().unwrap();
        assert!(sum.ends_with(" streams"), "{name}: {sum}");
        found.insert(name, lines);
        let conflict = CONFLICTS.iter().find(|(other, ..)| *other == name);
        let line = conflict.map(|(_, offset, before, after)| {
            let (client, length) = (&case["client_port"], before.len());
            let versions = came_again(before, after);
            format!("10.99.0.2:{client} > 10.99.0.1:8080 offset {offset} length {length}: {versions}")
        });
        expected.insert(name, Vec::from_iter(line));
    }
    assert_eq!(found, expected);
    for (name, _) in CONFLICTS.map(|(name, ..)| (name, "")).iter().chain(&REFUSED) {
        assert!(found.contains_key(name), "there is no {name}");
    }
}

#[test]
fn a_copy_that_the_host_refused_is_no_retransmission() {
    let Some(folder) = shared("kernel-truth") else { return };
    let here = Folder::new("refused-copies");
    for (name, why) in REFUSED {
        let lines = fake_rexmit(&here, &folder.join(format!("pcaps/{name}.pcap")));
        let none = "0 retransmissions, 0 of them with other bytes, in 0 streams";
        assert_eq!(lines, [none], "{name}: {why}");
    }
}

#[test]
fn honest_retransmissions_are_counted_and_not_reported() {
    let Some(corpus) = shared("corpus") else { return };
    let here = Folder::new("honest");
    for (capture, count) in
        [("zk-wikipedia.pcap", 0), ("zk-ssh-dups.pcap", 166), ("zk-retransmit-timeout.pcapng", 1)]
    {
        let lines = fake_rexmit(&here, &corpus.join("pcaps").join(capture));
        let sum = format!("{count} retransmissions, 0 of them with other bytes, in 0 streams");
        assert_eq!(lines, [sum], "{capture}");
    }
}
