//! Guests that mean harm: each is stopped with its reason, and the others go on.

use std::time::Duration;

use sluice_engine::event::Faulted;
use sluice_guest::{LogLimit, MemoryLimit, RuntimeOptions, TimeLimit};

use crate::component::{MEMORY, START, bare_guest, callback, guest};
use crate::worker::Worker;

const LINE: &str = r#"(import "sluice:middlebox/log@0.1.0" "line" (func $line (param i32 i32 i32 i32)))"#;

/// Runs the callback of a guest that must be stopped, and tells the reason.
fn reason(component: &[u8]) -> String {
    let mut worker = Worker::new();
    let good = worker.add(&callback("", "(local.get 0)"));
    let bad = worker.add(component);
    assert_eq!(worker.callback(good), Ok(3));
    assert_eq!(worker.callback(bad), Err(Faulted));
    // It is not called again, and the other does not notice.
    assert_eq!(worker.callback(bad), Err(Faulted));
    assert_eq!(worker.stop(bad), Err(Faulted));
    assert_eq!(worker.callback(good), Ok(3));
    assert!(worker.guests.statistics(bad).unwrap().faulted);
    let fault = worker.fault();
    fault.strip_prefix("guest g1: callback 3 (new-data): ").unwrap().to_owned()
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let reason = reason(&callback("", "(loop (br 0)) unreachable"));
    assert_eq!(reason, "used up the 10000000 units of fuel of one call");
}

#[test]
fn an_endless_loop_runs_out_of_time() {
    let time = TimeLimit::Cpu { call: Duration::from_millis(5), lifecycle: Duration::from_secs(2) };
    let mut worker = Worker::with_options(RuntimeOptions { time, ..RuntimeOptions::default() });
    let bad = worker.add(&callback("", "(loop (br 0)) unreachable"));
    let good = worker.add(&callback("", "(local.get 0)"));
    assert_eq!(worker.callback(bad), Err(Faulted));
    assert_eq!(worker.fault(), "guest g0: callback 3 (new-data): computed for more than 5 ms in one call");
    assert_eq!(worker.callback(good), Ok(3));
}

#[test]
fn a_trap_is_reported_with_the_stack() {
    let inner = "(func $inner unreachable)";
    let component = callback(inner, "(call $inner) (i32.const 0)");
    let mut worker = Worker::new();
    let bad = worker.add(&component);
    assert_eq!(worker.callback(bad), Err(Faulted));
    assert_eq!(
        worker.fault(),
        "guest g0: callback 3 (new-data): trapped: wasm `unreachable` instruction executed"
    );
    let faults = worker.said.faults.borrow();
    let functions: Vec<&str> = faults[0].backtrace.iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(functions, ["inner", "handle"]);
}

#[test]
fn memory_without_bound_is_refused_and_then_given_up() {
    let grow = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    assert_eq!(reason(&callback("", grow)), "gave up when it was refused more than 67108864 bytes of memory");
}

#[test]
fn a_guest_may_live_with_refused_memory() {
    let memory = MemoryLimit { memory_bytes: 1 << 20, ..MemoryLimit::default() };
    let mut worker =
        Worker::with_options(RuntimeOptions { memory, time: TimeLimit::FUEL, ..RuntimeOptions::default() });
    let body = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)";
    let tenant = worker.add(&callback("", body));
    assert_eq!(worker.callback(tenant), Ok(16));
    let statistics = worker.guests.statistics(tenant).unwrap();
    assert_eq!((statistics.memory_bytes, statistics.memory_refused), (1 << 20, 1));
}

#[test]
fn a_huge_table_is_refused() {
    let table = "(table $t 1 funcref)";
    let body = "(table.grow $t (ref.null func) (i32.const 1000000))";
    let mut worker = Worker::new();
    let tenant = worker.add(&callback(table, body));
    assert_eq!(worker.callback(tenant), Ok(u32::MAX));
    assert_eq!(worker.guests.statistics(tenant).unwrap().memory_refused, 1);
}

