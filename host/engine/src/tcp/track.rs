//! What an accepted segment makes of its sender's stack, and then of its receiver's.

use sluice_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::classify::answers_syn;
use super::{Stack, StateInput, TcpState};
use crate::flow::Flow;
use crate::{Nanos, Side};

/// Updates the sender's stack and gives the state that it left, if it did.
pub fn send(flow: &mut Flow, sender: Side, tcp: &TcpHeader) -> Option<TcpState> {
    let is_syn = tcp.flags.contains(TcpFlags::SYN) && !tcp.flags.contains(TcpFlags::RST);
    if is_syn {
        send_syn(flow, sender, tcp);
    } else if flow.stack(sender).state == TcpState::SynSent && tcp.flags.contains(TcpFlags::ACK) {
        infer_missed_syn_ack(flow, sender, tcp);
    }
    let own = flow.stack_mut(sender);
    if !tcp.flags.contains(TcpFlags::RST) {
        own.advertise(tcp.window, is_syn);
        let has_sent = std::mem::replace(&mut own.has_sent, true);
        own.has_sent_fin |= tcp.flags.contains(TcpFlags::FIN);
        let end = tcp.seq.add(tcp.sequence_len());
        if !has_sent || own.sent_end.before(end) {
            own.sent_end = end;
        }
        if tcp.flags.contains(TcpFlags::ACK) && (!own.has_acknowledged || own.acknowledged.before(tcp.ack)) {
            (own.acknowledged, own.has_acknowledged) = (tcp.ack, true);
        }
        if own.has_sack_edge || tcp.options.sack_blocks > 0 {
            own.has_sack_edge = tcp.options.sack_blocks > 0 && own.acknowledged.before(tcp.options.sack_edge);
            flow.opening_mut(sender).sack_edge = tcp.options.sack_edge;
        }
    }
    let is_fin_acknowledged = !tcp.flags.contains(TcpFlags::RST) && place_in_stream(flow, sender, tcp);
    let own = flow.stack_mut(sender);
    let left = step(own, sent_input(tcp.flags));
    if is_fin_acknowledged {
        let then = step(own, Some(StateInput::ReceiveAckOfFin));
        return left.or(then);
    }
    left
}

const fn sent_input(flags: TcpFlags) -> Option<StateInput> {
    if flags.contains(TcpFlags::RST) {
        Some(StateInput::SendRst)
    } else if flags.contains(TcpFlags::SYN) {
        Some(if flags.contains(TcpFlags::ACK) { StateInput::SendSynAck } else { StateInput::SendSyn })
    } else if flags.contains(TcpFlags::FIN) {
        Some(StateInput::SendFin)
    } else if flags.contains(TcpFlags::ACK) {
        Some(StateInput::SendAck)
    } else {
        None
    }
}

fn send_syn(flow: &mut Flow, sender: Side, tcp: &TcpHeader) {
    let is_ack = tcp.flags.contains(TcpFlags::ACK);
    let is_guess = !flow.stack(sender).has_sent && flow.opening(sender).isn().is_some();
    let opening = flow.opening_mut(sender);
    let is_changed = opening.isn() != Some(tcp.seq);
    if is_changed && is_ack && is_guess {
        // Until now its number was only known from what its peer acknowledged, and that was wrong.
        opening.settle_isn(tcp.seq);
        flow.stack_mut(sender).sent_end = tcp.seq.add(tcp.sequence_len());
        flow.stack_mut(sender.other()).has_acknowledged = false;
        flow.stream_mut(sender.sends()).anchor(tcp.seq.add(1));
    }
    let is_new = is_changed || !flow.stack(sender).has_sent;
    let opening = flow.opening_mut(sender);
    opening.add_candidate(tcp.seq);
    if is_new {
        // A SYN that comes again does not change what the first one offered (Linux keeps the request of the first).
        opening.offered_scale = tcp.options.window_scale;
        opening.offers_sack = tcp.options.sack_permitted;
    }
    opening.opens_actively |= !is_ack;
    if let Some((value, _)) = tcp.options.timestamps.filter(|_| !flow.stack(sender).offers_timestamps) {
        flow.stack_mut(sender).offers_timestamps = true;
        flow.opening_mut(sender).syn_timestamp = value;
    }
    let own = flow.stack_mut(sender);
    if is_changed && !own.state.is_synchronized() {
        own.sent_end = tcp.seq.add(tcp.sequence_len());
        flow.stream_mut(sender.sends()).anchor(tcp.seq.add(1));
    }
    if tcp.flags.contains(TcpFlags::ACK) {
        settle_peer_isn(flow, sender.other(), tcp.ack);
    }
    agree_on_scale(flow);
}

