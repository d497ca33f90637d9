//! Urgent bytes: where the pointer points, and how they leave the stream.
//!
//! As Linux has it (`tcp_check_urg`, `tcp_recvmsg`): one byte is marked at a time. It waits until something comes
//! behind it: a newer mark, and it is read in line after all; anything else, and it is left out.

use super::{Accepted, Level, Step, Stream, Urgent};

/// No byte is marked.
pub(super) const UNMARKED: u64 = u64::MAX;

impl Stream {
    /// A segment that counts, with its payload at `start`, carries an urgent pointer.
    ///
    /// Linux marks the byte before the one that the pointer names (RFC 793 as BSD read it), and the first byte of the
    /// segment if the pointer is 0. A mark before what was received, or not behind the mark known, changes nothing.
    pub fn mark_urgent(&mut self, start: i64, pointer: u16) {
        if self.rules.urgent == Urgent::Inline || self.level != Level::Full || !self.is_anchored() {
            return;
        }
        let before = i64::from(pointer.saturating_sub(1));
        let Ok(marked) = u64::try_from(start.saturating_add(before)) else { return };
        let is_newer = self.urgent() == UNMARKED || self.urgent() < self.next() || self.urgent() < marked;
        if marked >= self.received() && is_newer {
            self.set_urgent(Some(marked));
        }
    }

    /// The next byte that the receiver expects: [`Stream::next`], or behind an urgent byte that waits there.
    #[must_use]
    pub fn received(&self) -> u64 {
        let next = self.next();
        let waits = self.urgent() == next && self.ahead().is_some_and(|ahead| ahead.first() == Some(next));
        next.saturating_add(u64::from(waits))
    }

    /// Whether the marked byte is among those from `next` to before `end`.
    pub(super) fn is_marked_before(&self, end: u64) -> bool {
        self.next() <= self.urgent() && self.urgent() < end
    }

    /// Leaves out the urgent byte at `next`, if it is there and `everything` is to be read or something is behind it.
    /// False if it waits on.
    pub(super) fn leave_out_urgent(&mut self, accepted: &mut Accepted, everything: bool) -> bool {
        let (offset, behind) = (self.next(), self.next().saturating_add(1));
        let is_end = self.end() == behind;
        let Some(buffer) = self.buffer.as_mut() else { return false };
        let is_followed = is_end || !buffer.ahead.read(behind, 1).is_empty();
        if !(is_followed || everything) {
            return false;
        }
        let Some((_, bytes)) = buffer.ahead.pop_at(offset) else { return false };
        buffer.ahead.fill(behind, bytes.get(1..).unwrap_or(&[]));
        self.kept_at(offset).push_gap(1);
        self.standing.set_next(behind);
        self.set_urgent(None);
        accepted.urgent += 1;
        if self.rules.urgent == Urgent::Gap {
            accepted.steps.push(Step::Gap { offset, len: 1 });
        }
        true
    }
}
