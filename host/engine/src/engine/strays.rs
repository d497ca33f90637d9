//! Segments beyond the windows that may be right all the same: the tap lost more than a window.
//!
//! One segment does not tell what was lost from what was forged. So strays are held for a while: data that lies too far
//! ahead, and ACKs for data that cannot have been sent. When the ACK of one side falls on data of the other, that is a
//! pair; after [`STRAY_PAIRS_UNTIL_LOSSY`] of them, each further on than the one before and no segment in between that
//! fits, the flow counts as lossy and goes on from there. The strays of the pairs are then taken as if they came now,
//! and the windows hold again, from the new place. In a lossy flow one pair is enough.
//!
//! A stray must fit in the other direction: the ACK of stray data and the sequence number of a stray ACK are checked as
//! ever. Who cannot see the connection would have to guess those; who sees it and forges both sides can lead any
//! observer astray.

use std::collections::{BTreeMap, VecDeque};

use sluice_wire::{Headers, LinkType, SeqNumber, TcpFlags, TcpHeader};

use super::Engine;
use super::segment::Segment;
use crate::event::Handler;
use crate::flow::FlowId;
use crate::limits::{STRAY_PAIRS_UNTIL_LOSSY, STRAYING_FLOWS, STRAYS_PER_FLOW};
use crate::packet::{Burst, Packet};
use crate::tcp::{Class, RefuseReason, fits_window, reach};
use crate::view::CurrentPacket;
use crate::{Nanos, Side};

/// A segment that was refused, and may yet be taken.
#[derive(Debug)]
struct Stray {
    sender: Side,
    reason: RefuseReason,
    tcp: TcpHeader,
    headers: Headers,
    bytes: Box<[u8]>,
    time: Nanos,
    wire_len: u32,
    link: Option<LinkType>,
    is_paired: bool,
}

/// Strays of one flow, in the order of their arrival.
#[derive(Debug, Default)]
struct FlowStrays {
    held: VecDeque<Stray>,
    pairs: u8,
    /// The ACK of the newest pair.
    last_pair: Option<SeqNumber>,
}

/// Strays of all flows; see the module.
#[derive(Debug, Default)]
pub(super) struct Strays {
    flows: BTreeMap<(u32, u32), FlowStrays>,
    /// The flows, the one that began to stray first at the front.
    order: VecDeque<FlowId>,
}

impl Stray {
    fn cost(&self) -> usize {
        self.bytes.len().saturating_add(size_of::<Self>())
    }
}

impl FlowStrays {
    fn cost(&self) -> usize {
        self.held.iter().map(Stray::cost).fold(0, usize::saturating_add)
    }

    /// Whether the stray falls on one of the other side that is held. Both are marked, with the data before it that the
    /// same ACK covers, no more than `reach` behind.
    fn pair(&mut self, sender: Side, tcp: &TcpHeader, reason: RefuseReason, reach: u32) -> bool {
        let is_ack = reason == RefuseReason::AckFuture;
        let falls_on = |ack: SeqNumber, data: &TcpHeader| {
            data.seq.before_or_at(ack) && ack.before_or_at(data.seq.add(data.sequence_len()))
        };
        let is_partner = |held: &&mut Stray| {
            let is_data = held.reason == RefuseReason::OutOfWindow;
            held.sender != sender
                && is_data == is_ack
                && if is_ack { falls_on(tcp.ack, &held.tcp) } else { falls_on(held.tcp.ack, tcp) }
        };
        let Some(partner) = self.held.iter_mut().rev().find(is_partner) else { return false };
        partner.is_paired = true;
        let ack = if is_ack { tcp.ack } else { partner.tcp.ack };
        if self.last_pair.is_some_and(|last| ack.before_or_at(last)) {
            return false;
        }
        for held in self.held.iter_mut().filter(|held| held.reason == RefuseReason::OutOfWindow) {
            let behind = u32::try_from(ack.distance_from(held.tcp.seq));
            held.is_paired |= (held.sender != sender) == is_ack && behind.is_ok_and(|behind| behind <= reach);
        }
        self.last_pair = Some(ack);
        self.pairs = self.pairs.saturating_add(1);
        true
    }
}

impl Engine {
    /// Whether a refused segment shows that the flow goes on elsewhere. What was held of it until now has then been
    /// taken, and the segment is to be taken too. Else it is held.
    pub(super) fn goes_on_elsewhere(
        &mut self,
        index: u32,
        sender: Side,
        tcp: &TcpHeader,
        reason: RefuseReason,
        handler: &mut dyn Handler,
    ) -> bool {
        let Some(flow) = self.view.flows.get(index) else { return false };
        let is_data = reason == RefuseReason::OutOfWindow
            && (tcp.payload_len > 0 || tcp.flags.contains(TcpFlags::FIN))
            && !flow.is_partial();
        let is_ack = reason == RefuseReason::AckFuture
            && flow.stream(sender.other().sends()).fin().is_none()
            && fits_window(flow, sender, tcp);
        if !is_data && !is_ack || flow.end.is_some() {
            return false;
        }
        let (id, needed) = (flow.id(index), if flow.marks.lossy { 1 } else { STRAY_PAIRS_UNTIL_LOSSY });
        let data_sender = if is_data { sender } else { sender.other() };
        let reach = reach(flow.stack(data_sender.other()));
        let Some(strays) = self.strays_of(id) else { return false };
        if !strays.pair(sender, tcp, reason, reach) || strays.pairs < needed {
            self.hold_stray(id, sender, tcp, reason);
            return false;
        }
        if let Some(flow) = self.view.flows.get_mut(index) {
            flow.marks.lossy = true;
        }
        self.take_strays(id, handler);
        true
    }

