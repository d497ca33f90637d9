//! The expected segment: what most packets of an established connection are, taken on a short way.
//!
//! Header prediction, as 4.3BSD-Reno's receiver had it (V. Jacobson): a segment that continues its sender's stream
//! where it stands, in a connection where both hosts are established and nothing is missing, closing or urgent, can
//! change only a few things. What is done for it here is what the long way would do, in the same order and with the
//! same events; anything that is not wholly as expected takes the long way.

use std::hint::select_unpredictable;

use sluice_wire::{TcpFlags, TcpHeader};

use super::Engine;
use super::segment::Segment;
use super::sight::Clue;
use crate::Side;
use crate::event::{EventKind, Handler, Hook, Pass, Raised, interest_bit};
use crate::flow::{Flow, Observed};
use crate::reassembly::Level;
use crate::tcp::{self, Class};
use crate::view::Loan;

/// Flags that take a segment off the short way: all but PSH, and ACK is required.
const UNEXPECTED: TcpFlags =
    TcpFlags(TcpFlags::FIN.0 | TcpFlags::SYN.0 | TcpFlags::RST.0 | TcpFlags::URG.0 | TcpFlags::ACK.0);

/// Handlers that want to know of the packet at its sender's stack.
const PACKET_AT_SENDER: u32 = interest_bit(EventKind::PacketIn, Hook::Sender);

/// And at its receiver's.
const PACKET_AT_RECEIVER: u32 = interest_bit(EventKind::PacketIn, Hook::Receiver);

impl Engine {
    /// Takes the current packet if it is the expected segment of a known flow; else says where the flow is, if it is
    /// known, and has done nothing.
    #[inline]
    pub(super) fn take_expected(
        &mut self,
        clue: &Clue,
        tcp: &TcpHeader,
        handler: &mut dyn Handler,
    ) -> Result<(), Option<u32>> {
        let Some(index) = self.look_up(clue) else { return Err(None) };
        #[cfg(test)]
        if self.takes_long_way {
            return Err(Some(index));
        }
        let Some((segment, interest)) = self.send_expected(index, clue.sender_is_low, tcp) else {
            return Err(Some(index));
        };
        if interest & PACKET_AT_SENDER == 0 {
            self.counters.events[EventKind::PacketIn.index()] += 1;
        } else if self.raise_at_sender((index, segment.sender), tcp.payload_len, handler) {
            // What was expected is not known any more: the receiver's part goes the long way.
            self.run_receiver(&segment, false, handler);
            self.settle(Some(index), handler);
            self.schedule(index);
            return Ok(());
        }
        self.hear_expected(segment, handler);
        Ok(())
    }

