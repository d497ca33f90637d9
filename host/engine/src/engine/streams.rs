//! Payload into streams, and what readers are told about it.

use sluice_wire::TcpFlags;

use super::Engine;
use super::segment::Segment;
use crate::event::{EventKind, Handler, Hook, Pass, Raised};
use crate::limits::GAP_GRACE_BYTES;
use crate::reassembly::{Accepted, Level, Payload, Step, Urgent};
use crate::tcp::{StateInput, TcpState, step};
use crate::view::{Loan, View};
use crate::{Direction, Nanos, Side};

/// Reasons of the `error` event.
const ERROR_NO_ROOM: u8 = 1;

impl Engine {
    /// Takes the segment's payload into its stream and tells the readers.
    pub(super) fn accept(&mut self, segment: &Segment<'_>, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, now, .. } = *segment;
        let direction = sender.sends();
        let level = self.view.flows.get(index).map(|flow| flow.stream(direction).level);
        if level != Some(Level::Full) {
            return self.count_payload(segment, handler);
        }
        let Some(slot) = self.view.packet.as_ref().map(|packet| packet.slot) else { return };
        let bytes = match self.view.burst.as_ref().and_then(|burst| burst.packet(slot)) {
            Some(packet) => tcp.payload(packet.bytes),
            None => return,
        };
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let stream = flow.stream_mut(direction);
        let payload = Payload { offset: stream.offset_of(tcp.seq), bytes, wire_len: tcp.payload_len };
        let waited = stream.waiting();
        let accepted = stream.accept(payload, &self.config.limits, &mut self.budget);
        let waits = stream.waiting();
        self.view.loan = accepted.loan_from.map(|from| Loan {
            slot,
            direction,
            offset: first_offset(&accepted),
            frame_offset: (tcp.payload_offset as usize).saturating_add(from),
            len: usize::try_from(data_len(&accepted)).unwrap_or(0),
        });
        if accepted.buffered > 0 && waits > waited {
            let mishaps = flow.mishaps_mut(sender);
            mishaps.out_of_order = mishaps.out_of_order.saturating_add(1);
        }
        self.account(&accepted, waited, waits);
        self.tell(index, direction, &accepted, now, handler);
    }

    /// Counts the segment's payload: below level `full` there is nobody to tell and nothing to keep.
    fn count_payload(&mut self, segment: &Segment<'_>, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, now, .. } = *segment;
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let stream = flow.stream_mut(sender.sends());
        let counted = stream.count(stream.offset_of(tcp.seq), tcp.payload_len);
        let may_be_complete = stream.fin().is_some();
        if counted.skipped > 0 {
            let mishaps = flow.mishaps_mut(sender);
            mishaps.skipped_bytes = mishaps.skipped_bytes.saturating_add(counted.skipped);
        }
        let bytes = &mut self.counters.bytes;
        bytes.delivered += counted.delivered;
        bytes.duplicate += counted.duplicate;
        bytes.before_start += counted.before_start;
        bytes.after_fin += counted.after_fin;
        self.counters.events[EventKind::NewData.index()] += u64::from(counted.delivered > 0);
        if may_be_complete {
            self.complete_late(index, sender.sends(), now, handler);
        }
    }

    /// An urgent pointer marks a byte, and a FIN that a longer segment covers may not count any more: decided before
    /// the segment's payload is taken in.
    pub(super) fn mark(&mut self, segment: &Segment<'_>) {
        let Segment { index, sender, tcp, .. } = *segment;
        let Some(flow) = self.view.flows.get(index) else { return };
        let is_urgent = tcp.flags.contains(TcpFlags::URG);
        let may_cover = flow.stream(sender.sends()).fin().is_some();
        let is_other = tcp.flags.intersects(TcpFlags(TcpFlags::SYN.0 | TcpFlags::RST.0));
        if is_other || !is_urgent && !may_cover {
            return;
        }
        let Some(payload) = self.payload(flow, segment) else { return };
        let (offset, end) = (payload.offset, payload.end());
        let covers = flow.stream(sender.sends()).is_fin_covered_by(payload);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let stream = flow.stream_mut(sender.sends());
        if covers {
            stream.lose_fin(tcp.flags.contains(TcpFlags::FIN).then_some(end));
        }
        if is_urgent {
            stream.mark_urgent(offset, tcp.urgent);
        }
    }

