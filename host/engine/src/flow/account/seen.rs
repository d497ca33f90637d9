//! Which bytes of a stream passed the observer, without the bytes.

use smallvec::SmallVec;

use crate::limits::RECORD_HOLES;

/// The places of a stream of which nothing was seen. Offsets are from the byte after the SYN.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Behind the last byte that was seen or acknowledged.
    high: u64,
    /// Behind the last byte that was seen.
    data_high: u64,
    /// What the receiver acknowledged.
    acked: u64,
    /// What is missing below `high`, in order.
    holes: SmallVec<[(u64, u64); 1]>,
    /// Bytes of holes that had to be forgotten.
    given_up: u64,
}

/// What a segment brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Brought {
    /// Some of its bytes had been seen.
    pub(super) repeats: bool,
    /// It brought new bytes while others before them were missing.
    pub(super) is_ahead: bool,
}

impl Seen {
    /// Bytes were seen.
    pub(super) fn add(&mut self, start: u64, len: u64) -> Brought {
        let end = start.saturating_add(len);
        if len == 0 {
            return Brought::default();
        }
        let fresh = end.saturating_sub(self.high.max(start));
        let filled = self.fill(start, end.min(self.high));
        if start > self.high {
            self.open_hole(start);
        }
        self.high = self.high.max(end);
        self.data_high = self.data_high.max(end);
        let new = fresh.saturating_add(filled);
        Brought { repeats: new < len, is_ahead: new > 0 && self.delivered() < start }
    }

    /// What lies at `offset` is no byte: it does not have to be seen.
    pub(super) fn excuse(&mut self, offset: u64) {
        self.fill(offset, offset.saturating_add(1));
    }

    /// The receiver acknowledged everything before `offset`. Gives the number of holes that this reveals.
    ///
    /// They are forgotten where the connection is not in a state in which an ACK is worth believing.
    pub(super) fn acknowledge(&mut self, offset: u64, is_trusted: bool) -> u32 {
        if offset <= self.acked {
            return 0;
        }
        if offset > self.high {
            self.open_hole(offset);
            self.high = offset;
        }
        let from = std::mem::replace(&mut self.acked, offset);
        if !is_trusted {
            self.fill(0, offset);
            return 0;
        }
        let revealed = self.holes.iter().filter(|(start, end)| *start < offset && *end > from).count();
        u32::try_from(revealed).unwrap_or(u32::MAX)
    }

    /// Bytes that were acknowledged and never seen.
    pub(super) fn missed(&self) -> u64 {
        let below = |(start, end): &(u64, u64)| (*end).min(self.acked).saturating_sub(*start);
        self.holes.iter().map(below).fold(self.given_up, u64::saturating_add)
    }

    /// Everything before this was seen, or is known to be missing.
    pub(super) fn delivered(&self) -> u64 {
        let open = self.holes.iter().find(|(_, end)| *end > self.acked);
        open.map_or(self.high, |(start, _)| (*start).max(self.acked))
    }

    /// Whether bytes were seen that the receiver has not acknowledged.
    pub(super) const fn has_unacknowledged(&self) -> bool {
        self.data_high > self.acked
    }

    /// Removes a range from the holes and gives how much of it was missing.
    fn fill(&mut self, start: u64, end: u64) -> u64 {
        if start >= end || self.holes.is_empty() {
            return 0;
        }
        let mut filled: u64 = 0;
        let mut rest = SmallVec::new();
        for (from, to) in self.holes.drain(..) {
            let (low, high) = (from.max(start), to.min(end));
            if low >= high {
                rest.push((from, to));
                continue;
            }
            filled = filled.saturating_add(high.saturating_sub(low));
            rest.extend([(from, low), (high, to)].into_iter().filter(|(from, to)| from < to));
        }
        self.holes = rest;
        self.bound();
        filled
    }

    fn open_hole(&mut self, end: u64) {
        self.holes.push((self.high, end));
        self.bound();
    }

    /// The lowest holes go when there are too many: theirs count as missed, and are not known when they turn up.
    fn bound(&mut self) {
        while self.holes.len() > RECORD_HOLES {
            let (start, end) = self.holes.remove(0);
            self.given_up = self.given_up.saturating_add(end.saturating_sub(start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_holes_are_missed_until_they_turn_up() {
        let mut seen = Seen::default();
        assert_eq!(seen.add(0, 10), Brought::default());
        assert_eq!(seen.add(20, 10), Brought { repeats: false, is_ahead: true });
        assert_eq!((seen.delivered(), seen.missed()), (10, 0));
        assert_eq!(seen.acknowledge(30, true), 1);
        assert_eq!((seen.delivered(), seen.missed()), (30, 10));
        // Part of it was only late.
        assert_eq!(seen.add(8, 8), Brought { repeats: true, is_ahead: false });
        assert_eq!(seen.missed(), 4);
        assert_eq!(seen.acknowledge(40, true), 1);
        assert_eq!(seen.missed(), 14);
    }

    #[test]
    fn a_hole_is_revealed_once_for_each_ack_that_covers_more_of_it() {
        let mut seen = Seen::default();
        seen.add(100, 1);
        assert_eq!(seen.acknowledge(50, true), 1);
        assert_eq!(seen.acknowledge(50, true), 0);
        assert_eq!(seen.acknowledge(100, true), 1);
        assert_eq!(seen.acknowledge(101, true), 0);
        assert_eq!(seen.missed(), 100);
    }

    #[test]
    fn it_knows_what_a_list_of_all_bytes_knows() {
        let mut state: u32 = 1;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for _ in 0..2_000 {
            // Fewer holes than are told apart.
            let (mut seen, mut bytes, mut acked) = (Seen::default(), [false; 60], 0);
            for _ in 0..20 {
                let (start, len) = (random(50), random(10));
                if random(3) == 0 {
                    seen.acknowledge(start.into(), true);
                    acked = acked.max(start as usize);
                    continue;
                }
                let range = start as usize..(start + len) as usize;
                let old = bytes[range.clone()].iter().filter(|byte| **byte).count();
                let brought = seen.add(start.into(), len.into());
                assert_eq!(brought.repeats, old > 0);
                bytes[range].fill(true);
            }
            let missed = bytes[..acked].iter().filter(|byte| !**byte).count();
            assert_eq!(seen.missed(), missed as u64);
            let reached = bytes[acked..].iter().position(|byte| !*byte).unwrap_or(0);
            assert_eq!(seen.delivered(), (acked + reached) as u64);
        }
    }

    #[test]
    fn acks_that_are_not_trusted_reveal_nothing() {
        let mut seen = Seen::default();
        assert_eq!(seen.acknowledge(1000, false), 0);
        assert_eq!((seen.missed(), seen.delivered()), (0, 1000));
    }

    #[test]
    fn holes_are_bounded_and_none_is_lost() {
        let mut seen = Seen::default();
        for place in 1..=1000 {
            seen.add(place * 2, 1);
        }
        assert_eq!(seen.holes.len(), RECORD_HOLES);
        seen.acknowledge(2001, true);
        assert_eq!(seen.missed(), 1001);
    }
}
