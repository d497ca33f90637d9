//! Bytes in order: those that a monitor has not read yet, and those retained behind the readers.

use std::collections::VecDeque;

/// A hole in a stream that will never be filled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Offset of the first missing byte.
    pub offset: u64,
    /// Missing bytes.
    pub len: u64,
}

impl Gap {
    /// Offset behind the gap.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Bookkeeping that a gap costs on top of the bytes between gaps.
pub(super) const GAP_COST: usize = size_of::<Gap>();

/// Bytes in order from `start` to `end`, with the gaps between them.
///
/// Invariant: `end - start` is the number of bytes held plus the lengths of the gaps held, all of which lie between
/// `start` and `end`, ascending and not touching.
#[derive(Debug, Default)]
pub struct Kept {
    start: u64,
    end: u64,
    bytes: VecDeque<u8>,
    gaps: VecDeque<Gap>,
}

impl Kept {
    /// Offset of the first byte or gap held.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Offset behind the last byte or gap held.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Memory in use, in bytes: room for bytes and gaps that is not used included.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.capacity().saturating_add(self.gaps.capacity().saturating_mul(GAP_COST))
    }

    /// What is held: bytes, and what gaps cost.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.bytes.len().saturating_add(self.gaps.len().saturating_mul(GAP_COST))
    }

    /// Whether no byte and no gap is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets everything and goes on at `offset`.
    pub fn restart(&mut self, offset: u64) {
        self.bytes.clear();
        self.gaps.clear();
        (self.start, self.end) = (offset, offset);
    }

    /// Appends bytes that follow `end`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.end = self.end.saturating_add(bytes.len() as u64);
    }

    /// Appends a gap that follows `end`; joins it to one that ends there.
    pub fn push_gap(&mut self, len: u64) {
        match self.gaps.back_mut().filter(|gap| gap.end() == self.end) {
            Some(gap) => gap.len = gap.len.saturating_add(len),
            None => self.gaps.push_back(Gap { offset: self.end, len }),
        }
        self.end = self.end.saturating_add(len);
    }

    /// Forgets what lies before `offset`; whole gaps go, and a gap that begins at `offset` stays.
    pub fn discard_before(&mut self, offset: u64) {
        if offset >= self.end {
            self.restart(self.end);
            return;
        }
        while self.start < offset {
            match self.gaps.front().copied().filter(|gap| gap.offset == self.start) {
                Some(gap) => {
                    self.gaps.pop_front();
                    self.start = gap.end();
                }
                None => {
                    let until = self.gaps.front().map_or(self.end, |gap| gap.offset).min(offset);
                    let count = usize::try_from(until.saturating_sub(self.start)).unwrap_or(usize::MAX);
                    self.bytes.drain(..count.min(self.bytes.len()));
                    self.start = until;
                }
            }
        }
        if self.bytes.capacity() > SHRINK_ABOVE && self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes.shrink_to(self.bytes.len().saturating_mul(2));
        }
        if self.gaps.capacity() > SHRINK_ABOVE / GAP_COST && self.gaps.len() < self.gaps.capacity() / 4 {
            self.gaps.shrink_to(self.gaps.len().saturating_mul(2));
        }
    }

    /// Forgets the oldest bytes until no more than `limit` is held, in no more than `room` bytes of memory.
    pub(super) fn shrink(&mut self, limit: usize, room: usize) {
        // Half of the room, so that it is not copied once more for each packet that comes.
        let limit = if self.memory() > room { limit.min(room / 2) } else { limit };
        if self.cost() > limit {
            let excess = (self.cost() - limit) as u64;
            self.discard_before(self.start.saturating_add(excess));
        }
        if self.memory() > room {
            self.bytes.shrink_to_fit();
            self.gaps.shrink_to_fit();
        }
    }

    /// Gaps held, ascending.
    pub(super) fn gaps(&self) -> impl DoubleEndedIterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Whether a gap is held.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Where reading goes on from `offset`: behind a gap that covers it, else there.
    #[must_use]
    pub fn skip_gap(&self, offset: u64) -> u64 {
        let mut offset = offset;
        for gap in &self.gaps {
            if gap.offset <= offset && offset < gap.end() {
                offset = gap.end();
            }
        }
        offset
    }

    /// The bytes held at `offset` without crossing a gap, in two pieces; both empty if `offset` is not held.
    #[must_use]
    pub fn read(&self, offset: u64, max: usize) -> (&[u8], &[u8]) {
        if offset < self.start || offset >= self.end {
            return (&[], &[]);
        }
        let mut position = offset - self.start;
        let mut until = self.end;
        for gap in &self.gaps {
            if gap.offset > offset {
                until = gap.offset;
                break;
            }
            if gap.end() > offset {
                return (&[], &[]);
            }
            position = position.saturating_sub(gap.len);
        }
        let len = usize::try_from(until - offset).unwrap_or(usize::MAX).min(max);
        let Ok(position) = usize::try_from(position) else { return (&[], &[]) };
        let (first, second) = self.bytes.as_slices();
        let end = position.saturating_add(len);
        let front = first.get(position.min(first.len())..end.min(first.len())).unwrap_or(&[]);
        let back_from = position.saturating_sub(first.len()).min(second.len());
        let back_until = end.saturating_sub(first.len()).min(second.len());
        (front, second.get(back_from..back_until).unwrap_or(&[]))
    }

    /// Runs of bytes between gaps: offset and length, ascending.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        let ends = self.gaps.iter().map(|gap| gap.offset).chain([self.end]);
        let starts = std::iter::once(self.start).chain(self.gaps.iter().map(|gap| gap.end()));
        starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| (start, end - start))
    }
}