    /// Counts what became of a payload, given how many bytes waited behind holes before it and after.
    fn account(&mut self, accepted: &Accepted, waited: u64, waits: u64) {
        let bytes = &mut self.counters.bytes;
        bytes.duplicate += accepted.duplicate;
        bytes.before_start += accepted.before_start;
        bytes.after_fin += accepted.after_fin;
        bytes.cut += accepted.cut;
        bytes.no_room += accepted.refused;
        bytes.buffered += accepted.buffered;
        let in_order = if accepted.buffered > 0 || waited > 0 { 0 } else { data_len(accepted) };
        bytes.delivered += in_order;
        let gone = waited.saturating_add(accepted.buffered).saturating_sub(waits);
        bytes.buffered = bytes.buffered.saturating_sub(gone);
        bytes.replaced += accepted.replaced;
        bytes.urgent += accepted.urgent;
        bytes.delivered += gone.saturating_sub(accepted.replaced).saturating_sub(accepted.urgent);
    }

    /// Payload that is no part of the stream: garbage of a keep-alive, data of an RST, data that came with a SYN.
    pub(super) fn set_aside(&mut self, segment: &Segment<'_>) {
        let Segment { index, sender, tcp, .. } = *segment;
        let len = u64::from(tcp.payload_len);
        let is_syn = tcp.flags.contains(TcpFlags::SYN) && !tcp.flags.contains(TcpFlags::RST);
        if !is_syn {
            self.counters.bytes.refused += len;
            return;
        }
        let packet =
            self.view.packet.as_ref().and_then(|packet| self.view.burst.as_ref()?.packet(packet.slot));
        let bytes: Box<[u8]> = packet.map_or(&[][..], |packet| tcp.payload(packet.bytes)).into();
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let stream = flow.stream_mut(sender.sends());
        let earlier = stream.take_syn_data(&mut self.budget);
        self.counters.bytes.syn_data += earlier.len() as u64;
        self.counters.bytes.syn_data_waiting =
            self.counters.bytes.syn_data_waiting.saturating_sub(earlier.len() as u64);
        let is_held = stream.next() == 0
            && stream.level == Level::Full
            && stream.hold_syn_data(tcp.seq.add(1), &bytes, &mut self.budget);
        let held = if is_held { bytes.len() as u64 } else { 0 };
        self.counters.bytes.syn_data_waiting += held;
        self.counters.bytes.syn_data += len.saturating_sub(held);
    }

    /// The segment may be the answer to a SYN that carried data: what it acknowledges was taken (RFC 7413 section 4.2).
    pub(super) fn take_syn_data(&mut self, segment: &Segment<'_>, handler: &mut dyn Handler) {
        if !segment.tcp.flags.contains(TcpFlags::ACK) {
            return;
        }
        let direction = segment.sender.other().sends();
        let Some(flow) = self.view.flows.get_mut(segment.index) else { return };
        let stream = flow.stream_mut(direction);
        if !stream.has_syn_data() {
            return;
        }
        let acknowledged = match stream.begins_with_syn_data() {
            true => u64::try_from(stream.offset_of(segment.tcp.ack)).unwrap_or(0),
            false => 0,
        };
        let data = stream.take_syn_data(&mut self.budget);
        if data.is_empty() {
            return;
        }
        let taken = data.len().min(usize::try_from(acknowledged).unwrap_or(usize::MAX));
        self.counters.bytes.syn_data_waiting =
            self.counters.bytes.syn_data_waiting.saturating_sub(data.len() as u64);
        self.counters.bytes.syn_data += (data.len() - taken) as u64;
        let bytes = data.get(..taken).unwrap_or(&[]);
        let wire_len = u32::try_from(taken).unwrap_or(0);
        let payload = Payload { offset: 0, bytes, wire_len };
        let waited = stream.waiting();
        let accepted = stream.accept(payload, &self.config.limits, &mut self.budget);
        if let Some(from) = accepted.loan_from {
            // The bytes are not in the current packet: those that count are stored at once.
            let until = from.saturating_add(usize::try_from(data_len(&accepted)).unwrap_or(usize::MAX));
            stream.store(first_offset(&accepted), bytes.get(from..until).unwrap_or(&[]));
        }
        let waits = stream.waiting();
        self.account(&accepted, waited, waits);
        self.tell(segment.index, direction, &accepted, segment.now, handler);
    }

