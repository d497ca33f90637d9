//! `sluice events`: trees, graphs, and what a replay adds.
//!
//! The complete output is in `tests/expected/tree-of-*.txt`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::program::{Folder, Outcome, has, project};

/// A guest with two monitors, an event for each way of being decided about, one with a hostile name, and a handler that
/// flows register themselves: all but those of the first begin with one that another flow made.
const TOUR: &str = r#"(module
    (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
    (import "sluice:middlebox/monitor@0.1.0" "open-raw" (func $open-raw (param i32 i32 i32)))
    (import "sluice:middlebox/event@0.1.0" "define"
        (func $define (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
    (import "sluice:middlebox/event@0.1.0" "alloc" (func $alloc (param i32 i32 i32 i32)))
    (import "sluice:middlebox/event@0.1.0" "raise" (func $raise (param i32 i32)))
    (import "sluice:middlebox/event@0.1.0" "defer" (func $defer (param i32 i32)))
    (import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
    (import "sluice:middlebox/event@0.1.0" "register-flow" (func $register-flow (param i32 i32 i32 i32)))
    (import "sluice:middlebox/log@0.1.0" "line" (func $line (param i32 i32 i32 i32)))
    (import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 256) "a\"];\\N\e2\80\aebirdhalftextlatewordstcp port 80")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $answer (result i32) (i32.load8_u (i32.const 64)))
    (func $check (if (call $answer) (then (unreachable))))
    (func (export "start") (param i32 i32) (result i32)
        ;; "full" for the flows of port 80; every packet
        (call $open (i32.const 286) (i32.const 11) (i32.const 2) (i32.const 64)) (call $check)
        (call $open-raw (i32.const 0) (i32.const 0) (i32.const 64)) (call $check)
        ;; 4096 below packet-in: SYN of SYN and ACK
        (call $define (i32.const 256) (i32.const 13) (i32.const 1)
            (i32.const 2) (i64.const 18) (i32.const 2) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 64)) (call $check)
        ;; 4097 below new-data: 1,000 bytes and more
        (call $define (i32.const 269) (i32.const 4) (i32.const 6)
            (i32.const 6) (i64.const 1000) (i32.const -1) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 64)) (call $check)
        ;; 4098 below that: the guest's filter 5
        (call $define (i32.const 273) (i32.const 4) (i32.const 4097)
            (i32.const 0) (i64.const 5) (i32.const 0) (i32.const 0)
            (i32.const 281) (i32.const 5) (i32.const 64)) (call $check)
        ;; 4099 below 4097: raised
        (call $alloc (i32.const 277) (i32.const 4) (i32.const 4097) (i32.const 64)) (call $check)
        (call $defer (i32.const 2) (i32.const 64)) (call $check)
        (call $register (i32.const 0) (i32.const 4097) (i32.const 2) (i32.const 1) (i32.const 64)) (call $check)
        (call $register (i32.const 0) (i32.const 4098) (i32.const 2) (i32.const 2) (i32.const 64)) (call $check)
        (call $register (i32.const 0) (i32.const 4098) (i32.const 2) (i32.const 7) (i32.const 64)) (call $check)
        (call $register (i32.const 0) (i32.const 4099) (i32.const 2) (i32.const 3) (i32.const 64)) (call $check)
        (call $register (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 4) (i32.const 64)) (call $check)
        (call $register (i32.const 0) (i32.const 2) (i32.const 1) (i32.const 5) (i32.const 64)) (call $check)
        (call $report (i32.const 269) (i32.const 4) (i32.const 64))
        (i32.store8 (i32.const 96) (i32.const 0))
        (i32.const 96))
    (func (export "filter") (param i32 i32 i32 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (i64.eqz (i64.rem_u (local.get 7) (i64.const 3))))
    (func (export "callback") (param i32 i32 i32 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 1))
            (then (call $raise (i32.const 4099) (i32.const 64)) (call $check)))
        (if (i32.eq (local.get 0) (i32.const 5))
            (then
                (call $register-flow (i32.const 9) (i32.const 0) (i32.const 6) (i32.const 64)) (call $check)
                (call $report (i32.const 269) (i32.const 4) (i32.const 64))))
        (i32.const 0)))"#;

fn expected(name: &str) -> String {
    fs::read_to_string(project().join("tests/expected").join(format!("tree-of-{name}.txt"))).unwrap()
}

