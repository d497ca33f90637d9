//! Memory and time that fragments may take.

use sluice_engine::Nanos;
use sluice_engine::defrag::FragmentReason;
use sluice_tests::{fragment, fragment_with};
use sluice_wire::Fragment;

use super::{Bench, Carrier, PLENTY, TIMEOUT};

#[test]
fn a_flood_of_first_fragments_stays_within_the_bounds() {
    for (datagrams_max, room_bytes) in [(100, PLENTY), (PLENTY, 64 << 10)] {
        let mut bench = Bench::new(datagrams_max, room_bytes);
        let whole = Carrier::V6.frame(0, &[5; 1200]);
        for id in 0..20_000 {
            assert_eq!(bench.insert(&fragment(&whole, 0..1000, id).unwrap()), None);
            assert!(bench.defragmenter.datagrams() <= datagrams_max);
            assert!(bench.defragmenter.bytes() <= room_bytes);
        }
        assert_eq!(bench.refused(FragmentReason::Evicted) + bench.counters.held, 20_000);
        assert!(bench.counters.held > 30, "{:?}", bench.counters);
        // The youngest are there.
        assert!(bench.insert(&fragment(&whole, 1000..1220, 19_999).unwrap()).is_some());
        assert!(bench.insert(&fragment(&whole, 1000..1220, 1).unwrap()).is_none());
    }
}

#[test]
fn a_byte_far_behind_a_hole_costs_a_byte() {
    let mut bench = Bench::new(PLENTY, PLENTY);
    let whole = Carrier::V4.frame(0, b"");
    for id in 0..1000 {
        let place = Fragment { offset: 65_504, more: false, id };
        bench.insert(&fragment_with(&whole, place, &[1]).unwrap());
    }
    assert!(bench.defragmenter.bytes() < 1000 * 512, "{}", bench.defragmenter.bytes());
}

#[test]
fn where_nothing_may_be_held_nothing_is() {
    let whole = Carrier::V4.frame(0, &[5; 100]);
    for (bench, reason) in
        [(Bench::new(0, PLENTY), FragmentReason::NoRoom), (Bench::new(8, 0), FragmentReason::Evicted)]
    {
        let mut bench = bench;
        assert_eq!(bench.insert(&fragment(&whole, 0..40, 1).unwrap()), None);
        assert_eq!(bench.insert(&fragment(&whole, 40..120, 1).unwrap()), None);
        assert_eq!((bench.refused(reason), bench.defragmenter.bytes()), (2, 0));
    }
}

#[test]
fn datagrams_wait_from_their_first_fragment_on() {
    let mut bench = Bench::new(8, PLENTY);
    let whole = Carrier::V4.frame(0, &[5; 100]);
    assert_eq!(bench.defragmenter.due(), Nanos::NEVER);
    for (id, time) in [(1, 100), (2, 200)] {
        let mut first = fragment(&whole, 0..40, id).unwrap();
        first.time = Nanos(time);
        bench.insert(&first);
    }
    // A later fragment gives no more time.
    let mut second = fragment(&whole, 40..80, 1).unwrap();
    second.time = Nanos(150);
    bench.insert(&second);
    assert_eq!(bench.defragmenter.due(), Nanos(100 + TIMEOUT));
    bench.defragmenter.expire(Nanos(99 + TIMEOUT), &mut bench.counters);
    assert_eq!(bench.counters.held, 3);
    bench.defragmenter.expire(Nanos(100 + TIMEOUT), &mut bench.counters);
    assert_eq!((bench.counters.held, bench.refused(FragmentReason::TimedOut)), (1, 2));
    assert!(bench.insert(&fragment(&whole, 40..120, 2).unwrap()).is_some());
    assert_eq!(bench.defragmenter.due(), Nanos::NEVER);
}

#[test]
fn versions_vlans_and_protocols_are_told_apart() {
    let mut bench = Bench::new(8, PLENTY);
    for carrier in Carrier::ALL {
        bench.insert(&fragment(&carrier.frame(0, &[5; 100]), 0..40, 1).unwrap());
    }
    let mut datagram = Carrier::V4.frame(0, &[5; 100]);
    datagram.bytes[23] = 17;
    bench.insert(&fragment(&datagram, 0..40, 1).unwrap());
    assert_eq!((bench.defragmenter.datagrams(), bench.counters.held), (4, 4));
    // The protocol of a later fragment says nothing in IPv6.
    let mut other = Carrier::V6.frame(0, &[5; 100]);
    let mut rest = fragment(&other, 40..120, 1).unwrap();
    rest.bytes[14 + 40] = 17;
    let rebuilt = bench.insert(&rest).unwrap();
    assert_eq!(rebuilt.bytes, other.bytes.split_off(14));
}
