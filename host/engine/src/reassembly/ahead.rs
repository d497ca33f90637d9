//! Bytes that arrived ahead of a hole, kept until the hole closes.
//!
//! Offsets are 64-bit and never wrap; the conversion from a wire sequence number happens once, before this type. Where
//! segments overlap, the policy says whose bytes stay; only those are held.

use std::collections::BTreeMap;

use super::linux::Queue;
use super::overlap::Difference;
use super::policy::OverlapPolicy;

/// Memory that a held segment costs on top of its bytes: its part of a tree node and an allocation.
///
/// A node has eleven places of 24 bytes, of which six are used when segments come in order and five at the least; an
/// allocation rounds up to 32 bytes.
pub const SEGMENT_COST: usize = 96;

/// What adding a segment changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Inserted {
    /// Bytes of the segment that are held now and were not before, those that replaced others included.
    pub added: usize,
    /// Bytes that were held before, and that others have replaced.
    pub replaced: usize,
}

/// Segments held out of order.
///
/// Invariant: segments are not empty, do not overlap, and `cost` is the sum of their lengths plus [`SEGMENT_COST`]
/// each.
#[derive(Debug, Default)]
pub struct Ahead {
    segments: BTreeMap<u64, Box<[u8]>>,
    bytes: usize,
    /// The segments as Linux has them; empty under other policies.
    queue: Queue,
}

impl Ahead {
    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Segments held; under the policy of Linux, those that others hide count too, or their number had no bound.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len().max(self.queue.len())
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory in use.
    #[must_use]
    pub fn cost(&self) -> usize {
        let segments = self.segments.len().saturating_mul(SEGMENT_COST);
        self.bytes.saturating_add(segments).saturating_add(self.queue.cost())
    }

