//! `signatures`: the host's matcher and the guest's own find the same, which is what is in the streams.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::accounting::capture;
use super::program::Folder;

/// A match: flow (client's port and server's), direction, pattern's number, offset behind its last byte.
type Found = (u64, u64, bool, u64, u64);

/// What a run tells of matches, in its order.
fn told(here: &Folder, capture: &str, settings: &str) -> Vec<Found> {
    let lines = here.sluice(&format!("run -j -r {capture} @signatures {settings}")).well().json();
    let signatures = lines.iter().filter(|line| line["event_type"] == "signature");
    signatures
        .map(|line| {
            let found = &line["signature"];
            let number = |value: &Value| value.as_u64().unwrap();
            let is_to_client = found["direction"] == "to_client";
            (
                number(&line["src_port"]),
                number(&line["dest_port"]),
                is_to_client,
                number(&found["id"]),
                number(&found["end"]),
            )
        })
        .collect()
}

/// The same by looking at every byte of what `sluice streams` writes, ascending.
fn searched(here: &Folder, capture: &str, patterns: &[&[u8]], ignore_case: bool) -> Vec<Found> {
    here.sluice(&format!("streams -q -r {capture} -o out")).well();
    let mut found = Vec::new();
    for stream in here.streams("out") {
        let bytes = here.read(&format!("out/{}", stream["file"].as_str().unwrap()));
        let port =
            |key: &str| stream[key].as_str().unwrap().rsplit(':').next().unwrap().parse::<u64>().unwrap();
        let (from, to) = (port("src"), port("dst"));
        let is_to_client = from < to;
        for (pattern, id) in patterns.iter().zip(0..) {
            let windows = bytes.windows(pattern.len()).zip(pattern.len() as u64..);
            let is_there =
                |there: &[u8]| there == *pattern || ignore_case && there.eq_ignore_ascii_case(pattern);
            let ends = windows.filter(|(there, _)| is_there(there)).map(|(_, end)| end);
            found.extend(ends.map(|end| (from.max(to), from.min(to), is_to_client, id, end)));
        }
    }
    found.sort_unstable();
    found
}

