//! Whose copy of a byte is read: pairs of segments in every relation, the layout of Novak and Sturges, and random ones,
//! against the receive queues of `host`.

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use sluice_engine::limits::Limits;
use sluice_engine::reassembly::{Budget, Level, OverlapPolicy, Payload, Rules, Step, Stream};
use sluice_tests::cases;
use sluice_wire::SeqNumber;

use super::host::Host;

const CASES: u32 = 12_000;

/// Bytes of a letter in the tables of two segments.
const UNIT: usize = 8;

/// A segment: where it begins, and its bytes.
type Piece = (usize, Vec<u8>);

/// What is read of some segments, what was told before each of them, and bytes that were replaced.
#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    read: Vec<u8>,
    conflicts: Vec<Option<(u64, u64)>>,
    replaced: u64,
}

fn receive(policy: OverlapPolicy, pieces: &[Piece]) -> Outcome {
    let mut stream = Stream::default();
    (stream.level, stream.rules) = (Level::Full, Rules { overlap: policy, ..Rules::default() });
    stream.anchor(SeqNumber(1));
    let (limits, mut budget, mut outcome) = (Limits::default(), Budget::new(1 << 20), Outcome::default());
    for (start, bytes) in pieces {
        let (offset, wire_len) = (i64::try_from(*start).unwrap(), u32::try_from(bytes.len()).unwrap());
        let payload = Payload { offset, bytes, wire_len };
        let conflict = stream.examine(payload).conflict;
        outcome.conflicts.push(conflict.map(|found| (found.offset, found.offset + found.len)));
        let held = stream.waiting();
        let accepted = stream.accept(payload, &limits, &mut budget);
        let left = stream.waiting();
        let mut delivered = 0;
        for step in &accepted.steps {
            let Step::Data { offset, len } = *step else { panic!("{step:?} without a gap") };
            if let Some(from) = accepted.loan_from {
                stream.store(offset, &bytes[from..from + usize::try_from(len).unwrap()]);
            }
            let (first, second) = stream.kept().unwrap().read(offset, usize::MAX);
            outcome.read.extend([first, second].concat());
            delivered += len;
        }
        let came = bytes.len() as u64;
        assert_eq!(held + came, delivered + left + accepted.duplicate + accepted.replaced, "{accepted:?}");
        outcome.replaced += accepted.replaced;
        stream.settle(0, limits.kept_bytes, &mut budget);
    }
    stream.release(&mut budget);
    assert_eq!(budget.used(), 0);
    outcome
}

/// What is read, and the conflict that each segment raises.
type Expected = (Vec<u8>, Vec<Option<(u64, u64)>>);

/// What is read and told by the model, if it knows.
fn expect(policy: OverlapPolicy, pieces: &[Piece]) -> Option<Expected> {
    let mut host = Host::new(policy);
    let mut conflicts = Vec::new();
    for (start, bytes) in pieces {
        conflicts.push(host.conflict(*start, bytes));
        host.arrive(*start, bytes);
    }
    (!host.is_unsure()).then(|| (host.read().to_vec(), conflicts))
}

/// The segments that letters and places describe: a letter, its first unit, units.
fn pieces(layout: &[(char, usize, usize)], unit: usize) -> Vec<Piece> {
    let piece = |(letter, start, len): &(char, usize, usize)| {
        (start * unit, vec![u8::try_from(*letter).unwrap(); len * unit])
    };
    layout.iter().map(piece).collect()
}