#[test]
fn a_deep_recursion_runs_out_of_stack() {
    let recursion = "(func $deeper (param i32) (result i32)
        (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (local.get 0)))";
    assert_eq!(
        reason(&callback(recursion, "(call $deeper (i32.const 0))")),
        "used up its stack of 524288 bytes"
    );
}

#[test]
fn wrong_numbers_and_huge_lengths_are_refused() {
    let imports = r#"
        (import "sluice:middlebox/stream@0.1.0" "peek" (func $peek (param i32 i32 i32)))
        (import "sluice:middlebox/timer@0.1.0" "cancel" (func $cancel (param i32 i32)))
        (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))"#;
    let body = "(call $peek (i32.const 1) (i32.const -1) (i32.const 64))
        (call $cancel (i32.const -1) (i32.const 128))
        (call $open (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 192))
        (i32.or (i32.load (i32.const 80)) (i32.shl (i32.load (i32.const 196)) (i32.const 8)))";
    let mut worker = Worker::new();
    let tenant = worker.add(&callback(imports, body));
    // no-flow for the bytes, not-allowed for the monitor.
    assert_eq!(worker.callback(tenant), Ok(0x302));
}

#[test]
fn an_unknown_direction_breaks_the_abi() {
    let import = r#"(import "sluice:middlebox/stream@0.1.0" "peek" (func $peek (param i32 i32 i32)))"#;
    let body = "(call $peek (i32.const 2) (i32.const 1) (i32.const 64)) (i32.const 0)";
    assert_eq!(reason(&callback(import, body)), "broke the canonical ABI: unexpected discriminant: 2");
}

#[test]
fn a_log_line_of_ten_megabytes_is_too_long() {
    let big = MEMORY.replace("(memory (export \"memory\") 1)", "(memory (export \"memory\") 200)");
    let scalars = crate::component::SCALARS;
    let component = bare_guest(&format!(
        "{LINE} {big} {START} (func (export \"callback\") {scalars} (result i32)
        (call $line (i32.const 2) (i32.const 4096) (i32.const 10000000) (i32.const 64))
        (i32.load (i32.const 68)))"
    ));
    let mut worker = Worker::new();
    let tenant = worker.add(&component);
    assert_eq!(worker.callback(tenant), Ok(10));
    assert!(worker.lines().is_empty());
}

#[test]
fn text_outside_of_memory_breaks_the_abi() {
    let line = |pointer: &str, len: &str| {
        let body = format!(
            "(call $line (i32.const 2) (i32.const {pointer}) (i32.const {len}) (i32.const 64)) (i32.const 0)"
        );
        reason(&callback(LINE, &body))
    };
    assert_eq!(line("65530", "10"), "broke the canonical ABI: string pointer/length out of bounds of memory");
    assert_eq!(line("-1", "-1"), "broke the canonical ABI: string pointer/length out of bounds of memory");
}

#[test]
fn text_that_is_not_utf_8_breaks_the_abi() {
    let body = "(i32.store (i32.const 32) (i32.const -1))
        (call $line (i32.const 2) (i32.const 32) (i32.const 4) (i32.const 64)) (i32.const 0)";
    assert_eq!(
        reason(&callback(LINE, body)),
        "broke the canonical ABI: invalid utf-8 sequence of 1 bytes from index 0"
    );
}

#[test]
fn an_answer_behind_the_end_of_memory_breaks_the_abi() {
    let body = "(call $line (i32.const 2) (i32.const 32) (i32.const 4) (i32.const 65532)) (i32.const 0)";
    assert_eq!(reason(&callback(LINE, body)), "broke the canonical ABI: pointer out of bounds");
}

