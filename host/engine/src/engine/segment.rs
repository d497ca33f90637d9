//! One segment of a flow: classified, then the sender's stack and hook, then the receiver's.

use sluice_wire::{TcpFlags, TcpHeader};
use smallvec::SmallVec;

use super::Engine;
use super::opening::Found;
use super::sight::Clue;
use crate::event::{EventKind, Handler, Hook, Pass, Raised, interest_bit};
use crate::flow::{EndReason, Flow};
use crate::reassembly::{Examined, Level, Payload};
use crate::tcp::{self, Class, RefuseReason, TcpState};
use crate::{Nanos, Side};

/// A segment on its way through the engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// Place of its flow.
    pub(super) index: u32,
    /// Who sent it.
    pub(super) sender: Side,
    /// Its header.
    pub(super) tcp: &'a TcpHeader,
    /// When it was captured, or later where captures jump back.
    pub(super) now: Nanos,
    /// Whether it says nothing that was not known.
    pub(super) class: Class,
}

impl Segment<'_> {
    /// A pass for this segment.
    pub(super) fn pass<'r>(&self, hook: Hook, left: Option<TcpState>, raised: &'r [Raised]) -> Pass<'r> {
        let side = if hook == Hook::Receiver { self.sender.other() } else { self.sender };
        Pass {
            flow: Some(self.index),
            takers: &[],
            hook,
            side: Some(side),
            direction: self.sender.sends(),
            time: self.now,
            state_left: left.map_or(0, TcpState::number),
            raised,
        }
    }

    /// Whether its payload, if it has one, is part of the stream.
    pub(super) fn carries_data(&self) -> bool {
        self.tcp.payload_len > 0
            && self.class != Class::KeepAlive
            && !self.tcp.flags.intersects(TcpFlags(TcpFlags::SYN.0 | TcpFlags::RST.0))
    }
}

type RaisedList = SmallVec<[Raised; 4]>;

impl Engine {
    /// Takes the current packet, a TCP segment that is not [expected](Engine::take_expected): of the flow at the
    /// `known` place, or of none that is known.
    #[inline(never)]
    pub(super) fn receive_segment(
        &mut self,
        known: Option<u32>,
        tcp: &TcpHeader,
        clue: &Clue,
        handler: &mut dyn Handler,
    ) {
        let now = self.view.clock;
        self.counters.bytes.seen += u64::from(tcp.payload_len);
        let (index, sender, is_first) = match self.find(known, clue, tcp, now, handler) {
            Found::Flow(index, sender, is_first) => (index, sender, is_first),
            Found::Ended(index, sender) => {
                self.observe(index, sender, tcp, Class::Refuse(RefuseReason::AfterEnd));
                return self.refuse(index, sender, tcp, RefuseReason::AfterEnd, handler);
            }
            Found::Orphan => {
                self.counters.packets.orphan += 1;
                self.counters.bytes.untracked += u64::from(tcp.payload_len);
                return self.raise_orphan(handler);
            }
            Found::NoRoom => {
                self.counters.packets.no_room += 1;
                self.counters.bytes.untracked += u64::from(tcp.payload_len);
                return self.raise_orphan(handler);
            }
        };
        self.take_back_loans(index);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let mut class = tcp::classify(flow, sender, tcp);
        if class == Class::Refuse(RefuseReason::Paws) && flow.outlives_timestamps(now) {
            flow.stack_mut(sender.other()).has_timestamp = false;
            class = tcp::classify(flow, sender, tcp);
        }
        if flow.account().is_some() {
            // What opens a flow counts, whatever it is.
            self.observe(index, sender, tcp, if is_first { Class::Accept } else { class });
        }
        let segment = Segment { index, sender, tcp, now, class };
        let Class::Refuse(reason) = class else { return self.track(&segment, is_first, handler) };
        if is_first {
            return self.track(&segment, is_first, handler);
        }
        self.note_refused_syn(index, sender, tcp, reason);
        if self.goes_on_elsewhere(index, sender, tcp, reason, handler) {
            let segment = Segment { class: Class::Accept, ..segment };
            return self.track(&segment, false, handler);
        }
        self.refuse(index, sender, tcp, reason, handler);
    }

