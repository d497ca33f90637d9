//! `sluice streams`: files, their list, and that they hold what other tools find in the same captures.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::program::{Folder, shared};

fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Checks that each file of a list is as the list says, and that there are no others.
fn check_files(here: &Folder, folder: &str) -> Vec<Value> {
    let streams = here.streams(folder);
    let mut listed = BTreeSet::from(["streams.jsonl".to_owned()]);
    for stream in &streams {
        let file = stream["file"].as_str().unwrap();
        let bytes = here.read(&format!("{folder}/{file}"));
        assert_eq!(stream["bytes"], bytes.len(), "{folder}: {stream}");
        assert_eq!(stream["sha256"], hash(&bytes), "{folder}: {stream}");
        assert!(listed.insert(file.to_owned()), "{folder}: {file} twice");
    }
    let entries = fs::read_dir(here.path(folder)).unwrap();
    let there =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(there, listed, "{folder}");
    streams
}

/// Hashes that the tools give for a direction.
fn hashes(oracle: &Value, from: &str, to: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for stream in oracle["tshark"]["streams"].as_array().into_iter().flatten() {
        let follow = &stream["follow"];
        for (one, other, key) in [("node0", "node1", "node0_to_node1"), ("node1", "node0", "node1_to_node0")]
        {
            if follow[one] == from && follow[other] == to {
                found.extend(follow[key]["sha256"].as_str().map(str::to_owned));
            }
        }
    }
    for flow in oracle["tcpflow"]["flows"].as_array().into_iter().flatten() {
        if flow["from"] == from && flow["to"] == to {
            found.extend(flow["sha256"].as_str().map(str::to_owned));
        }
    }
    found
}

/// Compares the directions on which all tools agree, and gives their number.
fn compare(here: &Folder, name: &str, streams: &[Value], oracle: &Value, report: &mut String) -> usize {
    let directions = oracle["agreement"]["directions"].as_array().unwrap();
    let mut compared = 0;
    for direction in directions.iter().filter(|direction| direction["verdict"] == "unanimous") {
        let (from, to) = (direction["from"].as_str().unwrap(), direction["to"].as_str().unwrap());
        let ours: Vec<&Value> =
            streams.iter().filter(|line| line["src"] == from && line["dst"] == to).collect();
        let theirs = hashes(oracle, from, to);
        // Ports that were used again are one stream for some tools; the same ends in several VLANs are one for all.
        let content = |line: &&Value| here.read(&format!("{name}/{}", line["file"].as_str().unwrap()));
        let joined = hash(&ours.iter().flat_map(content).collect::<Vec<u8>>());
        let is_each = ours.iter().all(|line| theirs.contains(line["sha256"].as_str().unwrap()));
        if ours.is_empty() || !(is_each || theirs.contains(&joined)) {
            let bytes: Vec<&Value> = ours.iter().map(|line| &line["bytes"]).collect();
            writeln!(report, "{name}: {from} to {to}: {bytes:?}, others {}", direction["bytes"]).unwrap();
        }
        compared += 1;
    }
    compared
}

#[test]
fn streams_are_those_on_which_all_other_tools_agree() {
    let Some(corpus) = shared("corpus") else { return };
    let here = Folder::new("corpus");
    let manifest: Value = serde_json::from_slice(&fs::read(corpus.join("manifest.json")).unwrap()).unwrap();
    let (mut compared, mut report) = (0, String::new());
    for capture in manifest.as_array().unwrap() {
        let name = capture["name"].as_str().unwrap();
        let file = corpus.join(capture["file"].as_str().unwrap());
        let outcome = here.sluice_with(&format!("streams -q -o {name} -r"), &file);
        assert!(matches!(outcome.code, Some(0 | 5)), "{name}: {:?} {}", outcome.code, outcome.err);
        let streams = check_files(&here, name);
        let oracle = fs::read(corpus.join(format!("oracle/{name}.json"))).unwrap();
        compared += compare(&here, name, &streams, &serde_json::from_slice(&oracle).unwrap(), &mut report);
    }
    assert!(report.is_empty(), "\n{report}");
    assert_eq!(compared, 54);
}

fn to_server(here: &Folder, words: &str, capture: &Path) -> (Value, Vec<u8>) {
    here.sluice_with(&format!("streams -q -o out {words} -r"), capture).well();
    let streams = check_files(here, "out");
    let stream = streams.iter().find(|stream| stream["direction"] == "to-server").unwrap().clone();
    let bytes = here.read(&format!("out/{}", stream["file"].as_str().unwrap()));
    (stream, bytes)
}

