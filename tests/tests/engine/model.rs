//! Streams against a naive model: whatever the cut, order and repetition, readers get the copy of each byte that the
//! policy wants and are told of every byte that is missing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::limits::Limits;
use sluice_engine::reassembly::{Budget, Level, OverlapPolicy, Payload, Step, Stream};
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, View, millis};
use sluice_tests::{Frame, Frames, balance, cases};
use sluice_wire::{IpAddress, LinkType, Segment, SeqNumber, TcpFlags};

use super::host::Host;

/// Cases of each property.
const CASES: u32 = 10_000;

/// Monitors of a run; each reads at a pace of its own.
const PACES: [Pace; 3] = [Pace::Whole, Pace::Pieces(3), Pace::AtTheEnd];

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// All that there is, each time.
    Whole,
    /// So many bytes at each event, the rest at the end.
    Pieces(u32),
    /// Nothing before the end.
    AtTheEnd,
}

/// A segment of the client.
#[derive(Clone, Debug)]
struct Piece {
    start: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Conversation {
    policy: OverlapPolicy,
    isn: u32,
    len: usize,
    pieces: Vec<Piece>,
    bursts: usize,
    /// After which piece the server acknowledges how much, ascending.
    acks: Vec<(usize, usize)>,
    /// Milliseconds between pieces.
    step: u64,
}

/// The byte that belongs at an offset of the stream.
fn byte_at(offset: usize) -> u8 {
    let [low, high, ..] = offset.to_le_bytes();
    low.wrapping_mul(31) ^ high
}

/// Cuts of a stream in any order, some of them lost, some repeated, some overlapping; in `altered` ones a byte differs.
fn conversation(altered: bool) -> impl Strategy<Value = Conversation> {
    let isn = prop_oneof![any::<u32>(), (0u32..400).prop_map(|near| u32::MAX - near)];
    let policy = prop::sample::select(OverlapPolicy::ALL.to_vec());
    (policy, isn, 1usize..400, 1usize..9).prop_flat_map(move |(policy, isn, len, bursts)| {
        let change = if altered { (0u32..3, any::<u8>()).boxed() } else { Just((0, 0)).boxed() };
        let piece = (0..len, 1usize..60, change).prop_map(move |(start, size, (count, mask))| {
            let end = (start + size).min(len);
            let mut bytes: Vec<u8> = (start..end).map(byte_at).collect();
            for index in 0..usize::try_from(count).unwrap().min(bytes.len()) {
                let place = (usize::from(mask) * 7 + index * 5) % bytes.len();
                bytes[place] ^= mask | 1;
            }
            Piece { start, bytes }
        });
        proptest::collection::vec(piece, 1..40).prop_map(move |pieces| Conversation {
            policy,
            isn,
            len,
            pieces,
            bursts,
            acks: Vec::new(),
            step: 1,
        })
    })
}

/// As above, with a server that acknowledges bytes whether they were seen or not, so that holes are given up on the
/// way.
fn acknowledged_conversation() -> impl Strategy<Value = Conversation> {
    let acks = proptest::collection::vec((0usize..40, 0usize..500), 0..10);
    (conversation(false), acks, 1u64..200).prop_map(|(conversation, mut acks, step)| {
        acks.sort_unstable();
        Conversation { acks, step, ..conversation }
    })
}

/// What one monitor saw.
#[derive(Debug, Default)]
struct Seen {
    bytes: BTreeMap<u64, u8>,
    position: u64,
    gaps: Vec<(u64, u64)>,
    conflicts: Vec<(u64, u64)>,
}

#[derive(Debug, Default)]
struct Readers {
    seen: [Seen; PACES.len()],
    problems: Vec<String>,
}

impl Readers {
    fn read(&mut self, reader: usize, max: u32, view: &mut View) -> usize {
        let at = view.buffer_info(Direction::ToServer).unwrap().position;
        let mut bytes = Vec::new();
        if let Err(error) = view.peek(Direction::ToServer, max, &mut bytes) {
            self.problems.push(format!("reader {reader} at {at}: {error}"));
        }
        let seen = &mut self.seen[reader];
        if at < seen.position {
            self.problems.push(format!("reader {reader} goes back from {} to {at}", seen.position));
        }
        for (offset, byte) in (at..).zip(&bytes) {
            if seen.bytes.insert(offset, *byte).is_some() {
                self.problems.push(format!("reader {reader} reads {offset} twice"));
            }
        }
        seen.position = at + bytes.len() as u64;
        bytes.len()
    }
}

impl Handler for Readers {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let reader = usize::try_from(call.id).unwrap();
        let range = (call.offset, call.offset + u64::from(call.length));
        match (call.event_kind(), PACES[reader]) {
            (Some(EventKind::NewData), Pace::Whole) => drop(self.read(reader, u32::MAX, view)),
            (Some(EventKind::NewData), Pace::Pieces(size)) => drop(self.read(reader, size, view)),
            (Some(EventKind::ConnEnd), _) => while self.read(reader, 7, view) > 0 {},
            (Some(EventKind::Gap), _) => self.seen[reader].gaps.push(range),
            (Some(EventKind::Conflict), _) => self.seen[reader].conflicts.push(range),
            _ => {}
        }
        Ok(0)
    }
}