fn folder_with_tour(test: &str) -> Folder {
    let here = Folder::new(test);
    here.write("core.wasm", wat::parse_str(TOUR).unwrap());
    here.sluice("build core.wasm -o tour.wasm").well();
    here
}

#[track_caller]
fn prints(outcome: Outcome, name: &str) {
    let outcome = outcome.well();
    assert_eq!(outcome.out, expected(name), "{}", outcome.out);
    assert_eq!(outcome.err, "");
}

#[test]
fn guests_have_their_events_as_trees() {
    let here = folder_with_tour("events-trees");
    prints(here.sluice("events @http-log"), "http-log");
    prints(here.sluice("events tour.wasm"), "tour");
    prints(here.sluice("events --dot tour.wasm"), "tour-dot");
}

#[test]
fn a_replay_adds_what_happened_and_how_it_was_shared() {
    let here = folder_with_tour("events-replay");
    prints(here.sluice("events -q --no-times -r SAMPLE @fake-rexmit"), "fake-rexmit-replay");
    prints(here.sluice("events -q --no-times -r SAMPLE tour.wasm"), "tour-replay");
}

#[test]
fn words_of_the_configuration_and_a_filter_are_obeyed() {
    let here = Folder::new("events-words");
    let of = |words: &str| here.sluice(&format!("events -q --no-times {words}")).well().out;
    assert!(of("-r SAMPLE @midstat rows=3 ip6").contains("\nreplayed "));
    let filtered = of("-r SAMPLE @fake-rexmit ip6");
    assert!(filtered.contains("\nreplayed 1279 packets in 28 flows\n"), "{filtered}");
    let first = of("-c 7 -r SAMPLE @fake-rexmit");
    assert!(first.contains("\nreplayed 7 packets in "), "{first}");
}

#[test]
fn times_are_measured_unless_they_are_left_out() {
    let here = Folder::new("events-times");
    let outcome = here.sluice("events -q -r SAMPLE @http-log").well();
    let lines: Vec<Vec<&str>> =
        outcome.out.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>()).collect();
    let row = lines.iter().find(|words| words.len() == 10 && words[1] == "http-data").unwrap();
    let numbers: Vec<f64> = row[2..].iter().map(|word| word.parse().unwrap()).collect();
    let [asked, happened, _, _, each, calls, _, each_call] = numbers[..] else { panic!("{row:?}") };
    assert!(asked >= happened && happened == calls && calls > 0.0, "{row:?}");
    // A call of the guest cannot take less than the clock's resolution, nor a second.
    assert!(each > 0.0 && each < 1e9 && each_call > 0.0 && each_call < 1e9, "{row:?}");
    assert!(outcome.out.contains("\nof each ask and call, the clock itself takes "), "{}", outcome.out);
}

#[test]
fn events_told_in_bursts_are_counted_like_others() {
    let here = Folder::new("events-bursts");
    let calls = |words: &str| {
        let out = here.sluice(&format!("events -q --no-times -r SAMPLE @byte-reader {words}")).well().out;
        let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
        let row =
            rows.iter().find(|row| row.first() == Some(&"new-data") && row.get(3) == Some(&"100.0")).unwrap();
        row.iter().filter_map(|word| word.parse::<u64>().ok()).collect::<Vec<u64>>()
    };
    let (each, burst) = (calls("mode=packet"), calls("mode=burst"));
    assert_eq!(each[..2], burst[..2]);
    assert!(burst.last() < each.last() && burst.last() > Some(&100), "{each:?} {burst:?}");
}

