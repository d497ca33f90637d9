//! How flows begin.

use sluice_wire::{TcpFlags, TcpHeader};

use super::pressure::Newcomer;
use super::reopening::catch_up;
use super::sight::Clue;
use super::{Engine, PickUp};
use crate::event::Handler;
use crate::flow::{Attachment, EndReason, Flow};
use crate::tcp::acknowledges_syn;
use crate::view::View;
use crate::{Direction, Nanos, Side};

/// What a segment finds in the flow table.
pub(super) enum Found {
    /// The flow that it belongs to, and who sent it; `true` if the flow begins with it.
    Flow(u32, Side, bool),
    /// A flow that has ended and absorbs it.
    Ended(u32, Side),
    /// Nothing, and it opens nothing.
    Orphan,
    /// Nothing, and there is no room for another flow.
    NoRoom,
}

impl Engine {
    /// What the current segment finds at the `known` place of its flow, or a flow that it opens.
    pub(super) fn find(
        &mut self,
        known: Option<u32>,
        clue: &Clue,
        tcp: &TcpHeader,
        now: Nanos,
        handler: &mut dyn Handler,
    ) -> Found {
        if let Some(index) = known {
            self.settle_if_overdue(index, now, handler);
        }
        // What was overdue may have been the flow itself; no other can have taken its place.
        let known = known.and_then(|index| Some((index, self.view.flows.get(index)?)));
        let mut earlier_syn = None;
        if let Some((index, flow)) = known {
            let sender = flow.side_of(clue.sender_is_low);
            let begins_anew = begins_anew(flow, sender, tcp);
            if flow.marks.reopening {
                earlier_syn = self.reopening_syn(index, sender, tcp);
            }
            let flow = self.view.flows.get(index);
            if let Some(flow) = flow.filter(|_| !begins_anew && earlier_syn.is_none()) {
                let is_over = flow.end.is_some();
                return if is_over { Found::Ended(index, sender) } else { Found::Flow(index, sender, false) };
            }
            self.end_flow(index, EndReason::Replaced, now, handler);
            self.forget(index, handler);
        }
        if !self.opens(tcp) {
            return Found::Orphan;
        }
        let is_syn = tcp.flags.contains(TcpFlags::SYN);
        if !self.make_room(if is_syn { Newcomer::HalfOpen } else { Newcomer::PickedUp }, now, handler) {
            return Found::NoRoom;
        }
        let open = |generation| Flow::open(clue.key, clue.sender_is_low, tcp, generation, now);
        let opened = self.view.flows.insert(clue.hash, open);
        let Some(index) = opened else { return Found::NoRoom };
        self.counters.flows += 1;
        self.attach_monitors(index);
        self.open_account(index, clue.sender_is_low, earlier_syn.as_ref());
        if let (Some(syn), Some(flow)) = (earlier_syn, self.view.flows.get_mut(index)) {
            catch_up(flow, &syn);
        }
        let Some(flow) = self.view.flows.get(index) else { return Found::NoRoom };
        self.counters.partial_flows += u64::from(flow.is_partial());
        Found::Flow(index, flow.side_of(clue.sender_is_low), true)
    }

    /// Whether a segment of no known flow opens one.
    fn opens(&self, tcp: &TcpHeader) -> bool {
        let flags = tcp.flags;
        if flags.contains(TcpFlags::RST) || flags.contains(TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0)) {
            return false;
        }
        if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) {
            return true;
        }
        // A bare FIN or a segment without ACK is what a scan sends; no host takes it.
        flags.contains(TcpFlags::ACK) && self.config.pick_up == PickUp::MidStream
    }

    /// Gives a new flow the monitors that take it.
    fn attach_monitors(&mut self, index: u32) {
        let View { flows, tenants: events, burst, packet, .. } = &mut *self.view;
        let (Some(flow), Some(packet)) = (flows.get_mut(index), packet.as_ref()) else { return };
        let datagram = || {
            let frame = burst.as_ref()?.packet(packet.slot)?;
            frame.bytes.get(usize::from(packet.headers.ip_offset)..)
        };
        for (number, monitor) in self.monitors.iter_mut() {
            if !monitor.takes(datagram) {
                continue;
            }
            let owner = usize::from(monitor.tenant.0);
            let (Some(tenant), Some(events)) = (self.tenants.get_mut(owner), events.get_mut(owner)) else {
                continue;
            };
            if tenant.counters.flows >= self.config.limits.tenant_flows as u64 {
                tenant.counters.refused_flows += 1;
                continue;
            }
            tenant.counters.flows += 1;
            let forest = events.inherit(monitor.number);
            let interest = events.get(forest).map_or(0, |set| set.interest());
            flow.attachments.push(Attachment { forest, ..monitor.attachment(number, interest) });
        }
        for direction in Direction::BOTH {
            let rules = self.rules(index, direction);
            if let Some(flow) = self.view.flows.get_mut(index) {
                flow.stream_mut(direction).rules = rules;
            }
        }
        self.serve_new(index);
    }
}

/// Whether a segment opens a new connection with the addresses and ports of a known one.
///
/// A SYN does where the old connection is over (RFC 9293 section 3.6.1 lets a host reuse a TIME-WAIT pair), and where
/// the old one was picked up in mid-stream from one side only: a real SYN outweighs the guess.
fn begins_anew(flow: &Flow, sender: Side, tcp: &TcpHeader) -> bool {
    let flags = tcp.flags;
    let is_syn =
        flags.contains(TcpFlags::SYN) && !flags.intersects(TcpFlags(TcpFlags::FIN.0 | TcpFlags::RST.0));
    if !is_syn {
        return false;
    }
    let is_known = flow.opening(sender).is_candidate(tcp.seq);
    if flow.end.is_some() {
        // An RST that came before the server's answer ended nothing if the server answers after it.
        let peer = flow.stack(sender.other());
        let is_answer =
            !flow.stack(sender).has_sent && peer.has_sent && acknowledges_syn(flow, sender.other(), tcp.ack);
        // A SYN behind a SYN-ACK of the same host is no straggler, whatever its number: the SYN-ACK answered nothing.
        let has_only_answered = flow.stack(sender).has_sent && !flow.opening(sender).opens_actively;
        return if flags.contains(TcpFlags::ACK) { is_answer } else { !is_known || has_only_answered };
    }
    let is_guess = flow.is_partial() && !flow.marks.two_sided && flow.opening(sender).isn().is_none();
    !flags.contains(TcpFlags::ACK) && !is_known && is_guess
}
