//! Would the receiving host honour this segment? Decided before anything changes.
//!
//! The rules are those of RFC 9293 section 3.10.7 and RFC 5961 as Linux applies them, with slack where the observer may
//! know less than the hosts: a tap loses packets, and it delivers one direction of a link later than the other.

use sluice_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::{Opening, RefuseReason, Stack, TcpState, reset};
use crate::Side;
use crate::flow::Flow;

/// How a segment is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// The receiver honours it.
    Accept,
    /// The receiver honours it, and it says nothing that was not known: a SYN or FIN sent again.
    Repeated,
    /// A probe for life (RFC 1122 section 4.2.3.6): its byte, if it has one, is garbage.
    KeepAlive,
    /// The receiver would ignore it.
    Refuse(RefuseReason),
}

/// Window that every host may be assumed to offer when it did not say: the largest without scaling.
const WINDOW_UNSCALED: u32 = 65_535;

/// Ticks by which a timestamp may be older than the last one accepted: what Linux grants (TCP_PAWS_WINDOW).
const PAWS_SLACK: u32 = 1;

/// Classifies a segment that `sender` sent, against both ends.
#[must_use]
pub fn classify(flow: &Flow, sender: Side, tcp: &TcpHeader) -> Class {
    let flags = tcp.flags;
    if flags.contains(TcpFlags::RST) {
        // Whatever else is set: to Linux, a segment with RST is an RST.
        let is_signed = tcp.options.md5_or_ao && flow.is_unsigned();
        return if is_signed {
            Class::Refuse(RefuseReason::Signed)
        } else {
            reset::classify(flow, sender, tcp)
        };
    }
    if flags.contains(TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0)) {
        return Class::Refuse(RefuseReason::BadFlags);
    }
    if tcp.options.md5_or_ao && flow.is_unsigned() {
        return Class::Refuse(RefuseReason::Signed);
    }
    if flags.contains(TcpFlags::SYN) {
        return classify_syn(flow, sender, tcp);
    }
    if !flags.contains(TcpFlags::ACK) {
        return Class::Refuse(RefuseReason::NoAck);
    }
    classify_ack(flow, sender, tcp)
}

fn classify_syn(flow: &Flow, sender: Side, tcp: &TcpHeader) -> Class {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let known_isn = flow.opening(sender).is_candidate(tcp.seq);
    let answered = flow.opening(sender.other());
    if !tcp.flags.contains(TcpFlags::ACK) {
        return match own.state {
            // Closed after it had a connection: its peer has it still.
            TcpState::Closed if own.has_sent => Class::Refuse(RefuseReason::SynInConnection),
            // The tap may show the SYN after the SYN-ACK that told its number.
            _ if known_isn && !own.has_sent => Class::Accept,
            // Its SYN-ACK, with which the flow was picked up, may have answered nothing: the peer's answer will tell.
            _ if known_isn && flow.is_partial() && !flow.opening(sender).opens_actively => {
                Class::Refuse(RefuseReason::SynInConnection)
            }
            _ if known_isn => Class::Repeated,
            // Its peer has acknowledged a SYN with another number.
            _ if peer.has_acknowledged && flow.opening(sender).isn().is_some() => {
                Class::Refuse(RefuseReason::SynInConnection)
            }
            TcpState::Closed | TcpState::Listen | TcpState::SynSent => Class::Accept,
            TcpState::SynReceived
            | TcpState::Established
            | TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::CloseWait
            | TcpState::Closing
            | TcpState::LastAck
            | TcpState::TimeWait => Class::Refuse(RefuseReason::SynInConnection),
        };
    }
    let server = sender.other();
    if !own.has_sent && answers_syn(flow, server, tcp.ack) && !flow.is_partial() {
        // What is seen of a host outweighs what its peer seemed to know of it: an ACK before this may be made up.
        let is_stale = echoes_another_syn(flow, server, tcp);
        return if is_stale { Class::Refuse(RefuseReason::Paws) } else { Class::Accept };
    }
    let is_contradicted = !known_isn && flow.opening(sender).isn().is_some() && peer.has_acknowledged;
    if is_contradicted || own.state == TcpState::Closed && own.has_sent {
        return Class::Refuse(RefuseReason::SynInConnection);
    }
    if peer.state == TcpState::SynReceived && !answered.opens_actively && peer.has_sent {
        // Who only listened has had its SYN and waits for an ACK.
        return Class::Refuse(RefuseReason::SynInConnection);
    }
    if own.state.is_synchronized()
        || own.state == TcpState::SynReceived && flow.opening(sender).isn().is_some()
    {
        return match (known_isn, own.has_acknowledged) {
            // Its SYN crossed the peer's: this is the answer to that (RFC 9293 figure 7), not a repetition.
            (true, false) if answered.isn().is_none() || acknowledges_syn(flow, server, tcp.ack) => {
                Class::Accept
            }
            (true, false) => Class::Refuse(RefuseReason::SynAckWrongAck),
            (true, true) if tcp.ack.before_or_at(own.acknowledged) => Class::Repeated,
            (true, true) => Class::Refuse(RefuseReason::AckFuture),
            (false, _) => Class::Refuse(RefuseReason::SynInConnection),
        };
    }
    if answered.isn().is_some() && !acknowledges_syn(flow, sender.other(), tcp.ack) {
        return Class::Refuse(RefuseReason::SynAckWrongAck);
    }
    if echoes_another_syn(flow, sender.other(), tcp) {
        return Class::Refuse(RefuseReason::Paws);
    }
    Class::Accept
}

