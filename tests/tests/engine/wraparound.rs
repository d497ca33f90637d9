//! Sequence numbers that wrap at any point of a stream, and streams longer than the sequence space.

use std::collections::BTreeMap;

use sluice_engine::{Config, Direction, Nanos, Side, millis};
use sluice_tests::{Frame, Frames, SeenFlow, Watcher, balance};
use sluice_wire::{Segment, SeqNumber, TcpFlags};

/// Initial sequence numbers of clients: all of the last so many before the wrap.
const ISNS: u32 = 70_000;

/// Bytes of each stream, so that every one of them wraps.
const STREAM: u32 = 70_100;

/// Bytes of a segment around the wrap: no divisor of anything, so that the wrap falls anywhere in one.
const SIZE: u32 = 7;

/// Bytes before and behind the wrap that are there; the rest is cut off by a snap length.
const AROUND: u32 = 24;

/// Flows of one engine.
const FLOWS: u16 = 1_000;

const SERVER_ISN: u32 = 5_000;

/// The byte that belongs at an offset.
fn byte_at(offset: u64) -> u8 {
    let [low, high, higher, ..] = offset.to_le_bytes();
    low.wrapping_mul(31) ^ high ^ higher
}

fn bytes(from: u64, until: u64) -> Vec<u8> {
    (from..until).map(byte_at).collect()
}

/// A stretch as two: no datagram takes all of it.
fn halves(from: u32, until: u32) -> impl Iterator<Item = (u32, u32)> {
    let middle = from.midpoint(until);
    [(from, middle), (middle, until)].into_iter().filter(|(start, end)| start < end)
}

/// The frames of a flow whose client begins with `isn`: headers up to near the wrap, data around it out of order and
/// some of it twice, headers to the end. The server acknowledges everything on the way.
fn frames(flow: u16, isn: u32, from: u32, until: u32) -> Vec<Frame> {
    let first = isn.wrapping_add(1);
    let (mut frames, mut now) = (Vec::new(), Nanos(millis(u64::from(flow) * 100)));
    let mut send = |sender, flags, seq: u32, ack: u32, payload: &[u8], missing: u32| {
        now = now.after(millis(1));
        let segment =
            Segment { seq: SeqNumber(seq), ack: SeqNumber(ack), flags, payload, ..Segment::default() };
        frames.push(Frame::of(now, flow, sender, &segment).unwrap().with_payload_cut_off(missing).unwrap());
    };
    let (ack, peer) = (TcpFlags::ACK, SERVER_ISN + 1);
    send(Side::Client, TcpFlags::SYN, isn, 0, b"", 0);
    send(Side::Server, TcpFlags::SYN | ack, SERVER_ISN, first, b"", 0);
    send(Side::Client, ack, first, peer, b"", 0);
    for (start, end) in halves(0, from) {
        send(Side::Client, ack, first.wrapping_add(start), peer, b"", end - start);
        send(Side::Server, ack, peer, first.wrapping_add(end), b"", 0);
    }
    let mut starts: Vec<u32> = (from..until).step_by(usize::try_from(SIZE).unwrap()).collect();
    starts.swap(0, 1);
    starts.swap(2, 4);
    starts.push(starts[3]);
    for start in starts {
        let payload = bytes(u64::from(start), u64::from((start + SIZE).min(until)));
        send(Side::Client, ack, first.wrapping_add(start), peer, &payload, 0);
    }
    send(Side::Server, ack, peer, first.wrapping_add(until), b"", 0);
    for (start, end) in halves(until, STREAM) {
        send(Side::Client, ack, first.wrapping_add(start), peer, b"", end - start);
    }
    send(Side::Client, TcpFlags::FIN | ack, first.wrapping_add(STREAM), peer, b"", 0);
    send(Side::Server, ack, peer, first.wrapping_add(STREAM + 1), b"", 0);
    frames
}

fn run(frames: Vec<Frame>) -> BTreeMap<u32, SeenFlow> {
    let mut engine = Watcher::engine(Config::default()).unwrap();
    let mut watcher = Watcher::default();
    let _ = engine.receive(Box::new(Frames(frames)), &mut watcher);
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(watcher.problems, Vec::<String>::new());
    assert_eq!(engine.counters().packets.refused.iter().sum::<u64>(), 0);
    watcher.flows.into_values().map(|flow| (flow.ports().unwrap(), flow)).collect()
}

