//! What a host has sent and its peer has not acknowledged, segment by segment.

use smallvec::SmallVec;

use crate::limits::FLIGHT_SEGMENTS;

/// One segment under way, or several neighbours that are counted together.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    start: i64,
    len: u32,
    /// Bytes of it that were acknowledged selectively.
    sacked_bytes: u32,
    segments: u16,
    /// How many of them were acknowledged selectively.
    sacked: u16,
    /// How many were sent again since, and not acknowledged selectively.
    repeated: u16,
}

impl Outstanding {
    fn end(&self) -> i64 {
        self.start.saturating_add(i64::from(self.len))
    }

    fn overlaps(&self, start: i64, end: i64) -> bool {
        self.start < end && start < self.end()
    }

    fn lies_within(&self, start: i64, end: i64) -> bool {
        start <= self.start && self.end() <= end
    }

    /// This one and the one behind it as one.
    fn with(self, next: Self) -> Self {
        let len = next.end().saturating_sub(self.start);
        Self {
            start: self.start,
            len: u32::try_from(len).unwrap_or(u32::MAX),
            sacked_bytes: self.sacked_bytes.saturating_add(next.sacked_bytes),
            segments: self.segments.saturating_add(next.segments),
            sacked: self.sacked.saturating_add(next.sacked),
            repeated: self.repeated.saturating_add(next.repeated),
        }
    }
}

/// How much is under way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct UnderWay {
    /// Segments that are not acknowledged, those acknowledged selectively included (Linux' `packets_out`).
    pub(super) segments: u32,
    /// Segments that were acknowledged selectively (`sacked_out`).
    pub(super) sacked: u32,
    /// Their bytes of payload.
    pub(super) sacked_bytes: u32,
    /// Segments that were sent again and are neither acknowledged nor acknowledged selectively (`retrans_out`).
    pub(super) repeated: u32,
}

/// The segments under way, in the order of their places. Positions are those of [`End`](super::end::End).
#[derive(Clone, Debug, Default)]
pub(super) struct Flight {
    segments: SmallVec<[Outstanding; 2]>,
}

impl Flight {
    /// A segment with something from `start` to `end` passed.
    pub(super) fn send(&mut self, start: i64, end: i64) {
        let mut is_known = false;
        for segment in &mut self.segments {
            is_known |= segment.overlaps(start, end);
            if segment.lies_within(start, end) {
                segment.repeated = segment.segments.saturating_sub(segment.sacked);
            }
        }
        let reached = self.segments.last().map_or(i64::MIN, Outstanding::end);
        // What is new of a segment that repeats something is one of its own, as is what fills a hole.
        let fresh = if is_known { reached.max(start) } else { start };
        if end <= fresh {
            return;
        }
        let len = u32::try_from(end.saturating_sub(fresh)).unwrap_or(u32::MAX);
        let new = Outstanding { start: fresh, len, sacked_bytes: 0, segments: 1, sacked: 0, repeated: 0 };
        // Before it is added: room for one more would be room for twice as many.
        if self.segments.len() >= FLIGHT_SEGMENTS {
            self.join_neighbours();
        }
        let place = self.segments.iter().rposition(|segment| segment.start < fresh);
        self.segments.insert(place.map_or(0, |place| place.saturating_add(1)), new);
    }

    /// The peer acknowledged everything before `position`. Gives how many segments this is the first word of.
    pub(super) fn acknowledge(&mut self, position: i64) -> u32 {
        let whole = self.segments.iter().take_while(|segment| segment.end() <= position).count();
        let told = |segment: Outstanding| u32::from(segment.segments.saturating_sub(segment.sacked));
        self.segments.drain(..whole).map(told).fold(0, u32::saturating_add)
    }

