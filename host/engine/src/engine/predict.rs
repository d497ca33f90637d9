//! The expected segment: what most packets of an established connection are, taken on a short way.
//!
//! Header prediction, as 4.3BSD-Reno's receiver had it (V. Jacobson): a segment that continues its sender's stream
//! where it stands, in a connection where both hosts are established and nothing is missing, closing or urgent, can
//! change only a few things. What is done for it here is what the long way would do, in the same order and with the
//! same events; anything that is not wholly as expected takes the long way.

use sluice_wire::{TcpFlags, TcpHeader};

use super::Engine;
use super::segment::Segment;
use crate::Side;
use crate::event::{EventKind, Handler, Hook, Raised, interest_bit};
use crate::flow::{Flow, Observed};
use crate::reassembly::Level;
use crate::tcp::{self, Class};
use crate::view::Loan;

/// Flags that take a segment off the short way: all but PSH, and ACK is required.
const UNEXPECTED: TcpFlags =
    TcpFlags(TcpFlags::FIN.0 | TcpFlags::SYN.0 | TcpFlags::RST.0 | TcpFlags::URG.0 | TcpFlags::ACK.0);

impl Engine {
    /// Takes a segment of the flow at `index` if it is the expected one; false if nothing was done.
    pub(super) fn take_expected(
        &mut self,
        index: u32,
        sender_is_low: bool,
        tcp: &TcpHeader,
        handler: &mut dyn Handler,
    ) -> bool {
        let now = self.view.clock;
        let Some(flow) = self.view.flows.get_mut(index) else { return false };
        let sender = flow.side_of(sender_is_low);
        if flow.deadline <= now || !is_expected(flow, sender, tcp) {
            return false;
        }
        let Some(packet) = self.view.packet.as_mut() else { return false };
        let stream = flow.stream(sender.sends());
        let offset = if stream.is_anchored() { stream.offset_of(tcp.seq).max(0).unsigned_abs() } else { 0 };
        (packet.sender, packet.offset) = (sender, offset);
        flow.note_packet(sender, packet.headers.ip_total_len, tcp.payload_len, now);
        let own = flow.stack_mut(sender);
        own.advertise(tcp.window, false);
        own.sent_end = tcp.seq.add(tcp.payload_len);
        own.acknowledged = tcp.ack;
        if let Some(account) = flow.account_mut() {
            let ip_len = packet.headers.ip_total_len;
            account.observe(&Observed { sender, tcp, ip_len, class: Class::Accept, now });
        }
        self.counters.bytes.seen += u64::from(tcp.payload_len);
        self.counters.packets.tracked += 1;
        self.view.note_link(index, sender);

        let segment = Segment { index, sender, tcp, now, class: Class::Accept };
        self.raise_packet_in(&segment, Hook::Sender, offset, handler);
        if self.settle(Some(index), handler) {
            // What was expected is not known any more: the receiver's part goes the long way.
            self.run_receiver(&segment, false, handler);
            self.settle(Some(index), handler);
            self.schedule(index);
            return true;
        }
        if let Some(flow) = self.view.flows.get_mut(index) {
            tcp::hear(flow, sender, tcp);
        }
        self.arrive(index, sender, tcp, Class::Accept);
        self.raise_packet_in(&segment, Hook::Receiver, offset, handler);
        self.settle(Some(index), handler);
        if tcp.payload_len > 0 {
            self.continue_stream(&segment, handler);
            self.settle(Some(index), handler);
        }
        true
    }

    fn raise_packet_in(&mut self, segment: &Segment<'_>, hook: Hook, offset: u64, handler: &mut dyn Handler) {
        // A handler of the pass before may have changed it.
        let interest = self.view.flows.get(segment.index).map_or(0, |flow| flow.interest);
        if interest & interest_bit(EventKind::PacketIn, hook) == 0 {
            self.counters.events[EventKind::PacketIn.index()] += 1;
            return;
        }
        let length = segment.tcp.payload_len;
        let raised = [Raised { kind: EventKind::PacketIn, offset, length, reason: 0 }];
        self.run(&segment.pass(hook, None, &raised), handler);
    }

    /// Payload that continues a stream in which nothing is missing.
    fn continue_stream(&mut self, segment: &Segment<'_>, handler: &mut dyn Handler) {
        let Segment { index, sender, tcp, now, .. } = *segment;
        let direction = sender.sends();
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let len = u64::from(tcp.payload_len);
        let stream = flow.stream_mut(direction);
        let (offset, level) = (stream.next(), stream.level);
        stream.advance(len);
        self.counters.bytes.delivered += len;
        let is_heard = flow.interest & interest_bit(EventKind::NewData, Hook::Receiver) != 0;
        if level != Level::Full {
            self.counters.events[EventKind::NewData.index()] += 1;
            return;
        }
        let loan = Loan {
            direction,
            offset,
            frame_offset: tcp.payload_offset as usize,
            len: tcp.payload_len as usize,
        };
        self.view.loan = Some(loan);
        if is_heard {
            self.view.horizon = Some((direction, offset.saturating_add(len)));
            let raised = Raised { kind: EventKind::NewData, offset, length: tcp.payload_len, reason: 0 };
            self.raise_in_stream(index, direction, raised, now, handler);
            self.view.horizon = None;
        } else {
            self.counters.events[EventKind::NewData.index()] += 1;
        }
        if self.view.flows.get(index).is_some_and(|flow| flow.has_read_all(direction)) {
            self.view.loan = None;
        } else {
            self.settle_stream(index, direction);
        }
    }
}

/// Whether a segment changes no more than where both ends stand.
fn is_expected(flow: &Flow, sender: Side, tcp: &TcpHeader) -> bool {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let (stream, back) = (flow.stream(sender.sends()), flow.stream(sender.other().sends()));
    TcpFlags(tcp.flags.0 & UNEXPECTED.0) == TcpFlags::ACK
        && flow.is_steady()
        && tcp.seq == own.sent_end
        && peer.acknowledged.before_or_at(tcp.seq)
        && own.acknowledged.before_or_at(tcp.ack)
        && tcp.ack.before_or_at(peer.sent_end)
        && (tcp.payload_len == 0
            || tcp.captured_len == tcp.payload_len
                && stream.is_anchored()
                && stream.seq_of(stream.next()) == tcp.seq)
        && (back.level != Level::Full
            || !back.is_anchored()
            || tcp.ack.before_or_at(back.seq_of(back.next())))
        && tcp::is_unremarkable(flow, sender, tcp)
}
