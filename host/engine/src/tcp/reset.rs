//! Which RSTs the receiving host would obey.

use sluice_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::classify::echoes_another_syn;
use super::{Class, RefuseReason, TcpState};
use crate::Side;
use crate::flow::Flow;

/// Classifies an RST that `sender` sent.
///
/// RFC 5961 section 3.2 wants the very next byte expected; Linux (`tcp_validate_incoming`, `tcp_reset_check`) takes two
/// more places: the FIN that it has received, and the right edge of the right-most block that it holds behind a hole,
/// if it told such blocks to its peer.
pub(super) fn classify(flow: &Flow, sender: Side, tcp: &TcpHeader) -> Class {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    if peer.state == TcpState::SynSent {
        return in_syn_sent(flow, sender.other(), tcp);
    }
    if !own.has_sent && !peer.has_acknowledged {
        // Nothing is known of what the receiver expects.
        return Class::Accept;
    }
    if is_at_next(flow, sender, tcp.seq)
        || is_at_fin(flow, sender, tcp.seq)
        || is_at_edge(flow, sender, tcp.seq)
    {
        return Class::Accept;
    }
    let expected = if peer.has_acknowledged { peer.acknowledged } else { own.sent_end };
    let window = peer.window.max(1);
    let distance = tcp.seq.distance_from(expected);
    match u32::try_from(distance) {
        Ok(distance) if distance < window => Class::Refuse(RefuseReason::RstInWindow),
        _ => Class::Refuse(RefuseReason::RstOutOfWindow),
    }
}

/// A host in SYN-SENT looks at the ACK alone (RFC 9293 section 3.10.7.3).
fn in_syn_sent(flow: &Flow, receiver: Side, tcp: &TcpHeader) -> Class {
    if echoes_another_syn(flow, receiver, tcp) {
        return Class::Refuse(RefuseReason::Paws);
    }
    let acknowledges = tcp.flags.contains(TcpFlags::ACK)
        && (tcp.ack == flow.stack(receiver).sent_end
            || flow.opening(receiver).is_candidate(SeqNumber(tcp.ack.0.wrapping_sub(1))));
    if acknowledges { Class::Accept } else { Class::Refuse(RefuseReason::RstOutOfWindow) }
}

/// Whether `seq` is the next byte that the receiver expects, as far as that can be known.
///
/// The tap may have missed bytes that the receiver has: then the receiver's ACK says more than the stream. Or the
/// receiver did not get bytes that the tap has shown: so an ACK that came after the last segment of the sender counts
/// too. The furthest number of the sender does not: an empty segment in the window may have any.
fn is_at_next(flow: &Flow, sender: Side, seq: SeqNumber) -> bool {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let stream = flow.stream(sender.sends());
    let behind_fin = u64::from(stream.is_complete());
    let next = stream.is_anchored().then(|| stream.seq_of(stream.next().saturating_add(behind_fin)));
    let is_told = peer.has_acknowledged
        && seq == peer.acknowledged
        && (next.is_none_or(|next| next.before_or_at(seq)) || flow.last_sender == sender.other());
    let is_stale = peer.has_acknowledged && seq.before(peer.acknowledged);
    let is_end = own.has_sent && seq == own.sent_end && !stream.is_anchored();
    is_told || !is_stale && (next == Some(seq) || is_end)
}

/// Whether the receiver has got the sender's FIN, and `seq` is the FIN's own number.
fn is_at_fin(flow: &Flow, sender: Side, seq: SeqNumber) -> bool {
    let stream = flow.stream(sender.sends());
    let is_waiting = matches!(
        flow.stack(sender.other()).state,
        TcpState::CloseWait | TcpState::Closing | TcpState::LastAck
    );
    is_waiting && stream.is_complete() && seq == stream.seq_of(stream.next())
}

/// Whether `seq` is the right-most edge of what the receiver holds behind a hole, and it tells such edges.
fn is_at_edge(flow: &Flow, sender: Side, seq: SeqNumber) -> bool {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let answered = flow.opening(sender.other());
    let is_agreed = flow.opening(sender).offers_sack && answered.offers_sack;
    if peer.has_sack_edge {
        return is_agreed && seq == answered.sack_edge;
    }
    is_agreed && flow.stream(sender.sends()).has_hole() && seq == own.sent_end
}