/// Whether a segment to a host in SYN-SENT echoes a timestamp older than its SYN: Linux takes it for one of an earlier
/// connection, an RST too (RFC 7323 section 3.2 says what is echoed).
pub(super) fn echoes_another_syn(flow: &Flow, peer: Side, tcp: &TcpHeader) -> bool {
    let (stack, opening) = (flow.stack(peer), flow.opening(peer));
    let echo = tcp.options.timestamps.map_or(0, |(_, echo)| echo);
    echo != 0
        && stack.state == TcpState::SynSent
        && stack.offers_timestamps
        && SeqNumber(echo).before(SeqNumber(opening.syn_timestamp))
}

/// Whether an ACK answers one of the SYNs of `side`: any of those remembered, or the last one once it has gone on from
/// it.
pub(super) fn answers_syn(flow: &Flow, side: Side, ack: SeqNumber) -> bool {
    let opening = flow.opening(side);
    let isn = SeqNumber(ack.0.wrapping_sub(1));
    if flow.stack(side).state.is_synchronized() {
        opening.isn() == Some(isn)
    } else {
        opening.is_candidate(isn)
    }
}

/// Whether `ack` covers a SYN of `side`, or its SYN and some of the data that came with it.
pub(crate) fn acknowledges_syn(flow: &Flow, side: Side, ack: SeqNumber) -> bool {
    let sent_end = flow.stack(side).sent_end;
    let isn = flow.opening(side).isn();
    let covers_data = isn.is_some_and(|isn| isn.add(1).before(ack) && ack.before_or_at(sent_end));
    answers_syn(flow, side, ack) || covers_data
}

fn classify_ack(flow: &Flow, sender: Side, tcp: &TcpHeader) -> Class {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    if peer.state == TcpState::SynSent && !own.state.is_synchronized() && flow.opening(sender).isn().is_none()
    {
        return Class::Refuse(RefuseReason::NotSynchronized);
    }
    if own.state == TcpState::SynSent && !is_after_own_syn(flow.opening(sender), tcp.seq) {
        return Class::Refuse(RefuseReason::NotSynchronized);
    }
    let is_known = !flow.is_partial();
    let unfit = if peer.state == TcpState::SynReceived && is_known {
        unfit_for_handshake(flow, sender.other(), tcp)
    } else {
        None
    };
    if let Some(reason) = unfit
        .or_else(|| unacceptable_timestamp(own, peer, tcp))
        .or_else(|| unacceptable_ack(flow, sender, tcp))
    {
        return Class::Refuse(reason);
    }
    if !fits_window(flow, sender, tcp) {
        return Class::Refuse(RefuseReason::OutOfWindow);
    }
    if tcp.flags.contains(TcpFlags::FIN) {
        let fin = tcp.seq.add(tcp.payload_len);
        let stream = flow.stream(sender.sends());
        if stream.fin().is_some_and(|known| stream.seq_of(known) == fin) {
            return Class::Repeated;
        }
        let is_delivered = stream.is_anchored() && fin.before(stream.seq_of(stream.next()));
        let is_behind = peer.has_acknowledged && fin.before(peer.acknowledged);
        if is_delivered || is_behind && !is_late_fin(own, peer, fin) {
            // The receiver has gone past it: to it, all of this segment is old.
            return Class::Refuse(RefuseReason::OutOfWindow);
        }
    }
    if is_keep_alive(own, peer, tcp) { Class::KeepAlive } else { Class::Accept }
}

/// Whether nothing speaks against a segment from `own` to `peer` that acknowledges what is known to be sent, and it
/// tells of no holes.
#[inline]
pub(crate) fn is_unremarkable(is_partial: bool, own: &Stack, peer: &Stack, tcp: &TcpHeader) -> bool {
    !tcp.options.md5_or_ao
        && tcp.options.sack_blocks == 0
        && !own.has_sack_edge
        && unacceptable_timestamp(own, peer, tcp).is_none()
        && fits_window_of(is_partial, own, peer, tcp)
}

/// Whether the ACK that the observer saw before this FIN may have been the one for it: it covers the FIN and no more,
/// and nothing was sent behind it. A tap that shows one direction late shows each FIN after its ACK.
fn is_late_fin(own: &Stack, peer: &Stack, fin: SeqNumber) -> bool {
    fin.add(1) == peer.acknowledged && (!own.has_sent || own.sent_end.before_or_at(fin))
}