#[test]
fn a_gap_is_listed_and_left_out_or_filled_with_zeros() {
    let Some(corpus) = shared("corpus") else { return };
    let here = Folder::new("gaps");
    let capture = corpus.join("pcaps/sv-gap-middle.pcap");
    for (words, bytes) in
        [("", &b"VERYDATA"[..]), ("--gaps skip", b"VERYDATA"), ("--gaps zero", b"VERY\0\0\0\0DATA")]
    {
        let (stream, written) = to_server(&here, words, &capture);
        assert_eq!(written, bytes, "{words}");
        assert_eq!(stream["gaps"], json!([{"offset": 4, "length": 4}]), "{words}");
        assert_eq!(stream["conflicts"], json!([]), "{words}");
    }
}

#[test]
fn a_conflict_is_listed_and_the_first_copy_written() {
    let Some(corpus) = shared("corpus") else { return };
    let here = Folder::new("conflicts");
    let (stream, written) = to_server(&here, "", &corpus.join("pcaps/sv-overlap-partial-diff.pcap"));
    assert_eq!(written, b"GOOD");
    assert_eq!(stream["conflicts"], json!([{"offset": 1, "length": 3}]));
    assert_eq!(stream["gaps"], json!([]));
}

#[test]
fn the_same_ends_in_several_vlans_are_connections_of_their_own() {
    let Some(corpus) = shared("corpus") else { return };
    let here = Folder::new("vlans");
    let capture = corpus.join("pcaps/zk-vlan-collisions.pcap");
    here.sluice_with("streams -q -o out -r", &capture).well();
    let streams = check_files(&here, "out");
    let sizes: Vec<&Value> = streams.iter().map(|stream| &stream["bytes"]).collect();
    assert_eq!(sizes, [136, 5007, 136, 5007, 136, 5007]);
    here.sluice_with("streams -q --networks one -o joined -r", &capture).well();
    assert_eq!(check_files(&here, "joined").len(), 2);
}

#[test]
fn the_longest_prefix_that_holds_the_receiver_says_which_copy_is_written() {
    let Some(truth) = shared("kernel-truth") else { return };
    let here = Folder::new("systems");
    let capture = truth.join("pcaps/allen-hole-s.pcap");
    let (first, last) = ([b'X'; 16], [b'Y'; 16]);
    for (words, middle) in [
        ("", first),
        ("--overlap last", last),
        ("--overlap first --overlap 10.99.0.0/16=last", last),
        ("--overlap last --overlap 10.99.0.1=first --overlap 10.0.0.0/8=last", first),
        ("--overlap 10.99.0.2=last", first),
    ] {
        let (_, written) = to_server(&here, words, &capture);
        assert_eq!(written[16..32], middle, "{words}");
    }
    let wrong = here.sluice_with("streams -q -o out --overlap 10.0.0.0/40=last -r", &capture);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
}

#[test]
fn each_direction_of_the_sample_has_a_file_and_a_line() {
    let here = Folder::new("sample-streams");
    let outcome = here.sluice("streams -r SAMPLE -o out").well();
    assert_eq!(
        outcome.err,
        "-- 5096 packets, 125 flows: 250 streams in out, 2360011 bytes; 0 missing in 0 gaps, 0 conflicts\n"
    );
    let streams = check_files(&here, "out");
    assert_eq!(streams.len(), 250);
    for pair in streams.chunks(2) {
        assert_eq!(
            (&pair[0]["direction"], &pair[1]["direction"]),
            (&"to-server".into(), &"to-client".into())
        );
        assert_eq!((&pair[0]["src"], &pair[0]["dst"]), (&pair[1]["dst"], &pair[1]["src"]));
        assert_eq!(pair[0]["flow_id"], pair[1]["flow_id"]);
        assert_eq!(pair[0]["partial"], false);
    }
    // What an earlier call left is replaced, not added to.
    here.sluice("streams -q -r SAMPLE -o out").well();
    assert_eq!(check_files(&here, "out"), streams);
}

#[test]
fn connections_beyond_the_limit_push_out_others_and_say_so() {
    let here = Folder::new("limited-streams");
    here.sluice("streams -q -r SAMPLE -o out --limit-flows 8 --limit-buffers 1").well();
    let streams = check_files(&here, "out");
    let pushed_out = streams.iter().filter(|stream| stream["end"] == "evicted").count();
    // What goes on after that is picked up in mid-stream.
    assert!(pushed_out > 100 && streams.len() > 250, "{pushed_out} of {}", streams.len());
    let refused = here.sluice("streams -q -r SAMPLE -o out --limit-flows 3");
    assert!(refused.err.contains("--limit-flows"), "{}", refused.err);
}
