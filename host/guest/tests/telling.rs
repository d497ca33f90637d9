//! What guests tell the operator, and what becomes of it.

use crate::component::callback;
use crate::worker::Worker;

const EVENT: &str = r#"
(import "sluice:middlebox/log@0.1.0" "event" (func $event (param i32 i32 i32 i32 i32)))
(import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))"#;

/// The answer to a structured event, and what came out.
fn event(event_type: &str, body: &str) -> (u32, Vec<String>) {
    let data = format!(r#"{EVENT} (data (i32.const 512) "{event_type}") (data (i32.const 1024) "{body}")"#);
    // Escapes of the text format stand for one byte each.
    let bytes = |text: &str| text.len() - 2 * text.matches('\\').count();
    let code = format!(
        "(call $event (i32.const 512) (i32.const {}) (i32.const 1024) (i32.const {}) (i32.const 64))
        (select (i32.load (i32.const 68)) (i32.const 0) (i32.load8_u (i32.const 64)))",
        bytes(event_type),
        bytes(body)
    );
    let mut worker = Worker::new();
    let tenant = worker.add(&callback(&data, &code));
    let answer = worker.callback(tenant).unwrap();
    (answer, worker.lines())
}

#[test]
fn a_structured_event_comes_out_on_one_line() {
    let (answer, lines) = event("http", r"{\22a\22:\0a 1}\0a");
    assert_eq!((answer, lines), (0, vec![r#"g0 event http: {"a":  1}"#.to_owned()]));
}

#[test]
fn what_would_break_the_event_log_is_refused() {
    for (event_type, body) in [
        ("http", r"[1]"),
        ("http", r"{\22a\22: 1} {}"),
        ("http", r"{\22a\22: \22\0a\22}"),
        ("timestamp", "{}"),
        ("a b", "{}"),
        ("", "{}"),
    ] {
        assert_eq!(event(event_type, body), (12, vec![]), "{event_type} {body}");
    }
    assert_eq!(event(&"t".repeat(65), "{}"), (10, vec![]));
}

#[test]
fn a_report_keeps_its_lines() {
    let data = format!(r#"{EVENT} (data (i32.const 512) "a\09b\0ac\1b[H")"#);
    let code = "(call $report (i32.const 512) (i32.const 8) (i32.const 64)) (i32.const 0)";
    let mut worker = Worker::new();
    let tenant = worker.add(&callback(&data, code));
    worker.callback(tenant).unwrap();
    assert_eq!(worker.lines(), ["g0 report: a\tb\nc\u{fffd}[H"]);
}