fn frame(millis_at: u64, is_client: bool, flags: TcpFlags, seq: u32, ack: u32, payload: &[u8]) -> Frame {
    let client = (IpAddress::v4([192, 0, 2, 1]), 40_000);
    let server = (IpAddress::v4([192, 0, 2, 2]), 80);
    let (source, destination) = if is_client { (client, server) } else { (server, client) };
    let segment = Segment {
        source: source.0,
        source_port: source.1,
        destination: destination.0,
        destination_port: destination.1,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags,
        payload,
        ..Segment::default()
    };
    let mut bytes = vec![0; 1000];
    let len = segment.write_frame(&mut bytes).unwrap();
    bytes.truncate(len);
    Frame {
        time: Nanos(millis(millis_at)),
        bytes,
        wire_len: u32::try_from(len).unwrap(),
        link: Some(LinkType::Ethernet),
    }
}

fn run(conversation: &Conversation) -> Readers {
    let overlap = [conversation.policy, OverlapPolicy::First];
    let mut engine = Engine::new(Config { overlap, ..Config::default() });
    for reader in 0..PACES.len() {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        for kind in [EventKind::NewData, EventKind::Gap, EventKind::Conflict] {
            let number = u32::try_from(reader).unwrap();
            definitions.register(monitor, kind.number(), Hook::Receiver, number).unwrap();
        }
        let number = u32::try_from(reader).unwrap();
        definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, number).unwrap();
        engine.attach(definitions, Grants::NONE).unwrap();
    }
    let first = conversation.isn.wrapping_add(1);
    let mut frames = vec![
        frame(0, true, TcpFlags::SYN, conversation.isn, 0, b""),
        frame(1, false, TcpFlags::SYN | TcpFlags::ACK, 7000, first, b""),
        frame(2, true, TcpFlags::ACK, first, 7001, b""),
    ];
    for (number, piece) in conversation.pieces.iter().enumerate() {
        let at = 3 + number as u64 * conversation.step;
        let seq = first.wrapping_add(u32::try_from(piece.start).unwrap());
        frames.push(frame(at, true, TcpFlags::PSH | TcpFlags::ACK, seq, 7001, &piece.bytes));
        for (_, len) in conversation.acks.iter().filter(|(after, _)| *after == number) {
            let ack = first.wrapping_add(u32::try_from(*len).unwrap());
            frames.push(frame(at, false, TcpFlags::ACK, 7001, ack, b""));
        }
    }
    let mut readers = Readers::default();
    for burst in frames.chunks(conversation.bursts) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut readers);
        balance(&engine).unwrap();
    }
    engine.finish(&mut readers);
    balance(&engine).unwrap();
    assert_eq!(engine.budget().used(), 0);
    let counters = engine.counters();
    assert_eq!(counters.bytes.delivered, readers.seen[0].bytes.len() as u64);
    readers
}

/// What is read of each byte, and where copies differ from what was there, piece by piece.
type Modelled = (Vec<Option<u8>>, Vec<(u64, u64)>);

/// What the model makes of a conversation, if it knows.
fn model(conversation: &Conversation) -> Option<Modelled> {
    let mut host = Host::new(conversation.policy);
    let mut conflicts = Vec::new();
    for piece in &conversation.pieces {
        conflicts.extend(host.conflict(piece.start, &piece.bytes));
        host.arrive(piece.start, &piece.bytes);
    }
    let mut stream: Vec<Option<u8>> = (0..conversation.len).map(|place| host.byte(place)).collect();
    let seen = stream.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    stream.truncate(seen);
    (!host.is_unsure()).then_some((stream, conflicts))
}