#[test]
fn sequence_numbers_may_wrap_at_every_point_of_a_stream() {
    let mut isns = (0..ISNS).map(|distance| u32::MAX - distance).peekable();
    while isns.peek().is_some() {
        let batch: Vec<(u16, u32)> = (0..FLOWS).zip(isns.by_ref()).collect();
        // Behind how many bytes of the stream the wrap lies.
        let around = |isn: u32| {
            let wrap = isn.wrapping_neg().saturating_sub(1);
            (wrap.saturating_sub(AROUND), (wrap + AROUND).max(2 * AROUND))
        };
        let all = batch.iter().flat_map(|(flow, isn)| {
            let (from, until) = around(*isn);
            frames(*flow, *isn, from, until)
        });
        let told = run(all.collect());
        assert_eq!(told.len(), batch.len());
        for ((_, isn), flow) in batch.iter().zip(told.values()) {
            let (from, until) = around(*isn);
            let stream = flow.stream(Direction::ToServer);
            assert_eq!(stream.bytes, bytes(from.into(), until.into()), "{isn}");
            let cut = halves(0, from).chain(halves(until, STREAM));
            let gaps: Vec<(u64, u64)> =
                cut.map(|(start, end)| (u64::from(start), u64::from(end - start))).collect();
            assert_eq!((&stream.gaps, stream.next), (&gaps, u64::from(STREAM)), "{isn}");
            assert_eq!(stream.conflicts, []);
        }
    }
}

#[test]
fn a_whole_stream_is_read_across_the_wrap() {
    for isn in (0..ISNS).step_by(6_997).map(|distance| u32::MAX - distance) {
        let told = run(frames(0, isn, 0, STREAM));
        let stream = told.values().next().unwrap().stream(Direction::ToServer);
        assert!(stream.bytes == bytes(0, STREAM.into()), "{isn}");
        assert_eq!((stream.gaps.len(), stream.next), (0, u64::from(STREAM)));
    }
}

/// Bytes from one piece of data to the next.
const STRIDE: u64 = 400 << 20;

/// Pieces of data: the last one lies behind 16 GiB.
const PIECES: u64 = 42;

#[test]
fn a_stream_of_sixteen_gibibytes_keeps_its_places() {
    // The widest window there is: 65,535 times 2^14.
    let scale = [1, 3, 3, 14];
    let isn = u32::MAX - 1_000;
    let seq = |offset: u64| isn.wrapping_add(1).wrapping_add(u32::try_from(offset & 0xffff_ffff).unwrap());
    let mut frames = Vec::new();
    let mut send = |at: u64, sender, flags, numbers: (u32, u32), options: &[u8], payload: &[u8]| {
        let (seq, ack) = (SeqNumber(numbers.0), SeqNumber(numbers.1));
        let segment = Segment { seq, ack, flags, options, payload, ..Segment::default() };
        frames.push(Frame::of(Nanos(millis(at)), 0, sender, &segment).unwrap());
    };
    let peer = SERVER_ISN + 1;
    send(0, Side::Client, TcpFlags::SYN, (isn, 0), &scale, b"");
    send(1, Side::Server, TcpFlags::SYN | TcpFlags::ACK, (SERVER_ISN, seq(0)), &scale, b"");
    send(2, Side::Client, TcpFlags::ACK, (seq(0), peer), &[], b"");
    for piece in 0..PIECES {
        let (offset, at) = (piece * STRIDE, 1_000 * (piece + 1));
        // Its end comes first; then the receiver acknowledges what nobody saw.
        let halves = [(offset + 50, offset + 100), (offset, offset + 50)];
        for ((from, until), later) in halves.into_iter().zip(0..) {
            send(at + later, Side::Client, TcpFlags::ACK, (seq(from), peer), &[], &bytes(from, until));
        }
        send(at + 2, Side::Server, TcpFlags::ACK, (peer, seq(offset + 100)), &[], b"");
    }
    let told = run(frames);
    let stream = told.values().next().unwrap().stream(Direction::ToServer);
    let gaps: Vec<(u64, u64)> = (1..PIECES).map(|piece| ((piece - 1) * STRIDE + 100, STRIDE - 100)).collect();
    assert_eq!(stream.gaps, gaps);
    assert_eq!(stream.next, (PIECES - 1) * STRIDE + 100);
    assert!(stream.next > 16 << 30);
    for (piece, (offset, read)) in (0..PIECES).zip(stream.pieces()) {
        assert_eq!((offset, read), (piece * STRIDE, &*bytes(piece * STRIDE, piece * STRIDE + 100)));
    }
}
