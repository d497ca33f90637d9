//! The reports of the project's guests about the sample capture.
//!
//! The complete reports are in `tests/expected`, as `sluice run -q -r samples/web.pcap.gz GUEST` prints them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::accounting::capture;
use super::program::{Folder, project};

/// What the guest of this name reports about the sample.
pub(crate) fn expected(guest: &str) -> String {
    fs::read_to_string(project().join("tests/expected").join(format!("{guest}.txt"))).unwrap()
}

#[track_caller]
fn same_text(found: &str, expected: &str) {
    let differs =
        found.lines().zip(expected.lines()).zip(1..).find(|((found, expected), _)| found != expected);
    if let Some(((found, expected), line)) = differs {
        panic!("line {line}\n   found {found}\nexpected {expected}");
    }
    assert_eq!(found.len(), expected.len(), "one is the beginning of the other");
}

#[test]
fn bytes_read_once_a_burst_are_those_read_packet_by_packet() {
    let here = Folder::new("reports-burst");
    let outcome = here.sluice("run -q -r SAMPLE @byte-reader mode=burst").well();
    assert_eq!(outcome.out, expected("byte-reader"));
    let outcome = here.sluice("run -q -r SAMPLE @byte-reader mode=slow");
    assert_eq!(
        (outcome.code, outcome.complaint().contains("mode is packet or burst")),
        (Some(3), true),
        "{}",
        outcome.err
    );
}

#[test]
fn each_guest_reports_what_is_in_the_sample() {
    let here = Folder::new("reports");
    for guest in ["midstat", "http-log", "fake-rexmit", "byte-reader", "abacus", "conn-watch"] {
        let outcome = here.sluice(&format!("run -q -r SAMPLE @{guest}")).well();
        same_text(&outcome.out, &expected(guest));
        assert_eq!(outcome.err, "", "{guest}");
    }
}

#[test]
fn the_tour_of_events_shows_what_its_readme_says() {
    let here = Folder::new("tour");
    let outcome = here.sluice_with("run -q @events-tour -r", &project().join("samples/tour.pcap")).well();
    same_text(&outcome.out, &expected("events-tour"));
    assert_eq!(outcome.err, "");
    let readme = fs::read_to_string(project().join("guests/events-tour/README.md")).unwrap();
    let shown = format!("```\n{}```\n", outcome.out);
    assert!(readme.contains(&shown), "the README shows something else");
}

#[test]
fn conn_watch_reads_server_names_and_no_more_than_it_needs() {
    let here = Folder::new("names");
    let outcome = here.sluice_with("run -q @conn-watch -r", &project().join("samples/tls.pcap.gz")).well();
    same_text(&outcome.out, &expected("conn-watch-tls"));
    assert_eq!(outcome.err, "");
    // What `tshark -T fields -e tcp.srcport -e tls.handshake.extensions_server_name` shows, and the banner.
    let names = ["www.example.org", "old.example.org", "-", "split.example.org", "long.example.org", "-"];
    let lines: Vec<Vec<&str>> = outcome.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1..7].iter().map(|words| words[3]).collect::<Vec<_>>(), names);
    assert!(lines[1..6].iter().all(|words| words[2] == "TLS") && lines[6][2] == "other");
}

#[test]
fn conn_watch_lets_a_client_go_whose_requests_cannot_be_told_apart() {
    let here = Folder::new("let-go");
    // Two gaps behind the beginning of a request; they are over before the last packet.
    let capture = capture(
        &here,
        "0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001\n\
         3ms c P. 1001:1017(16) \"GET /ab HTTP/1.1\"\n4ms c P. 1027:1037(10)\n5ms c P. 1047:1057(10)\n\
         6ms s . 5001 ack 1057\n900ms c P. 1057:1073(16) \"GET /ab HTTP/1.1\"\n901ms s . 5001 ack 1073",
    );
    let outcome = here.sluice_with("run -q @conn-watch -r", &capture).well();
    assert_eq!(outcome.err, "");
    let words: Vec<&str> = outcome.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[2..], ["HTTP", "-", "0", "72", "0", "16"]);
}

#[test]
fn conn_watch_counts_the_requests_that_http_log_logs() {
    let here = Folder::new("requests");
    let outcome = here.sluice("run -q -r SAMPLE @conn-watch lines=true").well();
    let requests = expected("http-log").lines().filter(|line| line.contains("  http  ")).count();
    assert_eq!(outcome.out.lines().filter(|line| line.ends_with(" HTTP/1.1")).count(), requests);
    let totals = expected("conn-watch");
    assert!(totals.contains(&format!(" {requests} requests, ")), "{totals}");
}

#[test]
fn guests_side_by_side_report_what_they_report_alone() {
    let here = Folder::new("side-by-side");
    let guests = "--guest @midstat --guest @fake-rexmit --guest @byte-reader";
    let outcome = here.sluice(&format!("run -q -r SAMPLE {guests}")).well();
    let alone = ["midstat", "fake-rexmit", "byte-reader"].map(expected);
    same_text(&outcome.out, &alone.concat());
}

