//! What an accepted segment makes of its sender's stack, and then of its receiver's.

use sluice_wire::{SeqNumber, TcpFlags, TcpHeader};

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
        let end = tcp.seq.add(tcp.sequence_len());
        if !own.has_sent || own.sent_end.before(end) {
            own.sent_end = end;
        }
        if tcp.flags.contains(TcpFlags::ACK) && (!own.has_acknowledged || own.acknowledged.before(tcp.ack)) {
            (own.acknowledged, own.has_acknowledged) = (tcp.ack, true);
        }
        if own.has_sack_edge || tcp.options.sack_blocks > 0 {
            own.acknowledge_selectively(&tcp.options);
        }
        own.has_sent = true;
        own.has_sent_fin |= tcp.flags.contains(TcpFlags::FIN);
        place_in_stream(flow, sender, tcp);
    }
    step(flow.stack_mut(sender), sent_input(tcp.flags))
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
    let own = flow.stack_mut(sender);
    let is_changed = own.isn() != Some(tcp.seq);
    let is_ack = tcp.flags.contains(TcpFlags::ACK);
    if is_changed && is_ack && !own.has_sent && own.isn().is_some() {
        // Until now its number was only known from what its peer acknowledged, and that was wrong.
        own.settle_isn(tcp.seq);
        own.sent_end = tcp.seq.add(tcp.sequence_len());
        flow.stack_mut(sender.other()).has_acknowledged = false;
        flow.stream_mut(sender.sends()).anchor(tcp.seq.add(1));
    }
    let own = flow.stack_mut(sender);
    own.add_candidate(tcp.seq);
    if is_changed || !own.has_sent {
        // A SYN that comes again does not change what the first one offered (Linux keeps the request of the first).
        own.offered_scale = tcp.options.window_scale;
        own.offers_sack = tcp.options.sack_permitted;
    }
    own.opens_actively |= !tcp.flags.contains(TcpFlags::ACK);
    if let Some((value, _)) = tcp.options.timestamps.filter(|_| !own.offers_timestamps) {
        (own.offers_timestamps, own.syn_timestamp) = (true, value);
    }
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
    let stack = flow.stack_mut(peer);
    if stack.is_answered_by(ack) || stack.isn().is_none() {
        if stack.isn() != Some(behind_syn) {
            // What a SYN with another number claimed to send was never taken.
            stack.sent_end = ack;
        }
        stack.settle_isn(behind_syn);
        flow.stream_mut(peer.sends()).anchor(ack);
    }
}

/// A client acknowledges although no SYN-ACK was seen: the tap missed it.
fn infer_missed_syn_ack(flow: &mut Flow, client: Side, tcp: &TcpHeader) {
    let settled = SeqNumber(tcp.seq.0.wrapping_sub(1));
    let own = flow.stack_mut(client);
    if own.is_candidate(settled) {
        own.settle_isn(settled);
        flow.stream_mut(client.sends()).anchor(tcp.seq);
    }
    let server = client.other();
    if flow.stack(server).isn().is_none() {
        let stack = flow.stack_mut(server);
        stack.settle_isn(SeqNumber(tcp.ack.0.wrapping_sub(1)));
        stack.sent_end = tcp.ack;
        flow.stream_mut(server.sends()).anchor(tcp.ack);
    }
}

/// Windows are scaled only if both SYNs offered it (RFC 7323 section 2.2).
fn agree_on_scale(flow: &mut Flow) {
    let offered = Side::BOTH.map(|side| flow.stack(side).offered_scale);
    if let [Some(client), Some(server)] = offered {
        flow.stack_mut(Side::Client).window_scale = client;
        flow.stack_mut(Side::Server).window_scale = server;
    }
}

/// Anchors a stream picked up in mid-stream at the first byte seen, and notes where a FIN lies.
fn place_in_stream(flow: &mut Flow, sender: Side, tcp: &TcpHeader) {
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
            stream.set_fin(end);
        }
    }
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
    remember_timestamp(flow, sender, tcp);
    let stack = flow.stack_mut(receiver);
    if tcp.flags.contains(TcpFlags::RST) {
        step(stack, Some(StateInput::ReceiveRst));
        return (stack.state != before).then_some(before);
    }
    let has_ack = tcp.flags.contains(TcpFlags::ACK);
    // To the receiver all of it is old: it looks at nothing in it (RFC 9293 section 3.10.7.4, first check).
    let has_ack = has_ack && !is_old_news(flow, sender, tcp);
    let covers_fin = has_ack && acknowledges_fin(flow, receiver, tcp.ack);
    let stack = flow.stack_mut(receiver);
    let covers_syn = has_ack && stack.isn().is_some_and(|isn| isn.before(tcp.ack));
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
        let stream = flow.stream_mut(receiver.sends());
        if stream.is_anchored() {
            let offset = stream.offset_of(tcp.ack);
            stream.acknowledge(u64::try_from(offset).unwrap_or(0), gap_deadline);
        }
    }
    left
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
fn remember_timestamp(flow: &mut Flow, sender: Side, tcp: &TcpHeader) {
    let Some((value, _)) = tcp.options.timestamps else { return };
    let stack = flow.stack_mut(sender.other());
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
