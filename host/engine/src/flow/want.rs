//! What a monitor wants of a stream.

use crate::limits::Limits;
use crate::reassembly::Level;

/// A number of bytes in 16 bits: whole KiB, rounded up, or whatever the operator allows. A flow has four of these for
/// each of its monitors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kib(u16);

impl Kib {
    /// No byte.
    pub const NONE: Self = Self(0);
    /// What the operator's [`Limits`] say.
    pub const OPERATORS: Self = Self(u16::MAX);

    /// So many bytes, rounded up to whole KiB; at most 65,534 KiB, which is more than operators allow.
    #[must_use]
    pub fn of(bytes: u32) -> Self {
        Self(u16::try_from(bytes.div_ceil(1024)).unwrap_or(u16::MAX).min(u16::MAX - 1))
    }

    /// In bytes, no more than `most`, where the operator says `own`.
    fn bytes(self, own: usize, most: usize) -> u64 {
        let bytes = if self == Self::OPERATORS { own } else { usize::from(self.0).saturating_mul(1024) };
        bytes.min(most) as u64
    }

    /// As the size of a buffer for what is not read: [`Limits::kept_bytes`] at most and by default.
    #[must_use]
    pub fn size(self, limits: &Limits) -> u64 {
        self.bytes(limits.kept_bytes, limits.kept_bytes)
    }

    /// As what is kept behind a reader: [`Limits::kept_bytes`] at most, [`Limits::retain_bytes`] by default.
    #[must_use]
    pub fn retain(self, limits: &Limits) -> u64 {
        self.bytes(limits.retain_bytes, limits.kept_bytes)
    }
}

/// What a monitor wants of one direction of each of its flows, as they begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Want {
    /// How much is done for it.
    pub level: Level,
    /// How much that it has not read is kept for it.
    pub size: Kib,
    /// How much is kept behind it; `None` for what its handlers need.
    pub retain: Option<Kib>,
}

impl Want {
    /// A level, with what is usual there.
    #[must_use]
    pub const fn of(level: Level) -> Self {
        Self { level, size: Kib::OPERATORS, retain: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_kib_and_no_more_than_the_operator_allows() {
        let limits = Limits { kept_bytes: 5_000, retain_bytes: 700, ..Limits::default() };
        let sizes = [1, 1_024, 1_025, 4_097, u32::MAX].map(|bytes| Kib::of(bytes).size(&limits));
        assert_eq!(sizes, [1_024, 1_024, 2_048, 5_000, 5_000]);
        assert_eq!((Kib::OPERATORS.size(&limits), Kib::OPERATORS.retain(&limits)), (5_000, 700));
        assert_eq!((Kib::NONE.retain(&limits), Kib::of(u32::MAX).retain(&limits)), (0, 5_000));
        let vast = Limits { kept_bytes: usize::MAX, ..Limits::default() };
        assert_eq!(Kib::of(u32::MAX).size(&vast), 65_534 * 1_024);
    }
}
