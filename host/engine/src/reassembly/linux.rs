//! The out-of-order queue of Linux, without its bytes.
//!
//! `tcp_data_queue_ofo` keeps buffers in the order of their first sequence number, whole, though they overlap; when the
//! hole closes, `tcp_ofo_queue` reads them in that order, so that a byte comes from the buffer that begins first. What
//! decides is where buffers begin, and that changes when a segment is appended to a buffer that ends where it begins
//! (`tcp_ooo_try_coalesce`): to the first one that the walk down the tree meets.

use super::tree::{LEFT, NONE, RIGHT, Tree};

/// Where the buffers of the queue begin and end.
#[derive(Debug, Default)]
pub(super) struct Queue {
    tree: Tree,
}

impl Queue {
    /// Memory in use.
    pub(super) fn cost(&self) -> usize {
        self.tree.cost()
    }

    /// Buffers in it, those that are hidden behind others included.
    pub(super) const fn len(&self) -> usize {
        self.tree.len()
    }

    /// Takes in a segment from `start` to `end`, which is behind it; gives from where on its bytes are the ones that
    /// will be read.
    pub(super) fn take(&mut self, start: u64, end: u64) -> u64 {
        let last = self.tree.outermost(RIGHT);
        let mut parent = NONE;
        // What lies behind all others is put there without a walk.
        let mut place = match self.tree.node(last) {
            Some(node) if node.end <= start => last,
            _ => self.tree.root(),
        };
        while let Some(node) = self.tree.node(place).copied() {
            parent = place;
            if start < node.begin {
                place = self.tree.child(place, LEFT);
                continue;
            }
            if start == node.end {
                // It becomes part of that buffer; what it covers stays in the queue, and is never read.
                self.tree.set_end(place, end);
                return self.tree.furthest_before(node.begin).max(start);
            }
            if end <= node.end {
                return end;
            }
            if start == node.begin {
                self.tree.set_end(place, end);
                return self.cover(place, start, end);
            }
            place = self.tree.child(place, RIGHT);
        }
        let place = self.tree.insert(start, end, parent);
        self.cover(place, start, end)
    }

    /// Removes what the node at `place` covers of those that follow it; gives from where on its bytes are read.
    fn cover(&mut self, place: u32, start: u64, end: u64) -> u64 {
        loop {
            let next = self.tree.following(place);
            match self.tree.node(next) {
                Some(node) if node.begin < end && node.end <= end => self.tree.erase(next),
                Some(_) | None => break,
            }
        }
        self.tree.furthest_before(start).max(start)
    }

    /// The buffer that begins last at or before `offset`, if it holds that byte or ends there: its begin and end.
    pub(super) fn around(&self, offset: u64) -> Option<(u64, u64)> {
        let node = self.tree.at_or_before(offset)?;
        (node.end >= offset).then_some((node.begin, node.end))
    }

    /// The stream has reached `offset`: buffers that begin there or before it are read.
    pub(super) fn read_until(&mut self, offset: u64) {
        loop {
            let first = self.tree.outermost(LEFT);
            if self.tree.node(first).is_none_or(|node| node.begin > offset) {
                return;
            }
            self.tree.erase(first);
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
    fn of_two_buffers_that_overlap_the_one_met_first_takes_what_follows_it() {
        let mut queue = Queue::default();
        queue.take(4, 9);
        queue.take(6, 11);
        assert_eq!(
            queue.take(9, 16),
            9,
            "the first one is the root: joined to it, the segment begins before the other"
        );
        let mut queue = Queue::default();
        queue.take(6, 11);
        queue.take(4, 9);
        assert_eq!(queue.take(9, 16), 11, "the walk goes from the other to the right");
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
