//! Each reason for which a fragment comes to nothing.

use sluice_engine::defrag::FragmentReason;
use sluice_engine::limits::FRAGMENTS_PER_DATAGRAM;
use sluice_tests::{fragment, fragment_with};
use sluice_wire::Fragment;

use super::{Bench, Carrier, PLENTY};

/// Offset, length, whether more follow.
type Piece = (u32, usize, bool);

/// What comes, what it is refused for, how often, and how many fragments are held then.
type Row = (&'static str, &'static [Piece], FragmentReason, u64, u64);

const BOTH: [Row; 10] = [
    ("nothing in the first one", &[(0, 0, true)], FragmentReason::Empty, 1, 0),
    ("nothing in the last one", &[(0, 24, true), (24, 0, false)], FragmentReason::Empty, 2, 0),
    ("no multiple of eight", &[(0, 24, true), (24, 12, true)], FragmentReason::Misaligned, 1, 1),
    (
        "a last one before data",
        &[(0, 24, true), (64, 8, true), (24, 8, false)],
        FragmentReason::EndMoved,
        3,
        0,
    ),
    ("two last ones", &[(24, 8, false), (32, 8, false)], FragmentReason::EndMoved, 2, 0),
    ("data behind the last one", &[(24, 8, false), (32, 8, true)], FragmentReason::EndMoved, 2, 0),
    ("teardrop", &[(0, 32, true), (24, 4, false)], FragmentReason::EndMoved, 2, 0),
    ("overlap in front", &[(24, 24, true), (0, 32, true)], FragmentReason::Overlap, 2, 0),
    ("overlap behind", &[(0, 32, true), (24, 24, true)], FragmentReason::Overlap, 2, 0),
    ("cover", &[(24, 8, true), (0, 40, true)], FragmentReason::Overlap, 2, 0),
];

fn check(carrier: Carrier, rows: &[Row]) {
    for (name, pieces, reason, times, held) in rows {
        let mut bench = Bench::new(8, PLENTY);
        let whole = carrier.frame(0, b"");
        for (offset, len, more) in *pieces {
            let place = Fragment { offset: *offset, more: *more, id: 1 };
            let frame = fragment_with(&whole, place, &vec![1; *len]).unwrap();
            assert_eq!(bench.insert(&frame), None, "{name}");
        }
        assert_eq!((bench.refused(*reason), bench.counters.held), (*times, *held), "{carrier:?} {name}");
        assert_eq!(bench.counters.accounted(), pieces.len() as u64);
        assert_eq!(bench.defragmenter.bytes() == 0, *held == 0, "{name}");
    }
}

#[test]
fn fragments_that_no_datagram_is_made_of_are_refused_with_their_reason() {
    for carrier in Carrier::ALL {
        check(carrier, &BOTH);
    }
}

const PING_OF_DEATH: [Piece; 3] = [(65_512, 4, false), (32_752, 32_760, true), (0, 32_752, true)];

#[test]
fn a_datagram_too_long_ends_for_ipv4_and_loses_the_fragment_for_ipv6() {
    let four = [
        ("largest", &[(0, 24, true), (65_512, 3, false)][..], FragmentReason::TooLong, 0, 2),
        ("ping of death", &PING_OF_DEATH, FragmentReason::TooLong, 3, 0),
    ];
    check(Carrier::V4, &four);
    let six = [
        ("largest", &[(0, 24, true), (65_528, 7, false)][..], FragmentReason::TooLong, 0, 2),
        ("ping of death", &[(0, 24, true), (65_528, 8, false)][..], FragmentReason::TooLong, 1, 1),
    ];
    check(Carrier::V6, &six);
}

#[test]
fn a_tcp_header_may_be_split_in_ipv4_and_not_in_ipv6() {
    let pieces = &[(0, 16, true)][..];
    check(Carrier::V4, &[("tiny", pieces, FragmentReason::HeaderSplit, 0, 1)]);
    check(Carrier::V6, &[("tiny", pieces, FragmentReason::HeaderSplit, 1, 0)]);
    // Elsewhere it is only short.
    check(Carrier::V6, &[("short", &[(24, 8, true)], FragmentReason::HeaderSplit, 0, 1)]);
}

#[test]
fn a_repetition_is_ignored_within_one_run_and_tells_when_bytes_differ() {
    let mut bench = Bench::new(8, PLENTY);
    let whole = Carrier::V4.frame(0, b"");
    let mut insert = |offset, len, fill| {
        let place = Fragment { offset, more: true, id: 1 };
        bench.insert(&fragment_with(&whole, place, &vec![fill; len]).unwrap());
        let refused = |reason| bench.refused(reason);
        (bench.counters.held, refused(FragmentReason::Duplicate), refused(FragmentReason::Conflicting))
    };
    assert_eq!(insert(0, 16, 1), (1, 0, 0));
    assert_eq!(insert(16, 16, 1), (2, 0, 0));
    assert_eq!(insert(0, 16, 1), (2, 1, 0));
    assert_eq!(insert(8, 16, 1), (2, 2, 0));
    assert_eq!(insert(8, 16, 2), (2, 2, 1));
    // [40, 48) came before [32, 40): two runs, although nothing is missing between them.
    assert_eq!(insert(40, 8, 1), (3, 2, 1));
    assert_eq!(insert(32, 8, 1), (4, 2, 1));
    assert_eq!(insert(32, 16, 1), (0, 2, 1));
}

#[test]
fn a_fragment_cut_by_the_snap_length_is_refused_alone() {
    let mut bench = Bench::new(8, PLENTY);
    let whole = Carrier::V4.frame(0, &[7; 60]);
    let mut cut = fragment(&whole, 0..40, 1).unwrap();
    cut.bytes.pop();
    assert_eq!(bench.insert(&cut), None);
    assert_eq!((bench.refused(FragmentReason::Cut), bench.defragmenter.datagrams()), (1, 0));
    // Padding behind it is none of its data.
    let mut padded = fragment(&whole, 0..40, 1).unwrap();
    padded.bytes.extend([0xee; 9]);
    assert_eq!(bench.insert(&padded), None);
    let rebuilt = bench.insert(&fragment(&whole, 40..80, 1).unwrap()).unwrap();
    assert_eq!(rebuilt.bytes[20..], whole.bytes[34..]);
}

#[test]
fn a_datagram_in_too_many_pieces_is_given_up() {
    let mut bench = Bench::new(8, PLENTY);
    let whole = Carrier::V4.frame(0, b"");
    let held = u32::try_from(FRAGMENTS_PER_DATAGRAM).unwrap();
    for number in (0..=held).rev() {
        assert_eq!(bench.refused(FragmentReason::TooMany), 0);
        let place = Fragment { offset: number * 8, more: true, id: 1 };
        bench.insert(&fragment_with(&whole, place, &[1; 8]).unwrap());
    }
    assert_eq!(bench.refused(FragmentReason::TooMany), u64::from(held) + 1);
    assert_eq!((bench.counters.held, bench.defragmenter.bytes()), (0, 0));
}