/// Allen's relations of an earlier segment X and a later one Y, as first unit and units of each, and what is read of
/// them behind a hole under: first, last, linux, bsd and windows, solaris.
type Relation = (&'static str, (usize, usize), (usize, usize), [&'static str; 5]);
const RELATIONS: [Relation; 13] = [
    ("before", (2, 2), (6, 2), ["XX", "XX", "XX", "XX", "XX"]),
    ("after", (6, 2), (2, 2), ["YY", "YY", "YY", "YY", "YY"]),
    ("meets", (2, 2), (4, 2), ["XXYY", "XXYY", "XXYY", "XXYY", "XXYY"]),
    ("met by", (4, 2), (2, 2), ["YYXX", "YYXX", "YYXX", "YYXX", "YYXX"]),
    ("overlaps", (2, 4), (4, 4), ["XXXXYY", "XXYYYY", "XXXXYY", "XXXXYY", "XXYYYY"]),
    ("overlapped", (4, 4), (2, 4), ["YYXXXX", "YYYYXX", "YYYYXX", "YYYYXX", "YYXXXX"]),
    ("starts", (2, 2), (2, 6), ["XXYYYY", "YYYYYY", "YYYYYY", "XXYYYY", "YYYYYY"]),
    ("started by", (2, 6), (2, 2), ["XXXXXX", "YYXXXX", "XXXXXX", "XXXXXX", "XXXXXX"]),
    ("during", (4, 2), (2, 6), ["YYXXYY", "YYYYYY", "YYYYYY", "YYYYYY", "YYYYYY"]),
    ("contains", (2, 6), (4, 2), ["XXXXXX", "XXYYXX", "XXXXXX", "XXXXXX", "XXXXXX"]),
    ("finishes", (5, 3), (2, 6), ["YYYXXX", "YYYYYY", "YYYYYY", "YYYYYY", "YYYYYY"]),
    ("finished by", (2, 6), (5, 3), ["XXXXXX", "XXXYYY", "XXXXXX", "XXXXXX", "XXXXXX"]),
    ("equals", (2, 4), (2, 4), ["XXXX", "YYYY", "XXXX", "XXXX", "YYYY"]),
];

/// Which column of [`RELATIONS`] is a policy's.
const fn column(policy: OverlapPolicy) -> usize {
    match policy {
        OverlapPolicy::First => 0,
        OverlapPolicy::Last => 1,
        OverlapPolicy::Linux => 2,
        OverlapPolicy::Bsd | OverlapPolicy::Windows => 3,
        OverlapPolicy::Solaris => 4,
    }
}

#[test]
fn two_segments_in_every_relation_are_read_as_the_table_says() {
    for (name, x, y, read) in RELATIONS {
        for policy in OverlapPolicy::ALL {
            let (x, y) = (('X', x.0, x.1), ('Y', y.0, y.1));
            let behind_a_hole = pieces(&[x, y, ('0', 0, 2)], UNIT);
            let in_order = pieces(&[('0', 0, 2), x, y], UNIT);
            // In order, an X that begins where the stream stands is read before there is a Y.
            let is_read = x.1 == 2;
            let by_policy = read[column(policy)];
            let by_order = if is_read { read[column(OverlapPolicy::First)] } else { by_policy };
            for (pieces, read) in [(behind_a_hole, by_policy), (in_order, by_order)] {
                let wanted: String =
                    "00".chars().chain(read.chars()).flat_map(|letter| [letter; UNIT]).collect();
                let outcome = receive(policy, &pieces);
                assert_eq!(String::from_utf8_lossy(&outcome.read), wanted, "{name} under {policy:?}");
                let (model, conflicts) = expect(policy, &pieces).unwrap();
                assert_eq!(String::from_utf8_lossy(&model), wanted, "the model of {policy:?}, {name}");
                assert_eq!(outcome.conflicts, conflicts, "{name} under {policy:?}");
                let is_overlap = x.1 < y.1 + y.2 && y.1 < x.1 + x.2;
                let told = outcome.conflicts.iter().flatten().count();
                assert_eq!(told, usize::from(is_overlap), "{name} under {policy:?}");
            }
        }
    }
}

/// The layout of Novak and Sturges ("Target-based TCP stream reassembly", 2007) behind a first byte.
const NOVAK: [(char, usize, usize); 17] = [
    ('A', 1, 3),
    ('B', 5, 2),
    ('C', 7, 3),
    ('D', 11, 1),
    ('E', 14, 2),
    ('F', 16, 3),
    ('G', 19, 2),
    ('H', 21, 2),
    ('I', 23, 1),
    ('J', 2, 4),
    ('K', 7, 3),
    ('L', 10, 3),
    ('M', 13, 3),
    ('N', 17, 1),
    ('O', 20, 1),
    ('P', 21, 1),
    ('Q', 23, 2),
];

