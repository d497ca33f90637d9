//! Clocks of captures that jump: what was silent for too long ends when it was due and not before, nothing else ends,
//! and no time goes back or overflows.

use sluice_engine::event::{EventCall, EventKind};
use sluice_engine::flow::EndReason;
use sluice_engine::limits::Timeouts;
use sluice_engine::{Config, Direction, Engine, Nanos, Side, millis, seconds};
use sluice_tests::{Frame, Frames, Watcher, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

const DAY: u64 = 86_400 * 1_000_000_000;

/// When the conversations begin: 2024.
const START: u64 = 1_710_000_000 * 1_000_000_000;

/// 2106-02-07, where 32 bits of seconds end.
const YEAR_2106: u64 = (1 << 32) * 1_000_000_000;

/// Flows of a conversation.
const FLOWS: u16 = 50;

const CLIENT_ISN: u32 = 100;
const SERVER_ISN: u32 = 900;

/// Bytes of the client in a segment.
const HELLO: &[u8] = b"hello";

fn frame(at: u64, flow: u16, sender: Side, flags: TcpFlags, numbers: (u32, u32), payload: &[u8]) -> Frame {
    let (seq, ack) = (SeqNumber(numbers.0), SeqNumber(numbers.1));
    let segment = Segment { seq, ack, flags, payload, ..Segment::default() };
    Frame::of(Nanos(at), flow, sender, &segment).unwrap()
}

/// Handshakes of all flows, one a millisecond; every fifth stays half open.
fn openings() -> Vec<Frame> {
    let syn_ack = TcpFlags::SYN | TcpFlags::ACK;
    let mut frames = Vec::new();
    for flow in 0..FLOWS {
        let at = START + millis(u64::from(flow));
        frames.push(frame(at, flow, Side::Client, TcpFlags::SYN, (CLIENT_ISN, 0), b""));
        if !is_half_open(flow) {
            frames.push(frame(at, flow, Side::Server, syn_ack, (SERVER_ISN, CLIENT_ISN + 1), b""));
            frames.push(hello(at, flow, 0));
        }
    }
    frames
}

const fn is_half_open(flow: u16) -> bool {
    flow.is_multiple_of(5)
}

/// The client's segment number `number`, which is its handshake's ACK too.
fn hello(at: u64, flow: u16, number: u32) -> Frame {
    let seq = CLIENT_ISN + 1 + number * 5;
    frame(at, flow, Side::Client, TcpFlags::ACK, (seq, SERVER_ISN + 1), HELLO)
}

struct Run {
    engine: Engine,
    watcher: Watcher,
}

impl Run {
    fn begin() -> Self {
        let mut run =
            Self { engine: Watcher::engine(Config::default()).unwrap(), watcher: Watcher::default() };
        run.receive(openings());
        run
    }

    fn receive(&mut self, frames: Vec<Frame>) {
        let before = self.engine.now();
        let _ = self.engine.receive(Box::new(Frames(frames)), &mut self.watcher);
        balance(&self.engine).unwrap();
        assert!(self.engine.now() >= before, "time goes back");
        assert_eq!(self.watcher.problems, Vec::<String>::new());
    }

    /// Flows that have ended for a reason.
    fn ended(&self, reason: EndReason) -> Vec<&EventCall> {
        let calls = self.watcher.flows.values().filter_map(|flow| flow.trace.last());
        calls
            .filter(|call| {
                call.event_kind() == Some(EventKind::ConnEnd) && call.place().reason() == reason.number()
            })
            .collect()
    }

    fn finish(mut self) {
        self.engine.finish(&mut self.watcher);
        balance(&self.engine).unwrap();
        assert_eq!(self.engine.budget().used(), 0);
        assert!(self.watcher.flows.values().all(|flow| flow.has_ended));
        assert_eq!(self.watcher.problems, Vec::<String>::new());
    }
}

/// Flows that are established.
fn established() -> impl Iterator<Item = u16> {
    (0..FLOWS).filter(|flow| !is_half_open(*flow))
}

#[test]
fn a_clock_that_jumps_back_or_stands_still_ends_nothing_and_loses_nothing() {
    for at in [START - DAY, 0, START - 1, START, START + millis(u64::from(FLOWS))] {
        let mut run = Run::begin();
        run.receive(established().map(|flow| hello(at, flow, 1)).collect());
        run.receive(established().map(|flow| hello(at, flow, 2)).collect());
        assert_eq!(run.engine.flows(), usize::from(FLOWS), "{at}");
        assert_eq!(run.ended(EndReason::Timeout).len(), 0);
        for flow in established() {
            let told = run
                .watcher
                .flows
                .values()
                .find(|seen| seen.ports() == Some((40_000 + u32::from(flow)) << 16 | 80));
            assert_eq!(told.unwrap().stream(Direction::ToServer).bytes, HELLO.repeat(3), "{at}");
        }
        run.finish();
    }
}

#[test]
fn a_clock_that_jumps_ahead_ends_what_was_silent_too_long_when_it_was_due() {
    let timeouts = Timeouts::default();
    let last = START + millis(u64::from(FLOWS));
    let jumps = [
        (last + timeouts.syn_sent - millis(u64::from(FLOWS)) - 1, 0),
        // The first half-open one was due, the others are not: the wheel turns by a millisecond.
        (START + timeouts.syn_sent + millis(2), 1),
        (last + timeouts.syn_sent + millis(2), 10),
        (START + timeouts.established - 1, 10),
        (last + timeouts.established + millis(2), usize::from(FLOWS)),
        (last + DAY, usize::from(FLOWS)),
        (YEAR_2106, usize::from(FLOWS)),
        (u64::MAX - 1, usize::from(FLOWS)),
        (u64::MAX, usize::from(FLOWS)),
    ];
    for (at, ended) in jumps {
        let mut run = Run::begin();
        // A flow of its own brings the time.
        run.receive(vec![frame(at, FLOWS, Side::Client, TcpFlags::SYN, (1, 0), b"")]);
        let over = run.ended(EndReason::Timeout);
        assert_eq!(over.len(), ended, "{at}");
        for call in &over {
            let flow = u16::try_from((call.ports >> 16) - 40_000).unwrap();
            let patience = if is_half_open(flow) { timeouts.syn_sent } else { timeouts.established };
            assert_eq!(call.time, START + millis(u64::from(flow)) + patience, "stamped with the deadline");
        }
        run.finish();
    }
}

#[test]
fn a_clock_that_jumps_ahead_and_back_goes_on_without_going_back() {
    for at in [START + DAY, YEAR_2106, u64::MAX] {
        let mut run = Run::begin();
        run.receive(vec![hello(at, 1, 1)]);
        // A connection of the old time, begun after the jump: it is followed as any other.
        let next = START + seconds(10);
        let port = FLOWS + 1;
        run.receive(vec![
            frame(next, port, Side::Client, TcpFlags::SYN, (CLIENT_ISN, 0), b""),
            frame(
                next + 1,
                port,
                Side::Server,
                TcpFlags::SYN | TcpFlags::ACK,
                (SERVER_ISN, CLIENT_ISN + 1),
                b"",
            ),
            hello(next + 2, port, 0),
            hello(next + 3, port, 2),
            hello(next + 4, port, 1),
            frame(
                next + 5,
                port,
                Side::Client,
                TcpFlags::FIN | TcpFlags::ACK,
                (CLIENT_ISN + 16, SERVER_ISN + 1),
                b"",
            ),
            frame(
                next + 6,
                port,
                Side::Server,
                TcpFlags::FIN | TcpFlags::ACK,
                (SERVER_ISN + 1, CLIENT_ISN + 17),
                b"",
            ),
            frame(next + 7, port, Side::Client, TcpFlags::ACK, (CLIENT_ISN + 17, SERVER_ISN + 2), b""),
        ]);
        assert_eq!(run.engine.now(), Nanos(at), "time stands until the capture has caught up");
        let told = run
            .watcher
            .flows
            .values()
            .find(|seen| seen.ports() == Some((40_000 + u32::from(port)) << 16 | 80));
        let told = told.unwrap();
        assert_eq!(told.stream(Direction::ToServer).bytes, HELLO.repeat(3));
        assert!(told.has_ended);
        assert_eq!(run.ended(EndReason::Closed).len(), 1);
        run.finish();
    }
}

#[test]
fn a_hole_that_was_acknowledged_is_given_up_after_its_grace_of_packet_time_whatever_the_clock_does() {
    let grace = Timeouts::default().gap_grace;
    let acknowledged = START + seconds(1);
    // When the next packet comes, and when the gap is told: at its deadline, or at the end of input.
    let cases = [
        (acknowledged - DAY, acknowledged),
        (acknowledged, acknowledged),
        (acknowledged + grace - 1, acknowledged + grace - 1),
        (acknowledged + grace, acknowledged + grace),
        (acknowledged + seconds(100), acknowledged + grace),
        (YEAR_2106, acknowledged + grace),
        (u64::MAX, acknowledged + grace),
    ];
    for (next, told_at) in cases {
        let mut run = Run::begin();
        let mut ack =
            frame(acknowledged, 1, Side::Server, TcpFlags::ACK, (SERVER_ISN + 1, CLIENT_ISN + 16), b"");
        ack.time = Nanos(acknowledged);
        run.receive(vec![hello(acknowledged, 1, 2), ack]);
        run.receive(vec![frame(next, 2, Side::Client, TcpFlags::ACK, (CLIENT_ISN + 6, SERVER_ISN + 1), b"")]);
        run.engine.finish(&mut run.watcher);
        let flow = run.watcher.flows.values().find(|seen| seen.ports() == Some(40_001 << 16 | 80)).unwrap();
        let gap = flow.trace.iter().find(|call| call.event_kind() == Some(EventKind::Gap)).unwrap();
        assert_eq!((gap.offset, gap.length, gap.time), (5, 5, told_at), "{next}");
        assert_eq!(flow.stream(Direction::ToServer).bytes, HELLO.repeat(2));
        run.finish();
    }
}
