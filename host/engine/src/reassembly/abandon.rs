//! Nobody reads a stream any more: it is only counted from here on.

use super::{Ahead, Budget, Stream};

/// What became of what a stream held when nobody wanted it any more.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Abandoned {
    /// Bytes behind holes that count as seen.
    pub delivered: u64,
    /// Bytes in the holes before them, which are stepped over.
    pub skipped: u64,
    /// Bytes that waited behind the sender's FIN.
    pub after_fin: u64,
    /// Bytes that came with a SYN and of which it was not known whether the server takes them.
    pub syn_data: u64,
}

impl Stream {
    /// Offset behind the furthest payload byte seen: where a [counted](Stream::count) stream stands.
    #[must_use]
    pub fn seen(&self) -> u64 {
        let end = self.end();
        if self.highest() < end {
            return self.highest();
        }
        // That high it came by its FIN, and bytes before that may be missing.
        self.next().max(self.ahead().and_then(Ahead::end).unwrap_or(0).min(end))
    }

    /// Forgets all bytes, and stands where it would stand if it had only been counted.
    pub fn abandon(&mut self, budget: &mut Budget) -> Abandoned {
        let (next, end, seen) = (self.next(), self.end(), self.seen());
        let mut abandoned = Abandoned::default();
        for (start, len) in self.ahead().into_iter().flat_map(Ahead::runs) {
            let before_fin = end.saturating_sub(start).min(len);
            abandoned.delivered = abandoned.delivered.saturating_add(before_fin);
            abandoned.after_fin = abandoned.after_fin.saturating_add(len - before_fin);
        }
        abandoned.skipped = seen.saturating_sub(next).saturating_sub(abandoned.delivered);
        abandoned.syn_data = self.take_syn_data(budget).len() as u64;
        self.standing.set_next(seen);
        self.release(budget);
        abandoned
    }
}

#[cfg(test)]
mod tests {
    use sluice_wire::SeqNumber;

    use super::*;
    use crate::limits::Limits;
    use crate::reassembly::{Level, Payload};

    fn reading(budget: &mut Budget, segments: &[(i64, &[u8])]) -> Stream {
        let mut stream = Stream::default();
        stream.level = Level::Full;
        stream.anchor(SeqNumber(7));
        for (offset, bytes) in segments {
            let wire_len = u32::try_from(bytes.len()).unwrap();
            let payload = Payload { offset: *offset, bytes, wire_len };
            stream.accept(payload, &Limits::default(), budget);
        }
        stream
    }

    #[test]
    fn what_waits_behind_holes_counts_and_the_holes_are_stepped_over() {
        let mut budget = Budget::new(1 << 20);
        let mut stream = reading(&mut budget, &[(0, b"abcd"), (10, b"efgh"), (20, b"ij")]);
        assert_eq!((stream.next(), stream.seen()), (4, 22));
        let expected = Abandoned { delivered: 6, skipped: 12, ..Abandoned::default() };
        assert_eq!(stream.abandon(&mut budget), expected);
        assert_eq!((stream.next(), stream.highest(), stream.waiting()), (22, 22, 0));
        assert_eq!((budget.used(), budget.segments()), (0, 0));
    }

    #[test]
    fn a_fin_is_no_byte_that_was_seen() {
        let mut budget = Budget::new(1 << 20);
        let mut stream = reading(&mut budget, &[(0, b"abcd"), (10, b"efgh"), (20, b"ij")]);
        stream.set_fin(12);
        assert_eq!(stream.seen(), 12);
        let expected = Abandoned { delivered: 2, skipped: 6, after_fin: 4, ..Abandoned::default() };
        assert_eq!(stream.abandon(&mut budget), expected);
        assert!(stream.is_complete());
        let mut stream = reading(&mut budget, &[(0, b"abcd")]);
        stream.set_fin(12);
        assert_eq!(stream.seen(), 4);
        assert_eq!(stream.abandon(&mut budget), Abandoned::default());
        assert!(!stream.is_complete());
    }
}