    /// The receiving host would ignore the segment: it is counted, and `packet-in` says why.
    fn refuse(
        &mut self,
        index: u32,
        sender: Side,
        tcp: &TcpHeader,
        reason: RefuseReason,
        handler: &mut dyn Handler,
    ) {
        self.counters.packets.refused[reason.index()] += 1;
        self.counters.bytes.refused += u64::from(tcp.payload_len);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let mishaps = flow.mishaps_mut(sender);
        mishaps.refused = mishaps.refused.saturating_add(1);
        self.locate(index, sender, tcp);
        if reason == RefuseReason::AfterEnd {
            return;
        }
        let raised = [Raised {
            kind: EventKind::PacketIn,
            offset: self.view.packet.as_ref().map_or(0, |packet| packet.offset),
            length: tcp.payload_len,
            reason: reason.number(),
        }];
        let segment = Segment { index, sender, tcp, now: self.view.clock, class: Class::Refuse(reason) };
        self.run(&segment.pass(Hook::Sender, None, &raised), handler);
        self.arrive(index, sender, tcp, segment.class);
    }

    /// Notes with the current packet who sent it and where its payload lies.
    fn locate(&mut self, index: u32, sender: Side, tcp: &TcpHeader) {
        let offset = self
            .view
            .flows
            .get(index)
            .map_or(0, |flow| payload_offset(flow, sender, tcp).max(0).unsigned_abs());
        if let Some(packet) = self.view.packet.as_mut() {
            (packet.sender, packet.offset) = (sender, offset);
        }
        self.view.note_link(index, sender);
    }

    pub(super) fn track(&mut self, segment: &Segment<'_>, is_first: bool, handler: &mut dyn Handler) {
        self.counters.packets.tracked += 1;
        let Segment { index, sender, tcp, now, .. } = *segment;
        let Some(flow) = self.view.flows.get(index) else { return };
        let (was_over, before) = (flow.is_over(), flow.standing());
        self.count(segment);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let left = tcp::send(flow, sender, tcp);
        self.locate(index, sender, tcp);
        self.run_sender(segment, is_first, left, handler);
        self.settle(Some(index), handler);
        self.run_receiver(segment, is_first, handler);
        self.settle(Some(index), handler);
        let is_over = self.view.flows.get(index).is_some_and(Flow::is_over);
        if is_over && !was_over {
            let reason = match (tcp.flags.contains(TcpFlags::RST), sender) {
                (true, Side::Client) => EndReason::ResetByClient,
                (true, Side::Server) => EndReason::ResetByServer,
                (false, _) => EndReason::Closed,
            };
            self.end_flow(index, reason, now, handler);
        }
        let is_sooner = |flow: &Flow| flow.standing() != before || flow.gap_deadline() < flow.deadline;
        if is_first || self.view.flows.get(index).is_some_and(is_sooner) {
            self.schedule(index);
        }
    }

    /// Counts the segment with its flow.
    fn count(&mut self, segment: &Segment<'_>) {
        let ip_len = self.view.packet.as_ref().map_or(0, |packet| packet.headers.ip_total_len);
        let Some(flow) = self.view.flows.get_mut(segment.index) else { return };
        flow.note_packet(segment.sender, ip_len, segment.tcp.payload_len, segment.now);
        if flow.marks.straying {
            let id = flow.id(segment.index);
            self.forget_strays(id);
        }
    }

    fn run_sender(
        &mut self,
        segment: &Segment<'_>,
        is_first: bool,
        left: Option<TcpState>,
        handler: &mut dyn Handler,
    ) {
        if self.is_unheard(segment, Hook::Sender, is_first, left) {
            return;
        }
        let mut raised = RaisedList::new();
        self.raise_packet(segment, is_first, left, &mut raised);
        self.run(&segment.pass(Hook::Sender, left, &raised), handler);
    }

    /// Whether nobody wants to know of what [happens](Engine::raise_packet) at a hook; it is counted then.
    #[inline]
    fn is_unheard(
        &mut self,
        segment: &Segment<'_>,
        hook: Hook,
        is_first: bool,
        left: Option<TcpState>,
    ) -> bool {
        let kinds = [
            (EventKind::PacketIn, true),
            (EventKind::ConnStart, is_first),
            (EventKind::StateChange, left.is_some()),
        ];
        let happened = kinds.iter().filter(|(_, happens)| *happens);
        let interest = happened.fold(0, |bits, (kind, _)| bits | interest_bit(*kind, hook));
        if self.view.flows.get(segment.index).is_some_and(|flow| flow.interest & interest != 0) {
            return false;
        }
        for (kind, happens) in kinds {
            self.counters.events[kind.index()] += u64::from(happens);
        }
        true
    }