#[test]
fn the_layout_of_novak_and_sturges_is_read_as_each_system_reads_it() {
    let linux = "0AAAJJBCCCLLLMMMFFFGGHHIQ";
    let table = [
        // Behind a hole, in order.
        (OverlapPolicy::First, "0AAAJBBCCCLDLMEEFFFGGHHIQ", "0AAAJBBCCCLDLMEEFFFGGHHIQ"),
        (OverlapPolicy::Last, "0AJJJJBKKKLLLMMMFNFGOPHQQ", "0AAAJJBCCCLLLMMMFFFGGHHIQ"),
        (OverlapPolicy::Linux, linux, linux),
        (OverlapPolicy::Bsd, linux, linux),
        (OverlapPolicy::Windows, linux, linux),
        (OverlapPolicy::Solaris, "0AJJJBBKKKLLLMMMFFFGGHHQQ", "0AAAJBBCCCLLLMMMFFFGGHHIQ"),
    ];
    for (policy, behind_a_hole, in_order) in table {
        let first = [('0', 0, 1)];
        let read = |layout: &[_]| String::from_utf8(receive(policy, &pieces(layout, 1)).read).unwrap();
        assert_eq!(read(&[NOVAK.as_slice(), &first].concat()), behind_a_hole, "{policy:?}");
        assert_eq!(read(&[first.as_slice(), &NOVAK].concat()), in_order, "{policy:?}");
    }
}

#[test]
fn neighbours_that_linux_has_joined_count_as_one_segment() {
    // Alone, BB would be covered by the later Y and CC lost with it; joined to AA they begin before it.
    let joined = pieces(&[('A', 2, 2), ('B', 4, 2), ('C', 6, 1), ('Y', 3, 6), ('0', 0, 2)], 1);
    assert_eq!(receive(OverlapPolicy::Linux, &joined).read, b"00AABBCYY");
    let apart = pieces(&[('B', 4, 2), ('C', 7, 1), ('Y', 3, 6), ('A', 2, 1), ('0', 0, 2)], 1);
    assert_eq!(receive(OverlapPolicy::Linux, &apart).read, b"00AYYYYYY");
}

/// Layouts and what an application on a Linux host read of them, recorded by `scripts/record-layouts.py`.
const RECORDED: &str = include_str!("linux-6.18.txt");

#[test]
fn recorded_layouts_are_read_as_a_linux_host_read_them() {
    let mut report = String::new();
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let (segments, read) = line.split_once(" = ").unwrap();
        let piece = |word: &str| {
            let (start, letters) = word.split_once(':').unwrap();
            (start.parse().unwrap(), letters.as_bytes().to_vec())
        };
        let pieces: Vec<Piece> = segments.split(' ').map(piece).collect();
        let ours = receive(OverlapPolicy::Linux, &pieces).read;
        if ours != read.as_bytes() {
            report += &format!("{line}\n  ours: {}\n", String::from_utf8_lossy(&ours));
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn any_segments_are_read_as_the_model_of_each_policy_reads_them() {
    let piece = (0usize..48, 1usize..14, 0usize..4);
    let layout = proptest::collection::vec(piece, 1..24);
    let policy = prop::sample::select(OverlapPolicy::ALL.to_vec());
    let cases = Cases { cases: cases(CASES), failure_persistence: None, ..Cases::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[23; 32]);
    let result = TestRunner::new_with_rng(cases, random).run(&(policy, layout), |(policy, layout)| {
        let mut layout: Vec<(char, usize, usize)> = ('a'..)
            .zip(layout)
            .map(|(own, (start, len, common))| (if common == 0 { '=' } else { own }, start, len))
            .collect();
        layout.push(('0', 0, 1));
        let outcome = receive(policy, &pieces(&layout, 1));
        let Some((read, conflicts)) = expect(policy, &pieces(&layout, 1)) else { return Ok(()) };
        prop_assert_eq!(String::from_utf8_lossy(&outcome.read), String::from_utf8_lossy(&read));
        prop_assert_eq!(outcome.conflicts, conflicts);
        Ok(())
    });
    assert_eq!(result.map_err(|error| error.to_string()), Ok(()));
}
