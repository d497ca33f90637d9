//! Memory that all flows share.

/// Bytes and segments that buffers may take, all flows together.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    used: usize,
    limit: usize,
    peak: usize,
    segments: usize,
    segments_limit: usize,
}

impl Budget {
    /// A budget of `limit` bytes, none used, in any number of segments.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { used: 0, limit, peak: 0, segments: 0, segments_limit: usize::MAX }
    }

    /// The same with no more than `limit` segments behind holes.
    #[must_use]
    pub const fn with_segments(self, limit: usize) -> Self {
        Self { segments_limit: limit, ..self }
    }

    /// Bytes in use.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The most bytes that were ever in use.
    #[must_use]
    pub const fn peak(&self) -> usize {
        self.peak
    }

    /// Segments that wait behind holes.
    #[must_use]
    pub const fn segments(&self) -> usize {
        self.segments
    }

    /// Whether `bytes` more fit.
    #[must_use]
    pub const fn fits(&self, bytes: usize) -> bool {
        self.used.saturating_add(bytes) <= self.limit
    }

    /// Whether a segment more fits that takes `bytes`.
    #[must_use]
    pub const fn fits_segment(&self, bytes: usize) -> bool {
        self.fits(bytes) && self.segments < self.segments_limit
    }

    /// Bytes that a buffer which takes `charged` now may take.
    #[must_use]
    pub const fn room(&self, charged: usize) -> usize {
        self.limit.saturating_sub(self.used.saturating_sub(charged))
    }

    /// What is used and the limit, of that which is the fuller: bytes or segments.
    #[must_use]
    pub(crate) const fn fullest(&self) -> (usize, usize) {
        // Limits are far below the square root of what fits into 128 bits.
        let segments_share = (self.segments as u128).saturating_mul(self.limit as u128);
        let bytes_share = (self.used as u128).saturating_mul(self.segments_limit as u128);
        if segments_share > bytes_share {
            (self.segments, self.segments_limit)
        } else {
            (self.used, self.limit)
        }
    }

    /// A buffer that took `before` bytes takes `after` now.
    pub fn adjust(&mut self, before: usize, after: usize) {
        self.used = self.used.saturating_sub(before).saturating_add(after);
        self.peak = self.peak.max(self.used);
    }

    /// A buffer that held `before` segments behind holes holds `after` now.
    pub fn adjust_segments(&mut self, before: usize, after: usize) {
        self.segments = self.segments.saturating_sub(before).saturating_add(after);
    }
}
