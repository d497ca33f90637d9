//! What waits behind a hole becomes readable: the hole closes, or is given up.

use super::{Accepted, Ahead, Budget, Level, OverlapPolicy, Payload, Step, Stream};
use crate::Nanos;

impl Stream {
    /// Delivers the segments that continue the stream. With `everything`, an urgent byte is not waited with.
    pub(super) fn drain(&mut self, accepted: &mut Accepted, everything: bool) {
        while self.next < self.fin {
            if self.next == self.urgent() {
                if self.leave_out_urgent(accepted, everything) {
                    continue;
                }
                break;
            }
            let marked = if self.urgent() > self.next { self.urgent() } else { u64::MAX };
            let stop = self.fin.min(marked);
            let Some(buffer) = self.buffer.as_mut() else { break };
            let Some((offset, bytes)) = buffer.ahead.pop_at(self.next) else { break };
            let room = usize::try_from(stop - offset).unwrap_or(usize::MAX);
            let (before, behind) = bytes.split_at_checked(room).unwrap_or((&bytes, &[]));
            // Behind the FIN: came before that was known, never to be read. Behind the mark: an urgent byte first.
            buffer.ahead.fill(stop, behind);
            self.store(offset, before);
            self.next = offset.saturating_add(before.len() as u64);
            accepted.add_data(offset, before.len() as u64);
        }
    }

    /// Gives up the hole at `next`: declares the gap and delivers what waits behind it. False if nothing waits.
    pub(super) fn skip_hole(&mut self, accepted: &mut Accepted) -> bool {
        let Some(first) = self.ahead().and_then(Ahead::first) else { return false };
        let before = self.next;
        self.declare_gap(first.min(self.fin), accepted);
        self.drain(accepted, true);
        self.next > before
    }

    /// Declares everything from `next` to `until` missing.
    fn declare_gap(&mut self, until: u64, accepted: &mut Accepted) {
        let (offset, len) = (self.next, until.saturating_sub(self.next));
        if len == 0 {
            return;
        }
        self.kept_at(offset).push_gap(len);
        self.next = until;
        accepted.steps.push(Step::Gap { offset, len });
    }

    /// Gives up holes whose time has come: up to what the receiver acknowledged, or with `everything` up to the end of
    /// what was seen or must have been sent.
    pub fn give_up(&mut self, everything: bool, budget: &mut Budget) -> Accepted {
        let mut accepted = Accepted::default();
        if self.level == Level::Full && self.is_anchored() {
            let seen =
                if everything { self.highest().max(self.acknowledged()) } else { self.acknowledged_data() };
            while self.next < seen {
                let waiting = self.ahead().and_then(Ahead::first).unwrap_or(u64::MAX);
                self.declare_gap(waiting.min(seen).min(self.fin), &mut accepted);
                self.drain(&mut accepted, true);
                if self.next >= self.fin {
                    break;
                }
            }
        }
        self.gap_deadline = Nanos::NEVER;
        self.recharge(budget);
        accepted
    }

    /// Whether the receiver has acknowledged one number behind the furthest byte seen: a byte that was lost, or a FIN.
    #[must_use]
    pub fn may_have_ended(&self) -> bool {
        self.fin().is_none() && self.acknowledged().checked_sub(1) == Some(self.highest())
    }

    /// What the receiver has acknowledged of data: not the number that may be a FIN.
    pub(super) fn acknowledged_data(&self) -> u64 {
        if self.may_have_ended() { self.highest() } else { self.acknowledged() }
    }

    /// Whether Linux would drop the FIN of a segment from `start` to `fin`: it waits behind a hole, and so does a
    /// segment that covers it.
    #[must_use]
    pub fn covers_fin(&self, start: u64, fin: u64) -> bool {
        self.rules.overlap == OverlapPolicy::Linux
            && self.ahead().and_then(|ahead| ahead.linux_segment(start)).is_some_and(|(_, end)| fin < end)
    }

    /// Whether a payload takes the place of the segment whose FIN waits behind a hole. Linux keeps the FIN with its
    /// segment, and drops both: the connection stays open.
    #[must_use]
    pub fn is_fin_covered_by(&self, payload: Payload<'_>) -> bool {
        if self.rules.overlap != OverlapPolicy::Linux || self.level != Level::Full {
            return false;
        }
        let start = u64::try_from(payload.offset).unwrap_or(0);
        let segment = self.ahead().and_then(|ahead| ahead.linux_segment(self.fin));
        let begin = segment.filter(|(_, end)| *end == self.fin).map_or(self.fin, |(begin, _)| begin);
        let behind = self.fin.saturating_add(1);
        let covers = start <= self.next || start < begin || start == begin && behind < payload.end();
        self.next < self.fin && behind <= payload.end() && covers
    }

    /// The FIN seen does not count any more; the stream ends at `fin`, or it is not known where.
    pub fn lose_fin(&mut self, fin: Option<u64>) {
        self.fin = fin.unwrap_or(u64::MAX);
    }
}
