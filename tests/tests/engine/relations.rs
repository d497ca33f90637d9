//! Three segments in every relation that three intervals can have (Allen, "Maintaining knowledge about temporal
//! intervals", 1983: 13 relations of two, 409 consistent triplets of three), in order and behind a hole, under every
//! policy: read and told as a model says that knows bytes only.

use std::collections::{BTreeMap, BTreeSet};

use sluice_engine::reassembly::OverlapPolicy;
use sluice_engine::{Config, Direction, Nanos, Side};
use sluice_tests::{Frame, Frames, SeenStream, TwoVersions, Watcher, balance};
use sluice_wire::TcpFlags;

/// Consistent triplets of Allen's relations: of the second to the first, the third to the first, the third to the
/// second.
const TRIPLETS: usize = 409;

/// Bytes between neighbouring ends of intervals.
const UNIT: usize = 3;

/// Bytes before the three segments: the hole, or what came in order.
const LEAD: usize = 4;

const CLIENT_ISN: u32 = u32::MAX - 15;
const SERVER_ISN: u32 = 9_000;

/// From where to where, the end excluded.
type Interval = (usize, usize);

/// How ends are ordered: what tells Allen's 13 relations apart.
fn relation(one: Interval, other: Interval) -> [std::cmp::Ordering; 4] {
    [one.0.cmp(&other.0), one.0.cmp(&other.1), one.1.cmp(&other.0), one.1.cmp(&other.1)]
}

/// Three intervals for each way in which their six ends can be ordered.
fn triplets() -> Vec<[Interval; 3]> {
    let intervals: Vec<Interval> = (0..6).flat_map(|end| (0..end).map(move |begin| (begin, end))).collect();
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for first in &intervals {
        for second in &intervals {
            for third in &intervals {
                let relations =
                    (relation(*second, *first), relation(*third, *first), relation(*third, *second));
                if seen.insert(relations) {
                    found.push([*first, *second, *third]);
                }
            }
        }
    }
    found
}

/// A byte that waits, and the segment that it counts for: where that begins and ends.
type Waiting = (u8, usize, usize);

/// A receiver that knows bytes only. In Linux' way of reading, segments lie apart from the bytes that they show.
#[derive(Default)]
struct Model {
    read: Vec<u8>,
    waiting: BTreeMap<usize, Waiting>,
    /// Of Linux: begin and bytes, the oldest first, which is the way down the kernel's tree as long as it is small.
    buffers: Vec<(usize, Vec<u8>)>,
}

impl Model {
    fn byte(&self, place: usize) -> Option<u8> {
        let holds = |(begin, bytes): &&(usize, Vec<u8>)| (*begin..begin + bytes.len()).contains(&place);
        let buffer = self.buffers.iter().filter(holds).min_by_key(|(begin, _)| *begin);
        let waiting = self.waiting.get(&place).map(|(byte, ..)| *byte);
        self.read.get(place).copied().or(waiting).or(buffer.map(|(begin, bytes)| bytes[place - begin]))
    }

    fn arrive(&mut self, policy: OverlapPolicy, begin: usize, bytes: &[u8]) {
        let (old, end) = (self.read.len().saturating_sub(begin).min(bytes.len()), begin + bytes.len());
        let (begin, bytes) = (begin + old, &bytes[old..]);
        match policy {
            OverlapPolicy::Linux if begin == self.read.len() => self.read.extend(bytes),
            OverlapPolicy::Linux => self.queue(begin, bytes),
            OverlapPolicy::First
            | OverlapPolicy::Last
            | OverlapPolicy::Bsd
            | OverlapPolicy::Windows
            | OverlapPolicy::Solaris => self.place(policy, begin, end, bytes),
        }
        while let Some(byte) = self.byte(self.read.len()) {
            self.waiting.remove(&self.read.len());
            self.read.push(byte);
        }
        self.buffers.retain(|(begin, bytes)| begin + bytes.len() > self.read.len());
    }

    /// Byte by byte: whose copy counts, by where the two segments begin and end.
    fn place(&mut self, policy: OverlapPolicy, begin: usize, end: usize, bytes: &[u8]) {
        let keeps = |(_, from, until): &Waiting| match policy {
            OverlapPolicy::First => true,
            OverlapPolicy::Last | OverlapPolicy::Linux => false,
            OverlapPolicy::Bsd | OverlapPolicy::Windows => *from <= begin,
            OverlapPolicy::Solaris => *until > end || *until == end && *from < begin,
        };
        let kept: Vec<usize> = (begin..end).filter(|at| self.waiting.get(at).is_some_and(keeps)).collect();
        let mine: Vec<usize> = (begin..end).filter(|at| !kept.contains(at)).collect();
        let (Some(first), Some(last)) = (mine.first(), mine.last()) else { return };
        let ends = (*first, last + 1);
        for at in &mine {
            self.waiting.insert(*at, (bytes[at - begin], ends.0, ends.1));
        }
        for (at, (_, from, until)) in self.waiting.iter_mut().filter(|(at, _)| !mine.contains(at)) {
            // What was cut begins and ends where it was cut.
            if *at >= ends.1 && *from < ends.1 && *until > ends.1 {
                *from = ends.1;
            } else if *at < ends.0 && *until > ends.0 {
                *until = ends.0;
            }
        }
    }

