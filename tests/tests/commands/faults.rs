//! Guests that do not come back: what their operator reads, and that nobody else notices.

use super::program::Folder;
use super::reports::expected;

/// A core module whose handler of `conn-end` has this body. `$n` is a parameter, zero here.
pub(super) fn guest(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
            (import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func $on_end (param $n i32) (result i32) {body})
            (func (export "start") (param i32 i32) (result i32)
                (call $open (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
                (call $register
                    (i32.load (i32.const 68)) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 80))
                (i32.const 96))
            (func $callback (export "callback")
                (param i32 i32 i32 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                (call $on_end (local.get 0))))"#
    );
    wat::parse_str(text).unwrap()
}

/// Name of a guest, what its handler does, and what the operator reads of it.
const FAULTS: [(&str, &str, &str); 5] = [
    ("endless", "(loop $again (br $again)) (unreachable)", "computed for more than 20 ms in one call"),
    ("broken", "(unreachable)", "trapped: wasm `unreachable` instruction executed"),
    ("astray", "(i32.load (i32.const -4))", "trapped: out of bounds memory access"),
    ("divider", "(i32.div_u (i32.const 1) (local.get $n))", "trapped: integer divide by zero"),
    (
        "deep",
        "(i32.add (call $on_end (local.get $n)) (call $on_end (local.get $n)))",
        "used up its stack of 524288 bytes",
    ),
];

#[test]
fn a_guest_that_fails_is_named_and_its_neighbour_reports_as_ever() {
    let here = Folder::new("faults");
    for (name, body, reason) in FAULTS {
        here.write("core.wasm", guest(body));
        here.sluice(&format!("build core.wasm -o {name}.wasm")).well();
        for guests in
            [format!("--guest {name}.wasm --guest @byte-reader"), format!("--guest @byte-reader {name}.wasm")]
        {
            let outcome = here.sluice(&format!("run -q -r SAMPLE {guests}"));
            assert_eq!(outcome.code, Some(1), "{name}: {}", outcome.err);
            assert_eq!(outcome.out, expected("byte-reader"), "{name}");
            // The first connection of the sample that ends, whose number in logs follows from its ends and its start.
            let said = format!(
                "ERROR guest {name}: callback 0 (conn-end) of flow 5978234952734209, \
                 2001:db8:1::11 port 36549 to 2001:db8:2::10 port 81: {reason}"
            );
            assert_eq!(outcome.err.lines().next(), Some(said.as_str()));
        }
    }
}

#[test]
fn the_event_log_has_a_fault_with_the_functions_that_were_running() {
    let here = Folder::new("fault-event");
    here.write("core.wasm", guest("(loop $again (br $again)) (unreachable)"));
    here.sluice("build core.wasm -o endless.wasm").well();
    let outcome = here.sluice("run -j --fuel 1000000 -r SAMPLE --guest @byte-reader endless.wasm");
    assert_eq!(outcome.code, Some(1));
    let lines = outcome.json();
    let fault = lines.iter().find(|line| line["event_type"] == "fault").unwrap();
    assert_eq!(fault["guest"], "endless");
    assert_eq!(fault["timestamp"], "2026-11-22T12:59:20.096202+0000");
    let expected = serde_json::json!({
        "export": "callback",
        "event": "conn-end",
        "reason": "used up the 1000000 units of fuel of one call",
        "backtrace": ["on_end", "callback"],
    });
    assert_eq!(fault["fault"], expected);
    let stats = &lines.last().unwrap()["stats"]["guests"];
    assert_eq!((&stats["endless"]["stopped"], &stats["endless"]["calls"]), (&true.into(), &1.into()));
    assert_eq!(stats["byte-reader"]["stopped"], false);
}
