//! The record of a connection, made when nothing more of it is expected.

use sluice_wire::Tunnel;

use super::{EndReason, Endpoint, Flow, History, Observables};
use crate::{Nanos, Side};

/// How a connection went: the `conn_state` of Zeek's conn.log. The client is Zeek's originator, the server its
/// responder.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ConnState {
    /// SYN without an answer.
    S0,
    /// Established, and neither side has closed it.
    S1,
    /// Established and closed by FIN on both sides.
    Sf,
    /// The SYN was answered by an RST.
    Rej,
    /// Established; the client has closed its side.
    S2,
    /// Established; the server has closed its side.
    S3,
    /// Established; the client aborted it.
    Rsto,
    /// Established; the server aborted it.
    Rstr,
    /// The client sent a SYN and then an RST, and the server no SYN-ACK.
    Rstos0,
    /// The server sent a SYN-ACK and then an RST, and the client no SYN.
    Rstrh,
    /// The client sent a SYN and then a FIN, and the server no SYN-ACK.
    Sh,
    /// The server sent a SYN-ACK and then a FIN, and the client no SYN.
    Shr,
    /// Something else: traffic whose beginning was not seen.
    Oth,
}

impl ConnState {
    /// The word in conn.log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}

/// The record of one side.
#[derive(Clone, Copy, Debug)]
pub struct SideRecord {
    /// Its address and port.
    pub endpoint: Endpoint,
    /// What was observed of it.
    pub observables: Observables,
    /// Packets of it that the receiver ignored, those after the end included.
    pub refused: u32,
    /// Stretches that came again with other bytes; found only where some monitor reads the stream.
    pub conflicts: u32,
}

/// What became of one connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnRecord {
    /// Identity in logs, 53 bits.
    pub log_id: u64,
    /// First packet.
    pub start: Nanos,
    /// Nanoseconds from the first to the last packet; what trails once both sides have closed does not count.
    pub duration: u64,
    /// How it went.
    pub conn_state: ConnState,
    /// What happened, in letters.
    pub history: History,
    /// Why it ended.
    pub end: EndReason,
    /// It was picked up in mid-stream; the sides are assumed.
    pub is_partial: bool,
    /// VLAN ids, outer first; [`NO_VLAN`](sluice_wire::NO_VLAN) for none.
    pub vlan: [u16; 2],
    /// Tunnels around it.
    pub tunnel: Tunnel,
    /// Both sides, by [`Side::index`].
    pub sides: [SideRecord; 2],
}

impl ConnRecord {
    /// The record of a flow that is about to be forgotten: `None` if it has no account, or one that was written.
    pub(crate) fn of(flow: &mut Flow) -> Option<Self> {
        if !flow.account_mut()?.write() {
            return None;
        }
        let account = flow.account()?;
        let side = |side: Side| SideRecord {
            endpoint: flow.endpoint(side),
            observables: account.observables(side),
            refused: flow.sent(side).mishaps.refused,
            conflicts: flow.sent(side).mishaps.conflicts,
        };
        Some(Self {
            log_id: flow.log_id(),
            start: flow.start,
            duration: account.last().since(flow.start),
            conn_state: account.conn_state(),
            history: *account.history(),
            end: flow.end.unwrap_or(EndReason::EndOfInput),
            is_partial: flow.is_partial(),
            vlan: flow.key.vlan,
            tunnel: flow.key.tunnel,
            sides: Side::BOTH.map(side),
        })
    }
}
