//! What the observer knows of one end host's TCP stack.

use sluice_wire::SeqNumber;

use super::TcpState;

/// The TCP stack of one end host as the wire shows it. "Sent" and "acknowledged" are this host's own doing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack {
    /// Its state.
    pub state: TcpState,
    /// Whether a segment of it was accepted.
    pub has_sent: bool,
    /// Whether `acknowledged` holds something.
    pub has_acknowledged: bool,
    /// Whether it offered timestamps in its SYN (RFC 7323 section 3.2).
    pub offers_timestamps: bool,
    /// Whether `recent_timestamp` holds something.
    pub has_timestamp: bool,
    /// Whether its last ACK told of bytes behind holes; [`Opening::sack_edge`](super::Opening::sack_edge) says where.
    pub has_sack_edge: bool,
    /// Whether it has sent a FIN.
    pub has_sent_fin: bool,
    /// Shift of its windows, once both hosts offered one (RFC 7323 section 2.2).
    pub window_scale: u8,
    /// SND.NXT: behind the furthest sequence number that it sent.
    pub sent_end: SeqNumber,
    /// The highest ACK that it sent: RCV.NXT as far as it told.
    pub acknowledged: SeqNumber,
    /// The window that it advertised last, in bytes.
    pub window: u32,
    /// The largest window that it advertised, in bytes.
    pub window_max: u32,
    /// TS.Recent: the newest timestamp that it accepted from its peer (RFC 7323 section 4.3).
    pub recent_timestamp: u32,
}

impl Stack {
    /// A stack in `state` of which nothing was seen.
    #[must_use]
    pub fn in_state(state: TcpState) -> Self {
        Self { state, ..Self::default() }
    }

    /// Notes a window field of a segment that it sent; the window of a SYN is never scaled (RFC 7323 section 2.2).
    pub fn advertise(&mut self, field: u16, is_syn: bool) {
        let shift = if is_syn { 0 } else { self.window_scale };
        self.window = u32::from(field) << shift;
        self.window_max = self.window_max.max(self.window);
    }
}
