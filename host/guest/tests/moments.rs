//! Calls of each export: what belongs to `start` is refused elsewhere, and a scan finds what there is at the moment.

use sluice_engine::{Config, Engine, Grants, Nanos, millis};
use sluice_guest::{LaneChoice, RuntimeOptions, TimeLimit};

use crate::bursts::{Frames, frame};
use crate::component::{MEMORY, SCALARS, bare_guest};
use crate::worker::Worker;

/// Makes calls and reports each answer behind the letter that it is given: `.` or the number of the error.
const TRY: &str = r#"
(import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
(import "sluice:middlebox/monitor@0.1.0" "poll" (func $poll (param i32 i32)))
(import "sluice:middlebox/event@0.1.0" "define"
  (func $define (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
(import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
(import "sluice:middlebox/event@0.1.0" "defer" (func $defer (param i32 i32)))
(import "sluice:middlebox/event@0.1.0" "bring" (func $bring (param i32 i32)))
(import "sluice:middlebox/event@0.1.0" "select" (func $select (param i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "compile" (func $compile (param i32 i32 i32 i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "scan" (func $scan (param i32 i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "scan-payload" (func $payload (param i32 i32)))
(import "sluice:middlebox/matcher@0.1.0" "scan-bytes" (func $bytes (param i32 i32 i32 i32)))
(import "sluice:middlebox/timer@0.1.0" "set" (func $timer (param i64 i64 i32)))
(import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))
(data (i32.const 1024) "\02\00\00\00\00\00\00\00he")
(global $end (mut i32) (i32.const 0))
;; Appends a letter.
(func $say (param i32)
  (i32.store8 (global.get $end) (local.get 0))
  (global.set $end (i32.add (global.get $end) (i32.const 1))))
;; Appends an answer whose error lies there.
(func $note (param $error i32)
  (if (i32.load8_u (i32.const 64))
    (then (call $say (i32.add (i32.const 48) (i32.load (local.get $error)))))
    (else (call $say (i32.const 46)))))
(func $made-compile (call $compile (i32.const 1024) (i32.const 1) (i32.const 1032) (i32.const 2) (i32.const 64)))
(func $made-scan
  (call $scan (i32.const 0) (i32.const 0) (i32.const 64)) (call $note (i32.const 80)))
(func $try (param $letter i32)
  (global.set $end (i32.const 512))
  (call $say (local.get $letter))
  (call $made-compile) (call $note (i32.const 68))
  (call $defer (i32.const 9) (i32.const 64)) (call $note (i32.const 68))
  (call $bring (i32.const 3) (i32.const 64)) (call $note (i32.const 68))
  (call $payload (i32.const 0) (i32.const 64)) (call $note (i32.const 68))
  (call $bytes (i32.const 0) (i32.const 1032) (i32.const 2) (i32.const 64)) (call $note (i32.const 68))
  (call $made-scan)
  (call $select (i32.const 0) (i32.const 64)) (call $note (i32.const 68))
  (call $made-scan)
  (call $report (i32.const 512) (i32.const 9) (i32.const 64)))
"#;

/// A guest that tries them in each export; handler 1 is called at once, handler 3 is deferred.
fn prober() -> Vec<u8> {
    let export = |name: &str, types: &str, letter: char, answer: &str| {
        format!(r#"(func (export "{name}") {types} (call $try (i32.const {})) {answer})"#, letter as u32)
    };
    let exports = [
        export("filter", &format!("{SCALARS} (result i32)"), 'f', "(i32.const 1)"),
        export("callback", &format!("{SCALARS} (result i32)"), 'c', "(i32.const 0)"),
        export("burst", "(param i32 i32 i32 i32) (result i64)", 'b', "(i64.const 0)"),
        export("on-timer", "(param i32 i64 i64)", 't', ""),
        export("on-ready", "(param i32 i32)", 'r', ""),
        export("stop", "", 's', ""),
    ];
    bare_guest(&format!(
        r#"{TRY} {MEMORY}
        (func (export "start") (param i32 i32) (result i32)
          (call $open (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 64))
          (call $poll (i32.const 0) (i32.const 64))
          (call $define (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 0) (i64.const 4) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
          (call $register (i32.const 0) (i32.load (i32.const 68)) (i32.const 2) (i32.const 1) (i32.const 64))
          (call $register (i32.const 0) (i32.const 6) (i32.const 2) (i32.const 3) (i32.const 64))
          (call $defer (i32.const 3) (i32.const 64))
          (call $timer (i64.const 1000000) (i64.const 0) (i32.const 64))
          (call $made-compile)
          (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))
        {}"#,
        exports.concat()
    ))
}

#[test]
fn what_belongs_to_start_is_refused_elsewhere_and_scans_find_what_there_is() {
    for lane in [LaneChoice::Direct, LaneChoice::Component] {
        let mut worker =
            Worker::with_options(RuntimeOptions { time: TimeLimit::FUEL, lane, ..RuntimeOptions::default() });
        let definitions = worker.start(&prober()).unwrap();
        let mut engine = Engine::new(Config::default());
        engine.attach(definitions, Grants::ALL).unwrap();
        let _ = engine.receive(Box::new(Frames(vec![frame(1, 0, b"he")])), &mut worker.guests);
        engine.expire(Nanos(millis(2)), &mut worker.guests);
        engine.stop(&mut worker.guests);
        // Compiling, deferring and bringing are not allowed; a payload, the guest's bytes, the stream; selecting an
        // event of the burst, the stream again. Errors: 1 there is no packet, 2 no flow, 3 not now.
        let lines = worker.lines();
        let reports: Vec<&str> = lines.iter().map(|line| line.rsplit_once(": ").unwrap().1).collect();
        assert_eq!(
            reports,
            ["f333..333", "c333...3.", "b3331.2..", "r3331.232", "t3331.232", "s3331.232"],
            "{lane:?}"
        );
    }
}