    /// The sender's part of the expected segment, up to its hook, and who wants to know of it; `None` if it is another
    /// segment, and nothing was done.
    #[inline]
    fn send_expected<'t>(
        &mut self,
        index: u32,
        sender_is_low: bool,
        tcp: &'t TcpHeader,
    ) -> Option<(Segment<'t>, u32)> {
        let view = &mut *self.view;
        let now = view.clock;
        let flow = view.flows.get_mut(index)?;
        let sender = flow.side_of(sender_is_low);
        if flow.deadline <= now || !flow.is_steady() || !is_expected(flow, sender, tcp) {
            return None;
        }
        let packet = view.packet.as_mut()?;
        let stream = flow.stream(sender.sends());
        let offset = if stream.is_anchored() { stream.offset_of(tcp.seq) } else { 0 };
        (packet.sender, packet.offset) = (sender, offset.max(0).unsigned_abs());
        tcp::send_expected(flow.stack_mut(sender), tcp);
        let ip_len = packet.headers.ip_total_len;
        flow.note_packet(sender, ip_len, tcp.payload_len, now);
        if let Some(account) = flow.account_mut() {
            account.observe(&Observed { sender, tcp, ip_len, class: Class::Accept, now });
        }
        let interest = flow.interest;
        view.note_link(index, sender);
        self.counters.bytes.seen += u64::from(tcp.payload_len);
        self.counters.packets.tracked += 1;
        #[cfg(test)]
        {
            self.short_segments += 1;
        }
        Some((Segment { index, sender, tcp, now, class: Class::Accept }, interest))
    }

    /// The receiver's part of the expected segment.
    #[inline]
    fn hear_expected(&mut self, segment: Segment<'_>, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, .. } = segment;
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        tcp::hear_expected(flow, sender, tcp);
        // A handler of the pass before may have changed the interest.
        if flow.account().is_some() || flow.interest & PACKET_AT_RECEIVER != 0 {
            return self.hear_aloud(segment, handler);
        }
        self.counters.events[EventKind::PacketIn.index()] += 1;
        // Data and ACKs take turns: what nobody reads is counted without a branch that asks which it is.
        let (offset, level) = continue_stream(flow, sender, tcp.payload_len);
        let has_payload = tcp.payload_len > 0;
        self.counters.bytes.delivered += u64::from(tcp.payload_len);
        if level == Level::Full && has_payload {
            return self.tell_continued(segment, offset, handler);
        }
        self.counters.events[EventKind::NewData.index()] += u64::from(has_payload);
    }

    /// The rest of the receiver's part where somebody wants to know of the packet there.
    #[inline(never)]
    fn hear_aloud(&mut self, segment: Segment<'_>, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, .. } = segment;
        self.arrive(index, sender, tcp, segment.class);
        let interest = self.view.flows.get(index).map_or(0, |flow| flow.interest);
        if interest & PACKET_AT_RECEIVER == 0 {
            self.counters.events[EventKind::PacketIn.index()] += 1;
        } else {
            self.raise_packet_at((index, sender), Hook::Receiver, tcp.payload_len, handler);
        }
        let Some(flow) = self.view.flows.get_mut(index).filter(|_| tcp.payload_len > 0) else { return };
        self.counters.bytes.delivered += u64::from(tcp.payload_len);
        let (offset, level) = continue_stream(flow, sender, tcp.payload_len);
        if level == Level::Full {
            return self.tell_continued(segment, offset, handler);
        }
        self.counters.events[EventKind::NewData.index()] += 1;
    }

    /// Raises the packet at its sender's stack; true if that has changed what is done for some flow.
    #[inline(never)]
    fn raise_at_sender(&mut self, flow: (u32, Side), length: u32, handler: &mut dyn Handler) -> bool {
        self.raise_packet_at(flow, Hook::Sender, length, handler)
    }

    /// Raises the packet at a hook; true if that has changed what is done for some flow.
    #[inline(always)]
    fn raise_packet_at(
        &mut self,
        (index, sender): (u32, Side),
        hook: Hook,
        length: u32,
        handler: &mut dyn Handler,
    ) -> bool {
        let offset = self.view.packet.as_ref().map_or(0, |packet| packet.offset);
        let raised = Raised { kind: EventKind::PacketIn, offset, length, reason: 0 };
        self.raise_one((index, sender), hook, &[raised], handler);
        self.settle(Some(index), handler)
    }

    /// Runs the pass for one thing that has happened to a flow. As part of the function that calls it: most of a pass
    /// is known where kind and hook are.
    #[inline(always)]
    fn raise_one(
        &mut self,
        (index, sender): (u32, Side),
        hook: Hook,
        raised: &[Raised; 1],
        handler: &mut dyn Handler,
    ) {
        let side = if hook == Hook::Receiver { sender.other() } else { sender };
        let pass = Pass {
            flow: Some(index),
            takers: &[],
            hook,
            side: Some(side),
            direction: sender.sends(),
            time: self.view.clock,
            state_left: 0,
            raised,
        };
        self.run_here(&pass, handler);
    }

    /// Tells the readers of payload that continues a stream at `offset`, and lends it to them.
    #[inline(never)]
    fn tell_continued(&mut self, segment: Segment<'_>, offset: u64, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, .. } = segment;
        let (direction, len) = (sender.sends(), u64::from(tcp.payload_len));
        let interest = self.view.flows.get(index).map_or(0, |flow| flow.interest);
        let is_heard = interest & interest_bit(EventKind::NewData, Hook::Receiver) != 0;
        let Some(slot) = self.view.packet.as_ref().map(|packet| packet.slot) else { return };
        let loan = Loan {
            slot,
            direction,
            offset,
            frame_offset: tcp.payload_offset as usize,
            len: tcp.payload_len as usize,
        };
        self.view.loan = Some(loan);
        if is_heard {
            self.view.horizon = Some((direction, offset.saturating_add(len)));
            let raised = Raised { kind: EventKind::NewData, offset, length: tcp.payload_len, reason: 0 };
            self.raise_one((index, sender), Hook::Receiver, &[raised], handler);
            self.view.horizon = None;
        } else {
            self.counters.events[EventKind::NewData.index()] += 1;
        }
        if self.view.flows.get(index).is_some_and(|flow| flow.has_read_all(direction)) {
            self.view.loan = None;
        } else {
            self.settle_stream(index, direction);
        }
        self.settle(Some(index), handler);
    }
}

/// Moves a stream in which nothing is missing on by a payload; gives where that begins, and what is done for the
/// stream.
#[inline]
fn continue_stream(flow: &mut Flow, sender: Side, len: u32) -> (u64, Level) {
    let stream = flow.stream_mut(sender.sends());
    let offset = stream.next();
    stream.advance(u64::from(len));
    (offset, stream.level)
}

/// Whether a segment changes no more than where both ends stand, of a connection that is steady.
#[inline]
fn is_expected(flow: &Flow, sender: Side, tcp: &TcpHeader) -> bool {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let (sent, heard) = (flow.stream(sender.sends()), flow.stream(sender.other().sends()));
    let continues =
        (tcp.captured_len == tcp.payload_len) & sent.is_anchored() & (sent.seq_of(sent.next()) == tcp.seq);
    TcpFlags(tcp.flags.0 & UNEXPECTED.0) == TcpFlags::ACK
        && tcp.seq == own.sent_end
        && peer.acknowledged.before_or_at(tcp.seq)
        && own.acknowledged.before_or_at(tcp.ack)
        && tcp.ack.before_or_at(peer.sent_end)
        && select_unpredictable(tcp.payload_len == 0, true, continues)
        && (heard.level != Level::Full
            || !heard.is_anchored()
            || tcp.ack.before_or_at(heard.seq_of(heard.next())))
        && tcp::is_unremarkable(flow.is_partial(), own, peer, tcp)
}

#[cfg(test)]
mod tests;
