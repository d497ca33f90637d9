//! `sluice bench`: what it counts is what `run` counts, whatever the machine. Times are only looked at for being there.

use serde_json::Value;

use super::program::{Folder, Outcome};

/// The one object of a call with `--json`.
#[track_caller]
fn object(outcome: Outcome) -> Value {
    let outcome = outcome.well();
    let [object] = &outcome.json()[..] else { panic!("{}", outcome.out) };
    object.clone()
}

/// The `stats` line of `run` with the same words.
#[track_caller]
fn stats(here: &Folder, words: &str) -> Value {
    let lines = here.sluice(&format!("run -q -j {words}")).well().json();
    lines.into_iter().rfind(|line| line["event_type"] == "stats").unwrap()["stats"].clone()
}

#[test]
fn what_is_counted_is_what_run_counts() {
    let here = Folder::new("bench-counts");
    for words in [
        "-r SAMPLE --guest @byte-reader",
        "-r SAMPLE --guest @http-log --guest @midstat,interval=5",
        "-c 700 -k none -r SAMPLE --guest @fake-rexmit ip6",
    ] {
        let bench = object(here.sluice(&format!("bench -q --passes 2 --json {words}")));
        let run = stats(&here, words);
        for (of_bench, of_run) in [
            ("packets", &run["packets"]),
            ("wire_bytes", &run["wire_bytes"]),
            ("flows", &run["flows"]),
            ("bytes_delivered", &run["payload_bytes"]["delivered"]),
        ] {
            assert_eq!(&bench[of_bench], of_run, "{words}: {of_bench}");
        }
        let guests = bench["guests"].as_array().unwrap();
        assert_eq!(guests.len(), run["guests"].as_object().unwrap().len());
        for guest in guests {
            let same = &run["guests"][guest["name"].as_str().unwrap()];
            assert_eq!((&guest["calls"], &guest["memory_bytes"]), (&same["calls"], &same["memory_bytes"]));
        }
        assert_eq!(bench["passes"], 2);
    }
}

#[test]
fn a_reader_of_all_bytes_reads_what_is_delivered() {
    let here = Folder::new("bench-bytes");
    let bench = |words: &str| object(here.sluice(&format!("bench --passes 1 --json -q -r SAMPLE {words}")));
    let one = bench("@byte-reader");
    assert_eq!(one["bytes_read"], one["bytes_delivered"]);
    assert_eq!(
        one["events"],
        one["guests"][0]["calls"].as_u64().unwrap() - 1,
        "all calls but `stop` are events"
    );
    let two = bench("@byte-reader @byte-reader");
    assert_eq!(two["bytes_read"].as_u64(), one["bytes_read"].as_u64().map(|bytes| bytes * 2));
    assert_eq!(two["bytes_delivered"], one["bytes_delivered"]);
    assert_eq!(two["guests"][1]["name"], "byte-reader-2");
    assert_eq!(bench("@abacus")["bytes_read"], 0);
    // By bursts it reads the same in fewer calls.
    let burst = bench("@byte-reader mode=burst");
    assert_eq!(
        (&burst["bytes_read"], &burst["bytes_delivered"]),
        (&one["bytes_read"], &one["bytes_delivered"])
    );
    let calls = |bench: &Value| bench["guests"][0]["calls"].as_u64().unwrap();
    assert!(calls(&burst) < calls(&one), "{burst}");
}

#[test]
fn the_lane_changes_nothing_that_is_counted() {
    let here = Folder::new("bench-lanes");
    let [direct, component] = ["direct", "component"].map(|lane| {
        let words = "-q --passes 1 --json -r SAMPLE @byte-reader @http-log";
        let mut bench = object(here.sluice(&format!("bench --lane {lane} {words}")));
        assert_eq!(bench["lane"], lane);
        assert!(bench["guests"].as_array().unwrap().iter().all(|guest| guest["lane"] == lane));
        for guest in bench["guests"].as_array_mut().unwrap() {
            guest["lane"] = Value::Null;
        }
        let counted = ["packets", "flows", "events", "bytes_delivered", "bytes_read", "guests"];
        counted.map(|key| bench[key].clone())
    });
    assert_eq!(direct, component);
}

#[test]
fn every_key_is_there_in_its_order_and_has_a_sensible_value() {
    let here = Folder::new("bench-keys");
    let bench = object(here.sluice("bench --lane component -q -j -r SAMPLE @byte-reader"));
    let keys: Vec<&str> = bench.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "schema",
            "capture",
            "passes",
            "lane",
            "packets",
            "wire_bytes",
            "flows",
            "ns_per_packet",
            "ns_per_packet_median",
            "engine_ns_per_packet",
            "engine_ns_per_packet_median",
            "guest_ns_per_packet",
            "guest_ns_per_packet_median",
            "gigabits_per_second",
            "gigabits_per_second_median",
            "guest_ns_per_call",
            "guest_share",
            "events",
            "bytes_delivered",
            "bytes_read",
            "flows_most",
            "memory_per_flow",
            "guests",
        ]
    );
    assert_eq!(
        (&bench["schema"], &bench["lane"], &bench["passes"]),
        (&"sluice-bench/1".into(), &"component".into(), &5.into())
    );
    let number = |key: &str| bench[key].as_f64().unwrap();
    for key in ["ns_per_packet", "engine_ns_per_packet", "gigabits_per_second", "guest_share"] {
        assert!(number(key) > 0.0, "{key}");
    }
    assert!(number("guest_share") <= 1.0);
    for key in ["ns_per_packet", "engine_ns_per_packet", "guest_ns_per_packet"] {
        assert!(number(key) <= number(&format!("{key}_median")), "{key}: the best is not above the median");
    }
    // The record of a flow alone has more than a cache line.
    assert!(number("memory_per_flow") > 64.0 && number("flows_most") >= 125.0);
}

