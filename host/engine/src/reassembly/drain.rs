//! What waits behind a hole becomes readable: the hole closes, or is given up.

use super::{Accepted, Ahead, Budget, Level, OverlapPolicy, Payload, Step, Stream};

impl Stream {
    /// Delivers the segments that continue the stream. With `everything`, an urgent byte is not waited with.
    pub(super) fn drain(&mut self, accepted: &mut Accepted, everything: bool) {
        while self.next() < self.end() {
            if self.next() == self.urgent() {
                if self.leave_out_urgent(accepted, everything) {
                    continue;
                }
                break;
            }
            let marked = if self.urgent() > self.next() { self.urgent() } else { u64::MAX };
            let stop = self.end().min(marked);
            let next = self.next();
            let Some(buffer) = self.buffer.as_mut() else { break };
            let Some((offset, bytes)) = buffer.ahead.pop_at(next) else { break };
            let room = usize::try_from(stop - offset).unwrap_or(usize::MAX);
            let (before, behind) = bytes.split_at_checked(room).unwrap_or((&bytes, &[]));
            // Behind the FIN: came before that was known, never to be read. Behind the mark: an urgent byte first.
            buffer.ahead.fill(stop, behind);
            self.store(offset, before);
            self.standing.set_next(offset.saturating_add(before.len() as u64));
            accepted.add_data(offset, before.len() as u64);
        }
    }

    /// Gives up the hole at `next`: declares the gap and delivers what waits behind it. False if nothing waits.
    pub(super) fn skip_hole(&mut self, accepted: &mut Accepted) -> bool {
        let Some(first) = self.ahead().and_then(Ahead::first) else { return false };
        let before = self.next();
        self.declare_gap(first.min(self.end()), accepted);
        self.drain(accepted, true);
        self.next() > before
    }

    /// Declares everything from `next` to `until` missing.
    fn declare_gap(&mut self, until: u64, accepted: &mut Accepted) {
        let (offset, len) = (self.next(), until.saturating_sub(self.next()));
        if len == 0 {
            return;
        }
        self.kept_at(offset).push_gap(len);
        self.standing.set_next(until);
        accepted.steps.push(Step::Gap { offset, len });
    }

    /// Gives up holes before `until` and delivers what waits behind them.
    pub fn give_up(&mut self, until: u64, budget: &mut Budget) -> Accepted {
        let mut accepted = Accepted::default();
        if self.level == Level::Full && self.is_anchored() {
            while self.next() < until {
                let waiting = self.ahead().and_then(Ahead::first).unwrap_or(u64::MAX);
                self.declare_gap(waiting.min(until).min(self.end()), &mut accepted);
                self.drain(&mut accepted, true);
                if self.next() >= self.end() {
                    break;
                }
            }
        }
        self.stop_waiting();
        self.recharge(budget);
        accepted
    }

    /// Gives up the holes in front of what waits, so that nothing waits any more.
    pub fn give_up_waiting(&mut self, budget: &mut Budget) -> Accepted {
        let mut accepted = Accepted::default();
        while self.skip_hole(&mut accepted) {}
        if self.acknowledged_data() <= self.next() {
            self.stop_waiting();
        }
        self.recharge(budget);
        accepted
    }

    /// Whether the hole in front of the stream is the one that the call before this one met.
    pub fn meets_hole_again(&mut self) -> bool {
        let next = self.next();
        let Some(buffer) = self.buffer.as_mut().filter(|buffer| !buffer.ahead.is_empty()) else {
            return false;
        };
        buffer.met.replace(next) == Some(next)
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
        let segment = self.ahead().and_then(|ahead| ahead.linux_segment(self.end()));
        let begin = segment.filter(|(_, end)| *end == self.end()).map_or(self.end(), |(begin, _)| begin);
        let behind = self.end().saturating_add(1);
        let covers = start <= self.next() || start < begin || start == begin && behind < payload.end();
        self.next() < self.end() && behind <= payload.end() && covers
    }

    /// The FIN seen does not count any more; the stream ends at `fin`, or it is not known where.
    pub fn lose_fin(&mut self, fin: Option<u64>) {
        self.standing.set_fin(fin);
    }
}
