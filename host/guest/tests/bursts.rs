//! Guests that are told of many events in one call.

use std::any::Any;

use sluice_engine::event::TenantId;
use sluice_engine::packet::{Burst, Packet, Verdict};
use sluice_engine::{Config, Engine, Grants, Nanos};
use sluice_wire::{LinkType, Segment, SeqNumber, TcpFlags};

use crate::component::{MEMORY, SCALARS, bare_guest};
use crate::worker::Worker;

/// Frames with a time each.
#[derive(Debug)]
pub(crate) struct Frames(pub(crate) Vec<Vec<u8>>);

impl Burst for Frames {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let bytes = self.0.get(slot)?;
        let wire_len = u32::try_from(bytes.len()).ok()?;
        Some(Packet { bytes, time: Nanos(7), wire_len, link: Some(LinkType::Ethernet) })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

pub(crate) fn frame(port: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    let segment = Segment {
        source_port: port,
        flags: TcpFlags::ACK,
        seq: SeqNumber(seq),
        payload,
        ..Segment::default()
    };
    let mut bytes = vec![0; 200];
    let len = segment.write_frame(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

/// A guest that reads all streams and has handler 3 of `new-data` deferred, with these exports.
fn guest(exports: &str) -> Vec<u8> {
    bare_guest(&format!(
        r#"
        (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
        (import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
        (import "sluice:middlebox/event@0.1.0" "defer" (func $defer (param i32 i32)))
        (import "sluice:middlebox/event@0.1.0" "bring" (func $bring (param i32 i32)))
        (import "sluice:middlebox/event@0.1.0" "select" (func $select (param i32 i32)))
        (import "sluice:middlebox/flow@0.1.0" "set-user-context" (func $remember (param i64 i32)))
        (import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))
        {MEMORY}
        (func (export "start") (param i32 i32) (result i32)
          (call $open (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 64))
          (call $register (i32.const 0) (i32.const 6) (i32.const 2) (i32.const 3) (i32.const 64))
          (call $defer (i32.const 3) (i32.const 64))
          (call $bring (i32.const 3) (i32.const 64))
          (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))
        {exports}"#
    ))
}

/// Starts a guest and gives it bursts; the engine afterwards, and what the guest said.
fn run(component: &[u8], bursts: Vec<Vec<Vec<u8>>>) -> (Engine, Worker) {
    let mut worker = Worker::new();
    let definitions = worker.start(component).unwrap();
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::ALL).unwrap();
    for burst in bursts {
        let _ = engine.receive(Box::new(Frames(burst)), &mut worker.guests);
    }
    (engine, worker)
}

fn two_flows() -> Vec<Vec<u8>> {
    vec![frame(1, 0, b"he"), frame(2, 0, b"wor"), frame(1, 2, b"llo"), frame(2, 3, b"ld")]
}

#[test]
fn events_come_with_their_bytes_and_the_answer_drops_packets() {
    // Says what it was given, stores a number with the flow of the second event, and drops the packets of that.
    let told = r#"(func (export "burst") (param i32 i32 i32 i32) (result i64)
        (call $report (local.get 2) (local.get 3) (i32.const 64))
        (i32.store8 (i32.const 512) (i32.add (i32.const 48) (local.get 1)))
        ;; Bytes that came with the second event, and the half of a user context.
        (i32.store8 (i32.const 513) (i32.add (i32.const 48) (i32.load offset=188 (local.get 0))))
        (i32.store8 (i32.const 514) (i32.add (i32.const 48) (i32.load offset=128 (local.get 0))))
        (call $report (i32.const 512) (i32.const 3) (i32.const 64))
        (call $select (i32.const 1) (i32.const 64))
        (call $remember (i64.const 9) (i32.const 64))
        (i64.const 2))"#;
    let (engine, worker) = run(&guest(told), vec![two_flows(), vec![frame(1, 5, b"!"), frame(2, 5, b"?")]]);
    // 24 words are the letter H.
    assert_eq!(
        worker.lines(),
        ["g0 report: helloworld", "g0 report: H50", "g0 report: !?", "g0 report: H19"]
    );
    assert_eq!(engine.verdicts(), [Verdict::Pass, Verdict::Drop]);
    assert_eq!(worker.guests.statistics(TenantId(0)).unwrap().calls, 2);
}

#[test]
fn a_guest_without_the_export_is_called_for_each_event() {
    let each = format!(
        r#"(func (export "callback") {SCALARS} (result i32)
          (i32.store8 (i32.const 512) (i32.add (i32.const 48) (local.get 9)))
          (call $report (i32.const 512) (i32.const 1) (i32.const 64)) (i32.const 0))"#
    );
    let (_, worker) = run(&guest(&each), vec![two_flows()]);
    assert_eq!(worker.lines(), ["g0 report: 5", "g0 report: 5"]);
    // One that has neither would never be called.
    let mut worker = Worker::new();
    assert_eq!(worker.start_error(&guest("")), "guest g0 registers handlers but exports no callback");
}

#[test]
fn a_trap_in_a_burst_stops_the_guest_once() {
    let trap = r#"(func (export "burst") (param i32 i32 i32 i32) (result i64) unreachable)"#;
    let (engine, worker) = run(&guest(trap), vec![two_flows(), two_flows()]);
    assert_eq!(worker.fault(), "guest g0: burst: trapped: wasm `unreachable` instruction executed");
    assert_eq!((engine.is_alive(TenantId(0)), engine.budget().used()), (false, 0));
    // The event at hand is told of where there is one.
    let trap = r#"(func (export "burst") (param i32 i32 i32 i32) (result i64)
        (call $select (i32.const 1) (i32.const 64)) unreachable)"#;
    let (_, worker) = run(&guest(trap), vec![two_flows()]);
    assert!(worker.fault().contains("guest g0: burst of flow "), "{}", worker.fault());
}

#[test]
fn an_export_of_another_type_is_refused() {
    let worker = Worker::new();
    let component = crate::component::dummy(
        "package a:b; world w { include sluice:middlebox/imports@0.1.0;
         export start: func(configuration: list<tuple<string, string>>) -> result<_, string>;
         export burst: func(events: list<u32>) -> u64; }",
        "w",
    );
    let refused = sluice_guest::Module::load(&worker.runtime, &component).unwrap_err().to_string();
    assert_eq!(refused, "exports burst as func(list<u32>) -> u64, expected func(list<u64>, list<u8>) -> u64");
}