#[test]
fn people_get_a_table() {
    let here = Folder::new("bench-text");
    let text = here.sluice("bench -q --passes 1 -r SAMPLE @abacus,0=0").out;
    assert_eq!(text, "", "a setting that the guest does not know");
    let text = here.sluice("bench -q --passes 1 --lane component -r SAMPLE @abacus").well().out;
    let (head, rest) = text.split_once('\n').unwrap();
    assert!(
        head.ends_with("web.pcap.gz: 5096 packets, 2767165 bytes, 125 flows; 1 passes, component lane"),
        "{head}"
    );
    let names: Vec<&str> = rest.lines().filter_map(|line| line.get(..24)).map(str::trim).collect();
    let rows = [
        "",
        "ns per packet",
        "engine alone",
        "in guests",
        "Gb/s",
        "events",
        "bytes delivered",
        "bytes read by guests",
        "bytes for each flow",
    ];
    assert_eq!(names[..rows.len()], rows, "{text}");
    assert!(rest.contains("\nabacus: ") && rest.ends_with(" lane\n"), "{text}");
}

#[test]
fn where_nothing_can_be_measured_it_says_why() {
    let here = Folder::new("bench-refusals");
    here.write("text", "hello world\n");
    // A file header, and no packet.
    here.write(
        "none.pcap",
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0],
    );
    for (words, code, complaint) in [
        ("-r missing.pcap @midstat", 2, "missing.pcap: there is no such file"),
        ("-r text @midstat", 5, "text: not a capture file: starts with 68 65 6c 6c 6f 20 77 6f (text)"),
        ("-r none.pcap @midstat", 2, "none.pcap: no packets, so there is nothing to measure"),
        ("-r none.pcap", 2, "no guest: name a component, as in `sluice bench -r web.pcap midstat.wasm`"),
        ("-r none.pcap missing.wasm", 2, "guest missing.wasm: No such file or directory (os error 2)"),
        (
            "-r none.pcap --guest @midstat prt 80",
            2,
            "'prt' is no word of a filter, and names are not looked up: use an address (column 1)\n  prt 80\n  ^^^",
        ),
    ] {
        let outcome = here.sluice(&format!("bench {words}"));
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(code), ""), "{words}: {}", outcome.err);
        assert_eq!(outcome.complaint(), format!("sluice: {complaint}"), "{words}");
    }
    let outcome = here.sluice("bench -r SAMPLE @midstat ether proto 0x9999");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""));
    assert!(outcome.complaint().ends_with(": no packet matches the filter, so there is nothing to measure"));
    let outcome = here.sluice("bench -r SAMPLE --limit-capture 1 @midstat");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""));
    assert!(outcome.complaint().contains(": does not fit into 1 MiB of memory: "), "{}", outcome.err);
    for words in ["--lane fast -r SAMPLE @midstat", "--passes 0 -r SAMPLE @midstat", "@midstat"] {
        assert_eq!(here.sluice(&format!("bench {words}")).code, Some(2), "{words}");
    }
}

#[test]
fn a_capture_that_is_cut_off_is_measured_as_far_as_it_goes() {
    let here = Folder::new("bench-cut");
    let whole = std::fs::read(super::program::project().join("samples/tour.pcap")).unwrap();
    here.write("cut.pcap", &whole[..whole.len() - 7]);
    let outcome = here.sluice("bench -q -j --passes 1 -r cut.pcap @midstat");
    assert_eq!(outcome.code, Some(5), "{}", outcome.err);
    assert!(outcome.complaint().starts_with("sluice: cut.pcap: "), "{}", outcome.err);
    let whole = here.sluice(&format!(
        "bench -q -j --passes 1 -r {} @midstat",
        super::program::project().join("samples/tour.pcap").display()
    ));
    let packets = |outcome: &Outcome| outcome.json()[0]["packets"].as_u64().unwrap();
    assert_eq!(packets(&outcome) + 1, packets(&whole));
}

#[test]
fn a_guest_that_is_stopped_on_the_way_is_reported_and_not_measured() {
    let here = Folder::new("bench-fault");
    here.write("core.wasm", super::faults::guest("(unreachable)"));
    here.sluice("build core.wasm -o broken.wasm").well();
    let outcome = here.sluice("bench -q -r SAMPLE @byte-reader broken.wasm");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""));
    assert!(outcome.err.contains("ERROR guest broken: callback 0 (conn-end) of flow "), "{}", outcome.err);
    assert_eq!(outcome.complaint(), "sluice: guest broken was stopped, so nothing was measured");
}