/// Runs both matchers, and compares what they tell, line by line, and with every byte of the streams. Gives how many
/// matches there are of each pattern.
#[track_caller]
fn compare(
    here: &Folder,
    capture: &str,
    patterns: &[(&str, &[u8])],
    ignore_case: bool,
) -> BTreeMap<u64, usize> {
    let words: Vec<&str> = patterns.iter().map(|(word, _)| *word).collect();
    let case = if ignore_case { "nocase=yes" } else { "" };
    let settings = format!("patterns={} {case}", words.join(","));
    let mut by_host = told(here, capture, &format!("{settings} matcher=host"));
    let by_guest = told(here, capture, &format!("{settings} matcher=guest"));
    assert_eq!(by_host, by_guest);
    by_host.sort_unstable();
    let bytes: Vec<&[u8]> = patterns.iter().map(|(_, bytes)| *bytes).collect();
    assert_eq!(by_host, searched(here, capture, &bytes, ignore_case));
    let mut counts = BTreeMap::new();
    for (.., id, _) in by_host {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

#[test]
fn both_matchers_find_what_is_in_the_sample() {
    let here = Folder::new("signatures-sample");
    // Short ones, without a sieve.
    let short: [(&str, &[u8]); 4] =
        [("\\x0d\\x0a\\x0d\\x0a", b"\r\n\r\n"), ("ht", b"ht"), ("html", b"html"), ("\\x00\\x01", b"\0\x01")];
    assert_eq!(compare(&here, "SAMPLE", &short, false)[&0], 552);
    let long: [(&str, &[u8]); 5] = [
        ("HTTP/1.1", b"HTTP/1.1"),
        ("TP/1.1\\x20200\\x20OK", b"TP/1.1 200 OK"),
        ("Content-Length:\\x20", b"Content-Length: "),
        ("ontent-", b"ontent-"),
        ("there-is-none", b"there-is-none"),
    ];
    assert_eq!(compare(&here, "SAMPLE", &long, false)[&0], 544);
    compare(&here, "SAMPLE", &[("CONTENT-", b"CONTENT-"), ("hTTp/", b"hTTp/")], true);
}

/// A conversation in which the client sends `text` in pieces of these lengths, round and round, every ninth of
/// which is late and every fifth of which comes twice.
fn conversation(text: &str, lengths: &[usize]) -> String {
    let mut script = String::from("0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001\n");
    let (mut at, mut late, mut ms) = (0, None, 3);
    for (n, len) in lengths.iter().cycle().enumerate() {
        let len = (*len).min(text.len() - at);
        if len == 0 {
            break;
        }
        let (from, until) = (1001 + at, 1001 + at + len);
        let line = format!("c P. {from}:{until}({len}) \"{}\" ack 5001", &text[at..at + len]);
        at += len;
        if n % 9 == 8 && late.is_none() {
            late = Some(line);
            continue;
        }
        for line in [Some(line.clone()), late.take(), (n % 5 == 4).then_some(line)].into_iter().flatten() {
            writeln!(script, "{ms}ms {line}").unwrap();
            ms += 1;
        }
    }
    if let Some(line) = late {
        writeln!(script, "{ms}ms {line}").unwrap();
    }
    script
}

#[test]
fn matches_go_across_the_borders_of_packets() {
    let here = Folder::new("signatures-borders");
    let patterns: [(&str, &[u8]); 4] = [
        ("abcdefghij", b"abcdefghij"),
        ("fghijabcde", b"fghijabcde"),
        ("jabcdefg", b"jabcdefg"),
        ("0123456789abcdefghijABCDEFGHIJ", b"0123456789abcdefghijABCDEFGHIJ"),
    ];
    let text = format!("{}{}", "abcdefghij".repeat(20), "0123456789abcdefghijABCDEFGHIJ".repeat(10));
    for lengths in [&[1][..], &[2, 3], &[7, 1, 30], &[11], &[64, 1]] {
        capture(&here, &conversation(&text, lengths));
        let counts = compare(&here, "script.pcap", &patterns, false);
        assert_eq!([counts[&0], counts[&1], counts[&2], counts[&3]], [30, 19, 19, 10], "{lengths:?}");
    }
}

#[test]
fn no_match_goes_across_a_gap() {
    let here = Folder::new("signatures-gap");
    // Five bytes are lost; what lies around the gap would make a pattern.
    capture(
        &here,
        "0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001\n\
         3ms c P. 1001:1013(12) \"abcdefghabcd\"\n4ms c P. 1018:1030(12) \"efghabcdefgh\"\n\
         5ms s . 5001 ack 1030\n900ms c P. 1030:1038(8) \"abcdefgh\"\n901ms s . 5001 ack 1038",
    );
    for matcher in ["host", "guest"] {
        let found = told(&here, "script.pcap", &format!("patterns=abcdefgh matcher={matcher}"));
        let ends: Vec<u64> = found.iter().map(|(.., end)| *end).collect();
        assert_eq!(ends, [8, 29, 37], "{matcher}");
    }
}

#[test]
fn a_thousand_random_patterns_are_in_no_web_page() {
    let here = Folder::new("signatures-random");
    for matcher in ["host", "guest"] {
        let run = format!("run -q -r SAMPLE @signatures random=1000 seed=7 matcher={matcher}");
        assert_eq!(here.sluice(&run).well().out, "2360011 bytes, 0 matches\n", "{matcher}");
    }
}

#[test]
fn both_lanes_tell_the_same() {
    let here = Folder::new("signatures-lanes");
    for matcher in ["host", "guest"] {
        let [direct, component] = ["direct", "component"].map(|lane| {
            let settings = format!("patterns=HTTP/1.1,ontent-,e\\x20 matcher={matcher}");
            here.sluice(&format!("run -q -r SAMPLE --lane {lane} @signatures {settings}")).well().out
        });
        assert_eq!(direct, component, "{matcher}");
        assert!(direct.contains(" 544 HTTP/1.1\n"), "{direct}");
    }
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let here = Folder::new("signatures-settings");
    for settings in [
        "",
        "patterns=a random=3",
        "patterns=a,,b",
        "random=0",
        "patterns=a nocase=si",
        "patterns=a matcher=x",
    ] {
        let outcome = here.sluice(&format!("run -q -r SAMPLE @signatures {settings}"));
        assert_ne!(outcome.code, Some(0), "{settings}");
        assert!(outcome.complaint().contains("refuses to start"), "{settings}: {}", outcome.err);
    }
}
