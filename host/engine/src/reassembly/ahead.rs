//! Bytes that arrived ahead of a hole, kept until the hole closes.
//!
//! Offsets are 64-bit and never wrap; the conversion from a wire sequence number happens once, before this type. Where
//! segments overlap, the bytes that arrived first win.

use std::collections::BTreeMap;

use super::overlap::Difference;

/// Bookkeeping that a held segment costs on top of its bytes: a tree slot and an allocation.
pub const SEGMENT_COST: usize = 64;

/// Segments held out of order.
///
/// Invariant: segments are not empty, do not overlap, and `cost` is the sum of their lengths plus [`SEGMENT_COST`]
/// each.
#[derive(Debug, Default)]
pub struct Ahead {
    segments: BTreeMap<u64, Box<[u8]>>,
    bytes: usize,
}

impl Ahead {
    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Segments held.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory in use.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.bytes.saturating_add(self.segments.len().saturating_mul(SEGMENT_COST))
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

    /// Adds the bytes of `payload` at `offset` that are not held yet; gives how many were added.
    pub fn insert(&mut self, offset: u64, payload: &[u8]) -> usize {
        let pieces: smallvec::SmallVec<[(u64, u64); 4]> = self.missing(offset, payload.len()).collect();
        let mut added = 0;
        for (start, end) in pieces {
            let from = usize::try_from(start - offset).unwrap_or(usize::MAX);
            let until = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let Some(bytes) = payload.get(from..until) else { continue };
            self.segments.insert(start, bytes.into());
            added += bytes.len();
        }
        self.bytes = self.bytes.saturating_add(added);
        added
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
            ahead.insert(*offset, bytes);
        }
        ahead
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let mut ahead = holding(&[(10, b"bbbb"), (20, b"dddd")]);
        assert_eq!(ahead.insert(8, b"AAAAAAAAAAAAAAAAAAAA"), 12);
        assert_eq!(ahead.runs().collect::<Vec<_>>(), [(8, 2), (10, 4), (14, 6), (20, 4), (24, 4)]);
        assert_eq!(ahead.read(10, 99), b"bbbb");
        assert_eq!(ahead.cost(), 20 + 5 * SEGMENT_COST);
    }

    #[test]
    fn what_is_held_in_full_adds_nothing() {
        let mut ahead = holding(&[(10, b"abcdef")]);
        assert_eq!(ahead.insert(11, b"XXX"), 0);
        assert_eq!(ahead.compare(11, b"bcd"), (Some((11, 14)), None));
        let (held, difference) = ahead.compare(9, b"_abXXef_");
        assert_eq!(held, Some((10, 16)));
        assert_eq!(difference, Some(Difference { offset: 12, len: 2 }));
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