    /// The sender of this segment has acknowledged bytes that were not seen, and so much has come behind them that
    /// waiting for them is over.
    pub(super) fn give_up_early(&mut self, segment: &Segment<'_>, handler: &mut dyn Handler) {
        for direction in Direction::BOTH {
            let Some(flow) = self.view.flows.get(segment.index) else { return };
            let stream = flow.stream(direction);
            let is_over = stream.gap_deadline() != Nanos::NEVER
                && stream.highest().saturating_sub(stream.next()) > GAP_GRACE_BYTES;
            if is_over {
                self.give_up(segment.index, direction, GiveUp::Seen, segment.now, handler);
            }
        }
    }

    /// Gives up the holes of a stream and tells the readers.
    pub(super) fn give_up(
        &mut self,
        index: u32,
        direction: Direction,
        what: GiveUp,
        now: Nanos,
        handler: &mut dyn Handler,
    ) {
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let stream = flow.stream_mut(direction);
        let waited = stream.waiting();
        let until = match what {
            GiveUp::Awaited => Some(stream.awaited()),
            GiveUp::Seen => Some(stream.acknowledged().min(stream.highest())),
            GiveUp::Everything => Some(stream.acknowledged().max(stream.highest())),
            GiveUp::Waiting => None,
        };
        let accepted = match until {
            Some(until) => stream.give_up(until, &mut self.budget),
            None => stream.give_up_waiting(&mut self.budget),
        };
        // What was acknowledged later has its own time.
        stream.acknowledge(0, now.after(self.config.timeouts.gap_grace));
        let waits = stream.waiting();
        self.account(&accepted, waited, waits);
        self.tell(index, direction, &accepted, now, handler);
    }

    /// Raises the progress of a stream, then forgets what every reader has had.
    fn tell(
        &mut self,
        index: u32,
        direction: Direction,
        accepted: &Accepted,
        now: Nanos,
        handler: &mut dyn Handler,
    ) {
        self.note_urgent(index, direction, accepted);
        for step in &accepted.steps {
            let (kind, offset, len) = match *step {
                Step::Data { offset, len } => (EventKind::NewData, offset, len),
                Step::Gap { offset, len } => (EventKind::Gap, offset, len),
            };
            self.note_progress(index, direction, kind, len);
            self.view.horizon = Some((direction, offset.saturating_add(len)));
            let length = u32::try_from(len).unwrap_or(u32::MAX);
            self.raise_in_stream(index, direction, Raised { kind, offset, length, reason: 0 }, now, handler);
        }
        self.view.horizon = None;
        if accepted.refused > 0 {
            let length = u32::try_from(accepted.refused).unwrap_or(u32::MAX);
            let offset = self.view.packet.as_ref().map_or(0, |packet| packet.offset);
            let raised = Raised { kind: EventKind::Error, offset, length, reason: ERROR_NO_ROOM };
            self.raise_in_stream(index, direction, raised, now, handler);
        }
        self.settle_stream(index, direction);
        self.complete_late(index, direction, now, handler);
    }

    fn note_progress(&mut self, index: u32, direction: Direction, kind: EventKind, len: u64) {
        if kind != EventKind::Gap {
            return;
        }
        self.counters.gaps += 1;
        self.counters.gap_bytes += len;
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let mishaps = flow.mishaps_mut(direction.sender());
        mishaps.gap_bytes = mishaps.gap_bytes.saturating_add(len);
    }

    /// Counts with the flow the urgent bytes that readers step over without being told.
    fn note_urgent(&mut self, index: u32, direction: Direction, accepted: &Accepted) {
        if self.config.urgent == Urgent::Oob
            && let Some(flow) = self.view.flows.get_mut(index).filter(|_| accepted.urgent > 0)
        {
            let mishaps = flow.mishaps_mut(direction.sender());
            let urgent = u32::try_from(accepted.urgent).unwrap_or(u32::MAX);
            mishaps.urgent_bytes = mishaps.urgent_bytes.saturating_add(urgent);
        }
    }