    /// The strays of a flow, which are made room for.
    fn strays_of(&mut self, flow: FlowId) -> Option<&mut FlowStrays> {
        let key = (flow.index, flow.generation);
        if !self.strays.flows.contains_key(&key) {
            while self.strays.order.len() >= STRAYING_FLOWS {
                let oldest = self.strays.order.front().copied()?;
                self.forget_strays(oldest);
            }
            self.strays.order.push_back(flow);
            self.view.flows.get_mut(flow.index)?.marks.straying = true;
        }
        Some(self.strays.flows.entry(key).or_default())
    }

    /// Holds the current packet; the oldest one goes when the flow has too many.
    fn hold_stray(&mut self, flow: FlowId, sender: Side, tcp: &TcpHeader, reason: RefuseReason) {
        let Some(packet) = self.view.packet.as_ref() else { return };
        let Some(frame) = self.view.frame(packet.slot) else { return };
        let is_paired = false;
        let stray = Stray {
            sender,
            reason,
            tcp: *tcp,
            headers: packet.headers,
            bytes: frame.bytes.into(),
            time: frame.time,
            wire_len: frame.wire_len,
            link: frame.link,
            is_paired,
        };
        let Some(strays) = self.strays.flows.get_mut(&(flow.index, flow.generation)) else { return };
        let before = strays.cost();
        if strays.held.len() >= STRAYS_PER_FLOW {
            strays.held.pop_front();
        }
        // Marked if it was the later one of a pair.
        let is_newest_pair = |last: SeqNumber| {
            let falls_here = tcp.seq.before_or_at(last) && last.before_or_at(tcp.seq.add(tcp.sequence_len()));
            if reason == RefuseReason::AckFuture { tcp.ack == last } else { falls_here }
        };
        let stray = Stray { is_paired: strays.last_pair.is_some_and(is_newest_pair), ..stray };
        if self.budget.fits(stray.cost()) {
            strays.held.push_back(stray);
        }
        let after = strays.cost();
        self.budget.adjust(before, after);
    }

    /// Takes the strays of a flow that are in pairs, in the order of their arrival.
    fn take_strays(&mut self, flow: FlowId, handler: &mut dyn Handler) {
        let strays = self.strays.flows.remove(&(flow.index, flow.generation)).unwrap_or_default();
        self.budget.adjust(strays.cost(), 0);
        self.strays.order.retain(|known| *known != flow);
        if let Some(flow) = self.view.flows.get_mut(flow.index) {
            flow.marks.straying = false;
        }
        let (packet, burst) = (self.view.packet.take(), self.view.burst.take());
        for stray in strays.held.into_iter().filter(|stray| stray.is_paired) {
            self.take_stray(flow.index, stray, handler);
        }
        (self.view.packet, self.view.burst) = (packet, burst);
    }

    fn take_stray(&mut self, index: u32, stray: Stray, handler: &mut dyn Handler) {
        let Stray { sender, reason, tcp, headers, bytes, time, wire_len, link, .. } = stray;
        let refused = &mut self.counters.packets.refused[reason.index()];
        *refused = refused.saturating_sub(1);
        let payload_len = u64::from(tcp.payload_len);
        self.counters.bytes.refused = self.counters.bytes.refused.saturating_sub(payload_len);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let mishaps = flow.mishaps_mut(sender);
        mishaps.refused = mishaps.refused.saturating_sub(1);
        if let Some(account) = flow.account_mut() {
            account.forget_ignored(sender, &tcp);
        }
        let captured_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.view.packet = Some(CurrentPacket {
            slot: SLOT,
            headers,
            offset: 0,
            sender,
            wire_len,
            captured_len,
            time,
            is_stand_in: true,
        });
        self.view.burst = Some(Box::new(Held { bytes, time, wire_len, link }));
        let segment = Segment { index, sender, tcp: &tcp, now: self.view.clock, class: Class::Accept };
        self.track(&segment, false, handler);
    }

    /// A segment fitted, or the flow has ended: strays show nothing any more.
    pub(super) fn forget_strays(&mut self, flow: FlowId) {
        if let Some(strays) = self.strays.flows.remove(&(flow.index, flow.generation)) {
            self.budget.adjust(strays.cost(), 0);
        }
        self.strays.order.retain(|known| *known != flow);
        if let Some(flow) = self.view.flows.get_mut(flow.index) {
            flow.marks.straying = false;
        }
    }
}

/// The slot of a stray: none that a verdict could be given for.
const SLOT: usize = usize::MAX;

/// The burst while a stray is taken that came in an earlier one.
#[derive(Debug)]
struct Held {
    bytes: Box<[u8]>,
    time: Nanos,
    wire_len: u32,
    link: Option<LinkType>,
}

impl Burst for Held {
    fn len(&self) -> usize {
        1
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        (slot == SLOT).then_some(Packet {
            bytes: &self.bytes,
            time: self.time,
            wire_len: self.wire_len,
            link: self.link,
        })
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}