/// Capacity in bytes of which a buffer gives back what it has not used for long: a flow that once lagged should not
/// hold memory for ever.
const SHRINK_ABOVE: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Kept {
        let mut kept = Kept::default();
        kept.push(b"abcd");
        kept.push_gap(10);
        kept.push(b"efgh");
        kept
    }

    fn text(kept: &Kept, offset: u64, max: usize) -> String {
        let (first, second) = kept.read(offset, max);
        String::from_utf8([first, second].concat()).unwrap()
    }

    #[test]
    fn reading_stops_at_a_gap_and_goes_on_behind_it() {
        let kept = sample();
        assert_eq!(text(&kept, 0, 100), "abcd");
        assert_eq!(text(&kept, 2, 1), "c");
        assert_eq!(text(&kept, 4, 100), "");
        assert_eq!(kept.skip_gap(4), 14);
        assert_eq!(kept.skip_gap(3), 3);
        assert_eq!(text(&kept, 15, 100), "fgh");
        assert_eq!(text(&kept, 18, 100), "");
        assert_eq!(kept.runs().collect::<Vec<_>>(), [(0, 4), (14, 4)]);
    }

    #[test]
    fn discarding_counts_gaps_as_offsets_but_not_as_bytes() {
        let mut kept = sample();
        kept.discard_before(4);
        assert_eq!((kept.start(), kept.end(), kept.cost()), (4, 18, 4 + GAP_COST));
        assert_eq!(text(&kept, 14, 100), "efgh");
        kept.discard_before(9);
        assert_eq!(kept.start(), 14, "a gap goes as a whole");
        kept.discard_before(16);
        assert_eq!(text(&kept, 16, 100), "gh");
        kept.discard_before(99);
        assert!(kept.is_empty());
        assert_eq!(kept.end(), 18);
    }

    #[test]
    fn neighbouring_gaps_become_one() {
        let mut kept = Kept::default();
        kept.push_gap(5);
        kept.push_gap(7);
        kept.push(b"x");
        assert_eq!(kept.runs().collect::<Vec<_>>(), [(12, 1)]);
    }
}
