//! The stream itself: where it stands, what waits, what is missing.

use super::ahead::SEGMENT_COST;
use super::buffer::{Buffer, Wait};
use super::standing::Standing;
use super::urgent::UNMARKED;
use super::{
    Accepted, Ahead, Budget, Claim, Claims, Counted, Kept, Level, OverlapPolicy, Payload, Rules, Step,
};
use crate::Nanos;
use crate::limits::Limits;
use sluice_wire::SeqNumber;

/// One direction of a flow. See the module.
#[derive(Debug, Default)]
pub struct Stream {
    pub(super) standing: Standing,
    pub(crate) buffer: Option<Box<Buffer>>,
    is_anchored: bool,
    /// How much is done for this direction.
    pub level: Level,
    /// How it is read, as the operator decides.
    pub rules: Rules,
}

impl Stream {
    /// Sets the sequence number of the byte at offset 0.
    ///
    /// A stream of which something was seen keeps the one that it has: a SYN-ACK that comes late, or that is forged,
    /// would move bytes that readers have had to other places.
    pub fn anchor(&mut self, origin: SeqNumber) {
        if self.is_anchored && (self.highest() > 0 || self.standing.has_fin()) {
            return;
        }
        self.standing.set_origin(origin);
        self.is_anchored = true;
        // What was acknowledged was measured from another byte.
        self.standing.cap_acknowledged(0);
        self.stop_waiting();
    }

    /// Whether it is known where the stream begins.
    #[inline]
    #[must_use]
    pub const fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// The offset that a sequence number means: the one nearest to where the stream stands.
    #[inline]
    #[must_use]
    pub fn offset_of(&self, seq: SeqNumber) -> i64 {
        let distance = seq.distance_from(self.seq_of(self.next()));
        i64::try_from(self.next()).unwrap_or(i64::MAX).saturating_add(i64::from(distance))
    }

    /// The sequence number of an offset.
    #[inline]
    #[must_use]
    pub fn seq_of(&self, offset: u64) -> SeqNumber {
        // Sequence numbers are offsets modulo 2^32.
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what a sequence number is")]
        self.standing.origin().add(offset as u32)
    }

