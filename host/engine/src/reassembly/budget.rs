//! Memory that all flows share.

/// Bytes that buffers may take, all flows together.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    used: usize,
    limit: usize,
    peak: usize,
}

impl Budget {
    /// A budget of `limit` bytes, none used.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { used: 0, limit, peak: 0 }
    }

    /// Bytes in use.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The most that was ever in use.
    #[must_use]
    pub const fn peak(&self) -> usize {
        self.peak
    }

    /// Whether `bytes` more fit.
    #[must_use]
    pub const fn fits(&self, bytes: usize) -> bool {
        self.used.saturating_add(bytes) <= self.limit
    }

    /// Bytes that a buffer which takes `charged` now may take.
    #[must_use]
    pub const fn room(&self, charged: usize) -> usize {
        self.limit.saturating_sub(self.used.saturating_sub(charged))
    }

    /// A buffer that took `before` bytes takes `after` now.
    pub fn adjust(&mut self, before: usize, after: usize) {
        self.used = self.used.saturating_sub(before).saturating_add(after);
        self.peak = self.peak.max(self.used);
    }
}
