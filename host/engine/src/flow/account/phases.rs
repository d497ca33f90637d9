//! What a segment makes of the phases of both ends, and what the phases say about the connection.

use sluice_wire::{TcpFlags, TcpHeader};

use super::end::{End, Phase};
use super::history::History;
use crate::Side;
use crate::flow::ConnState;

/// The sender's phase, and where it tells about the peer the peer's, after a segment.
pub(super) fn step(own: &mut End, peer: &mut End, tcp: &TcpHeader) {
    match own.phase {
        Phase::Inactive => begin(own, peer, tcp),
        Phase::SynSent | Phase::SynAckSent => {
            if tcp.flags.contains(TcpFlags::FIN) {
                close(own, Phase::Closed);
            }
            if tcp.flags.contains(TcpFlags::RST) {
                close(own, Phase::Reset);
            }
        }
        Phase::Established | Phase::Partial => go_on(own, peer, tcp),
        Phase::Closed => {
            // With both FINs seen an RST does not change how the connection ended.
            if tcp.flags.contains(TcpFlags::RST) && peer.phase != Phase::Closed {
                close(own, Phase::Reset);
            }
        }
        Phase::Reset => {}
    }
}

/// The first segment of this end, or one that told no more than a first one.
fn begin(own: &mut End, peer: &mut End, tcp: &TcpHeader) {
    let has = |flag| tcp.flags.contains(flag);
    if has(TcpFlags::SYN) {
        match (own.side, has(TcpFlags::ACK)) {
            (Side::Client, true) => own.enter(Phase::SynAckSent),
            (Side::Client, false) => own.enter(Phase::SynSent),
            (Side::Server, _) => {
                if peer.phase == Phase::SynSent || peer.is_unsure {
                    peer.establish();
                }
                own.enter(Phase::Established);
            }
        }
    }
    if has(TcpFlags::FIN) {
        close(own, Phase::Closed);
    }
    if has(TcpFlags::RST) {
        close(own, Phase::Reset);
    }
    if own.phase != Phase::Inactive {
        return;
    }
    // Some stacks acknowledge a SYN before they answer it.
    let is_early_ack = own.side == Side::Server && tcp.payload_len == 0 && peer.phase == Phase::SynSent;
    // The tap missed the SYN and saw the SYN-ACK that this ACK is for.
    let has_missed_syn = has(TcpFlags::ACK) && peer.phase == Phase::Established;
    if has_missed_syn {
        own.enter(Phase::Established);
    } else if !is_early_ack {
        own.enter(Phase::Partial);
    }
}

/// A segment of an end that data come from.
fn go_on(own: &mut End, peer: &mut End, tcp: &TcpHeader) {
    let has = |flag| tcp.flags.contains(flag);
    let is_late_syn = has(TcpFlags::SYN) && !has(TcpFlags::ACK);
    if is_late_syn && own.phase == Phase::Partial && peer.phase == Phase::Inactive {
        own.enter(Phase::SynSent);
    }
    if has(TcpFlags::FIN) && !has(TcpFlags::RST) {
        close(own, Phase::Closed);
        // The peer sent an RST behind its FIN, and this end closes in order nevertheless.
        if peer.phase == Phase::Reset && peer.left == Phase::Closed {
            peer.enter(Phase::Closed);
        }
    }
    if has(TcpFlags::RST) {
        close(own, Phase::Reset);
    }
}

fn close(own: &mut End, phase: Phase) {
    own.enter(phase);
    own.is_closing = true;
}

/// Payload bytes that an end sent, by sequence numbers.
pub(super) fn size(own: &End, peer: &End) -> u64 {
    // Half a connection that was discovered and aborted: its numbers are those of another one.
    let is_aborted = own.left == Phase::SynSent && own.phase == Phase::Reset && peer.phase == Phase::Inactive;
    if is_aborted && own.has_data_acked() { 0 } else { own.size() }
}

/// The `conn_state` of Zeek's conn.log.
pub(super) fn conn_state(ends: &[End; 2], history: &History) -> ConnState {
    let [client, server] = ends;
    let is_idle = |end: &End| matches!(end.phase, Phase::Inactive | Phase::Partial);
    match (client.phase, server.phase) {
        (Phase::SynSent | Phase::SynAckSent, Phase::Reset) => ConnState::Rej,
        (Phase::Reset, Phase::Reset) if size(client, server) == 0 && size(server, client) == 0 => {
            ConnState::Rej
        }
        (_, Phase::Reset) if is_idle(client) => ConnState::Rstrh,
        (_, Phase::Reset) => ConnState::Rstr,
        (Phase::Reset, _) if !is_idle(server) => ConnState::Rsto,
        (Phase::Reset, _) if is_syn_then_rst(history.as_str()) => ConnState::Rstos0,
        (Phase::Closed, Phase::Closed) => ConnState::Sf,
        (Phase::Closed, _) if is_idle(server) => ConnState::Sh,
        (Phase::Closed, _) => ConnState::S2,
        (_, Phase::Closed) if is_idle(client) => ConnState::Shr,
        (_, Phase::Closed) => ConnState::S3,
        (Phase::SynSent, Phase::Inactive) => ConnState::S0,
        (Phase::Established, Phase::Established) => ConnState::S1,
        (
            Phase::Inactive
            | Phase::SynSent
            | Phase::SynAckSent
            | Phase::Partial
            | Phase::Established
            | Phase::Reset,
            Phase::Inactive | Phase::SynSent | Phase::SynAckSent | Phase::Partial | Phase::Established,
        ) => ConnState::Oth,
    }
}

/// Whether the client sent a SYN and then an RST, and nothing between that would make it more than that.
fn is_syn_then_rst(history: &str) -> bool {
    let letters = history.strip_prefix('^').unwrap_or(history);
    let after_syn = letters.strip_prefix('S').unwrap_or("");
    after_syn
        .find(['H', 'A', 'F', 'G', 'I', 'Q', 'R'])
        .is_some_and(|place| after_syn.get(place..).is_some_and(|rest| rest.starts_with('R')))
}
