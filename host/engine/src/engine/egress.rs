//! The end of a packet's way: what tenants have changed gets its checksums, and connections are reset.

use sluice_wire::{SeqNumber, TcpFlags, amend_checksums};
use smallvec::SmallVec;

use super::Engine;
use crate::Side;
use crate::flow::Flow;
use crate::packet::Verdict;
use crate::view::{Injected, Reset, SegmentSpec};

impl Engine {
    /// The frame in place of the packet in `slot` of the last burst, whose verdict is [`Verdict::Edited`]. Right
    /// checksums are right, wrong ones wrong.
    #[must_use]
    pub fn edited(&self, slot: usize) -> Option<&[u8]> {
        if self.verdicts.get(slot) != Some(&Verdict::Edited) {
            return None;
        }
        let edits = &self.view.egress.edits;
        let position = edits.binary_search_by_key(&slot, |edit| edit.slot).ok()?;
        edits.get(position).map(|edit| &*edit.bytes)
    }

    /// What tenants sent in the last call of [`Engine::receive`], [`Engine::expire`] or [`Engine::finish`], in order.
    #[must_use]
    pub fn injected(&self) -> &[Injected] {
        &self.view.egress.injected
    }

    /// A burst has come.
    pub(super) fn begin_burst_egress(&mut self) {
        self.view.egress.edits.clear();
        self.begin_egress();
    }

    /// Nothing was sent yet.
    pub(super) fn begin_egress(&mut self) {
        self.view.egress.injected.clear();
        self.view.egress.step(None);
    }

    /// Gives the packets that were edited and not dropped their checksums.
    pub(super) fn settle_edits(&mut self) {
        let view = &mut *self.view;
        for edit in &mut view.egress.edits {
            let verdict = self.verdicts.get_mut(edit.slot).filter(|verdict| **verdict == Verdict::Pass);
            let Some(verdict) = verdict else { continue };
            let frame = view.burst.as_ref().and_then(|burst| burst.packet(edit.slot));
            let received = frame.map_or(&[][..], |frame| frame.bytes);
            if amend_checksums((&edit.received, received), (&edit.headers, &mut edit.bytes)).is_some() {
                *verdict = Verdict::Edited;
                self.counters.edits += 1;
            } else {
                debug_assert!(false, "an edit has the structure of what was received");
                self.counters.edits_refused += 1;
            }
        }
    }

    /// Counts what was sent.
    pub(super) fn settle_egress(&mut self) {
        self.settle_resets();
        self.counters.injected += self.view.egress.injected.len() as u64;
        self.count_refused_egress();
    }

    /// Counts what was refused.
    pub(super) fn count_refused_egress(&mut self) {
        let (edits, injected) = std::mem::take(&mut self.view.egress.refused);
        self.counters.edits_refused += edits;
        self.counters.injected_refused += injected;
    }

    /// Sends the RSTs of connections that tenants have reset: what each host expects is known once the packet at hand
    /// has been taken and is decided about.
    #[inline]
    pub(super) fn settle_resets(&mut self) {
        if !self.view.egress.resets.is_empty() {
            self.send_all_resets();
        }
    }

    #[cold]
    fn send_all_resets(&mut self) {
        for reset in std::mem::take(&mut self.view.egress.resets) {
            self.send_resets(&reset);
        }
    }

    fn send_resets(&mut self, reset: &Reset) {
        let Some(index) = self.view.flows.resolve(reset.flow) else { return };
        let lost = self.lost_of(reset);
        for side in Side::BOTH {
            let Some(flow) = self.view.flows.get(index).filter(|flow| flow.end.is_none()) else { return };
            let lost = lost.filter(|(sender, _)| *sender == side).map(|(_, seq)| seq);
            let (numbers, ack) = (numbers_expected(flow, side, lost), number_acknowledged(flow, side));
            let flags = if ack.is_some() { TcpFlags::RST | TcpFlags::ACK } else { TcpFlags::RST };
            for seq in numbers {
                let segment = SegmentSpec {
                    side,
                    flags,
                    seq,
                    ack: ack.unwrap_or(SeqNumber(0)),
                    window: 0,
                    options: &[],
                    payload: &[],
                };
                self.view.send_for(reset.tenant, index, reset.time, &segment);
            }
        }
    }

    /// Who sent the packet at hand, and its sequence number, if it was dropped: its receiver does not get it.
    fn lost_of(&self, reset: &Reset) -> Option<(Side, SeqNumber)> {
        let (sender, packet) = (reset.sender?, self.view.packet.as_ref()?);
        let is_dropped = self.verdicts.get(packet.slot) == Some(&Verdict::Drop);
        is_dropped.then_some((sender, packet.headers.tcp()?.seq))
    }
}

/// The sequence numbers of which the host opposite `sender` expects one, the likeliest first (RFC 9293 section 3.5.2
/// and 3.10.7: an RST counts at RCV.NXT, and RFC 5961 section 3.2 at no other number).
///
/// That is the end of what passed in order. Or, if the tap has missed bytes, what the host has acknowledged beyond it;
/// or, if what passed was lost or dropped behind the tap, what it acknowledged last, or the `lost` segment. A host in
/// SYN-SENT looks at the ACK alone: 0 then.
fn numbers_expected(flow: &Flow, sender: Side, lost: Option<SeqNumber>) -> SmallVec<[SeqNumber; 3]> {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let stream = flow.stream(sender.sends());
    let behind_fin = u64::from(stream.is_complete());
    let seen = if stream.is_anchored() {
        Some(stream.seq_of(stream.next().saturating_add(behind_fin)))
    } else {
        own.has_sent.then_some(own.sent_end)
    };
    let told = peer.has_acknowledged.then_some(peer.acknowledged);
    let is_missed = |seen: &SeqNumber| told.is_some_and(|told| seen.before(told));
    let mut numbers = SmallVec::new();
    for number in [seen.filter(|seen| !is_missed(seen)), lost, told].into_iter().flatten() {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() {
        numbers.push(SeqNumber(0));
    }
    numbers
}

/// The ACK that goes with an RST of `sender`: all that its peer has sent, which a host in SYN-SENT demands.
fn number_acknowledged(flow: &Flow, sender: Side) -> Option<SeqNumber> {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    if peer.has_sent { Some(peer.sent_end) } else { own.has_acknowledged.then_some(own.acknowledged) }
}