    /// Offset of the first byte held.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.segments.keys().next().copied()
    }

    /// Offset behind the last byte held.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.segments.iter().next_back().map(|(start, bytes)| start.saturating_add(bytes.len() as u64))
    }

    /// Pieces of `[offset, offset + len)` that are not held, ascending: what [`Ahead::insert`] would add.
    pub fn missing(&self, offset: u64, len: usize) -> Missing<'_> {
        // Only the segment before `offset` can reach into the range from the left.
        let from = self.segments.range(..=offset).next_back().map_or(offset, |(start, _)| *start);
        Missing {
            held: self.segments.range(from..),
            position: offset,
            end: offset.saturating_add(len as u64),
        }
    }

    /// Adds a segment: its bytes that are not held yet, and in place of bytes held those that win by `policy`.
    pub fn insert(&mut self, offset: u64, payload: &[u8], policy: OverlapPolicy) -> Inserted {
        if payload.is_empty() {
            return Inserted::default();
        }
        let (from, until) = self.won(offset, offset.saturating_add(payload.len() as u64), policy);
        let replaced = self.clear(from, until);
        let added = self.fill(offset, payload);
        Inserted { added, replaced }
    }

    /// Adds the bytes of `payload` at `offset` that are not held yet; gives how many were added.
    pub(super) fn fill(&mut self, offset: u64, payload: &[u8]) -> usize {
        let pieces: smallvec::SmallVec<[(u64, u64); 4]> = self.missing(offset, payload.len()).collect();
        let mut added = 0;
        for (start, end) in pieces {
            let bytes = slice(payload, start - offset, end - offset);
            self.segments.insert(start, bytes.into());
            added += bytes.len();
        }
        self.bytes = self.bytes.saturating_add(added);
        added
    }

    /// The stretch in which a segment from `start` to `end` replaces what is held.
    fn won(&mut self, start: u64, end: u64, policy: OverlapPolicy) -> (u64, u64) {
        let before = self.segments.range(..=start).next_back();
        let before = before.map(|(begin, bytes)| (*begin, begin.saturating_add(bytes.len() as u64)));
        match policy {
            OverlapPolicy::First => (end, end),
            OverlapPolicy::Last => (start, end),
            OverlapPolicy::Linux => (self.queue.take(start, end), end),
            OverlapPolicy::Bsd | OverlapPolicy::Windows => {
                (before.map_or(start, |(_, known)| known.max(start)), end)
            }
            OverlapPolicy::Solaris => match before {
                Some((begin, known)) if known > end || known == end && begin < start => (end, end),
                _ => {
                    let last = self.segments.range(..end).next_back();
                    let reaches = |bytes: &[u8], begin: u64| begin.saturating_add(bytes.len() as u64) > end;
                    let beyond = last.filter(|(begin, bytes)| reaches(bytes, **begin));
                    (start, beyond.map_or(end, |(begin, _)| *begin))
                }
            },
        }
    }

    /// Forgets the bytes of a stretch; gives how many there were.
    fn clear(&mut self, from: u64, until: u64) -> usize {
        if from >= until {
            return 0;
        }
        let first = self.segments.range(..=from).next_back().map_or(from, |(begin, _)| *begin);
        let touched = self.segments.range(first..until).map(|(begin, _)| *begin);
        let touched: smallvec::SmallVec<[u64; 4]> = touched.collect();
        let mut cleared = 0;
        for begin in touched {
            let Some(bytes) = self.segments.remove(&begin) else { continue };
            let end = begin.saturating_add(bytes.len() as u64);
            let head = slice(&bytes, 0, from.saturating_sub(begin));
            let tail = slice(&bytes, until.saturating_sub(begin), end - begin);
            cleared += bytes.len() - head.len() - tail.len();
            if head.len() == bytes.len() {
                self.segments.insert(begin, bytes);
                continue;
            }
            if !head.is_empty() {
                self.segments.insert(begin, head.into());
            }
            if !tail.is_empty() {
                self.segments.insert(until, tail.into());
            }
        }
        self.bytes = self.bytes.saturating_sub(cleared);
        cleared
    }

    /// Where the segment that holds the byte at `offset` or ends there begins and ends, as Linux has it.
    pub(super) fn linux_segment(&self, offset: u64) -> Option<(u64, u64)> {
        self.queue.around(offset)
    }

    /// From the first to behind the last byte of the range that is held already, and the stretch where bytes held
    /// differ from `payload`.
    #[must_use]
    pub fn compare(&self, offset: u64, payload: &[u8]) -> (Option<(u64, u64)>, Option<Difference>) {
        let end = offset.saturating_add(payload.len() as u64);
        let from = self.segments.range(..=offset).next_back().map_or(offset, |(start, _)| *start);
        let mut held: Option<(u64, u64)> = None;
        let mut difference: Option<Difference> = None;
        for (start, bytes) in self.segments.range(from..end) {
            let segment_end = start.saturating_add(bytes.len() as u64);
            let (low, high) = ((*start).max(offset), segment_end.min(end));
            if low >= high {
                continue;
            }
            held = Some((held.map_or(low, |(first, _)| first), high));
            let mine = slice(bytes, low - start, high - start);
            let theirs = slice(payload, low - offset, high - offset);
            let here = Difference::between(low, mine, theirs);
            difference = difference.map_or(here, |known| Some(known.join(here)));
        }
        (held, difference)
    }

    /// Takes out the segment that begins at or before `offset`, without the part before it.
    ///
    /// A segment wholly before `offset` is dropped.
    pub fn pop_at(&mut self, offset: u64) -> Option<(u64, Box<[u8]>)> {
        self.queue.read_until(offset);
        loop {
            let entry = self.segments.first_entry().filter(|entry| *entry.key() <= offset)?;
            let (start, bytes) = entry.remove_entry();
            self.bytes = self.bytes.saturating_sub(bytes.len());
            let old = usize::try_from(offset - start).unwrap_or(usize::MAX);
            if old == 0 {
                return Some((start, bytes));
            }
            if let Some(rest) = bytes.get(old..).filter(|rest| !rest.is_empty()) {
                return Some((offset, rest.into()));
            }
        }
    }

    /// The bytes held at `offset` up to the end of their segment.
    #[must_use]
    pub fn read(&self, offset: u64, max: usize) -> &[u8] {
        let Some((start, bytes)) = self.segments.range(..=offset).next_back() else { return &[] };
        let from = usize::try_from(offset - start).unwrap_or(usize::MAX).min(bytes.len());
        let until = from.saturating_add(max).min(bytes.len());
        bytes.get(from..until).unwrap_or(&[])
    }

    /// Segments as offset and length, ascending.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.segments.iter().map(|(start, bytes)| (*start, bytes.len() as u64))
    }
}