    /// The next expected byte: everything before it was delivered or declared missing.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.standing.next()
    }

    /// Offset behind the furthest byte seen or given up.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.standing.highest()
    }

    /// The furthest byte that the receiver acknowledged, if it lies ahead; else the next expected one.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.standing.acknowledged()
    }

    /// Offset of the FIN, if one was seen.
    #[must_use]
    pub fn fin(&self) -> Option<u64> {
        self.standing.fin()
    }

    /// Offset of the FIN, beyond all others if none was seen.
    pub(super) fn end(&self) -> u64 {
        self.standing.fin().unwrap_or(u64::MAX)
    }

    /// The sender's stream ends at `offset`. The first FIN seen stands.
    ///
    /// True if the receiver has acknowledged it already, which is how it looks where one direction is seen late.
    pub fn set_fin(&mut self, offset: u64) -> bool {
        if self.standing.has_fin() {
            return false;
        }
        self.standing.set_fin(Some(offset));
        self.standing.raise_highest(offset);
        let is_acknowledged = self.acknowledged() > offset;
        // What the ACK covered beyond the last byte was the FIN: nothing is missing there.
        self.standing.cap_acknowledged(offset);
        self.stop_waiting_if_received();
        is_acknowledged
    }

    /// When the hole at `next` is given up; [`Nanos::NEVER`] while nothing is known to be missing.
    #[inline]
    #[must_use]
    pub fn gap_deadline(&self) -> Nanos {
        let wait = self.buffer.as_ref().and_then(|buffer| buffer.wait);
        wait.map_or(Nanos::NEVER, |wait| wait.deadline)
    }

    /// Nothing is waited for any more.
    #[inline]
    pub(super) fn stop_waiting(&mut self) {
        if let Some(buffer) = self.buffer.as_mut() {
            buffer.wait = None;
        }
    }

    /// Nothing is waited for if all that was acknowledged is there.
    #[inline]
    pub(super) fn stop_waiting_if_received(&mut self) {
        if self.acknowledged_data() <= self.received() {
            self.stop_waiting();
        }
    }

    /// Whether a FIN was seen and nothing is missing before it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.fin() == Some(self.next())
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

    /// Whether nothing is missing, waited for, or out of the ordinary, and no end is in sight.
    #[inline]
    pub(crate) fn is_steady(&self) -> bool {
        !self.standing.has_fin() && self.buffer.as_deref().is_none_or(Buffer::is_plain)
    }

    /// Whether nothing is held, and nothing is known of that lies ahead, seen or acknowledged.
    #[inline]
    pub(crate) fn is_caught_up(&self) -> bool {
        self.buffer.is_none() && self.standing.is_caught_up()
    }

    /// Moves a steady stream on by `len` bytes that came in order.
    #[inline]
    pub(crate) fn advance(&mut self, len: u64) {
        self.standing.set_next(self.next().saturating_add(len));
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

    /// How many bytes are held out of order.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.ahead().map_or(0, |ahead| ahead.bytes() as u64)
    }

    /// Keeps data that came with a SYN, from sequence number `from` on, until the SYN-ACK says whether the server took
    /// it (RFC 7413 section 4.2).
    ///
    /// False if there is no room.
    pub fn hold_syn_data(&mut self, from: SeqNumber, bytes: &[u8], budget: &mut Budget) -> bool {
        if !budget.fits(bytes.len()) {
            return false;
        }
        let buffer = self.buffer.get_or_insert_default();
        (buffer.syn_data, buffer.syn_data_from) = (bytes.into(), from);
        self.recharge(budget);
        true
    }

    /// Whether data that came with a SYN waits.
    #[must_use]
    pub fn has_syn_data(&self) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| !buffer.syn_data.is_empty())
    }

    /// Whether the data that waits came with the SYN that the stream begins with, not with one of another number.
    #[must_use]
    pub fn begins_with_syn_data(&self) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| buffer.syn_data_from == self.standing.origin())
    }

    /// Takes the data that came with a SYN.
    pub fn take_syn_data(&mut self, budget: &mut Budget) -> Box<[u8]> {
        let data =
            self.buffer.as_mut().map(|buffer| std::mem::take(&mut buffer.syn_data)).unwrap_or_default();
        self.recharge(budget);
        data
    }

    /// The receiver acknowledged everything before `offset`. If bytes before it were not seen, the wait for them ends
    /// at `deadline`; bytes acknowledged while others are waited for have a wait of their own when that is over, so
    /// that no byte waits longer than twice, and none that comes late is given up with those that were lost.
    pub fn acknowledge(&mut self, offset: u64, deadline: Nanos) {
        self.standing.raise_acknowledged(offset.min(self.end()));
        if self.level != Level::Full || self.acknowledged_data() <= self.received() {
            self.stop_waiting();
        } else if self.gap_deadline() == Nanos::NEVER || self.awaited() <= self.received() {
            let until = self.acknowledged_data();
            self.buffer.get_or_insert_default().wait = Some(Wait { deadline, until });
        }
    }

    /// Whether an ACK of a [steady](Stream::is_steady) stream says nothing: it covers no more than what is there, and
    /// none before it did.
    #[inline]
    pub(crate) fn is_abreast(&self, ack: SeqNumber) -> bool {
        !self.is_anchored
            || !self.standing.has_acknowledged_ahead() && ack.before_or_at(self.seq_of(self.next()))
    }

    /// Offset up to which missing bytes are given up at the [deadline](Stream::gap_deadline).
    #[must_use]
    pub fn awaited(&self) -> u64 {
        let wait = self.buffer.as_ref().and_then(|buffer| buffer.wait);
        wait.map_or(self.next(), |wait| wait.until.min(self.acknowledged_data()))
    }

    /// Tells the budget of a buffer that holds nothing but a wait.
    #[inline]
    pub(crate) fn charge_wait(&mut self, budget: &mut Budget) {
        if self.buffer.as_ref().is_some_and(|buffer| buffer.charged.0 == 0) {
            self.recharge(budget);
        }
    }

    /// Where the stream will stand once `payload` is in, if no limit interferes.
    #[must_use]
    pub fn reach(&self, payload: Payload<'_>) -> u64 {
        let start = u64::try_from(payload.offset).unwrap_or(0);
        let end = payload.end().min(self.end());
        if start > self.received() && self.level == Level::Full {
            return self.next();
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
        let (start, end) = (u64::try_from(offset).unwrap_or(0), all_end.min(self.end()));
        let mut counted = Counted {
            before_start: offset.min(0).unsigned_abs().min(u64::from(wire_len)),
            after_fin: all_end.saturating_sub(end.max(start)),
            ..Counted::default()
        };
        if start < end {
            let from = self.next().clamp(start, end);
            (counted.duplicate, counted.delivered) = (from - start, end - from);
            counted.skipped = from.saturating_sub(self.next());
            self.standing.set_next(end);
        }
        counted
    }

    /// Takes a payload in. For streams of level `full`; below, payloads are [counted](Stream::count).
    pub fn accept(&mut self, payload: Payload<'_>, limits: &Limits, budget: &mut Budget) -> Accepted {
        let mut accepted = Accepted::default();
        let start = u64::try_from(payload.offset).unwrap_or(0);
        let end = payload.end().min(self.end());
        accepted.before_start = payload.offset.min(0).unsigned_abs().min(u64::from(payload.wire_len));
        accepted.after_fin = payload.end().saturating_sub(end.max(start));
        if end <= start {
            return accepted;
        }
        self.standing.raise_highest(end);
        if end <= self.received() {
            accepted.duplicate = end - start;
        } else if start <= self.next() && !self.has_hole() && !self.is_marked_before(end) {
            self.accept_in_order(start, end, payload, &mut accepted);
        } else {
            self.accept_out_of_order(start, end, payload, &mut accepted, limits, budget);
        }
        self.stop_waiting_if_received();
        accepted
    }

    /// The common case: the payload continues the stream. Its bytes are lent from the packet.
    fn accept_in_order(&mut self, start: u64, end: u64, payload: Payload<'_>, accepted: &mut Accepted) {
        accepted.duplicate = self.next() - start;
        let have = payload.captured(self.next(), end).len() as u64;
        let offset = self.next();
        self.standing.set_next(end);
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
        if !budget.fits_segment(bytes.len().saturating_add(SEGMENT_COST)) && from > self.received() {
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
            let room = budget.room(buffer.charged.0).saturating_sub(buffer.fixed_cost());
            buffer.kept.shrink(limit.min(room), room);
        }
        if buffer.is_idle() {
            self.drop_buffer(budget);
            return;
        }
        buffer.recharge(budget);
    }

    /// Who wants what is kept.
    #[must_use]
    pub(crate) fn claims(&self) -> &[Claim] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer.claims)
    }

    /// Notes who wants what is kept; nothing is noted where nothing is.
    pub(crate) fn set_claims(&mut self, claims: Claims) {
        if let Some(buffer) = self.buffer.as_mut() {
            buffer.claims = claims;
        }
    }

    /// Forgets all buffers; gives the bytes that waited behind a hole.
    pub fn release(&mut self, budget: &mut Budget) -> u64 {
        let waiting = self.waiting();
        self.drop_buffer(budget);
        waiting
    }

    fn drop_buffer(&mut self, budget: &mut Budget) {
        if let Some(buffer) = self.buffer.take() {
            budget.adjust(buffer.charged.0, 0);
            budget.adjust_segments(buffer.charged.1, 0);
        }
    }

    pub(super) fn recharge(&mut self, budget: &mut Budget) {
        if let Some(buffer) = self.buffer.as_mut() {
            buffer.recharge(budget);
        }
    }
}
