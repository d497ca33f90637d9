//! Segments beyond the windows: forged, or all that a tap which lost much sees of a connection that goes on.

use sluice_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::end::End;
use super::history::History;
use super::{Observed, reveal, take};
use crate::tcp::{Class, RefuseReason};

/// What was sent beyond the windows of one end's stream, and waits for the other side to agree.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strays {
    /// A segment of this end with payload or a FIN.
    sent: Option<TcpHeader>,
    /// An ACK by its peer.
    acknowledged: Option<SeqNumber>,
}

/// Whether a segment that is beyond the windows counts because the other side agrees: an ACK at or in payload that was
/// beyond them too, or payload at such an ACK. Who forges segments of one side moves nothing.
///
/// What it agrees with has then been taken.
pub(super) fn agree(own: &mut End, peer: &mut End, packet: &Observed<'_>, history: &mut History) -> bool {
    let tcp = packet.tcp;
    let is_stray = matches!(
        packet.class,
        Class::Refuse(RefuseReason::OutOfWindow | RefuseReason::AckFuture | RefuseReason::AckOld)
    );
    if !is_stray || tcp.flags.intersects(TcpFlags(TcpFlags::SYN.0 | TcpFlags::RST.0)) {
        return false;
    }
    let within = |at: SeqNumber, sent: &TcpHeader| at.0.wrapping_sub(sent.seq.0) <= sent.sequence_len();
    let is_sent = tcp.sequence_len() > 0;
    let has_ack = tcp.flags.contains(TcpFlags::ACK);
    let earlier_ack = own.strays.acknowledged.take_if(|ack| is_sent && within(*ack, tcp));
    let earlier_sent = peer.strays.sent.take_if(|sent| has_ack && within(tcp.ack, sent));
    if let Some(ack) = earlier_ack {
        let position = own.position(ack);
        own.acked = own.acked.max(position);
        reveal(peer, own, position, history);
    }
    if let Some(sent) = &earlier_sent {
        take(peer, own, &Observed { sender: peer.side, tcp: sent, ..*packet }, history);
        // It passed earlier than now.
        peer.timed.cancel();
    }
    if earlier_ack.is_some() || earlier_sent.is_some() {
        return true;
    }
    if is_sent {
        own.strays.sent = Some(*tcp);
    }
    if has_ack {
        peer.strays.acknowledged = Some(tcp.ack);
    }
    false
}