/// A client that acknowledges must do so right behind one of its SYNs.
fn is_after_own_syn(own: &Opening, seq: SeqNumber) -> bool {
    own.is_candidate(SeqNumber(seq.0.wrapping_sub(1))) || own.isn().is_some_and(|isn| isn.before(seq))
}

/// What a host in SYN-RECEIVED does not take for the end of the handshake (RFC 9293 section 3.10.7.4): it waits for an
/// ACK of its SYN, and its window is the one that it told.
fn unfit_for_handshake(flow: &Flow, receiver: Side, tcp: &TcpHeader) -> Option<RefuseReason> {
    let peer = flow.stack(receiver);
    if flow.opening(receiver).isn().is_some() && !acknowledges_syn(flow, receiver, tcp.ack) {
        let is_future = peer.sent_end.before(tcp.ack);
        return Some(if is_future { RefuseReason::AckFuture } else { RefuseReason::AckOld });
    }
    if !peer.has_acknowledged {
        return None;
    }
    let end = tcp.seq.add(tcp.sequence_len());
    let edge = peer.acknowledged.add(peer.window);
    let is_right = edge.before(tcp.seq) || edge == tcp.seq && edge != end;
    let is_left = end.before_or_at(peer.acknowledged) && tcp.seq != peer.acknowledged;
    (is_right || is_left).then_some(RefuseReason::OutOfWindow)
}

#[inline]
fn unacceptable_timestamp(own: &Stack, peer: &Stack, tcp: &TcpHeader) -> Option<RefuseReason> {
    let (value, _) = tcp.options.timestamps?;
    // Linux does not hold a timestamp of 0 against what follows: some hosts open with it (`tcp_paws_check`).
    let is_known = peer.has_timestamp && peer.recent_timestamp != 0;
    let negotiated = own.offers_timestamps && peer.offers_timestamps && is_known;
    let is_older = SeqNumber(value.wrapping_add(PAWS_SLACK)).before(SeqNumber(peer.recent_timestamp));
    (negotiated && is_older).then_some(RefuseReason::Paws)
}

/// Whether a segment does not lie right of the receive window, as far as it is known.
pub(crate) fn fits_window(flow: &Flow, sender: Side, tcp: &TcpHeader) -> bool {
    fits_window_of(flow.is_partial(), flow.stack(sender), flow.stack(sender.other()), tcp)
}

#[inline]
fn fits_window_of(is_partial: bool, own: &Stack, peer: &Stack, tcp: &TcpHeader) -> bool {
    if is_partial || !peer.has_acknowledged || !own.has_sent || peer.window_max == 0 {
        return true;
    }
    // Twice the window: the receiver's newest window update may still be on its way to the observer.
    let distance = tcp.seq.distance_from(peer.acknowledged);
    u32::try_from(distance).map_or(true, |distance| distance <= reach(peer).saturating_mul(2))
}

/// The largest window that a host has told, or may be assumed to have had.
#[inline]
pub(crate) fn reach(stack: &Stack) -> u32 {
    stack.window_max.max(WINDOW_UNSCALED)
}

fn unacceptable_ack(flow: &Flow, sender: Side, tcp: &TcpHeader) -> Option<RefuseReason> {
    let (own, peer) = (flow.stack(sender), flow.stack(sender.other()));
    let reach = reach(own);
    if peer.has_sent {
        // The peer cannot have sent more than this host's window beyond what it is known to have sent, and nothing at
        // all behind its FIN.
        let reach = if flow.stream(sender.other().sends()).fin().is_some() { 0 } else { reach };
        let ahead = tcp.ack.distance_from(peer.sent_end);
        if u32::try_from(ahead).is_ok_and(|ahead| ahead > reach) {
            return Some(RefuseReason::AckFuture);
        }
    }
    if own.has_acknowledged {
        let behind = own.acknowledged.distance_from(tcp.ack);
        // Nor older than the stream: Linux takes no ACK for bytes that were never sent (CVE-2023-52881).
        let acknowledged = flow.stream(sender.other().sends()).offset_of(own.acknowledged).max(0);
        let is_whole = !flow.is_partial();
        let reach = if is_whole { reach.min(u32::try_from(acknowledged).unwrap_or(u32::MAX)) } else { reach };
        if u32::try_from(behind).is_ok_and(|behind| behind > reach) {
            return Some(RefuseReason::AckOld);
        }
    } else if flow.opening(sender.other()).isn().is_some_and(|isn| tcp.ack.before_or_at(isn)) {
        return Some(RefuseReason::AckOld);
    }
    None
}

fn is_keep_alive(own: &Stack, peer: &Stack, tcp: &TcpHeader) -> bool {
    tcp.payload_len <= 1
        && !tcp.flags.intersects(TcpFlags::FIN)
        && own.has_sent
        && peer.has_acknowledged
        && peer.acknowledged == own.sent_end
        && tcp.seq.add(1) == own.sent_end
}
