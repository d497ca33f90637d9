//! The out-of-order queue of Linux, without its bytes.
//!
//! `tcp_data_queue_ofo` keeps buffers in the order of their first sequence number, whole, though they overlap; when the
//! hole closes, `tcp_ofo_queue` reads them in that order, so that a byte comes from the buffer that begins first. What
//! decides is where buffers begin, and that changes when a segment is appended to the buffer that it follows
//! (`tcp_ooo_try_coalesce`).

use std::collections::BTreeMap;

/// Where the buffers of the queue begin and end.
///
/// Invariant: those that begin later end later, so none lies within another.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ends: BTreeMap<u64, u64>,
}

impl Queue {
    /// Takes in a segment from `start` to `end`, which is behind it; gives from where on its bytes are the ones that
    /// will be read.
    pub(super) fn take(&mut self, start: u64, end: u64) -> u64 {
        let mut begin = start;
        match self.ends.range(..=start).next_back() {
            // All of it is there already.
            Some((_, known)) if end <= *known => return end,
            // It follows, and becomes part of that buffer.
            Some((other, known)) if start == *known => begin = *other,
            // It overlaps another, or begins with it and is longer and takes its place, or overlaps none before it.
            Some(_) | None => {}
        }
        // What begins earlier is read first.
        let earlier = self.ends.range(..start).next_back().map_or(start, |(_, known)| *known);
        let covered = self.ends.range(start..end).take_while(|(_, known)| **known <= end);
        let covered: smallvec::SmallVec<[u64; 4]> = covered.map(|(other, _)| *other).collect();
        for other in covered {
            self.ends.remove(&other);
        }
        self.ends.insert(begin, end);
        earlier.max(start)
    }

    /// The buffer that holds the byte at `offset` or ends there: where it begins and ends.
    pub(super) fn around(&self, offset: u64) -> Option<(u64, u64)> {
        let (begin, end) = self.ends.range(..=offset).next_back()?;
        (*end >= offset).then_some((*begin, *end))
    }

    /// The stream has reached `offset`: buffers that begin there or before it are read.
    pub(super) fn read_until(&mut self, offset: u64) {
        while let Some(entry) = self.ends.first_entry().filter(|entry| *entry.key() <= offset) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_follows_another_begins_where_that_one_does() {
        let mut queue = Queue::default();
        assert_eq!(queue.take(10, 20), 10);
        assert_eq!(queue.take(20, 30), 20);
        assert_eq!(queue.around(25), Some((10, 30)));
        assert_eq!(queue.take(15, 25), 25, "all of it is there");
        assert_eq!(queue.take(15, 40), 30, "the buffer that begins earlier is read first");
        assert_eq!(queue.take(5, 45), 5, "it covers both");
        queue.read_until(5);
        assert_eq!(queue.around(5), None);
    }

    #[test]
    fn a_longer_segment_takes_the_place_of_one_that_begins_with_it() {
        let mut queue = Queue::default();
        queue.take(10, 20);
        assert_eq!(queue.take(10, 19), 19);
        assert_eq!(queue.take(10, 30), 10);
        assert_eq!(queue.around(10), Some((10, 30)));
        queue.take(5, 15);
        assert_eq!(queue.take(10, 40), 15, "but the one that begins before both is read first");
    }
}
