//! The stream itself: where it stands, what waits, what is missing.

use super::ahead::SEGMENT_COST;
use super::urgent::UNMARKED;
use super::{Accepted, Ahead, Budget, Counted, Kept, Level, OverlapPolicy, Payload, Rules, Step};
use crate::Nanos;
use crate::limits::Limits;
use sluice_wire::SeqNumber;

#[derive(Debug, Default)]
pub(super) struct Buffer {
    kept: Kept,
    pub(super) ahead: Ahead,
    syn_data: Box<[u8]>,
    /// The byte that an urgent pointer marks.
    urgent: Option<u64>,
    charged: usize,
}

impl Buffer {
    /// Whether nothing is held and nothing is waited for.
    fn is_idle(&self) -> bool {
        self.kept.is_empty() && self.ahead.is_empty() && self.syn_data.is_empty() && self.urgent.is_none()
    }
}

/// One direction of a flow. See the module.
#[derive(Debug)]
pub struct Stream {
    origin: SeqNumber,
    is_anchored: bool,
    /// How much is done for this direction.
    pub level: Level,
    /// How it is read, as the operator decides.
    pub rules: Rules,
    pub(super) next: u64,
    highest: u64,
    acknowledged: u64,
    pub(super) fin: u64,
    /// When the hole at `next` is given up; [`Nanos::NEVER`] while nothing is known to be missing.
    pub gap_deadline: Nanos,
    pub(super) buffer: Option<Box<Buffer>>,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            origin: SeqNumber(0),
            is_anchored: false,
            level: Level::State,
            rules: Rules::default(),
            next: 0,
            highest: 0,
            acknowledged: 0,
            fin: u64::MAX,
            gap_deadline: Nanos::NEVER,
            buffer: None,
        }
    }
}

impl Stream {
    /// Sets the sequence number of the byte at offset 0.
    pub fn anchor(&mut self, origin: SeqNumber) {
        (self.origin, self.is_anchored) = (origin, true);
    }

    /// Whether it is known where the stream begins.
    #[must_use]
    pub const fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// The offset that a sequence number means: the one nearest to where the stream stands.
    #[must_use]
    pub fn offset_of(&self, seq: SeqNumber) -> i64 {
        let distance = seq.distance_from(self.seq_of(self.next));
        i64::try_from(self.next).unwrap_or(i64::MAX).saturating_add(i64::from(distance))
    }

    /// The sequence number of an offset.
    #[must_use]
    pub fn seq_of(&self, offset: u64) -> SeqNumber {
        // Sequence numbers are offsets modulo 2^32.
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what a sequence number is")]
        self.origin.add(offset as u32)
    }

    /// The next expected byte: everything before it was delivered or declared missing.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Offset behind the furthest byte seen.
    #[must_use]
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// The furthest byte that the receiver acknowledged.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Offset of the FIN, if one was seen.
    #[must_use]
    pub const fn fin(&self) -> Option<u64> {
        if self.fin == u64::MAX { None } else { Some(self.fin) }
    }

    /// The sender's stream ends at `offset`. The first FIN seen stands.
    pub fn set_fin(&mut self, offset: u64) {
        if self.fin == u64::MAX {
            self.fin = offset;
            self.highest = self.highest.max(offset);
        }
    }

