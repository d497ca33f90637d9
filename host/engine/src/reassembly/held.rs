//! What a stream holds in order, the packet's part included.

use super::Kept;
use super::kept::GAP_COST;

/// Bytes in order up to the next expected one: kept ones, and behind them those that lie in the current packet.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// What is kept, unless the packet's bytes do not continue it.
    kept: Option<&'a Kept>,
    /// Where the packet's bytes begin: the next expected byte if there are none.
    lent_from: u64,
    /// How many there are.
    lent: u64,
}

impl<'a> Held<'a> {
    /// What is kept, and `lent` bytes from `lent_from` on.
    #[must_use]
    pub fn new(kept: Option<&'a Kept>, lent_from: u64, lent: u64) -> Self {
        Self { kept: kept.filter(|kept| !kept.is_empty() && kept.end() == lent_from), lent_from, lent }
    }

    /// Offset of the first of them; the next expected byte if there are none.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.kept.map_or(self.lent_from, Kept::start)
    }

    /// How many there are, with what gaps between them cost.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.kept.map_or(0, |kept| kept.cost() as u64).saturating_add(self.lent)
    }

    /// Where the last `bytes` of them begin, gaps between them counting for what they cost; [`Held::start`] if there
    /// are no more.
    #[must_use]
    pub fn last(&self, bytes: u64) -> u64 {
        if self.cost() <= bytes {
            return self.start();
        }
        let Some(bytes) = bytes.checked_sub(self.lent) else {
            return self.lent_from.saturating_add(self.lent - bytes);
        };
        self.kept.map_or(self.lent_from, |kept| kept.last(bytes))
    }

    /// `offset`, or the end of the gap that it lies in.
    #[must_use]
    pub fn behind_gap(&self, offset: u64) -> u64 {
        self.kept.map_or(offset, |kept| kept.skip_gap(offset))
    }
}

impl Kept {
    /// Where the last `bytes` bytes begin, gaps between them counting for what they cost.
    pub(super) fn last(&self, bytes: u64) -> u64 {
        let (mut left, mut end) = (bytes, self.end());
        for gap in self.gaps().rev() {
            let run = end.saturating_sub(gap.end());
            if run >= left {
                return end - left;
            }
            left -= run;
            let Some(rest) = left.checked_sub(GAP_COST as u64) else { return gap.end() };
            (left, end) = (rest, gap.offset);
        }
        end.saturating_sub(left).max(self.start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_begin_behind_a_gap_or_with_it_in_full() {
        let mut kept = Kept::default();
        kept.push(&[1; 100]);
        kept.push_gap(1_000);
        kept.push(&[2; 50]);
        let gap = GAP_COST as u64;
        let cases = [
            (0, 1_150),
            (50, 1_100),
            (49, 1_101),
            (50 + gap - 1, 1_100),
            (50 + gap, 100),
            (51 + gap, 99),
            (9_999, 0),
        ];
        for (bytes, from) in cases {
            assert_eq!(Held::new(Some(&kept), 1_150, 0).last(bytes), from, "{bytes}");
            assert_eq!(Held::new(Some(&kept), 1_150, 7).last(bytes + 7), from, "{bytes} and 7 lent");
        }
        let held = Held::new(Some(&kept), 1_150, 7);
        assert_eq!((held.start(), held.cost(), held.last(3)), (0, 157 + gap, 1_154));
        assert_eq!((held.behind_gap(99), held.behind_gap(100), held.behind_gap(1_099)), (99, 1_100, 1_100));
        assert_eq!(
            Held::new(Some(&kept), 2_000, 7).start(),
            2_000,
            "what is kept is older and was not wanted"
        );
    }
}
