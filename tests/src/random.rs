//! Numbers that look random and are the same in every run.

/// xorshift64 (Marsaglia 2003): deterministic, and good enough to choose bytes.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // 0 is the one state that xorshift never leaves; neighbouring seeds must not begin alike.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let upper = usize::try_from(self.bits() >> 33).unwrap_or(0);
        upper % bound.max(1)
    }

    /// A byte.
    pub const fn byte(&mut self) -> u8 {
        self.bits().to_be_bytes()[0]
    }

    /// True `many` times in a million.
    pub fn in_a_million(&mut self, many: u32) -> bool {
        self.below(1_000_000) < usize::try_from(many).unwrap_or(usize::MAX)
    }
}
