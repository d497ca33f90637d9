//! Any fragments at all against a model that keeps a list.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use sluice_tests::{cases, fragment_with};
use sluice_wire::Fragment;

use super::{Bench, Carrier, PLENTY};

const CASES: u32 = 5_000;

/// The fragments of one datagram: number of the run, start, bytes.
#[derive(Debug, Default)]
struct Model {
    parts: Vec<(usize, usize, Vec<u8>)>,
    end: Option<usize>,
    runs: usize,
}

impl Model {
    fn reached(&self) -> usize {
        self.parts.iter().map(|(_, start, bytes)| start + bytes.len()).max().unwrap_or(0)
    }

    /// Gives the payload of the datagram that is complete with this fragment.
    fn insert(&mut self, carrier: Carrier, start: usize, bytes: &[u8], is_last: bool) -> Option<Vec<u8>> {
        let (end, is_six) = (start + bytes.len(), matches!(carrier, Carrier::V6));
        let contradicts = match self.end {
            Some(known) => end > known || (is_last && end != known),
            None => is_last && end < self.reached(),
        };
        let is_ignored = (!is_last && end % 8 != 0) || (is_six && start == 0 && end < 20);
        if is_six && end > 65_535 || is_ignored && !bytes.is_empty() {
            return None;
        }
        if bytes.is_empty() || contradicts {
            *self = Self::default();
            return None;
        }
        self.end = if is_last { Some(end) } else { self.end };
        let touches =
            |(_, other, held): &&(usize, usize, Vec<u8>)| start < other + held.len() && *other < end;
        if let Some((run, ..)) = self.parts.iter().find(touches) {
            let within = self.parts.iter().filter(|part| part.0 == *run).filter(touches);
            let covers = |place: usize| {
                within.clone().any(|(_, other, held)| (*other..other + held.len()).contains(&place))
            };
            if !(start..end).all(covers) {
                *self = Self::default();
            }
            return None;
        }
        let last =
            self.parts.iter().find(|(_, other, held)| other + held.len() == start && start == self.reached());
        let run = last.map_or(self.runs + 1, |part| part.0);
        self.runs = self.runs.max(run);
        self.parts.push((run, start, bytes.to_vec()));
        if self.end != Some(self.parts.iter().map(|part| part.2.len()).sum()) {
            return None;
        }
        let mut parts = std::mem::take(self).parts;
        parts.sort_by_key(|part| part.1);
        Some(parts.into_iter().flat_map(|part| part.2).collect())
    }
}

/// Start in units of eight bytes, length, whether it is the last one, and what fills it.
type Piece = (usize, usize, bool, u8);

fn piece() -> impl Strategy<Value = Piece> {
    let start = prop_oneof![20 => 0usize..4, 1 => Just(8191usize)];
    let len = prop_oneof![8 => prop::sample::select(vec![8usize, 8, 8, 16, 24]), 1 => 0usize..30];
    (start, len, 0u32..100, 0u8..3)
        // Last ones in front of others only end datagrams; few of them are enough.
        .prop_map(|(start, len, chance, fill)| (start, len, chance < if start < 3 { 2 } else { 40 }, fill))
}

#[test]
fn whatever_the_fragments_are_the_datagram_is_that_of_the_model() {
    let cases = Cases { cases: cases(CASES), failure_persistence: None, ..Cases::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[12; 32]);
    let mut runner = TestRunner::new_with_rng(cases, random);
    let rebuilt = Cell::new(0u64);
    let strategy = (prop::sample::select(Carrier::ALL.to_vec()), prop::collection::vec(piece(), 1..40));
    let result = runner.run(&strategy, |(carrier, pieces)| {
        let (mut bench, mut model) = (Bench::new(8, PLENTY), Model::default());
        let whole = carrier.frame(0, b"");
        for (number, (units, len, is_last, fill)) in (1u64..).zip(pieces) {
            let (start, data) = (units * 8, vec![fill; len]);
            let place = Fragment { offset: u32::try_from(start).unwrap(), more: !is_last, id: 1 };
            // A fragment with neither an offset nor more to follow is a whole datagram.
            if start == 0 && is_last {
                continue;
            }
            let frame = fragment_with(&whole, place, &data).unwrap();
            let got = bench.insert(&frame).map(|whole| whole.bytes[carrier.header_len()..].to_vec());
            prop_assert_eq!(got, model.insert(carrier, start, &data, is_last), "fragment {}", number);
            prop_assert_eq!(bench.counters.held, model.parts.len() as u64, "fragment {}", number);
            prop_assert_eq!(bench.defragmenter.bytes() == 0, bench.defragmenter.datagrams() == 0);
        }
        rebuilt.set(rebuilt.get() + bench.counters.rebuilt);
        bench.defragmenter.finish(&mut bench.counters);
        prop_assert_eq!((bench.defragmenter.bytes(), bench.counters.held), (0, 0));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(rebuilt.get() > 500, "only {} datagrams were complete", rebuilt.get());
}