    /// Whether a FIN was seen and nothing is missing before it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.next == self.fin
    }

    /// The byte that an urgent pointer marks, or [`UNMARKED`]. Few streams ever have one, so it lies with the buffers.
    pub(super) fn urgent(&self) -> u64 {
        self.buffer.as_ref().and_then(|buffer| buffer.urgent).unwrap_or(UNMARKED)
    }

    /// Marks a byte as urgent, or none.
    pub(super) fn set_urgent(&mut self, offset: Option<u64>) {
        if offset.is_some() || self.buffer.is_some() {
            self.buffer.get_or_insert_default().urgent = offset;
        }
    }

    /// Whether bytes wait behind a hole.
    #[must_use]
    pub fn has_hole(&self) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| !buffer.ahead.is_empty())
    }

    /// Bytes in order that are held.
    #[must_use]
    pub fn kept(&self) -> Option<&Kept> {
        self.buffer.as_ref().map(|buffer| &buffer.kept)
    }

    /// Bytes out of order that are held.
    #[must_use]
    pub fn ahead(&self) -> Option<&Ahead> {
        self.buffer.as_ref().map(|buffer| &buffer.ahead)
    }

    /// Memory of the buffers.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.charged)
    }

    /// Keeps data that came with a SYN until the SYN-ACK says whether the server took it (RFC 7413 section 4.2).
    ///
    /// False if there is no room.
    pub fn hold_syn_data(&mut self, bytes: &[u8], budget: &mut Budget) -> bool {
        if !budget.fits(bytes.len()) {
            return false;
        }
        self.buffer.get_or_insert_default().syn_data = bytes.into();
        self.recharge(budget);
        true
    }

    /// Whether data that came with a SYN waits.
    #[must_use]
    pub fn has_syn_data(&self) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| !buffer.syn_data.is_empty())
    }

    /// Takes the data that came with a SYN.
    pub fn take_syn_data(&mut self, budget: &mut Budget) -> Box<[u8]> {
        let data =
            self.buffer.as_mut().map(|buffer| std::mem::take(&mut buffer.syn_data)).unwrap_or_default();
        self.recharge(budget);
        data
    }

    /// The receiver acknowledged everything before `offset`. If bytes before it were not seen, the wait for them ends
    /// at
    /// `deadline` at the latest.
    pub fn acknowledge(&mut self, offset: u64, deadline: Nanos) {
        self.acknowledged = self.acknowledged.max(offset.min(self.fin));
        if self.level == Level::Full && self.acknowledged_data() > self.received() {
            if self.gap_deadline == Nanos::NEVER {
                self.gap_deadline = deadline;
            }
        } else {
            self.gap_deadline = Nanos::NEVER;
        }
    }

    /// Where the stream will stand once `payload` is in, if no limit interferes.
    #[must_use]
    pub fn reach(&self, payload: Payload<'_>) -> u64 {
        let start = u64::try_from(payload.offset).unwrap_or(0);
        let end = payload.end().min(self.fin);
        if start > self.received() && self.level == Level::Full {
            return self.next;
        }
        let mut reached = end.max(self.received());
        for (start, len) in self.ahead().into_iter().flat_map(Ahead::runs) {
            if start > reached {
                break;
            }
            reached = reached.max(start.saturating_add(len));
        }
        reached
    }

    /// Counts a payload of which nobody wants the bytes. A hole is stepped over.
    pub fn count(&mut self, offset: i64, wire_len: u32) -> Counted {
        let all_end = u64::try_from(offset.saturating_add(i64::from(wire_len))).unwrap_or(0);
        let (start, end) = (u64::try_from(offset).unwrap_or(0), all_end.min(self.fin));
        let mut counted = Counted {
            before_start: offset.min(0).unsigned_abs().min(u64::from(wire_len)),
            after_fin: all_end.saturating_sub(end.max(start)),
            ..Counted::default()
        };
        if start < end {
            let from = self.next.clamp(start, end);
            (counted.duplicate, counted.delivered) = (from - start, end - from);
            self.highest = self.highest.max(end);
            self.next = self.next.max(end);
        }
        counted
    }

    /// Takes a payload in.
    pub fn accept(&mut self, payload: Payload<'_>, limits: &Limits, budget: &mut Budget) -> Accepted {
        let mut accepted = Accepted::default();
        let start = u64::try_from(payload.offset).unwrap_or(0);
        let end = payload.end().min(self.fin);
        accepted.before_start = payload.offset.min(0).unsigned_abs().min(u64::from(payload.wire_len));
        accepted.after_fin = payload.end().saturating_sub(end.max(start));
        if end <= start {
            return accepted;
        }
        self.highest = self.highest.max(end);
        if end <= self.received() {
            accepted.duplicate = end - start;
        } else if self.level != Level::Full {
            let counted = self.count(payload.offset, payload.wire_len);
            accepted.duplicate = counted.duplicate;
            accepted.steps.push(Step::Data { offset: end - counted.delivered, len: counted.delivered });
        } else if start <= self.next && !self.has_hole() && !self.is_marked_before(end) {
            self.accept_in_order(start, end, payload, &mut accepted);
        } else {
            self.accept_out_of_order(start, end, payload, &mut accepted, limits, budget);
        }
        if self.acknowledged <= self.received() {
            self.gap_deadline = Nanos::NEVER;
        }
        accepted
    }

    /// The common case: the payload continues the stream. Its bytes are lent from the packet.
    fn accept_in_order(&mut self, start: u64, end: u64, payload: Payload<'_>, accepted: &mut Accepted) {
        accepted.duplicate = self.next - start;
        let have = payload.captured(self.next, end).len() as u64;
        let offset = self.next;
        self.next = end;
        if have > 0 {
            accepted.steps.push(Step::Data { offset, len: have });
            accepted.loan_from = usize::try_from(i128::from(offset) - i128::from(payload.offset)).ok();
        }
        let missing = (end - offset).saturating_sub(have);
        accepted.cut = missing;
        if missing > 0 {
            // The snap length cut the packet: what the receiver got and we did not is a gap.
            if let Some(from) = accepted.loan_from.take() {
                let bytes = payload.bytes.get(from..).unwrap_or(&[]);
                let bytes = bytes.get(..usize::try_from(have).unwrap_or(0)).unwrap_or(bytes);
                self.store(offset, bytes);
            }
            self.kept_at(offset.saturating_add(have)).push_gap(missing);
            accepted.steps.push(Step::Gap { offset: offset.saturating_add(have), len: missing });
        }
    }

    fn accept_out_of_order(
        &mut self,
        start: u64,
        end: u64,
        payload: Payload<'_>,
        accepted: &mut Accepted,
        limits: &Limits,
        budget: &mut Budget,
    ) {
        let needed = payload.captured(start.max(self.received()), end).len();
        while self.is_ahead_full(needed, limits) && self.skip_hole(accepted) {}
        // Giving up a hole may have moved the stream over or up to this segment.
        let from = start.max(self.received()).min(end);
        let bytes = payload.captured(from, end);
        accepted.duplicate = from - start;
        accepted.cut = (end - from).saturating_sub(bytes.len() as u64);
        if !budget.fits(bytes.len().saturating_add(SEGMENT_COST)) && from > self.received() {
            accepted.refused = bytes.len() as u64;
            return;
        }
        // What is in order never enters the queue of Linux: it is read whole, over what waits.
        let is_whole = self.rules.overlap == OverlapPolicy::Linux && from <= self.received();
        let policy = if is_whole { OverlapPolicy::Last } else { self.rules.overlap };
        let inserted = self.buffer.get_or_insert_default().ahead.insert(from, bytes, policy);
        let added = inserted.added as u64;
        accepted.duplicate = accepted.duplicate.saturating_add((bytes.len() as u64).saturating_sub(added));
        accepted.replaced = inserted.replaced as u64;
        self.drain(accepted, false);
        accepted.buffered = added;
        self.recharge(budget);
    }

    fn is_ahead_full(&self, more: usize, limits: &Limits) -> bool {
        self.ahead().is_some_and(|ahead| {
            ahead.segments() >= limits.ahead_segments
                || ahead.bytes().saturating_add(more) > limits.ahead_bytes
        })
    }

    /// Appends bytes to what is kept, at `offset`.
    pub fn store(&mut self, offset: u64, bytes: &[u8]) {
        self.kept_at(offset).push(bytes);
    }

    /// The kept bytes, made to end at `offset`: nothing older was wanted if they did not.
    pub(super) fn kept_at(&mut self, offset: u64) -> &mut Kept {
        let kept = &mut self.buffer.get_or_insert_default().kept;
        if kept.end() != offset {
            kept.restart(offset);
        }
        kept
    }

    /// Keeps bytes from `wanted` on, and `retain` bytes behind it, but no more than `limit`; forgets the rest.
    pub fn settle(&mut self, wanted: u64, limit: usize, budget: &mut Budget) {
        let Some(buffer) = self.buffer.as_mut() else { return };
        if !buffer.kept.is_empty() {
            buffer.kept.discard_before(wanted);
            let others = buffer.ahead.cost().saturating_add(buffer.syn_data.len());
            let limit = limit.min(budget.room(buffer.charged).saturating_sub(others));
            if buffer.kept.cost() > limit {
                let excess = (buffer.kept.cost() - limit) as u64;
                let from = buffer.kept.start().saturating_add(excess);
                buffer.kept.discard_before(from);
            }
        }
        if buffer.is_idle() {
            budget.adjust(buffer.charged, 0);
            self.buffer = None;
            return;
        }
        self.recharge(budget);
    }

    /// Forgets all buffers; gives the bytes that waited behind a hole.
    pub fn release(&mut self, budget: &mut Budget) -> u64 {
        let waiting = self.ahead().map_or(0, |ahead| ahead.bytes() as u64);
        budget.adjust(self.cost(), 0);
        self.buffer = None;
        waiting
    }

    pub(super) fn recharge(&mut self, budget: &mut Budget) {
        if let Some(buffer) = self.buffer.as_mut() {
            let cost =
                buffer.kept.cost().saturating_add(buffer.ahead.cost()).saturating_add(buffer.syn_data.len());
            budget.adjust(buffer.charged, cost);
            buffer.charged = cost;
        }
    }
}
