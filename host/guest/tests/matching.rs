//! The interface `matcher` as a guest sees it, without an engine.

use sluice_engine::event::TenantId;
use sluice_guest::{MemoryLimit, RuntimeOptions, TimeLimit};

use crate::component::{MEMORY, SCALARS, bare_guest};
use crate::worker::Worker;

const MATCHER: &str = r#"
(import "sluice:middlebox/matcher@0.1.0" "compile" (func $compile (param i32 i32 i32 i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "scan" (func $scan (param i32 i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "scan-payload" (func $payload (param i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "scan-bytes" (func $bytes (param i32 i32 i32 i32)))
"#;

/// Numbers at 1024: patterns "he" and "She" in both cases, then one that is a regular expression. Bytes at 1088.
const PATTERNS: &str = r#"
(data (i32.const 1024) "\02\00\00\00\00\00\00\00" "\03\00\00\00\01\00\00\00" "\02\00\00\00\02\00\00\00"
  "\02\00\00\00\80\00\00\00" "\00\00\00\00\00\00\00\00")
(data (i32.const 1088) "heShea+xushers HE")
"#;

/// Compiles the two literals.
const COMPILE: &str =
    "(call $compile (i32.const 1024) (i32.const 2) (i32.const 1088) (i32.const 5) (i32.const 64))";

/// A guest whose `start` runs this code, and then refuses with the bytes from 512 on, as many as local 2 says.
fn starting(code: &str) -> Vec<u8> {
    bare_guest(&format!(
        r#"{MATCHER} {MEMORY} {PATTERNS}
        (func (export "start") (param i32 i32) (result i32) (local i32) {code}
          (i32.store (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 512))
          (i32.store (i32.const 8) (local.get 2)) (i32.const 0))"#
    ))
}

/// Appends the answer at 64, a result of a number, to the message: `!` and the error as a letter, or the number as
/// a digit.
const NOTE: &str = r#"
(if (i32.load8_u (i32.const 64))
  (then (i32.store8 (i32.add (i32.const 512) (local.get 2)) (i32.add (i32.const 64) (i32.load (i32.const 68)))))
  (else (i32.store8 (i32.add (i32.const 512) (local.get 2)) (i32.add (i32.const 48) (i32.load (i32.const 68))))))
(local.set 2 (i32.add (local.get 2) (i32.const 1)))"#;

fn message(worker: &mut Worker, code: &str) -> String {
    let error = worker.start_error(&starting(code));
    error.split_once("refuses to start: ").unwrap_or_else(|| panic!("{error}")).1.to_owned()
}

#[cfg(not(feature = "vectorscan"))]
#[test]
fn what_cannot_be_compiled_is_refused_with_a_reason() {
    let compile = |numbers: u32, count: u32, bytes: u32| {
        format!(
            "(call $compile (i32.const {numbers}) (i32.const {count}) (i32.const 1088) (i32.const {bytes})
              (i32.const 64)) {NOTE}"
        )
    };
    let pieces = [
        compile(1024, 2, 5),
        compile(1024, 0, 0),
        compile(1024, 2, 6),
        compile(1040, 1, 2),
        compile(1048, 1, 2),
        compile(1056, 1, 0),
        compile(1024, 1, 2),
        format!(
            "(call $scan (i32.const 0) (i32.const 0) (i32.const 56))
            (i64.store (i32.const 64) (i64.load (i32.const 64))) {NOTE}"
        ),
        format!("(call $payload (i32.const 0) (i32.const 64)) {NOTE}"),
        format!("(call $bytes (i32.const 2) (i32.const 1088) (i32.const 4) (i32.const 64)) {NOTE}"),
        format!("(call $bytes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)) {NOTE}"),
    ];
    let mut worker = Worker::new();
    let answers = message(&mut worker, &pieces.concat());
    // The first, no patterns, lengths that do not add up, an expression, an unknown flag, an empty one, the second one;
    // then what there is not in `start`, and another number than there is.
    assert_eq!(&answers[..7], "0NNONN1");
    assert_eq!(&answers[8..10], "AE");
    let lines = worker.lines();
    assert_eq!(
        lines,
        ["g0 error: patterns: pattern 0 is a regular expression: this host was built without vectorscan"]
    );
}

#[cfg(feature = "vectorscan")]
#[test]
fn expressions_are_compiled_and_found_or_refused_with_a_reason() {
    let compile = |at: u32| {
        format!(
            "(call $compile (i32.const 1040) (i32.const 1) (i32.const {at}) (i32.const 2) (i32.const 64)) {NOTE}"
        )
    };
    // `a+` in "hea": as a digit how many words there are, and where the match ends.
    let found = "(call $bytes (i32.const 0) (i32.const 1091) (i32.const 3) (i32.const 64))
        (i32.store8 offset=512 (local.get 2) (i32.add (i32.const 48) (i32.load (i32.const 72))))
        (i32.store8 offset=513 (local.get 2)
          (i32.add (i32.const 48) (i32.load offset=20 (i32.load (i32.const 68)))))
        (local.set 2 (i32.add (local.get 2) (i32.const 2)))";
    let mut worker = Worker::new();
    // `a+`, and `+x`, which repeats nothing.
    assert_eq!(message(&mut worker, &format!("{} {} {found}", compile(1093), compile(1094))), "0N33");
    let [line] = &worker.lines()[..] else { panic!("{:?}", worker.lines()) };
    assert!(line.starts_with("g0 error: patterns: "), "{line}");
}

#[test]
fn matches_come_by_their_ends_with_where_the_scan_began() {
    // "ushers HE": at 4 `he` and `She`, and nothing of `HE`, for which case counts.
    let code = format!(
        "{COMPILE} (call $bytes (i32.const 0) (i32.const 1096) (i32.const 9) (i32.const 64))
        (if (i32.ne (i32.load (i32.const 72)) (i32.const 4)) (then unreachable))
        (memory.copy (i32.const 512) (i32.load (i32.const 68)) (i32.const 32))
        ;; Digits instead of small numbers.
        (loop $next
          (i32.store8 (i32.add (i32.const 512) (local.get 2))
            (i32.add (i32.const 48) (i32.load8_u (i32.add (i32.const 512) (local.get 2)))))
          (local.set 2 (i32.add (local.get 2) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get 2) (i32.const 32))))"
    );
    let number = |low: u32, high: u32| format!("{low}000{high}000");
    let expected = [number(0, 0), number(0, 0), number(0, 4), number(1, 4)].concat();
    assert_eq!(message(&mut Worker::new(), &code), expected);
}

#[test]
fn no_guest_has_more_than_sixteen_matchers() {
    let code = format!("{COMPILE} {NOTE}").repeat(17);
    assert_eq!(message(&mut Worker::new(), &code), "0123456789:;<=>?I");
}

#[test]
fn compiled_patterns_count_as_memory_of_the_guest() {
    let memory = MemoryLimit { memory_bytes: 72 << 10, ..MemoryLimit::default() };
    let mut worker =
        Worker::with_options(RuntimeOptions { memory, time: TimeLimit::FUEL, ..RuntimeOptions::default() });
    // One page is 64 KiB, and there is room for no more than a few small matchers.
    let answers = message(&mut worker, &format!("{COMPILE} {NOTE}").repeat(16));
    assert!(answers.starts_with('0') && answers.ends_with("II"), "{answers}");
}

/// A guest that compiles the literals and whose callback runs this code.
fn scanner(body: &str) -> Vec<u8> {
    bare_guest(&format!(
        r#"{MATCHER} {MEMORY} {PATTERNS}
        (func (export "start") (param i32 i32) (result i32)
          {COMPILE} (i32.store8 (i32.const 0) (i32.const 0)) (i32.const 0))
        (func (export "callback") {SCALARS} (result i32) {body})"#
    ))
}

#[test]
fn what_the_host_holds_shows_and_ends_with_the_guest() {
    let mut worker = Worker::new();
    let tenant = worker.add(&scanner("unreachable"));
    let bytes = worker.guests.statistics(tenant).unwrap().host_bytes;
    assert!((100..64 << 10).contains(&bytes), "{bytes}");
    assert!(worker.callback(tenant).is_err());
    assert_eq!(worker.guests.statistics(tenant).unwrap().host_bytes, 0);
}

#[test]
fn patterns_are_compiled_in_start_only() {
    let mut worker = Worker::new();
    let tenant = worker.add(&scanner(&format!("{COMPILE} (i32.load (i32.const 68))")));
    assert_eq!(worker.callback(tenant).unwrap(), 3);
}

#[test]
fn scanning_takes_fuel_by_the_byte() {
    let time = TimeLimit::Fuel { call: 100_000, lifecycle: 20_000_000 };
    let mut worker = Worker::with_options(RuntimeOptions { time, ..RuntimeOptions::default() });
    let scan = |times: usize| {
        let scan = "(call $bytes (i32.const 0) (i32.const 8192) (i32.const 20000) (i32.const 64))";
        scanner(&format!("{} (i32.const 7)", scan.repeat(times)))
    };
    let twice: TenantId = worker.add(&scan(2));
    assert_eq!(worker.callback(twice).unwrap(), 7, "80,000 of 100,000");
    let thrice = worker.add(&scan(3));
    assert!(worker.callback(thrice).is_err());
    assert!(worker.fault().contains("fuel"), "{}", worker.fault());
}

#[test]
fn compiling_takes_fuel_whether_somebody_did_it_before_or_not() {
    let time = TimeLimit::Fuel { call: 1_000, lifecycle: 6_000 };
    let mut worker = Worker::with_options(RuntimeOptions { time, ..RuntimeOptions::default() });
    // 5,000 for five bytes.
    worker.add(&scanner("unreachable"));
    worker.add(&scanner("unreachable"));
    let error = worker.start_error(&starting(&format!("{COMPILE} {COMPILE} (loop $goes-on)")));
    assert!(error.contains("fuel"), "{error}");
}