/// See [`Ahead::missing`].
#[derive(Clone, Debug)]
pub struct Missing<'a> {
    held: std::collections::btree_map::Range<'a, u64, Box<[u8]>>,
    position: u64,
    end: u64,
}

impl Iterator for Missing<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        while self.position < self.end {
            let Some((start, bytes)) = self.held.next() else {
                return Some((std::mem::replace(&mut self.position, self.end), self.end));
            };
            let (start, held_end) = (*start, start.saturating_add(bytes.len() as u64));
            let piece = (self.position, start.min(self.end));
            self.position = self.position.max(held_end);
            if piece.0 < piece.1 {
                return Some(piece);
            }
        }
        None
    }
}

/// The bytes between two places, as far as there are any.
fn slice(bytes: &[u8], from: u64, until: u64) -> &[u8] {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let until = usize::try_from(until).unwrap_or(usize::MAX);
    bytes.get(from..until.min(bytes.len())).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(segments: &[(u64, &[u8])]) -> Ahead {
        let mut ahead = Ahead::default();
        for (offset, bytes) in segments {
            ahead.insert(*offset, bytes, OverlapPolicy::First);
        }
        ahead
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let mut ahead = holding(&[(10, b"bbbb"), (20, b"dddd")]);
        let inserted = ahead.insert(8, b"AAAAAAAAAAAAAAAAAAAA", OverlapPolicy::First);
        assert_eq!(inserted, Inserted { added: 12, replaced: 0 });
        assert_eq!(ahead.runs().collect::<Vec<_>>(), [(8, 2), (10, 4), (14, 6), (20, 4), (24, 4)]);
        assert_eq!(ahead.read(10, 99), b"bbbb");
        assert_eq!(ahead.cost(), 20 + 5 * SEGMENT_COST);
    }

    #[test]
    fn what_is_held_in_full_adds_nothing() {
        let mut ahead = holding(&[(10, b"abcdef")]);
        assert_eq!(ahead.insert(11, b"XXX", OverlapPolicy::First), Inserted::default());
        assert_eq!(ahead.compare(11, b"bcd"), (Some((11, 14)), None));
        let (held, difference) = ahead.compare(9, b"_abXXef_");
        assert_eq!(held, Some((10, 16)));
        assert_eq!(difference, Some(Difference { offset: 12, len: 2 }));
    }

    #[test]
    fn the_newest_copy_replaces_what_it_covers_and_no_more() {
        let mut ahead = holding(&[(10, b"aaaaaa"), (18, b"bbbb")]);
        let inserted = ahead.insert(12, b"XXXXXXXX", OverlapPolicy::Last);
        assert_eq!(inserted, Inserted { added: 8, replaced: 6 });
        assert_eq!(ahead.runs().collect::<Vec<_>>(), [(10, 2), (12, 8), (20, 2)]);
        assert_eq!(ahead.insert(14, b"YY", OverlapPolicy::Last), Inserted { added: 2, replaced: 2 });
        assert_eq!(ahead.runs().collect::<Vec<_>>(), [(10, 2), (12, 2), (14, 2), (16, 4), (20, 2)]);
        assert_eq!(ahead.cost(), 12 + 5 * SEGMENT_COST);
    }

    #[test]
    fn segments_come_out_in_order_without_what_is_old() {
        let mut ahead = holding(&[(10, b"abcd"), (14, b"efgh"), (30, b"z")]);
        assert_eq!(ahead.pop_at(9), None);
        assert_eq!(ahead.pop_at(16), Some((16, b"gh"[..].into())));
        assert_eq!(ahead.first(), Some(30));
        assert_eq!(ahead.bytes(), 1);
    }
}
