//! What monitors that ask for it are told of either side.

use std::collections::BTreeMap;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::flow::RoundTrips;
use sluice_engine::reassembly::Level;
use sluice_engine::tcp::TcpState;
use sluice_engine::view::SideObservables;
use sluice_engine::{Config, Engine, Grants, Nanos, Refusal, Side, View, millis};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

/// What each monitor is told at the end of the flow, by its handler's number.
#[derive(Default)]
struct Told(BTreeMap<u32, [Result<SideObservables, Refusal>; 2]>);

impl Handler for Told {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.0.insert(call.id, Side::BOTH.map(|side| view.observables(side)));
        Ok(0)
    }
}

/// Two monitors of level `level`: number 1 asks for observables, number 2 does not.
fn told(level: Level, frames: Vec<Frame>) -> Told {
    let mut definitions = Definitions::new();
    for number in 0..2 {
        let monitor = definitions.open_stream(None, level).unwrap();
        definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, number + 1).unwrap();
    }
    definitions.observe(0).unwrap();
    assert_eq!(definitions.observe(2), Err(Refusal::BadId));
    let mut engine = Engine::new(Config::default());
    engine.attach(definitions, Grants::NONE).unwrap();
    let mut told = Told::default();
    let _ = engine.receive(Box::new(Frames(frames)), &mut told);
    engine.finish(&mut told);
    balance(&engine).unwrap();
    told
}

/// A segment at so many milliseconds.
fn segment(ms: u64, sender: Side, flags: TcpFlags, numbers: (u32, u32), payload: &[u8]) -> Frame {
    Frame::plain(Nanos(millis(1_000_000 + ms)), sender, flags, numbers, payload).unwrap()
}

/// A handshake whose answers take 30 and 5 ms, both sides with a window scale of 7.
fn handshake() -> Vec<Frame> {
    let scaled = |ms: u64, sender, flags, seq, ack| {
        let segment = Segment {
            flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            window: 500,
            options: &[3, 3, 7, 1],
            ..Segment::default()
        };
        Frame::of(Nanos(millis(1_000_000 + ms)), 0, sender, &segment).unwrap()
    };
    vec![
        scaled(0, Side::Client, TcpFlags::SYN, 1000, 0),
        scaled(30, Side::Server, TcpFlags::SYN | TcpFlags::ACK, 5000, 1001),
        segment(35, Side::Client, TcpFlags::ACK, (1001, 5001), b""),
    ]
}

#[test]
fn round_trips_are_those_of_the_side_that_answers() {
    let mut frames = handshake();
    frames.extend([
        segment(100, Side::Client, TcpFlags::ACK, (1001, 5001), b"0123456789"),
        // Not timed: one is under way.
        segment(120, Side::Client, TcpFlags::ACK, (1011, 5001), b"0123456789"),
        segment(146, Side::Server, TcpFlags::ACK, (5001, 1021), b""),
        // Sent twice: whose ACK it is cannot be known.
        segment(200, Side::Client, TcpFlags::ACK, (1021, 5001), b"0123456789"),
        segment(500, Side::Client, TcpFlags::ACK, (1021, 5001), b"0123456789"),
        segment(530, Side::Server, TcpFlags::ACK, (5001, 1031), b""),
    ]);
    let told = told(Level::State, frames);
    let [client, server] = told.0[&1].map(|side| side.unwrap());
    let server_trips = RoundTrips {
        samples: 2,
        handshake: millis(30),
        latest: millis(46),
        shortest: millis(30),
        // 7/8 of 30 and 1/8 of 46; 3/4 of 15 and 1/4 of 16.
        smoothed: millis(32),
        variation: 15_250_000,
    };
    assert_eq!(server.observables.round_trips, server_trips);
    assert_eq!(
        (client.observables.round_trips.samples, client.observables.round_trips.handshake),
        (1, millis(5))
    );
    assert_eq!((client.observables.packets, client.observables.retransmissions), (6, 1));
    assert_eq!((client.observables.stream_bytes, server.observables.stream_bytes), (30, 0));
    assert_eq!((client.state, server.state), (TcpState::Established, TcpState::Established));
}

#[test]
fn windows_are_scaled_and_holes_and_order_are_told_at_every_level() {
    for level in [Level::State, Level::Count, Level::Full] {
        let mut frames = handshake();
        frames.extend([
            // 10 bytes are missing before these.
            segment(100, Side::Client, TcpFlags::ACK, (1011, 5001), b"0123456789"),
            segment(110, Side::Server, TcpFlags::ACK, (5001, 1021), b""),
        ]);
        let told = told(level, frames);
        let [client, server] = told.0[&1].map(|side| side.unwrap());
        let seen = client.observables;
        assert_eq!((seen.gaps, seen.missed_bytes, seen.out_of_order, seen.retransmissions), (1, 10, 1, 0));
        // The window of a SYN is not scaled, those behind it are.
        assert_eq!(server.window, u32::from(Segment::default().window) << 7);
        assert!(server.window_max >= server.window);
    }
}

#[test]
fn who_did_not_ask_is_told_nothing() {
    let told = told(Level::Full, handshake());
    assert!(told.0[&1].iter().all(Result::is_ok));
    assert_eq!(told.0[&2], [Err(Refusal::NotAllowed); 2]);
}