#[test]
fn a_guest_sees_the_flows_of_its_own_filter() {
    let here = Folder::new("own-filter");
    let both = here.sluice("run -q -r SAMPLE --guest @byte-reader,filter=ip6 --guest @byte-reader").well();
    let filtered = here.sluice("run -q -r SAMPLE @byte-reader ip6").well();
    assert!(filtered.out.starts_with("flows 28\n"), "{}", filtered.out);
    assert_eq!(both.out, [filtered.out, expected("byte-reader")].concat());
}

#[test]
fn midstat_has_a_line_for_each_connection_and_sums_them_up() {
    let report = expected("midstat");
    let lines: Vec<&str> = report.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    assert!(first.starts_with("CLIENT  "), "{first}");
    let mut bytes = [0_u64; 2];
    let mut ends = BTreeMap::new();
    for line in &lines[1..lines.len() - 1] {
        let words: Vec<&str> = line.split_whitespace().collect();
        bytes[0] += words[4].parse::<u64>().unwrap();
        bytes[1] += words[5].parse::<u64>().unwrap();
        *ends.entry(words[7..].join(" ")).or_insert(0) += 1;
    }
    let sum = format!("total: 125 connections, {} bytes to servers, {} bytes to clients", bytes[0], bytes[1]);
    assert_eq!(last, sum);
    // The server refused four and reset four in the middle of a response; the client reset two there, one with its
    // window closed, and at the end the one that it kept open; two never came up. See samples/README.md.
    let counted = [("closed", 111), ("end of input", 2), ("reset by client", 4), ("reset by server", 8)];
    assert_eq!(ends, counted.map(|(end, count)| (end.to_owned(), count)).into());
}

/// The heads of responses in the streams of the sample, by status.
fn statuses_of_streams(here: &Folder) -> BTreeMap<u64, usize> {
    here.sluice("streams -q -r SAMPLE -o streams").well();
    let mut statuses = BTreeMap::new();
    for stream in here.streams("streams") {
        let bytes = here.read(&format!("streams/{}", stream["file"].as_str().unwrap()));
        let text = String::from_utf8_lossy(&bytes);
        for head in text.split("HTTP/1.1 ").skip(1).filter(|_| stream["direction"] == "to-client") {
            *statuses.entry(head[..3].parse().unwrap()).or_insert(0) += 1;
        }
    }
    statuses
}

#[test]
fn every_line_of_the_event_log_is_json_with_the_fields_of_its_type() {
    let here = Folder::new("event-log");
    let lines = here.sluice("run -j -r SAMPLE @http-log").well().json();
    let mut statuses = BTreeMap::new();
    let mut types = BTreeMap::new();
    for line in &lines {
        assert_eq!(line["schema"], "sluice/1", "{line}");
        let event_type = line["event_type"].as_str().unwrap();
        *types.entry(event_type).or_insert(0) += 1;
        if event_type != "http" {
            continue;
        }
        for field in ["timestamp", "src_ip", "dest_ip", "proto"] {
            assert!(line[field].is_string(), "{field} of {line}");
        }
        for field in ["flow_id", "src_port", "dest_port"] {
            assert!(line[field].is_u64(), "{field} of {line}");
        }
        for field in ["hostname", "url", "http_method", "protocol"] {
            assert!(line["http"][field].is_string(), "{field} of {line}");
        }
        *statuses.entry(line["http"]["status"].as_u64().unwrap()).or_insert(0_usize) += 1;
    }
    let stats = &lines[lines.len() - 1];
    assert_eq!(stats["stats"]["flows"], 125);
    assert_eq!(stats["stats"]["events"]["conn_end"], 125);
    // Responses that a reset cut off are among them, with the bytes that came.
    assert_eq!(types, [("http", 272), ("report", 1), ("stats", 1)].into());
    assert_eq!(statuses, statuses_of_streams(&here));
    assert_eq!(statuses.values().sum::<usize>(), 272);
}

/// Sum of a stream's little-endian words, the last one padded with zeros.
fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(0, |sum: u64, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u64::from_le_bytes(word))
    })
}

#[test]
fn byte_reader_reads_the_bytes_that_streams_writes() {
    let here = Folder::new("sums");
    here.sluice("streams -q -r SAMPLE -o streams").well();
    let mut sums = BTreeMap::from([("to-server", (0_u64, 0_u64)), ("to-client", (0, 0))]);
    let streams: Vec<Value> = here.streams("streams");
    for stream in &streams {
        let bytes = here.read(&format!("streams/{}", stream["file"].as_str().unwrap()));
        let (length, total) = sums.get_mut(stream["direction"].as_str().unwrap()).unwrap();
        *length += bytes.len() as u64;
        *total = total.wrapping_add(sum(&bytes));
    }
    let (to_server, to_client) = (sums["to-server"], sums["to-client"]);
    let report = format!(
        "flows {}\nto server {} bytes, sum {:016x}\nto client {} bytes, sum {:016x}\ngaps 0 bytes, missed 0 bytes\n",
        streams.len() / 2,
        to_server.0,
        to_server.1,
        to_client.0,
        to_client.1
    );
    assert_eq!(report, expected("byte-reader"));
}