    /// The queue of Linux: dropped within another, joined behind another, else in place of what it covers.
    fn queue(&mut self, begin: usize, bytes: &[u8]) {
        let (end, mut low, mut high) = (begin + bytes.len(), 0, usize::MAX);
        for (from, known) in &mut self.buffers {
            let until = *from + known.len();
            match *from {
                // On another branch of the tree.
                from if from < low || from > high => {}
                from if begin < from => high = from,
                _ if begin == until => return known.extend(bytes),
                _ if end <= until => return,
                from => low = from,
            }
        }
        self.buffers.retain(|(from, known)| *from < begin || from + known.len() > end);
        self.buffers.push((begin, bytes.to_vec()));
    }

    /// What a segment says otherwise than what is known, from the first to the last byte that differs.
    fn conflict(&self, begin: usize, bytes: &[u8]) -> Option<TwoVersions> {
        let differs = |at: &usize| self.byte(begin + at).is_some_and(|known| known != bytes[*at]);
        let places: Vec<usize> = (0..bytes.len()).filter(differs).collect();
        let (first, last) = (*places.first()?, *places.last()?);
        Some(TwoVersions {
            offset: (begin + first) as u64,
            held: (first..=last).map(|at| self.byte(begin + at)).collect(),
            came: bytes[first..=last].to_vec(),
        })
    }
}

/// What an engine with the policy tells of segments of the client.
fn told(policy: OverlapPolicy, segments: &[(usize, Vec<u8>)]) -> SeenStream {
    let mut frames = Frame::handshake(Nanos(0), CLIENT_ISN, SERVER_ISN).unwrap();
    for ((begin, bytes), number) in segments.iter().zip(1u64..) {
        let seq = CLIENT_ISN.wrapping_add(1).wrapping_add(u32::try_from(*begin).unwrap());
        let numbers = (seq, SERVER_ISN + 1);
        let time = Nanos(10_000_000 * number);
        frames.push(Frame::plain(time, Side::Client, TcpFlags::ACK, numbers, bytes).unwrap());
    }
    let overlap = [policy, OverlapPolicy::First];
    let mut engine = Watcher::engine(Config { overlap, ..Config::default() }).unwrap();
    let mut watcher = Watcher::default();
    let _ = engine.receive(Box::new(Frames(frames)), &mut watcher);
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(watcher.problems, Vec::<String>::new());
    watcher.only().unwrap().stream(Direction::ToServer).clone()
}

/// Compares the engine with the model; gives how many conflicts there were.
fn compare(policy: OverlapPolicy, segments: &[(usize, Vec<u8>)]) -> usize {
    let (mut model, mut conflicts) = (Model::default(), Vec::new());
    for (begin, bytes) in segments {
        conflicts.extend(model.conflict(*begin, bytes));
        model.arrive(policy, *begin, bytes);
    }
    let end = segments.iter().map(|(begin, bytes)| begin + bytes.len()).max().unwrap();
    let wanted: Vec<Option<u8>> = (0..end).map(|place| model.byte(place)).collect();
    let told = told(policy, segments);
    let mut read = vec![None; end];
    for (offset, piece) in told.pieces() {
        for (place, byte) in (usize::try_from(offset).unwrap()..).zip(piece) {
            read[place] = Some(*byte);
        }
    }
    assert_eq!(read, wanted, "{policy:?}: {segments:?}");
    assert_eq!(told.next, end as u64, "{policy:?}: {segments:?}");
    assert_eq!(told.conflicts, conflicts, "{policy:?}: {segments:?}");
    conflicts.len()
}

/// The three segments as bytes, `letters` each, behind what leads; in order it comes first, behind a hole last.
fn segments(triplet: [Interval; 3], letters: [u8; 3], is_behind_a_hole: bool) -> Vec<(usize, Vec<u8>)> {
    let segment =
        |((begin, end), letter): (Interval, u8)| (LEAD + begin * UNIT, vec![letter; (end - begin) * UNIT]);
    let mut segments: Vec<(usize, Vec<u8>)> = triplet.into_iter().zip(letters).map(segment).collect();
    segments.insert(if is_behind_a_hole { 3 } else { 0 }, (0, vec![b'0'; LEAD]));
    segments
}

#[test]
fn three_segments_in_every_relation_are_read_as_the_model_reads_them() {
    let triplets = triplets();
    assert_eq!(triplets.len(), TRIPLETS);
    let (mut conflicts, mut equal) = (0, 0);
    for triplet in triplets {
        for policy in OverlapPolicy::ALL {
            for is_behind_a_hole in [false, true] {
                conflicts += compare(policy, &segments(triplet, *b"XYZ", is_behind_a_hole));
                equal += compare(policy, &segments(triplet, *b"EEE", is_behind_a_hole));
            }
        }
    }
    assert!(conflicts > TRIPLETS * OverlapPolicy::ALL.len(), "{conflicts}");
    assert_eq!(equal, 0, "equal bytes are no conflict");
}