    /// The peer acknowledged the bytes from `start` to `end` selectively; the last of them is a FIN if `fin` lies
    /// there. Gives how many segments this is the first word of.
    pub(super) fn acknowledge_block(&mut self, start: i64, end: i64, fin: Option<i64>) -> u32 {
        let mut told: u32 = 0;
        for segment in self.segments.iter_mut().filter(|segment| segment.lies_within(start, end)) {
            told = told.saturating_add(u32::from(segment.segments.saturating_sub(segment.sacked)));
            (segment.sacked, segment.repeated) = (segment.segments, 0);
            segment.sacked_bytes = segment.len.saturating_sub(u32::from(fin == Some(segment.end())));
        }
        told
    }

    /// How much is under way.
    pub(super) fn under_way(&self) -> UnderWay {
        self.segments.iter().fold(UnderWay::default(), |sum, segment| UnderWay {
            segments: sum.segments.saturating_add(u32::from(segment.segments)),
            sacked: sum.sacked.saturating_add(u32::from(segment.sacked)),
            sacked_bytes: sum.sacked_bytes.saturating_add(segment.sacked_bytes),
            repeated: sum.repeated.saturating_add(u32::from(segment.repeated)),
        })
    }

    fn join_neighbours(&mut self) {
        let join = |pair: &[Outstanding]| match pair {
            [first, second] => Some(first.with(*second)),
            [only] => Some(*only),
            _ => None,
        };
        self.segments = self.segments.chunks(2).filter_map(join).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(flight: &Flight) -> (u32, u32, u32, u32) {
        let UnderWay { segments, sacked, sacked_bytes, repeated } = flight.under_way();
        (segments, sacked, sacked_bytes, repeated)
    }

    #[test]
    fn segments_are_under_way_until_all_of_them_is_acknowledged() {
        let mut flight = Flight::default();
        flight.send(0, 1);
        assert_eq!(flight.acknowledge(1), 1);
        for place in 0..5 {
            flight.send(1 + place * 10, 11 + place * 10);
        }
        assert_eq!(counts(&flight), (5, 0, 0, 0));
        // The third in its middle.
        assert_eq!(flight.acknowledge(25), 2);
        assert_eq!(counts(&flight), (3, 0, 0, 0));
        assert_eq!(flight.acknowledge(51), 3);
        assert_eq!(counts(&flight), (0, 0, 0, 0));
    }

    #[test]
    fn blocks_are_the_first_word_of_a_segment_once() {
        let mut flight = Flight::default();
        for place in 0..4 {
            flight.send(1 + place * 10, 11 + place * 10);
        }
        assert_eq!(flight.acknowledge_block(11, 31, None), 2);
        assert_eq!(flight.acknowledge_block(11, 41, Some(41)), 1);
        assert_eq!(counts(&flight), (4, 3, 29, 0));
        flight.send(1, 11);
        // What is acknowledged selectively is not under way, sent again or not.
        flight.send(11, 21);
        assert_eq!(counts(&flight), (4, 3, 29, 1));
        assert_eq!(flight.acknowledge(41), 1);
        assert_eq!(counts(&flight), (0, 0, 0, 0));
    }

    #[test]
    fn holes_are_filled_and_new_bytes_behind_repeated_ones_are_a_segment() {
        let mut flight = Flight::default();
        flight.send(1, 11);
        flight.send(21, 31);
        flight.send(11, 21);
        assert_eq!(counts(&flight), (3, 0, 0, 0));
        flight.send(21, 41);
        assert_eq!(counts(&flight), (4, 0, 0, 1));
        assert_eq!(flight.acknowledge(31), 3);
        assert_eq!(flight.acknowledge(41), 1);
    }

    #[test]
    fn many_segments_are_counted_rightly_in_bounded_room() {
        let mut flight = Flight::default();
        for place in 0..10_000 {
            flight.send(place, place + 1);
            assert!(flight.segments.capacity() <= FLIGHT_SEGMENTS);
        }
        assert_eq!(counts(&flight), (10_000, 0, 0, 0));
        assert_eq!(flight.acknowledge_block(0, 10_000, None), 10_000);
        assert_eq!(flight.acknowledge(9_999), 0);
        assert!(flight.under_way().segments >= 1);
        assert_eq!(flight.acknowledge(10_000), 0);
        assert_eq!(counts(&flight), (0, 0, 0, 0));
    }
}