    /// The events that both hooks have: the packet, the start, a change of state.
    fn raise_packet(
        &self,
        segment: &Segment<'_>,
        is_first: bool,
        left: Option<TcpState>,
        raised: &mut RaisedList,
    ) {
        let offset = self.view.packet.as_ref().map_or(0, |packet| packet.offset);
        let event = |kind| Raised { kind, offset, length: segment.tcp.payload_len, reason: 0 };
        raised.push(event(EventKind::PacketIn));
        if is_first {
            raised.push(event(EventKind::ConnStart));
        }
        if left.is_some() {
            raised.push(event(EventKind::StateChange));
        }
    }

    pub(super) fn run_receiver(&mut self, segment: &Segment<'_>, is_first: bool, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, now, .. } = *segment;
        self.arrive(index, sender, tcp, segment.class);
        let deadline = now.after(self.config.timeouts.gap_grace);
        let examined = self.examine(segment);
        self.mark(segment);
        let completes = self.completes(segment);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let left = tcp::receive(flow, sender, tcp, completes, deadline);
        flow.stream_mut(sender.other().sends()).charge_wait(&mut self.budget);
        let repeats = examined.repeated.is_some() || segment.class == Class::Repeated;
        self.counters.unverifiable_bytes += examined.unverifiable;
        if repeats || !self.is_unheard(segment, Hook::Receiver, is_first, left) {
            let mut raised = RaisedList::new();
            self.raise_packet(segment, is_first, left, &mut raised);
            if repeats {
                self.raise_repetition(segment, examined, &mut raised);
            }
            self.run(&segment.pass(Hook::Receiver, left, &raised), handler);
            self.settle(Some(index), handler);
        }
        self.take_syn_data(segment, handler);
        self.settle(Some(index), handler);
        if segment.carries_data() {
            self.accept(segment, handler);
        } else if segment.tcp.payload_len > 0 {
            self.set_aside(segment);
        }
        self.give_up_early(segment, handler);
    }

    /// What the segment's payload repeats.
    fn examine(&self, segment: &Segment<'_>) -> Examined {
        let Some(flow) = self.view.flows.get(segment.index).filter(|_| segment.carries_data()) else {
            return Examined::default();
        };
        let stream = flow.stream(segment.sender.sends());
        if stream.level != Level::Full {
            return Examined::default();
        }
        self.payload(flow, segment).map(|payload| stream.examine(payload)).unwrap_or_default()
    }

    /// Whether nothing will be missing before the sender's FIN once this segment is in.
    fn completes(&self, segment: &Segment<'_>) -> bool {
        let Some(flow) = self.view.flows.get(segment.index) else { return false };
        let stream = flow.stream(segment.sender.sends());
        let Some(fin) = stream.fin() else { return false };
        let reached = self.payload(flow, segment).map_or(stream.next(), |payload| stream.reach(payload));
        reached >= fin
    }

    /// The segment's payload as its flow sees it.
    pub(super) fn payload<'v>(&'v self, flow: &Flow, segment: &Segment<'_>) -> Option<Payload<'v>> {
        let packet = self.view.packet.as_ref()?;
        let bytes = segment.tcp.payload(self.view.frame(packet.slot)?.bytes);
        let offset = payload_offset(flow, segment.sender, segment.tcp);
        Some(Payload { offset, bytes, wire_len: segment.tcp.payload_len })
    }

    fn raise_repetition(&mut self, segment: &Segment<'_>, examined: Examined, raised: &mut RaisedList) {
        self.counters.retransmissions += 1;
        let Some(flow) = self.view.flows.get_mut(segment.index) else { return };
        let mishaps = flow.mishaps_mut(segment.sender);
        mishaps.retransmissions = mishaps.retransmissions.saturating_add(1);
        let (offset, end) = examined.repeated.unwrap_or((0, 0));
        let length = u32::try_from(end.saturating_sub(offset)).unwrap_or(u32::MAX);
        raised.push(Raised { kind: EventKind::Rexmit, offset, length, reason: 0 });
        if let Some(conflict) = examined.conflict {
            self.counters.conflicts += 1;
            mishaps.conflicts = mishaps.conflicts.saturating_add(1);
            let length = u32::try_from(conflict.len).unwrap_or(u32::MAX);
            raised.push(Raised { kind: EventKind::Conflict, offset: conflict.offset, length, reason: 0 });
        }
    }
}

/// Stream offset of a segment's payload: the byte after its sequence number if it carries a SYN.
fn payload_offset(flow: &Flow, sender: Side, tcp: &TcpHeader) -> i64 {
    let stream = flow.stream(sender.sends());
    if !stream.is_anchored() {
        return 0;
    }
    let syn = u32::from(tcp.flags.contains(TcpFlags::SYN));
    stream.offset_of(tcp.seq.add(syn))
}