#[test]
fn control_characters_do_not_reach_the_operator() {
    let component = callback(
        LINE,
        "(i64.store (i32.const 32) (i64.const 0x6d31335b1b0a6141))
        (call $line (i32.const 0) (i32.const 32) (i32.const 8) (i32.const 64)) (i32.const 0)",
    );
    let mut worker = Worker::new();
    let tenant = worker.add(&component);
    assert_eq!(worker.callback(tenant), Ok(0));
    assert_eq!(worker.lines(), ["g0 error: Aa\u{fffd}\u{fffd}[31m"]);
}

#[test]
fn a_flood_of_lines_is_cut_and_counted() {
    let log = LogLimit { line_bytes: 640, ..LogLimit::default() };
    let mut worker =
        Worker::with_options(RuntimeOptions { log, time: TimeLimit::FUEL, ..RuntimeOptions::default() });
    let body =
        "(call $line (i32.const 2) (i32.const 32) (i32.const 0) (i32.const 64)) (i32.load (i32.const 68))";
    let tenant = worker.add(&callback(LINE, body));
    let answers: Vec<u32> = (0..12).map(|_| worker.callback(tenant).unwrap()).collect();
    assert_eq!(answers[9..], [0, 9, 9]);
    assert_eq!(worker.lines().len(), 10);
    assert_eq!(worker.guests.statistics(tenant).unwrap().lines_dropped, 2);
}

#[test]
fn an_allocator_that_lies_breaks_the_abi() {
    for (address, reason) in [
        ("-256", "realloc return: beyond end of memory"),
        ("65535", "realloc return: result not aligned"),
        ("3", "realloc return: result not aligned"),
    ] {
        let memory = format!(
            r#"(memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const {address}))"#
        );
        let error = Worker::new().start_error(&bare_guest(&format!("{memory} {START}")));
        assert_eq!(error, format!("guest g0: start: broke the canonical ABI: {reason}"), "{address}");
    }
}

#[test]
fn an_allocator_that_never_answers_is_stopped() {
    let memory = r#"(memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) unreachable)"#;
    assert_eq!(
        Worker::new().start_error(&bare_guest(&format!("{memory} {START}"))),
        "guest g0: start: used up the 20000000 units of fuel of one call"
    );
}

#[test]
fn a_start_that_answers_nonsense_is_stopped() {
    for (answer, reason) in [
        ("(i32.store (i32.const 0) (i32.const 7)) (i32.const 0)", "invalid expected discriminant"),
        ("(i32.const 65528)", "pointer out of bounds of memory"),
        ("(i32.const 2)", "return pointer not aligned"),
    ] {
        let start = format!(r#"(func (export "start") (param i32 i32) (result i32) {answer})"#);
        let error = Worker::new().start_error(&bare_guest(&format!("{MEMORY} {start}")));
        assert_eq!(error, format!("guest g0: start: broke the canonical ABI: {reason}"), "{answer}");
    }
}

#[test]
fn a_guest_without_handlers_lets_everything_pass() {
    let mut worker = Worker::new();
    let tenant = worker.add(&guest("", ""));
    assert_eq!(worker.callback(tenant), Ok(0));
    assert_eq!(worker.stop(tenant), Ok(()));
}

#[test]
fn a_timer_that_traps_is_named() {
    let mut worker = Worker::new();
    let tenant = worker.add(&guest(
        "",
        r#"(func $late (export "on-timer") (param i32 i64 i64) (drop (i32.div_u (i32.const 1) (i32.const 0))))"#,
    ));
    assert_eq!(worker.timer(tenant), Err(Faulted));
    assert_eq!(worker.fault(), "guest g0: on-timer 5: trapped: integer divide by zero");
}

#[test]
fn a_stop_without_end_is_stopped() {
    let mut worker = Worker::new();
    let tenant = worker.add(&guest("", r#"(func (export "stop") (loop (br 0)))"#));
    assert_eq!(worker.stop(tenant), Err(Faulted));
    assert_eq!(worker.fault(), "guest g0: stop: used up the 20000000 units of fuel of one call");
}
