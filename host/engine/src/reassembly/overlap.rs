//! Copies of the same byte: where they differ.
//!
//! Whichever copy counts ([`OverlapPolicy`](super::OverlapPolicy)), bytes never change after a guest has seen them, and
//! a guest can see both copies before they do.

/// A stretch of a stream whose bytes came again with other values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Offset of the first byte that differs.
    pub offset: u64,
    /// Bytes up to the last one that differs.
    pub len: u64,
}

impl Difference {
    /// The stretch where two copies of the bytes at `offset` differ; `None` if they are equal.
    #[must_use]
    pub fn between(offset: u64, held: &[u8], again: &[u8]) -> Option<Self> {
        if held == again {
            return None;
        }
        let differs = |(held, again): (&u8, &u8)| held != again;
        let first = held.iter().zip(again).position(differs)?;
        let last = held.iter().zip(again).rposition(differs)?;
        Some(Self { offset: offset.saturating_add(first as u64), len: (last - first + 1) as u64 })
    }

    /// From the first byte that differs in either stretch to the last.
    #[must_use]
    pub fn join(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let offset = self.offset.min(other.offset);
        let end = self.offset.saturating_add(self.len).max(other.offset.saturating_add(other.len));
        Self { offset, len: end - offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_spans_the_bytes_that_differ() {
        assert_eq!(Difference::between(5, b"abcdef", b"abcdef"), None);
        assert_eq!(Difference::between(5, b"abcdef", b"aXcXef"), Some(Difference { offset: 6, len: 3 }));
        assert_eq!(Difference::between(5, b"", b""), None);
    }
}
