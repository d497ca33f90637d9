//! The guests that come with the project, as components: `make guests` builds them.

use std::any::Any;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use sluice_engine::packet::{Burst, Packet};
use sluice_engine::{Config, Engine, Grants, Nanos};
use sluice_guest::{Guests, LaneChoice, Module, Runtime, RuntimeOptions, TenantSpec, TimeLimit};
use sluice_wire::{LinkType, Segment, SeqNumber, TcpFlags};

use crate::worker::{Said, TcpOnly};

/// Bursts of these sizes, in turn.
const BURSTS: [usize; 4] = [1, 2, 7, 32];

pub(crate) fn shipped(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/guests/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|_| panic!("there is no {}: run `make guests` first", path.display()))
}

/// The same component with its export `burst` by another name, which the host passes over.
fn without_burst(mut component: Vec<u8>) -> Vec<u8> {
    let name = b"\x05burst";
    let places: Vec<usize> =
        (0..component.len() - name.len()).filter(|at| component[*at..].starts_with(name)).collect();
    assert!(!places.is_empty());
    for at in places {
        component[at + 1..at + name.len()].copy_from_slice(b"other");
    }
    component
}

/// Frames with a time each.
#[derive(Debug)]
struct Frames(Vec<(Nanos, Vec<u8>)>);

impl Burst for Frames {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        let (time, bytes) = self.0.get(slot)?;
        let wire_len = u32::try_from(bytes.len()).ok()?;
        Some(Packet { bytes, time: *time, wire_len, link: Some(LinkType::Ethernet) })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % bound
    }
}

/// A few hundred segments, each with up to so many bytes, of five connections that overlap, repeat, get lost and end.
fn traffic(seed: u64, most: u64) -> Vec<(Nanos, Vec<u8>)> {
    let mut random = Random(seed);
    let mut next = [[1_001_u32, 9_001]; 5];
    let mut frames = Vec::new();
    for step in 0..300_u64 {
        let flow = usize::try_from(random.below(5)).unwrap();
        let sender = usize::from(random.below(4) == 0);
        let len = u32::try_from(random.below(most)).unwrap();
        let mut seq = next[flow][sender];
        let ack = next[flow][1 - sender];
        match random.below(12) {
            // Came before, and is another version of it now and then.
            0 => seq = seq.wrapping_sub(u32::try_from(random.below(400)).unwrap()),
            // Something before it is lost.
            1 => seq = seq.wrapping_add(u32::try_from(random.below(300)).unwrap()),
            _ => {}
        }
        let payload: Vec<u8> = (0..len).map(|at| seq.wrapping_add(at).to_le_bytes()[0]).collect();
        let flags = match (step < 15, random.below(80)) {
            (true, _) => TcpFlags::ACK,
            (false, 0) => TcpFlags::RST | TcpFlags::ACK,
            (false, 1) => TcpFlags::FIN | TcpFlags::ACK,
            (false, _) => TcpFlags::PSH | TcpFlags::ACK,
        };
        let ports = [40_000 + u16::try_from(flow).unwrap(), 80];
        let segment = Segment {
            source_port: ports[sender],
            destination_port: ports[1 - sender],
            flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            payload: &payload,
            ..Segment::default()
        };
        let mut bytes = vec![0; 1_200];
        let written = segment.write_frame(&mut bytes).unwrap();
        bytes.truncate(written);
        frames.push((Nanos(1_000_000_000 + step * 1_000_000), bytes));
        next[flow][sender] = next[flow][sender].max(seq.wrapping_add(len));
    }
    frames
}

/// A compiled guest with its configuration.
struct Guest {
    runtime: Runtime,
    module: Module,
    spec: TenantSpec,
}

impl Guest {
    fn new(component: &[u8], words: &[(&str, &str)], lane: LaneChoice) -> Self {
        let runtime =
            Runtime::new(RuntimeOptions { time: TimeLimit::FUEL, lane, ..RuntimeOptions::default() })
                .unwrap();
        let module = Module::load(&runtime, component).unwrap();
        let configuration =
            words.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let spec = TenantSpec { name: "guest".to_owned(), configuration, ..TenantSpec::default() };
        Self { runtime, module, spec }
    }

    /// What it says of frames in bursts of a size, and what the engine counted; how often it was called.
    fn run(&self, frames: &[(Nanos, Vec<u8>)], size: usize) -> (Vec<String>, u64) {
        let output = Said::default();
        let mut guests = Guests::new(&self.runtime, Rc::new(TcpOnly), Box::new(output.clone()));
        let definitions = guests.add(&self.module, &self.spec).unwrap();
        let mut engine = Engine::new(Config::default());
        let tenant = engine.attach(definitions, Grants::ALL).unwrap();
        let mut said = Vec::new();
        for burst in frames.chunks(size) {
            let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut guests);
            said.push(format!("{:?}", engine.verdicts()));
        }
        engine.finish(&mut guests);
        assert!(engine.is_alive(tenant), "{:?}", output.faults.borrow());
        said.extend(output.lines.borrow().iter().cloned());
        said.push(format!("{:?}", engine.counters()));
        (said, guests.statistics(tenant).unwrap().calls)
    }
}

#[test]
fn the_same_middlebox_does_the_same_with_the_burst_form_and_without() {
    for (guest, words, most) in [("byte-reader", &[("mode", "burst")][..], 900), ("events-tour", &[], 30)] {
        let with = shipped(guest);
        let without = without_burst(with.clone());
        let other = Guest::new(&without, words, LaneChoice::Direct);
        for lane in [LaneChoice::Direct, LaneChoice::Component] {
            let one = Guest::new(&with, words, lane);
            for (size, seed) in BURSTS.into_iter().zip(1..) {
                let frames = traffic(seed, most);
                let ((one, calls), (other, other_calls)) = (one.run(&frames, size), other.run(&frames, size));
                for (one, other) in one.iter().zip(&other) {
                    assert_eq!(one, other, "{guest}, seed {seed}, bursts of {size}");
                }
                assert_eq!(one.len(), other.len());
                assert!(size < 7 || calls < other_calls, "{calls} {other_calls}");
            }
        }
    }
}