#[test]
fn graphviz_takes_the_graph_whatever_guests_call_their_events() {
    if !has("dot") {
        return;
    }
    let here = folder_with_tour("events-dot");
    for words in ["events --dot tour.wasm", "events --dot -q -r SAMPLE tour.wasm"] {
        let graph = here.sluice(words).well().out;
        let mut dot = Command::new("dot")
            .args(["-Tplain"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        dot.stdin.take().unwrap().write_all(graph.as_bytes()).unwrap();
        let drawn = Outcome::from(dot.wait_with_output().unwrap()).well();
        assert_eq!(drawn.err, "");
        let count = |kind: &str| drawn.out.lines().filter(|line| line.starts_with(kind)).count();
        // Four events of its own below two built-in ones, conn-start, and six handlers; the seventh is one that flows
        // register on conn-end.
        let of_flows = usize::from(words.contains("-r"));
        assert_eq!((count("node "), count("edge ")), (13 + of_flows * 2, 10 + of_flows), "{}", drawn.out);
    }
}

#[test]
fn a_guest_that_is_stopped_is_told_of_and_its_tree_is_that_of_its_start() {
    let here = Folder::new("events-fault");
    here.write(
        "core.wasm",
        wat::parse_str(TOUR.replace(
            "(i32.const 4099) (i32.const 64)) (call $check)))",
            "(i32.const 4099) (i32.const 64)) (unreachable)))",
        ))
        .unwrap(),
    );
    here.sluice("build core.wasm -o tour.wasm").well();
    let outcome = here.sluice("events -q --no-times -r SAMPLE tour.wasm");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.starts_with("ERROR guest tour: callback 1 (new-data) of flow "), "{}", outcome.err);
    assert!(outcome.out.starts_with(&expected("tour")), "{}", outcome.out);
    assert!(outcome.out.ends_with("\nthe guest was stopped: its i-forests are gone\n"), "{}", outcome.out);
}

/// A call, its exit code, and all that it says.
const REFUSALS: [(&str, i32, &str); 9] = [
    ("events", 2, "sluice: no guest: name a component, as in `sluice events midstat.wasm`"),
    ("events missing.wasm", 2, "sluice: guest missing.wasm: No such file or directory (os error 2)"),
    (
        "events text.wasm",
        3,
        "sluice: guest text.wasm is not WebAssembly: it begins with the bytes 68 65 6c 6c",
    ),
    (
        "events core.wasm",
        3,
        "sluice: guest core.wasm is a core module, not a component: wrap it with `sluice build FILE`",
    ),
    (
        "events @midstat intervall=5",
        3,
        "sluice: guest midstat refuses to start: unknown option intervall (options: interval, rows, filter, rtt)",
    ),
    ("events @midstat tcp port 80", 2, "sluice: `tcp port 80`: a filter is for a capture: -r FILE"),
    ("events -r missing.pcap @midstat", 2, "sluice: missing.pcap: there is no such file"),
    (
        "events -r text.wasm @midstat",
        5,
        "sluice: text.wasm: not a capture file: starts with 68 65 6c 6c 6f 20 77 6f (text)",
    ),
    (
        "events -r SAMPLE @midstat tcp prt 80",
        2,
        "sluice: 'prt' is no word of a filter, and names are not looked up: use an address (column 5)\n  \
         tcp prt 80\n      ^^^",
    ),
];

#[test]
fn what_cannot_be_shown_is_said_with_its_reason_and_an_exit_code() {
    let here = Folder::new("events-refusals");
    here.write("text.wasm", "hello world, this is no guest");
    here.write("core.wasm", wat::parse_str("(module)").unwrap());
    for (words, code, said) in REFUSALS {
        let outcome = here.sluice(words);
        assert_eq!((outcome.complaint(), outcome.code), (said, Some(code)), "sluice {words}");
        assert_eq!(outcome.out, "", "sluice {words}");
    }
    for words in ["events --tree @midstat", "events -k all @midstat"] {
        let outcome = here.sluice(words);
        assert_eq!((outcome.out.as_str(), outcome.code), ("", Some(2)), "sluice {words}");
        assert!(outcome.err.contains("Usage: sluice events"), "{}", outcome.err);
    }
    let help = here.sluice("events --help").well();
    assert!(help.out.contains("--no-times"), "{}", help.out);
}

#[test]
fn a_damaged_capture_is_shown_as_far_as_it_goes() {
    let here = Folder::new("events-cut-off");
    here.write("cut.pcap.gz", &fs::read(project().join(super::program::SAMPLE)).unwrap()[..100_000]);
    let cut = here.sluice("events -q --no-times -r cut.pcap.gz @fake-rexmit");
    assert_eq!(cut.code, Some(5));
    assert!(cut.out.contains("\nreplayed 753 packets in 22 flows\n"), "{}", cut.out);
    let said = "sluice: cut.pcap.gz: the capture is cut short after 753 packets, at byte 560698";
    assert_eq!(cut.complaint(), said);
}