    /// Raises an event of a stream at the receiver.
    pub(super) fn raise_in_stream(
        &mut self,
        index: u32,
        direction: Direction,
        raised: Raised,
        now: Nanos,
        handler: &mut dyn Handler,
    ) {
        self.raise_at_receiver(index, direction, 0, raised, now, handler);
    }

    /// A FIN that waited behind a hole has been reached by giving the hole up.
    pub(super) fn complete_late(
        &mut self,
        index: u32,
        direction: Direction,
        now: Nanos,
        handler: &mut dyn Handler,
    ) {
        let receiver: Side = direction.receiver();
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        if !flow.stream(direction).is_complete() || flow.end.is_some() {
            return;
        }
        let Some(left) = step(flow.stack_mut(receiver), Some(StateInput::ReceiveFin)) else { return };
        self.raise_state_change(index, direction, left, now, handler);
    }

    /// The receiver of a stream has left a state without a packet that made it.
    pub(super) fn raise_state_change(
        &mut self,
        index: u32,
        direction: Direction,
        left: TcpState,
        now: Nanos,
        handler: &mut dyn Handler,
    ) {
        let raised = Raised { kind: EventKind::StateChange, offset: 0, length: 0, reason: 0 };
        self.raise_at_receiver(index, direction, left.number(), raised, now, handler);
    }

    /// Raises an event at the receiver of a stream, whose stack left a state with it or did not (0).
    fn raise_at_receiver(
        &mut self,
        index: u32,
        direction: Direction,
        state_left: u8,
        raised: Raised,
        now: Nanos,
        handler: &mut dyn Handler,
    ) {
        let pass = Pass {
            flow: Some(index),
            takers: &[],
            hook: Hook::Receiver,
            side: Some(direction.receiver()),
            direction,
            time: now,
            state_left,
            raised: &[raised],
        };
        self.run(&pass, handler);
    }

    /// A stream has moved on: stores what is lent and still wanted, and forgets what nobody wants.
    pub(super) fn settle_stream(&mut self, index: u32, direction: Direction) {
        let loan = self.view.loan.take();
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        flow.step_over_gaps(direction);
        if let (Some((id, all)), Some(loan)) = (self.lendable(index, loan), loan) {
            self.raise_floors(index, direction, Some(all));
            self.view.later.lend(id, loan);
            return;
        }
        // Nothing, if the stream goes on: what continues it was lendable as well.
        self.take_back_loans(index);
        self.raise_floors(index, direction, loan);
        self.keep_wanted(index, direction, loan);
    }

    /// Stores what is lent, if somebody wants it, and forgets what nobody wants.
    pub(super) fn keep_wanted(&mut self, index: u32, direction: Direction, loan: Option<Loan>) {
        debug_assert!(!self.is_lent(index, direction), "bytes in front of these are lent");
        let Some((wanted, claims)) = self.claim(index, direction, loan) else { return };
        let wanted = self.matched_from(index, direction).map_or(wanted, |from| from.min(wanted));
        let lent = loan.filter(|loan| loan.offset.saturating_add(loan.len as u64) > wanted);
        let View { flows, burst, .. } = &mut *self.view;
        let Some(flow) = flows.get_mut(index) else { return };
        let stream = flow.stream_mut(direction);
        if let Some(loan) = lent
            && let Some(bytes) = loan.bytes_in(burst.as_deref())
        {
            stream.store(loan.offset, bytes);
        }
        stream.settle(wanted, self.config.limits.kept_bytes, &mut self.budget);
        self.charge(index, direction, claims);
    }
}

/// Which holes are given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum GiveUp {
    /// Those that have been waited for long enough.
    Awaited,
    /// Those that the receiver acknowledged and behind which bytes were seen.
    Seen,
    /// All: the stream ends.
    Everything,
    /// Those in front of what waits.
    Waiting,
}

fn first_offset(accepted: &Accepted) -> u64 {
    match accepted.steps.first() {
        Some(Step::Data { offset, .. } | Step::Gap { offset, .. }) => *offset,
        None => 0,
    }
}

/// Bytes that became readable.
fn data_len(accepted: &Accepted) -> u64 {
    let len = |step: &Step| match step {
        Step::Data { len, .. } => *len,
        Step::Gap { .. } => 0,
    };
    accepted.steps.iter().map(len).sum()
}
