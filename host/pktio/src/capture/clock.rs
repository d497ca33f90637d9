//! The clock of a pcapng interface: what one tick is, and what is to be added.

const NS_PER_S: u128 = 1_000_000_000;

/// Converts the ticks of one interface to nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Clock {
    scale: Scale,
    offset_ns: i128,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scale {
    /// One tick is this many nanoseconds. The usual cases, kept apart because they need no division.
    NsPerTick(u64),
    TicksPerS(u128),
}

impl Clock {
    /// From the options `if_tsresol` (10 to the negative power; 2 with the top bit set) and `if_tsoffset`.
    pub(crate) fn new(resolution: u8, offset_s: i64) -> Self {
        let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
        let exponent = u32::from(resolution & 0x7f);
        // Beyond 10^38 a tick is so short that 2^64 of them are no nanosecond: any such divisor gives 0.
        let ticks_per_s = base.checked_pow(exponent).unwrap_or(u128::MAX);
        let whole = NS_PER_S.checked_rem(ticks_per_s) == Some(0);
        let ns_per_tick = NS_PER_S.checked_div(ticks_per_s).and_then(|ns| u64::try_from(ns).ok());
        let scale = ns_per_tick.filter(|_| whole).map_or(Scale::TicksPerS(ticks_per_s), Scale::NsPerTick);
        Self { scale, offset_ns: i128::from(offset_s).saturating_mul(1_000_000_000) }
    }

    /// Nanoseconds since 1970; times before it are 0, times after the year 2554 are the last of it.
    pub(crate) fn time_ns(self, ticks: u64) -> u64 {
        let since_offset = match self.scale {
            Scale::NsPerTick(ns) => u128::from(ticks).saturating_mul(u128::from(ns)),
            Scale::TicksPerS(per_s) => {
                u128::from(ticks).saturating_mul(NS_PER_S).checked_div(per_s).unwrap_or(0)
            }
        };
        let time_ns = i128::try_from(since_offset).unwrap_or(i128::MAX).saturating_add(self.offset_ns);
        u64::try_from(time_ns.max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_every_resolution_become_nanoseconds() {
        //                resolution, offset, ticks, nanoseconds
        let table = [
            (0, 0, 5, 5_000_000_000),
            (3, 0, 5, 5_000_000),
            (6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
            (12, 0, 1_234_567, 1_234),
            (38, 0, u64::MAX, 0),
            (127, 0, u64::MAX, 0),
            (0x80, 0, 7, 7_000_000_000),
            (0x80 | 10, 0, 1536, 1_500_000_000),
            (0x80 | 32, 0, 3 << 31, 1_500_000_000),
            (0xff, 0, u64::MAX, 0),
            (6, 10, 1, 10_000_001_000),
            (6, -10, 10_000_001, 1_000),
            (6, -10, 9_999_999, 0),
            (6, i64::MIN, u64::MAX, 0),
            (0, i64::MAX, u64::MAX, u64::MAX),
        ];
        for (resolution, offset_s, ticks, expected) in table {
            assert_eq!(Clock::new(resolution, offset_s).time_ns(ticks), expected, "{resolution} {offset_s}");
        }
    }
}
