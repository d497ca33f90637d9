//! Where a stream stands, in 24 bytes.

use sluice_wire::SeqNumber;

/// The next expected byte of a stream, and what is known to lie ahead of it.
///
/// Offsets are 64-bit and never wrap. What lies ahead is kept as its distance, which sequence numbers bound to 2^31 and
/// a datagram: a flow has two of these, and there may be millions of flows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    next: u64,
    origin: SeqNumber,
    /// From `next` to behind the furthest byte seen.
    highest: u32,
    /// From `next` to behind the furthest byte that the receiver acknowledged; 0 if that lies behind.
    acknowledged: u32,
    /// From `next` to the FIN, plus one; 0 while none was seen.
    fin: u32,
}

impl Standing {
    /// Sets the sequence number of the byte at offset 0.
    pub(super) const fn set_origin(&mut self, origin: SeqNumber) {
        self.origin = origin;
    }

    /// The sequence number of the byte at offset 0.
    pub(super) const fn origin(&self) -> SeqNumber {
        self.origin
    }

    /// The next expected byte.
    #[inline]
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Moves on to `next`; never back.
    #[inline]
    pub(super) fn set_next(&mut self, next: u64) {
        if (self.highest | self.acknowledged | self.fin) != 0 {
            self.come_nearer(near(next.saturating_sub(self.next)));
        }
        self.next = self.next.max(next);
    }

    /// What lies ahead lies so much less far ahead.
    fn come_nearer(&mut self, steps: u32) {
        self.highest = self.highest.saturating_sub(steps);
        self.acknowledged = self.acknowledged.saturating_sub(steps);
        if self.fin > 0 {
            self.fin = self.fin.saturating_sub(steps).max(1);
        }
    }

    /// Behind the furthest byte seen or given up.
    pub(super) fn highest(&self) -> u64 {
        self.next.saturating_add(u64::from(self.highest))
    }

    /// Whether nothing lies ahead: no byte seen, none acknowledged.
    #[inline]
    pub(super) const fn is_caught_up(&self) -> bool {
        self.highest == 0 && self.acknowledged == 0
    }

    /// A byte in front of `offset` was seen.
    #[inline]
    pub(super) fn raise_highest(&mut self, offset: u64) {
        self.highest = self.highest.max(near(offset.saturating_sub(self.next)));
    }

    /// Behind the furthest byte that the receiver acknowledged, or `next` if that lies behind.
    #[inline]
    pub(super) fn acknowledged(&self) -> u64 {
        self.next.saturating_add(u64::from(self.acknowledged))
    }

    /// Whether the receiver acknowledged a byte that lies ahead.
    #[inline]
    pub(super) const fn has_acknowledged_ahead(&self) -> bool {
        self.acknowledged > 0
    }

    /// The receiver acknowledged everything before `offset`.
    #[inline]
    pub(super) fn raise_acknowledged(&mut self, offset: u64) {
        self.acknowledged = self.acknowledged.max(near(offset.saturating_sub(self.next)));
    }

    /// What the receiver acknowledged behind `offset` was no byte.
    pub(super) fn cap_acknowledged(&mut self, offset: u64) {
        self.acknowledged = self.acknowledged.min(near(offset.saturating_sub(self.next)));
    }

    /// Offset of the FIN, if one was seen.
    #[inline]
    pub(super) fn fin(&self) -> Option<u64> {
        let distance = self.fin.checked_sub(1)?;
        Some(self.next.saturating_add(u64::from(distance)))
    }

    /// The stream ends at `offset`, or it is not known where.
    pub(super) fn set_fin(&mut self, offset: Option<u64>) {
        self.fin = offset.map_or(0, |offset| near(offset.saturating_sub(self.next)).saturating_add(1));
    }

    /// Whether a FIN was seen.
    #[inline]
    pub(super) const fn has_fin(&self) -> bool {
        self.fin > 0
    }
}

/// A distance that sequence numbers bound to what 32 bits hold.
fn near(distance: u64) -> u32 {
    u32::try_from(distance).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_ahead_stays_where_it_is_while_the_stream_moves_on() {
        let mut standing = Standing::default();
        standing.set_next(1 << 40);
        standing.raise_highest((1 << 40) + 100);
        standing.raise_acknowledged((1 << 40) + 50);
        standing.set_fin(Some((1 << 40) + 200));
        standing.set_next((1 << 40) + 60);
        let ahead = |offset: u64| (1 << 40) + offset;
        assert_eq!((standing.highest(), standing.acknowledged()), (ahead(100), ahead(60)));
        assert_eq!(standing.fin(), Some(ahead(200)));
        standing.raise_highest(ahead(90));
        standing.cap_acknowledged(ahead(10));
        assert_eq!((standing.highest(), standing.acknowledged()), (ahead(100), ahead(60)));
        standing.set_next(ahead(200));
        assert_eq!(
            (standing.next(), standing.fin(), standing.highest()),
            (ahead(200), Some(ahead(200)), ahead(200))
        );
        standing.set_fin(None);
        assert_eq!(standing.fin(), None);
        assert_eq!(size_of::<Standing>(), 24);
    }
}
