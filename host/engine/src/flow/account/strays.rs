//! Segments beyond the windows: forged, or all that a tap which lost much sees of a connection that goes on.

use sluice_wire::{SeqNumber, TcpFlags};

use super::end::End;
use super::history::History;
use super::{Observed, reveal};
use crate::tcp::{Class, RefuseReason};

/// What was sent beyond the windows of one end's stream, and waits for the other side to agree.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strays {
    /// Payload of this end: where it begins, and how many bytes came by.
    sent: Option<(SeqNumber, u32)>,
    /// An ACK by its peer.
    acknowledged: Option<SeqNumber>,
}

/// Whether a segment that is beyond the windows counts because the other side agrees: an ACK at or in payload that was
/// beyond them too, or payload at such an ACK. Who forges segments of one side moves nothing.
pub(super) fn agree(own: &mut End, peer: &mut End, packet: &Observed<'_>, history: &mut History) -> bool {
    let tcp = packet.tcp;
    let is_stray = matches!(
        packet.class,
        Class::Refuse(RefuseReason::OutOfWindow | RefuseReason::AckFuture | RefuseReason::AckOld)
    );
    if !is_stray || tcp.flags.intersects(TcpFlags(TcpFlags::SYN.0 | TcpFlags::RST.0)) {
        return false;
    }
    let within = |at: SeqNumber, start: SeqNumber, len: u32| at.0.wrapping_sub(start.0) <= len;
    let len = tcp.sequence_len();
    let has_ack = tcp.flags.contains(TcpFlags::ACK);
    let earlier_ack = own.strays.acknowledged.take_if(|ack| len > 0 && within(*ack, tcp.seq, len));
    let payload = peer.strays.sent.take_if(|(start, len)| has_ack && within(tcp.ack, *start, *len));
    if let Some(ack) = earlier_ack {
        let position = own.position(ack);
        own.acked = own.acked.max(position);
        reveal(peer, own, position, history);
    }
    if let Some((start, len)) = payload {
        peer.jump(start, len);
    }
    if earlier_ack.is_some() || payload.is_some() {
        return true;
    }
    if tcp.payload_len > 0 {
        own.strays.sent = Some((tcp.seq, tcp.captured_len.min(tcp.payload_len)));
    }
    if has_ack {
        peer.strays.acknowledged = Some(tcp.ack);
    }
    false
}
