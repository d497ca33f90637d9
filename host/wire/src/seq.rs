//! TCP sequence numbers: 32 bits that wrap (RFC 9293 section 3.4).

use std::fmt;

/// A TCP sequence or acknowledgement number.
///
/// Numbers are only comparable within half of the sequence space, so this type has no `Ord`: ask
/// [`SeqNumber::before`] or [`SeqNumber::distance_from`] instead. Any two inputs have an answer. Both come
/// from the wire, so nothing here may panic.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// The number `n` bytes later, wrapping past 2^32.
    #[inline]
    #[must_use]
    pub const fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// Bytes from `earlier` to `self`; negative when `self` is behind.
    ///
    /// Exactly half of the space away (2^31 bytes) counts as behind, in both directions.
    #[inline]
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// Whether `self` comes before `other` in the half of the sequence space around them.
    #[inline]
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        self.distance_from(other) < 0
    }

    /// Whether `self` is `other` or comes before it.
    #[inline]
    #[must_use]
    pub const fn before_or_at(self, other: Self) -> bool {
        self.distance_from(other) <= 0
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_wraps_around_the_sequence_space() {
        let table: [(u32, u32, i32); 7] = [
            (0, 0, 0),
            (10, 3, 7),
            (3, 10, -7),
            (2, u32::MAX, 3),
            (u32::MAX, 2, -3),
            (0x7fff_ffff, 0, i32::MAX),
            (0x8000_0000, 0, i32::MIN),
        ];
        for (later, earlier, distance) in table {
            assert_eq!(SeqNumber(later).distance_from(SeqNumber(earlier)), distance, "{later} {earlier}");
        }
    }

    #[test]
    fn order_is_that_of_the_stream_and_not_of_the_integers() {
        let last = SeqNumber(u32::MAX);
        assert!(last.before(last.add(1)));
        assert_eq!(last.add(1), SeqNumber(0));
        assert!(!last.add(1).before(last));
        assert!(!last.before(last));
        assert!(last.before_or_at(last));
        assert!(!last.add(1).before_or_at(last));
    }
}
