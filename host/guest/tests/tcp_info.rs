//! A guest asks for `tcp-info` in the event of a flow.

use std::any::Any;

use sluice_engine::packet::{Burst, Packet};
use sluice_engine::{Config, Engine, Grants, Nanos};
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use crate::component::{MEMORY, SCALARS, bare_guest};
use crate::worker::Worker;

/// Frames, a millisecond apart.
#[derive(Debug)]
struct Frames(Vec<Vec<u8>>);

impl Burst for Frames {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let bytes = self.0.get(slot)?;
        let (time, wire_len) = (Nanos((slot as u64 + 1) * 1_000_000), u32::try_from(bytes.len()).ok()?);
        Some(Packet { bytes, time, wire_len, link: Some(LinkType::Ethernet) })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn frame(from_client: bool, flags: TcpFlags, numbers: (u32, u32), options: &[u8], payload: &[u8]) -> Vec<u8> {
    let (client, server) = ((IpAddress::v4([192, 0, 2, 1]), 4000), (IpAddress::v4([192, 0, 2, 2]), 80));
    let (source, destination) = if from_client { (client, server) } else { (server, client) };
    let segment = Segment {
        source: source.0,
        source_port: source.1,
        destination: destination.0,
        destination_port: destination.1,
        flags,
        seq: SeqNumber(numbers.0),
        ack: SeqNumber(numbers.1),
        options,
        payload,
        ..Segment::default()
    };
    let mut bytes = vec![0; 200];
    let len = segment.write_frame(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

/// A handshake with window scales 7 and 3, and 5 bytes by the client.
fn conversation() -> Frames {
    Frames(vec![
        frame(true, TcpFlags::SYN, (1000, 0), &[3, 3, 7, 1], b""),
        frame(false, TcpFlags::SYN | TcpFlags::ACK, (5000, 1001), &[3, 3, 3, 1], b""),
        frame(true, TcpFlags::ACK, (1001, 5001), &[], b""),
        frame(true, TcpFlags::ACK, (1001, 5001), &[], b"hello"),
    ])
}

/// A guest that reports, at each packet's hook `receiver`, what lies at these places of the answer about the client, as
/// letters (`A` for 0). It asks for observables if `asks`.
fn reporter(asks: &str, places: &[u32]) -> Vec<u8> {
    let letters: String = places
        .iter()
        .enumerate()
        .map(|(n, place)| {
            let (to, from) = (512 + n, 1024 + place);
            format!("(i32.store8 (i32.const {to}) (i32.add (i32.const 65) (i32.load8_u (i32.const {from}))))")
        })
        .collect();
    bare_guest(&format!(
        r#"
        (import "sluice:middlebox/monitor@0.1.0" "open-stream" (func $open (param i32 i32 i32 i32)))
        (import "sluice:middlebox/monitor@0.1.0" "observe" (func $observe (param i32 i32)))
        (import "sluice:middlebox/event@0.1.0" "register" (func $register (param i32 i32 i32 i32 i32)))
        (import "sluice:middlebox/flow@0.1.0" "tcp-info" (func $info (param i32 i32)))
        (import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))
        {MEMORY}
        (func (export "start") (param i32 i32) (result i32)
          (call $open (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)) {asks}
          (call $register (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 64))
          (i32.store (i32.const 0) (i32.const 0)) (i32.const 0))
        (func (export "callback") {SCALARS} (result i32)
          (call $info (i32.const 0) (i32.const 1024)) {letters}
          (call $report (i32.const 512) (i32.const {}) (i32.const 64)) (i32.const 0))"#,
        places.len()
    ))
}

fn lines(guest: &[u8]) -> Vec<String> {
    let mut worker = Worker::new();
    let definitions = worker.start(guest).unwrap();
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    let _ = engine.receive(Box::new(conversation()), &mut worker.guests);
    worker.lines()
}

#[test]
fn the_fields_are_those_of_the_flow_at_the_event() {
    // By the canonical ABI, behind 8 bytes of the result: snd-wscale, rcv-wscale, unacked, unacked-bytes, whether
    // last-data-sent is known, bytes-sent, segs-out, segs-in, data-segs-out, data-segs-in, delivered.
    let places = [0, 8, 9, 36, 40, 80, 200, 208, 216, 224, 232, 240].map(|place| place + 8);
    let places: Vec<u32> = [&[0], &places[1..]].concat();
    let asks = "(call $observe (i32.const 0) (i32.const 64))";
    let expected = ["AAABAAABAAAA", "ADHAAAABBAAB", "ADHAAAACBAAB", "ADHBFBFDBBAB"];
    assert_eq!(lines(&reporter(asks, &places)), expected.map(|letters| format!("g0 report: {letters}")));
}

#[test]
fn who_did_not_ask_is_refused() {
    // The result's case, and the error: 3 is not-allowed.
    assert_eq!(lines(&reporter("", &[0, 8])), ["g0 report: BD"; 4]);
}