/// A SYN-ACK acknowledges one of the peer's SYNs, or its SYN and data: that one was taken.
fn settle_peer_isn(flow: &mut Flow, peer: Side, ack: SeqNumber) {
    let behind_syn = SeqNumber(ack.0.wrapping_sub(1));
    let is_answered = answers_syn(flow, peer, ack);
    let opening = flow.opening_mut(peer);
    if is_answered || opening.isn().is_none() {
        let is_other = opening.isn() != Some(behind_syn);
        opening.settle_isn(behind_syn);
        if is_other {
            // What a SYN with another number claimed to send was never taken.
            flow.stack_mut(peer).sent_end = ack;
        }
        flow.stream_mut(peer.sends()).anchor(ack);
    }
}

/// A client acknowledges although no SYN-ACK was seen: the tap missed it.
fn infer_missed_syn_ack(flow: &mut Flow, client: Side, tcp: &TcpHeader) {
    let settled = SeqNumber(tcp.seq.0.wrapping_sub(1));
    let own = flow.opening_mut(client);
    if own.is_candidate(settled) {
        own.settle_isn(settled);
        flow.stream_mut(client.sends()).anchor(tcp.seq);
    }
    let server = client.other();
    if flow.opening(server).isn().is_none() {
        flow.opening_mut(server).settle_isn(SeqNumber(tcp.ack.0.wrapping_sub(1)));
        flow.stack_mut(server).sent_end = tcp.ack;
        flow.stream_mut(server.sends()).anchor(tcp.ack);
    }
}

/// Windows are scaled only if both SYNs offered it (RFC 7323 section 2.2).
fn agree_on_scale(flow: &mut Flow) {
    let offered = Side::BOTH.map(|side| flow.opening(side).offered_scale);
    if let [Some(client), Some(server)] = offered {
        flow.stack_mut(Side::Client).window_scale = client;
        flow.stack_mut(Side::Server).window_scale = server;
    }
}

/// Anchors a stream picked up in mid-stream at the first byte seen, and notes where a FIN lies; true if the receiver
/// was seen to acknowledge that FIN before.
fn place_in_stream(flow: &mut Flow, sender: Side, tcp: &TcpHeader) -> bool {
    let has_fin = tcp.flags.contains(TcpFlags::FIN);
    let stream = flow.stream_mut(sender.sends());
    if !stream.is_anchored() && (tcp.payload_len > 0 || has_fin) {
        stream.anchor(tcp.seq);
    }
    if has_fin {
        let start = stream.offset_of(tcp.seq);
        let end = start.saturating_add(i64::from(tcp.payload_len));
        if let Ok(end) = u64::try_from(end)
            && end >= stream.next()
            && !stream.covers_fin(u64::try_from(start).unwrap_or(0), end)
        {
            return stream.set_fin(end);
        }
    }
    false
}

