//! Datagrams as honest hosts cut them: nothing is lost, whatever the network does to their order.

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use sluice_engine::Nanos;
use sluice_tests::{Frame, cases, fragment};
use sluice_wire::{ChecksumStatus, LinkType, parse, transport_valid};

use super::{Bench, Carrier, PLENTY};

const CASES: u32 = 1_000;

/// A datagram: payload bytes, cuts in units of eight bytes, and a place in the line for each of its fragments.
type Cut = (usize, Vec<usize>, Vec<u32>);

fn cut() -> impl Strategy<Value = Cut> {
    let cuts = prop::collection::vec(3usize..180, 1..12);
    (1usize..1460, cuts, prop::collection::vec(0u32..60, 13))
}

/// Fragments of a whole datagram, first and last in order.
fn fragments(whole: &Frame, header_len: usize, cuts: &[usize], id: u32) -> Vec<Frame> {
    let len = parse(LinkType::Ethernet, &whole.bytes, whole.wire_len).unwrap().ip_total_len;
    let len = usize::try_from(len).unwrap() - header_len;
    let mut edges: Vec<usize> = cuts.iter().map(|units| units * 8).filter(|edge| *edge < len).collect();
    edges.extend([0, len]);
    edges.sort_unstable();
    edges.dedup();
    edges.windows(2).map(|edge| fragment(whole, edge[0]..edge[1], id).unwrap()).collect()
}

#[test]
fn random_cuts_orders_and_repetitions_give_the_datagram_that_was_cut() {
    let cases = Cases { cases: cases(CASES), failure_persistence: None, ..Cases::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[13; 32]);
    let mut runner = TestRunner::new_with_rng(cases, random);
    let repeated = prop::collection::vec(any::<prop::sample::Index>(), 0..10);
    let strategy =
        (prop::sample::select(Carrier::ALL.to_vec()), prop::collection::vec(cut(), 1..6), repeated);
    let result = runner.run(&strategy, |(carrier, cuts, repeated)| {
        let mut bench = Bench::new(8, PLENTY);
        let (mut wholes, mut line) = (Vec::new(), Vec::new());
        for (id, (len, cuts, places)) in (0u32..).zip(&cuts) {
            let payload: Vec<u8> = (0..*len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let whole = carrier.frame(id * 2_000, &payload);
            let parts = fragments(&whole, carrier.header_len(), cuts, id);
            // One that was not cut is no business of ours.
            if parts.len() > 1 {
                line.extend(parts.into_iter().zip(places).map(|(part, place)| (*place, part)));
                wholes.push(whole);
            }
        }
        line.sort_by_key(|(place, _)| *place);
        let copies: Vec<_> = repeated.iter().filter(|_| !line.is_empty()).collect();
        // A copy comes at once: one that comes after the datagram is complete would wait for a datagram of its own.
        for index in copies {
            let place = index.index(line.len());
            let copy = line[place].clone();
            line.insert(place, copy);
        }
        let mut rebuilt = Vec::new();
        for (_, part) in &line {
            rebuilt.extend(bench.insert(part));
        }
        prop_assert_eq!(rebuilt.len(), wholes.len());
        for whole in &wholes {
            let headers = parse(LinkType::Ethernet, &whole.bytes, whole.wire_len).unwrap();
            let payload = headers.ip_payload(&whole.bytes);
            let same = rebuilt.iter().find(|rebuilt| rebuilt.bytes.ends_with(payload));
            let bytes = &same.ok_or_else(|| TestCaseError::fail("a datagram is missing"))?.bytes;
            let headers = parse(LinkType::RawIp, bytes, 0).unwrap();
            prop_assert_eq!(bytes.len(), carrier.header_len() + payload.len());
            prop_assert_eq!(transport_valid(&headers, bytes), ChecksumStatus::Valid);
        }
        bench.defragmenter.expire(Nanos(u64::MAX - 1), &mut bench.counters);
        prop_assert_eq!(bench.counters.accounted() + bench.counters.rebuilt, line.len() as u64);
        prop_assert_eq!(bench.defragmenter.bytes(), 0);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
