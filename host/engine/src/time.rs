//! Time as the engine knows it: a number that the caller gives.

use std::fmt;

/// A moment in nanoseconds: monotonic, since 1970 when a capture is replayed.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Later than every deadline: "no deadline".
    pub const NEVER: Self = Self(u64::MAX);

    /// This moment plus `nanos`; stays at [`Nanos::NEVER`] instead of wrapping.
    #[must_use]
    pub const fn after(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this moment, 0 if `earlier` is later: captures hold clock jumps.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// Nanoseconds in `seconds`.
#[must_use]
pub const fn seconds(seconds: u64) -> u64 {
    seconds.saturating_mul(1_000_000_000)
}

/// Nanoseconds in `millis` milliseconds.
#[must_use]
pub const fn millis(millis: u64) -> u64 {
    millis.saturating_mul(1_000_000)
}