fn check(conversation: &Conversation) {
    let readers = run(conversation);
    let Some((stream, conflicts)) = model(conversation) else { return };
    assert_eq!(readers.problems, Vec::<String>::new());
    for seen in &readers.seen {
        let mut told: Vec<Option<u8>> = vec![None; stream.len()];
        for (offset, byte) in &seen.bytes {
            told[usize::try_from(*offset).unwrap()] = Some(*byte);
        }
        assert_eq!(told, stream);
        let mut missing = vec![false; stream.len()];
        for (start, end) in &seen.gaps {
            for place in *start..*end {
                let was_told = std::mem::replace(&mut missing[usize::try_from(place).unwrap()], true);
                assert!(!was_told, "a byte is in two gaps");
            }
        }
        let lost: Vec<bool> = stream.iter().map(Option::is_none).collect();
        assert_eq!(missing, lost);
        assert!(seen.gaps.is_sorted(), "gaps come in the order of the stream");
        assert_eq!(seen.conflicts, conflicts);
    }
}

/// Holes may be given up before their bytes come: what is read is right, and the rest is in a gap.
fn check_acknowledged(conversation: &Conversation) {
    let readers = run(conversation);
    let Some((stream, _)) = model(conversation) else { return };
    assert_eq!(readers.problems, Vec::<String>::new());
    for seen in &readers.seen {
        assert_eq!(seen.gaps, readers.seen[0].gaps);
        assert_eq!(seen.bytes, readers.seen[0].bytes);
        let mut next = 0;
        for (start, end) in &seen.gaps {
            assert!(seen.bytes.range(next..*start).map(|(offset, _)| *offset).eq(next..*start));
            next = *end;
        }
        assert!(seen.bytes.range(next..).map(|(offset, _)| *offset).eq(next..seen.position.max(next)));
        for (offset, byte) in &seen.bytes {
            assert_eq!(stream[usize::try_from(*offset).unwrap()], Some(*byte));
        }
        assert!(next.max(seen.position) >= stream.len() as u64, "all that was seen is told or in a gap");
    }
}

fn hold(strategy: impl Strategy<Value = Conversation>, check: fn(&Conversation)) {
    let cases = Cases { cases: cases(CASES), failure_persistence: None, ..Cases::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(cases, random);
    let result = runner.run(&strategy, |conversation| {
        check(&conversation);
        Ok(())
    });
    assert_eq!(result.map_err(|error| error.to_string()), Ok(()));
}

#[test]
fn any_cut_order_and_repetition_reads_back_as_the_stream() {
    hold(conversation(false), check);
}

#[test]
fn the_copy_that_the_policy_wants_wins_and_every_other_is_reported() {
    hold(conversation(true), check);
}

#[test]
fn a_receiver_that_acknowledges_what_was_lost_changes_no_byte() {
    hold(acknowledged_conversation(), check_acknowledged);
}

#[test]
fn offsets_go_on_past_four_gibibytes() {
    let mut stream = Stream::default();
    stream.level = Level::Full;
    stream.anchor(SeqNumber(u32::MAX - 5));
    let (limits, mut budget) = (Limits::default(), Budget::new(1 << 20));
    let mut next = 0u64;
    // Headers-only segments of 1 GiB: 20 of them go around the sequence space five times.
    for _ in 0..20 {
        let offset =
            stream.offset_of(SeqNumber(u32::MAX - 5).add(u32::try_from(next & 0xffff_ffff).unwrap()));
        assert_eq!(offset, i64::try_from(next).unwrap());
        let accepted =
            stream.accept(Payload { offset, bytes: b"ab", wire_len: 1 << 30 }, &limits, &mut budget);
        let missing = Step::Gap { offset: next + 2, len: (1 << 30) - 2 };
        assert_eq!(accepted.steps.as_slice(), [Step::Data { offset: next, len: 2 }, missing]);
        next += 1 << 30;
        stream.settle(next, limits.kept_bytes, &mut budget);
    }
    assert_eq!((stream.next(), budget.used()), (20 << 30, 0));
}
