//! Records of connections: `--log conn`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::program::{Folder, Outcome};
use super::reports::expected;

/// The records among the lines of an output.
fn records(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.out.lines().filter(|line| line.contains(r#""event_type":"conn""#));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sum(records: &[Value], field: &str) -> u64 {
    records.iter().filter_map(|record| record["conn"][field].as_u64()).sum()
}

#[test]
fn each_connection_leaves_a_record_without_any_guest() {
    let here = Folder::new("records");
    let outcome = here.sluice("run -q -r SAMPLE --log conn").well();
    assert_eq!(outcome.err, "");
    let lines = outcome.json();
    assert_eq!((lines.len(), records(&outcome).len()), (125, 125));
    let ids: BTreeSet<&str> = lines.iter().map(|line| line["conn"]["uid"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 125);
    for line in &lines {
        let conn = &line["conn"];
        assert_eq!(line["flow_id"].to_string(), conn["uid"].as_str().unwrap());
        assert_eq!(
            [&line["src_ip"], &line["src_port"], &line["dest_ip"], &line["dest_port"]],
            [&conn["id.orig_h"], &conn["id.orig_p"], &conn["id.resp_h"], &conn["id.resp_p"]]
        );
        assert!(line.get("guest").is_none(), "{line}");
    }
    // All packets of TCP, those included that nobody honours.
    assert_eq!(sum(&lines, "orig_pkts") + sum(&lines, "resp_pkts"), 5096 - 7 - 10);
    // What midstat counts, but for what came behind an end.
    assert_eq!(sum(&lines, "orig_bytes"), 280_224);
    assert!(sum(&lines, "resp_bytes") >= 2_079_787);
    assert_eq!(sum(&lines, "missed_bytes"), 0);
    let states = ["SF", "RSTO", "REJ", "RSTR", "S1", "S0"]
        .map(|state| lines.iter().filter(|line| line["conn"]["conn_state"] == state).count());
    assert_eq!(states, [111, 4, 4, 4, 1, 1]);
}

#[test]
fn a_record_is_what_an_analyst_expects() {
    let here = Folder::new("record");
    let outcome = here.sluice("run -q -r SAMPLE --log conn port 38583").well();
    let conn = &outcome.json()[0]["conn"];
    let wanted = serde_json::json!({
        "ts": 1_795_352_360.087_573, "uid": "4044312883579491",
        "id.orig_h": "192.0.2.10", "id.orig_p": 38583, "id.resp_h": "198.51.100.10", "id.resp_p": 80,
        "proto": "tcp", "duration": 0.262_219, "orig_bytes": 297, "resp_bytes": 17477, "conn_state": "SF",
        "missed_bytes": 0, "history": "ShADadfF", "orig_pkts": 20, "orig_ip_bytes": 1345, "resp_pkts": 21,
        "resp_ip_bytes": 18577, "ip_proto": 6, "end_reason": "closed", "partial": false,
    });
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(conn[field], *value, "{field}");
    }
}

#[test]
fn guests_see_what_they_see_without_records() {
    let here = Folder::new("records-beside");
    let alone = here.sluice("run -q -r SAMPLE --log conn").well();
    let text = here.sluice("run -q -r SAMPLE --log conn @byte-reader").well();
    assert_eq!(records(&text), records(&alone));
    assert!(text.out.ends_with(&expected("byte-reader")), "{}", text.out);
    let json = here.sluice("run -q -r SAMPLE -j --log conn @http-log").well();
    assert_eq!(records(&json), records(&alone));
    let events = |outcome: &Outcome| {
        let is_event = |line: &&Value| line["event_type"] == "http";
        outcome.json().iter().filter(is_event).cloned().collect::<Vec<Value>>()
    };
    assert_eq!(events(&json), events(&here.sluice("run -q -r SAMPLE -j @http-log").well()));
    // What a filter hides did not come by.
    let part = here.sluice("run -q -r SAMPLE --log conn src port 38583").well();
    let conn = &part.json()[0]["conn"];
    assert_eq!((&conn["conn_state"], &conn["resp_pkts"]), (&Value::from("SH"), &Value::from(0)));
}

#[test]
fn records_give_way_to_packets_on_standard_output() {
    let here = Folder::new("records-packets");
    let outcome = here.command("run -q -r SAMPLE -w - --log conn port 38583").output().unwrap();
    assert!(outcome.status.success());
    let said = String::from_utf8(outcome.stderr).unwrap();
    assert!(said.starts_with(r#"{"schema":"sluice/1""#) && said.lines().count() == 1, "{said}");
    here.write("copy.pcap", outcome.stdout);
    let again = here.sluice("run -q -r copy.pcap --log conn").well();
    assert_eq!(again.out, said);
}

#[test]
fn what_is_no_log_is_refused() {
    let here = Folder::new("no-log");
    let outcome = here.sluice("run -r SAMPLE --log connections");
    assert_eq!(outcome.code, Some(2));
    let said = "error: invalid value 'connections' for '--log <WHAT>'\n  [possible values: conn]\n";
    assert!(outcome.err.starts_with(said), "{}", outcome.err);
}

#[test]
fn midstat_shows_paths_where_it_is_asked_to() {
    let here = Folder::new("midstat-rtt");
    let outcome = here.sluice("run -q -r SAMPLE @midstat rtt=true port 38583 or port 40709").well();
    let rows: Vec<Vec<&str>> =
        outcome.out.lines().map(|line| line.split_whitespace().rev().take(4).collect()).collect();
    // Last column first: missed, retransmitted, round trips of server and client in ms.
    assert_eq!(rows[1], ["0", "0", "4.354", "4.219"]);
    let plain = here.sluice("run -q -r SAMPLE @midstat rtt=false").well();
    assert_eq!(plain.out, expected("midstat"));
}
