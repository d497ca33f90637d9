//! The matches of one scan.

use crate::limits::MATCHES_MAX;

/// Matches by their end and, where several end together, by the pattern's number; the first [`MATCHES_MAX`] of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// End in the upper half, pattern in the lower.
    matches: Vec<u64>,
    /// From where on they are not in order.
    settled: usize,
    left_out: u64,
    /// How many more the run at hand may add.
    room: usize,
}

impl Found {
    /// Forgets everything, but not the room for it.
    pub fn clear(&mut self) {
        self.matches.clear();
        (self.settled, self.left_out) = (0, 0);
    }

    /// Begins a run of matches that come by ascending ends.
    pub fn begin(&mut self) {
        self.room = MATCHES_MAX;
    }

    /// Adds a match that ends before byte `end` of what is scanned.
    pub fn push(&mut self, end: usize, pattern: u32) {
        match self.room.checked_sub(1) {
            Some(room) => {
                self.room = room;
                // No scan is as long as 4 GiB.
                let end = u32::try_from(end).unwrap_or(u32::MAX);
                self.matches.push(u64::from(end) << 32 | u64::from(pattern));
            }
            None => self.left_out = self.left_out.saturating_add(1),
        }
    }

    /// Counts something that was there but cannot be told.
    #[cfg(feature = "vectorscan")]
    pub(super) fn leave_out(&mut self) {
        self.left_out = self.left_out.saturating_add(1);
    }

    /// Brings what was added by all runs over the same bytes in order, and leaves out what is too much. Whatever is
    /// added later must end behind it.
    pub fn settle(&mut self) {
        let Some(added) = self.matches.get_mut(self.settled..) else { return };
        added.sort_unstable();
        let beyond = self.matches.len().saturating_sub(MATCHES_MAX);
        self.matches.truncate(MATCHES_MAX);
        self.left_out = self.left_out.saturating_add(beyond as u64);
        self.settled = self.matches.len();
    }

    /// Whether nothing matched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && self.left_out == 0
    }

    /// The matches: where each ends (upper half) and which pattern it is (lower half), ascending.
    #[must_use]
    pub fn matches(&self) -> &[u64] {
        &self.matches
    }

    /// Matches beyond those.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_runs_over_the_same_bytes_come_out_in_order() {
        let mut found = Found::default();
        found.begin();
        found.push(5, 1);
        found.push(9, 0);
        found.begin();
        found.push(5, 0);
        found.settle();
        assert_eq!(found.matches(), [5 << 32, 5 << 32 | 1, 9 << 32]);
    }

    #[test]
    fn of_too_many_the_first_stay() {
        let mut found = Found::default();
        found.begin();
        (0..MATCHES_MAX).for_each(|n| found.push(2 * n, 7));
        found.begin();
        (0..MATCHES_MAX + 3).for_each(|n| found.push(2 * n + 1, 7));
        found.settle();
        let ends = found.matches().iter().map(|found| found >> 32);
        assert!(ends.eq(0..MATCHES_MAX as u64));
        assert_eq!(found.left_out(), MATCHES_MAX as u64 + 3);
        found.clear();
        assert!(found.is_empty() && found.left_out() == 0);
    }
}
