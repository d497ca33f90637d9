//! A guest that edits, sends and resets, with sizes and places of all kinds.

use std::any::Any;

use sluice_engine::packet::{Burst, Packet, Verdict};
use sluice_engine::{Config, Engine, Grants, Nanos};
use sluice_wire::{LinkType, Segment};

use crate::component::{MEMORY, SCALARS, bare_guest};
use crate::worker::Worker;

/// One frame.
#[derive(Debug)]
struct One(Vec<u8>);

impl Burst for One {
    fn len(&self) -> usize {
        1
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let wire_len = u32::try_from(self.0.len()).ok()?;
        let packet = Packet { bytes: &self.0, time: Nanos(7), wire_len, link: Some(LinkType::Ethernet) };
        (slot == 0).then_some(packet)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Runs a guest whose handler of `packet-in` has this body, over a segment with the payload "hello": the engine and
/// what the guest reported of the result at 1024, its case and its error as letters (`A` for 0).
fn run(body: &str, grants: Grants) -> (Engine, Worker) {
    let letter = |place: u32, from: u32| {
        format!("(i32.store8 (i32.const {place}) (i32.add (i32.const 65) (i32.load8_u (i32.const {from}))))")
    };
    let (case, error) = (letter(512, 1024), letter(513, 1028));
    let guest = bare_guest(&format!(
        r#"
        (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
        (import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
        (import "sluice:middlebox/packet@0.1.0" "overwrite" (func $overwrite (param i32 i32 i32 i32 i32)))
        (import "sluice:middlebox/packet@0.1.0" "insert" (func $insert (param i32 i32 i32 i32 i32)))
        (import "sluice:middlebox/packet@0.1.0" "chomp" (func $chomp (param i32 i32 i32 i32)))
        (import "sluice:middlebox/packet@0.1.0" "sendpkt"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "sluice:middlebox/flow@0.1.0" "reset" (func $reset (param i32)))
        (import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))
        {MEMORY} (data (i32.const 2048) "HELLO")
        (func (export "start") (param i32 i32) (result i32)
          (call $open (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
          (call $register (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 3) (i32.const 64))
          (drop (memory.grow (i32.const 40)))
          (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))
        (func (export "callback") {SCALARS} (result i32)
          (i32.store (i32.const 1028) (i32.const 0))
          {body} {case} {error}
          (call $report (i32.const 512) (i32.const 2) (i32.const 64)) (i32.const 0))"#
    ));
    let mut worker = Worker::new();
    let definitions = worker.start(&guest).unwrap();
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, grants).unwrap();
    let mut frame = vec![0; 200];
    let len = Segment { payload: b"hello", ..Segment::default() }.write_frame(&mut frame).unwrap();
    frame.truncate(len);
    let _ = engine.receive(Box::new(One(frame)), &mut worker.guests);
    (engine, worker)
}

/// A call with these numbers and the result at 1024.
fn call(function: &str, numbers: &[i64]) -> String {
    let numbers: String = numbers.iter().map(|number| format!("(i32.const {number}) ")).collect();
    format!("(call ${function} {numbers}(i32.const 1024))")
}

#[test]
fn edits_leave_as_the_guest_wants_them() {
    for (body, payload) in [
        (call("overwrite", &[3, 0, 2048, 5]), &b"HELLO"[..]),
        (call("insert", &[3, 5, 2048, 5]), b"helloHELLO"),
        (call("chomp", &[3, 1, 3]), b"ho"),
    ] {
        let (engine, worker) = run(&body, Grants::ALL);
        assert_eq!(worker.lines(), ["g0 report: AA"]);
        assert_eq!(engine.edited(0).unwrap()[54..], *payload);
    }
}

#[test]
fn a_segment_and_resets_go_out() {
    // The server, FIN and ACK, sequence 1, acknowledgment 2, window 3, no options, "HELLO".
    let body = call("send", &[1, 17, 1, 2, 3, 0, 0, 2048, 5]) + &call("reset", &[]);
    let (engine, worker) = run(&body, Grants::ALL);
    assert_eq!(worker.lines(), ["g0 report: AA"]);
    let sent = engine.injected();
    assert_eq!(
        sent[0].bytes[34..54],
        [0, 80, 192, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 17, 0, 3, 0x87, 0xe2, 0, 0]
    );
    assert_eq!((&sent[0].bytes[54..], sent.len()), (&b"HELLO"[..], 3));
}

#[test]
fn refusals_are_numbers_of_the_wit() {
    // B and an error: 4 no-capability, 10 too-long, 14 bad-argument.
    let table = [
        (call("overwrite", &[3, 0, 2048, 5]), Grants::NONE, "BE"),
        (call("reset", &[]), Grants::NONE, "BE"),
        (call("overwrite", &[3, 0, 0, 2_000_000]), Grants::ALL, "BK"),
        (call("insert", &[3, 0, 0, 65_536]), Grants::ALL, "BK"),
        (call("insert", &[3, -1, 2048, 5]), Grants::ALL, "BO"),
        (call("overwrite", &[3, 1, 2048, 5]), Grants::ALL, "BO"),
        (call("chomp", &[3, 0, -1]), Grants::ALL, "BO"),
        (call("send", &[0, 255, 0, 0, 0, 0, 0, 0, 2_000_000]), Grants::ALL, "BK"),
        (call("send", &[0, 255, 0, 0, 0, 0, 2_000_000, 0, 0]), Grants::ALL, "BK"),
        (call("send", &[0, 255, 0, 0, 0, 0, 3, 0, 0]), Grants::ALL, "BO"),
    ];
    for (body, grants, letters) in table {
        let (engine, worker) = run(&body, grants);
        assert_eq!(worker.lines(), [format!("g0 report: {letters}")], "{body}");
        assert_eq!((engine.verdicts(), engine.injected().len()), (&[Verdict::Pass][..], 0));
        assert_eq!(engine.counters().edits_refused + engine.counters().injected_refused, 1);
    }
}

#[test]
fn bytes_that_are_not_there_end_the_guest_and_take_its_edits_back() {
    let body = call("overwrite", &[3, 0, 2048, 5]) + &call("insert", &[3, 0, -16, 64]);
    let (engine, worker) = run(&body, Grants::ALL);
    assert_eq!(worker.said.faults.borrow().len(), 1);
    assert_eq!((engine.verdicts(), engine.counters().edits), (&[Verdict::Pass][..], 0));
}