/// Updates the receiver's stack with everything but its stream, and gives the state that it left, if it did.
///
/// `completes` says that nothing of the sender's stream will be missing before its FIN once this segment is in.
pub fn receive(
    flow: &mut Flow,
    sender: Side,
    tcp: &TcpHeader,
    completes: bool,
    gap_deadline: Nanos,
) -> Option<TcpState> {
    let receiver = sender.other();
    let before = flow.stack(receiver).state;
    let stack = flow.stack_mut(receiver);
    remember_timestamp(stack, tcp);
    if tcp.flags.contains(TcpFlags::RST) {
        step(stack, Some(StateInput::ReceiveRst));
        return (stack.state != before).then_some(before);
    }
    let has_ack = tcp.flags.contains(TcpFlags::ACK);
    // To the receiver all of it is old: it looks at nothing in it (RFC 9293 section 3.10.7.4, first check).
    let has_ack = has_ack && !is_old_news(flow, sender, tcp);
    let covers_fin = has_ack && acknowledges_fin(flow, receiver, tcp.ack);
    let covers_syn = has_ack && flow.opening(receiver).isn().is_some_and(|isn| isn.before(tcp.ack));
    let stack = flow.stack_mut(receiver);
    if tcp.flags.contains(TcpFlags::SYN) {
        let input = if covers_syn { StateInput::ReceiveSynAck } else { StateInput::ReceiveSyn };
        step(stack, Some(input));
    } else if covers_syn {
        step(stack, Some(StateInput::ReceiveAckOfSyn));
    }
    if covers_fin {
        step(stack, Some(StateInput::ReceiveAckOfFin));
    }
    if completes {
        step(stack, Some(StateInput::ReceiveFin));
    }
    let left = (stack.state != before).then_some(before);
    if has_ack {
        acknowledge(flow, sender, tcp, gap_deadline);
    }
    left
}

/// Updates both stacks with the expected segment of an established connection: the sender's.
#[inline]
pub(crate) fn send_expected(own: &mut Stack, tcp: &TcpHeader) {
    own.advertise(tcp.window, false);
    own.sent_end = tcp.seq.add(tcp.payload_len);
    own.acknowledged = tcp.ack;
}

/// Updates the receiver's stack with the expected segment of an established connection: one that acknowledges nothing
/// that was not seen.
#[inline]
pub(crate) fn hear_expected(flow: &mut Flow, sender: Side, tcp: &TcpHeader) {
    let receiver = sender.other();
    remember_timestamp(flow.stack_mut(receiver), tcp);
    if !flow.stream(receiver.sends()).is_abreast(tcp.ack) {
        acknowledge(flow, sender, tcp, Nanos::NEVER);
    }
}

/// `sender` acknowledges what the other side sent.
fn acknowledge(flow: &mut Flow, sender: Side, tcp: &TcpHeader, gap_deadline: Nanos) {
    let stream = flow.stream_mut(sender.other().sends());
    if stream.is_anchored() {
        let offset = stream.offset_of(tcp.ack);
        stream.acknowledge(u64::try_from(offset).unwrap_or(0), gap_deadline);
    }
}

/// Whether the segment ends before what its receiver has acknowledged.
fn is_old_news(flow: &Flow, sender: Side, tcp: &TcpHeader) -> bool {
    let receiver = flow.stack(sender.other());
    receiver.state.is_synchronized()
        && receiver.has_acknowledged
        && tcp.seq.add(tcp.sequence_len()).before(receiver.acknowledged)
}

/// Whether `ack` covers the FIN of `side`; data that it sent behind its FIN does not count.
fn acknowledges_fin(flow: &Flow, side: Side, ack: SeqNumber) -> bool {
    let stream = flow.stream(side.sends());
    let fin = stream.fin().and_then(|fin| i64::try_from(fin).ok());
    fin.is_some_and(|fin| stream.offset_of(ack) > fin)
}

/// The receiver keeps the timestamp of a segment that does not lie ahead of what it acknowledged (RFC 7323 section
/// 4.3).
#[inline]
fn remember_timestamp(stack: &mut Stack, tcp: &TcpHeader) {
    let Some((value, _)) = tcp.options.timestamps else { return };
    let is_in_order = !stack.has_acknowledged || tcp.seq.before_or_at(stack.acknowledged);
    let is_first = !stack.has_timestamp || stack.recent_timestamp == 0;
    let is_newer = is_first || !SeqNumber(value).before(SeqNumber(stack.recent_timestamp));
    if is_in_order && is_newer {
        (stack.recent_timestamp, stack.has_timestamp) = (value, true);
    }
}

/// The stack takes an input; gives the state that it left.
pub(crate) fn step(stack: &mut Stack, input: Option<StateInput>) -> Option<TcpState> {
    let next = stack.state.after(input?)?;
    Some(std::mem::replace(&mut stack.state, next))
}
