//! What a guest does in `start`.

use crate::component::{MEMORY, START, bare_guest, guest};
use crate::worker::Worker;

const MONITOR: &str = r#"
(import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
(import "sluice:middlebox/monitor@0.1.0" "observe" (func $observe (param i32 i32)))
(import "sluice:middlebox/flow@0.1.0" "observables" (func $observables (param i32 i32)))
(import "sluice:middlebox/flow@0.1.0" "tcp-info" (func $info (param i32 i32)))
(import "sluice:middlebox/event@0.1.0" "define"
  (func $define-any (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
(import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
(import "sluice:middlebox/event@0.1.0" "raise" (func $raise (param i32 i32)))
(import "sluice:middlebox/event@0.1.0" "argument" (func $argument (param i32)))
(import "sluice:middlebox/event@0.1.0" "undefine" (func $undefine (param i32 i32)))
(import "sluice:middlebox/event@0.1.0" "unregister" (func $unregister (param i32 i32 i32 i32 i32)))
(import "sluice:middlebox/event@0.1.0" "register-flow" (func $register-flow (param i32 i32 i32 i32)))
(import "sluice:middlebox/monitor@0.1.0" "open-raw" (func $open-raw (param i32 i32 i32)))
(import "sluice:middlebox/monitor@0.1.0" "filter-orphans" (func $orphans (param i32 i32 i32 i32)))
(import "sluice:middlebox/monitor@0.1.0" "poll" (func $poll (param i32 i32)))
(import "sluice:middlebox/timer@0.1.0" "set" (func $set (param i64 i64 i32)))
(import "sluice:middlebox/timer@0.1.0" "cancel" (func $cancel (param i32 i32)))
(import "sluice:middlebox/flow@0.1.0" "set-user-context" (func $context (param i64 i32)))
(import "sluice:middlebox/stream@0.1.0" "peek" (func $peek (param i32 i32 i32)))
(import "sluice:middlebox/packet@0.1.0" "getlastpkt" (func $packet (param i32)))
(import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))
(func $define (param $name i32) (param $length i32) (param $parent i32) (param $filter i32) (param $argument i64)
  (param $answer i32)
  (i64.store (i32.const 24) (local.get $argument))
  (call $define-any (local.get $name) (local.get $length) (local.get $parent) (i32.const 0)
    (i64.extend_i32_u (local.get $filter)) (i32.const 0) (i32.const 0) (i32.const 24) (i32.const 8)
    (local.get $answer)))
"#;

/// A guest whose `start` runs this code, each piece of which leaves an answer at address 64 of which the error number
/// (at `offset` from there) goes, as a letter (`A` for 1), into the message with which it refuses to start.
fn answers(pieces: &[(&str, u32)]) -> String {
    let body: String = pieces
        .iter()
        .enumerate()
        .map(|(n, (code, offset))| {
            format!(
                "{code} (i32.store8 (i32.const {}) (i32.add (i32.const 64) (i32.load8_u (i32.const {}))))",
                512 + n,
                64 + offset
            )
        })
        .collect();
    let start = format!(
        r#"(data (i32.const 32) "tcp") (data (i32.const 36) "junk") (data (i32.const 40) "\1bname")
        (func (export "start") (param i32 i32) (result i32) {body}
          (i32.store (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 512))
          (i32.store (i32.const 8) (i32.const {})) (i32.const 0))"#,
        pieces.len()
    );
    let mut worker = Worker::new();
    let error = worker.start_error(&bare_guest(&format!("{MONITOR} {MEMORY} {start}")));
    error.strip_prefix("guest g0 refuses to start: ").unwrap().to_owned()
}

#[test]
fn wrong_numbers_are_refused_with_a_reason() {
    let answers = answers(&[
        ("(call $register (i32.const 9) (i32.const 6) (i32.const 2) (i32.const 1) (i32.const 64))", 4),
        (
            "(call $define (i32.const 32) (i32.const 3) (i32.const 77) (i32.const 1) (i64.const 0) (i32.const 64))",
            4,
        ),
        ("(call $open (i32.const 36) (i32.const 4) (i32.const 2) (i32.const 64))", 4),
        (
            "(call $define (i32.const 32) (i32.const 65) (i32.const 6) (i32.const 1) (i64.const 0) (i32.const 64))",
            4,
        ),
        ("(call $open (i32.const 32) (i32.const 4097) (i32.const 2) (i32.const 64))", 4),
        ("(call $cancel (i32.const 4000000000) (i32.const 64))", 4),
        ("(call $observe (i32.const 7) (i32.const 64))", 4),
    ]);
    // bad-id, bad-id, bad-filter, too-long, too-long, not-allowed, bad-id
    assert_eq!(answers, "EEKJJCE");
}

#[test]
fn in_start_there_is_neither_flow_nor_packet() {
    let answers = answers(&[
        ("(call $packet (i32.const 64))", 8),
        ("(call $peek (i32.const 0) (i32.const -1) (i32.const 64))", 16),
        ("(call $context (i64.const 1) (i32.const 64))", 4),
        ("(call $observables (i32.const 0) (i32.const 64))", 8),
        ("(call $info (i32.const 1) (i32.const 64))", 8),
    ]);
    assert_eq!(answers, "ABBBB");
}

#[test]
fn in_start_no_event_is_at_hand() {
    let answers = answers(&[
        ("(call $raise (i32.const 4096) (i32.const 64))", 4),
        ("(call $argument (i32.const 64))", 4),
        ("(call $register-flow (i32.const 6) (i32.const 2) (i32.const 1) (i32.const 64))", 4),
        ("(call $undefine (i32.const 6) (i32.const 64))", 4),
        ("(call $unregister (i32.const 0) (i32.const 6) (i32.const 2) (i32.const 1) (i32.const 64))", 4),
        ("(call $poll (i32.const 0) (i32.const 64))", 4),
        ("(call $open-raw (i32.const 36) (i32.const 4) (i32.const 64))", 4),
        ("(call $orphans (i32.const 0) (i32.const 32) (i32.const 3) (i32.const 64))", 4),
    ]);
    // not-allowed, not-allowed, no-flow, bad-id, bad-id, bad-id, bad-filter, bad-id
    assert_eq!(answers, "CCBEEEKE");
}

#[test]
fn native_filters_are_checked() {
    let define = |case: u32, first: i64, rest: [i32; 2]| {
        format!(
            "(call $define-any (i32.const 32) (i32.const 3) (i32.const 6) (i32.const {case}) (i64.const {first})
              (i32.const {}) (i32.const {}) (i32.const 0) (i32.const 0) (i32.const 64))",
            rest[0], rest[1]
        )
    };
    let specs = [
        define(1, 36, [4, 0]),  // pcap: "junk"
        define(2, 1, [2, 0]),   // flags: a value beside the mask
        define(3, 0, [0, 0]),   // ports: none
        define(5, 0, [32, 0]),  // a pattern without bytes
        define(5, -1, [32, 3]), // a pattern beyond all offsets
        define(6, 9, [8, 0]),   // a length of 9 to 8
        define(7, 0, [0, 0]),   // every 0 bytes
        define(8, 0, [0, 0]),   // every 0 packets
    ];
    let pieces: Vec<(&str, u32)> = specs.iter().map(|spec| (spec.as_str(), 4)).collect();
    assert_eq!(answers(&pieces), "K".repeat(specs.len()), "bad-filter");
}

#[test]
fn a_bad_filter_is_explained_to_the_operator() {
    let mut worker = Worker::new();
    let start = r#"(data (i32.const 36) "junk")
        (func (export "start") (param i32 i32) (result i32)
          (call $open (i32.const 36) (i32.const 4) (i32.const 2) (i32.const 64))
          (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))"#;
    worker.start(&bare_guest(&format!("{MONITOR} {MEMORY} {start}"))).unwrap();
    assert_eq!(worker.lines(), ["g0 error: filter `junk`: syntax error"]);
}

#[test]
fn definitions_come_out_of_start() {
    let mut worker = Worker::new();
    let start = r#"(data (i32.const 32) "tcp") (data (i32.const 40) "\1bname")
        (func (export "start") (param i32 i32) (result i32)
          (call $open (i32.const 32) (i32.const 3) (i32.const 2) (i32.const 64))
          (call $define (i32.const 40) (i32.const 5) (i32.const 6) (i32.const 1) (i64.const 9) (i32.const 64))
          (call $register (i32.const 0) (i32.const 4096) (i32.const 2) (i32.const 3) (i32.const 64))
          (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))"#;
    let definitions = worker.start(&with_all(start)).unwrap();
    assert_eq!(definitions.monitors().len(), 1);
    assert!(definitions.monitors()[0].filter.is_some());
    let event = definitions.events().events().get(4096).unwrap();
    assert_eq!((&*event.name, event.argument_number()), ("\u{fffd}name", 9));
    let registered = definitions.events().of_monitor(0).unwrap().entries();
    assert_eq!(registered.iter().map(|entry| entry.handler).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_guest_that_lacks_the_export_it_needs_is_told() {
    let mut worker = Worker::new();
    let start = |code: &str| {
        bare_guest(&format!(
            r#"{MONITOR} {MEMORY} (func (export "start") (param i32 i32) (result i32)
              (call $open (i32.const 32) (i32.const 0) (i32.const 2) (i32.const 64)) {code}
              (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))"#
        ))
    };
    let register = "(call $register (i32.const 0) (i32.const 6) (i32.const 2) (i32.const 3) (i32.const 64))";
    assert_eq!(worker.start_error(&start(register)), "guest g0 registers handlers but exports no callback");
    let define = "(call $define (i32.const 40) (i32.const 0) (i32.const 6) (i32.const 1) (i64.const 9) (i32.const 64))";
    assert_eq!(worker.start_error(&start(define)), "guest g0 defines events but exports no filter");
    let poll = "(call $poll (i32.const 0) (i32.const 64))";
    assert_eq!(worker.start_error(&start(poll)), "guest g0 polls a monitor but exports no on-ready");
    let set = "(call $set (i64.const 1) (i64.const 1) (i32.const 64))";
    assert_eq!(worker.start_error(&start(set)), "guest g0 sets timers but exports no on-timer");
}

#[test]
fn a_guest_that_does_not_start_takes_no_number() {
    let mut worker = Worker::new();
    let trap = r#"(func $boom (export "start") (param i32 i32) (result i32) unreachable)"#;
    assert_eq!(
        worker.start_error(&bare_guest(&format!("{MEMORY} {trap}"))),
        "guest g0: start: trapped: wasm `unreachable` instruction executed"
    );
    assert!(worker.guests.is_empty());
    let first = worker.add(&guest("", ""));
    assert_eq!(worker.guests.name(first), Some("g0"));
}

#[test]
fn code_that_runs_before_start_is_limited_too() {
    let mut worker = Worker::new();
    let endless = format!("{MEMORY} {START} (func $spin (loop (br 0))) (start $spin)");
    assert_eq!(
        worker.start_error(&bare_guest(&endless)),
        "guest g0: instantiation: used up the 20000000 units of fuel of one call"
    );
}

/// With the three other exports.
fn with_all(start: &str) -> Vec<u8> {
    let scalars = crate::component::SCALARS;
    bare_guest(&format!(
        r#"{MONITOR} {MEMORY} {start}
        (func (export "filter") {scalars} (result i32) (i32.const 1))
        (func (export "callback") {scalars} (result i32) (i32.const 0))"#
    ))
}
