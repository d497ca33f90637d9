//! One flow: both emulated stacks, both streams, and who watches.

use sluice_wire::{Headers, TcpFlags, TcpHeader};
use smallvec::SmallVec;

use super::queue::Class;
use super::{EndReason, Endpoint, FlowId, FlowKey};
use crate::event::TenantId;
use crate::limits::Timeouts;
use crate::reassembly::{Level, Stream};
use crate::tcp::{Stack, TcpState};
use crate::{Direction, Nanos, Side, seconds};

/// What one side has sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// Packets that the receiver would honour, retransmissions included.
    pub packets: u32,
    /// Packets that the receiver would ignore.
    pub refused: u32,
    /// Packets that repeated bytes, a SYN or a FIN.
    pub retransmissions: u32,
    /// Packets that came ahead of missing bytes.
    pub out_of_order: u32,
    /// Stretches that came again with other bytes.
    pub conflicts: u32,
    /// Bytes of the packets from the IP header on.
    pub ip_bytes: u64,
    /// Payload bytes of the packets.
    pub payload_bytes: u64,
    /// Stream bytes that are missing for good.
    pub gap_bytes: u64,
    /// Stream bytes that became readable.
    pub delivered_bytes: u64,
    /// Urgent bytes that were left out of the stream without an event.
    pub urgent_bytes: u32,
}

/// A monitor that watches a flow.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    /// Number of the monitor in the engine.
    pub monitor: u16,
    /// Whose monitor it is.
    pub tenant: TenantId,
    /// How much it wants.
    pub level: Level,
    /// It wants no more events.
    pub is_stopped: bool,
    /// Where its next peek begins, for each direction.
    pub cursor: [u64; 2],
    /// What it stored.
    pub user_context: u64,
}

/// Facts about a flow that are true or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// Picked up in mid-stream; the sides are assumed.
    pub partial: bool,
    /// Its SYN carried no signature option.
    pub unsigned: bool,
    /// Both sides have sent something.
    pub two_sided: bool,
    /// The tap lost more than a window once, and the flow went on behind it.
    pub lossy: bool,
    /// Segments beyond the windows are held, in case that the flow goes on there.
    pub straying: bool,
    /// A SYN with another number came, which its receiver may answer as a new connection.
    pub reopening: bool,
    /// An attachment was stopped since the levels were computed.
    pub stale: bool,
}

/// A flow. Dropped and made anew for each connection, also with the same addresses and ports.
#[derive(Debug)]
pub struct Flow {
    /// Ends and encapsulation.
    pub key: FlowKey,
    /// How often the table used this place.
    pub generation: u32,
    /// Facts.
    pub marks: Marks,
    /// Which of the key's ends is the client.
    pub client_is_low: bool,
    /// Set once the flow has ended; it then only absorbs stragglers.
    pub end: Option<EndReason>,
    /// First packet.
    pub start: Nanos,
    /// Last packet that counted.
    pub last: Nanos,
    /// When something is due; never later than the truth, which [`Flow::due`] computes.
    pub deadline: Nanos,
    /// Which (kind, hook) pairs have a handler on some attachment; bit `kind * HOOKS + hook`.
    pub interest: u64,
    /// Whether bytes are kept behind the readers, to compare repetitions with.
    pub retains: bool,
    /// Who sent the last segment that counted.
    pub(crate) last_sender: Side,
    pub(crate) class: Class,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    stacks: [Stack; 2],
    streams: [Stream; 2],
    sent: [Sent; 2],
    /// Monitors in chain order.
    pub attachments: SmallVec<[Attachment; 1]>,
}

impl Flow {
    /// A flow that begins with a segment of `opener`'s side.
    #[must_use]
    pub fn open(headers: &Headers, tcp: &TcpHeader, generation: u32, now: Nanos) -> Self {
        let (key, sender_is_low) = FlowKey::of(headers, tcp);
        let sender = opening_side(tcp);
        let has_syn = tcp.flags.contains(TcpFlags::SYN);
        let is_syn = has_syn && !tcp.flags.contains(TcpFlags::ACK);
        let client_state = if is_syn { TcpState::Closed } else { opened(has_syn, TcpState::SynSent) };
        Self {
            key,
            generation,
            marks: Marks {
                partial: !is_syn,
                unsigned: has_syn && !tcp.options.md5_or_ao,
                ..Marks::default()
            },
            client_is_low: (sender == Side::Client) == sender_is_low,
            end: None,
            start: now,
            last: now,
            deadline: Nanos::NEVER,
            interest: 0,
            retains: false,
            last_sender: sender,
            class: Class::None,
            previous: u32::MAX,
            next: u32::MAX,
            stacks: [Stack::in_state(client_state), Stack::in_state(opened(has_syn, TcpState::Listen))],
            streams: [Stream::default(), Stream::default()],
            sent: [Sent::default(), Sent::default()],
            attachments: SmallVec::new(),
        }
    }

    /// The side that sent a packet, given whether its sender is the key's smaller end.
    #[must_use]
    pub const fn side_of(&self, sender_is_low: bool) -> Side {
        if self.client_is_low == sender_is_low { Side::Client } else { Side::Server }
    }

    /// An end of the flow.
    #[must_use]
    pub const fn endpoint(&self, side: Side) -> Endpoint {
        match (side, self.client_is_low) {
            (Side::Client, true) | (Side::Server, false) => self.key.low,
            (Side::Client, false) | (Side::Server, true) => self.key.high,
        }
    }

    /// Name of the flow at `index` of the table.
    #[must_use]
    pub const fn id(&self, index: u32) -> FlowId {
        FlowId { index, generation: self.generation }
    }

    /// Identity in logs: 53 bits, so that readers that hold numbers as doubles keep it. A hash of key and start that
    /// does not change: the same capture gives the same ids on every machine and with every version.
    #[must_use]
    pub fn log_id(&self) -> u64 {
        let hash = self.key.words().into_iter().chain([self.start.0]).fold(0, |hash: u64, word| {
            let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^ mixed >> 32
        });
        hash & ((1 << 53) - 1)
    }

    /// The stack of `side`.
    #[must_use]
    pub const fn stack(&self, side: Side) -> &Stack {
        &self.stacks[side.index()]
    }

    /// The stack of `side`, to change.
    #[must_use]
    pub const fn stack_mut(&mut self, side: Side) -> &mut Stack {
        &mut self.stacks[side.index()]
    }

    /// The stream of `direction`.
    #[must_use]
    pub const fn stream(&self, direction: Direction) -> &Stream {
        &self.streams[direction.index()]
    }

    /// The stream of `direction`, to change.
    #[must_use]
    pub const fn stream_mut(&mut self, direction: Direction) -> &mut Stream {
        &mut self.streams[direction.index()]
    }

    /// What `side` has sent.
    #[must_use]
    pub const fn sent(&self, side: Side) -> &Sent {
        &self.sent[side.index()]
    }

    /// What `side` has sent, to change.
    #[must_use]
    pub const fn sent_mut(&mut self, side: Side) -> &mut Sent {
        &mut self.sent[side.index()]
    }

    /// Whether the flow was picked up in mid-stream.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.marks.partial
    }

    /// Whether the connection began without a signature option (RFC 2385, RFC 5925).
    #[must_use]
    pub const fn is_unsigned(&self) -> bool {
        self.marks.unsigned
    }

    /// Whether the handshake is under way and may never complete.
    #[must_use]
    pub fn is_half_open(&self) -> bool {
        let is_early = |state| {
            matches!(state, TcpState::Closed | TcpState::Listen | TcpState::SynSent | TcpState::SynReceived)
        };
        Side::BOTH.into_iter().any(|side| is_early(self.stack(side).state))
    }

    /// Whether both hosts are done with the connection.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.stacks[0].state.is_over() && self.stacks[1].state.is_over()
    }

    /// When the flow is given up if nothing more comes.
    #[must_use]
    pub fn silence_deadline(&self, timeouts: &Timeouts) -> Nanos {
        self.last.after(self.patience(timeouts))
    }

    /// What decides how long the flow may be silent, and what it is worth when room is needed.
    #[must_use]
    pub(crate) const fn standing(&self) -> ([TcpState; 2], bool, bool) {
        ([self.stacks[0].state, self.stacks[1].state], self.marks.two_sided, self.end.is_some())
    }

    /// When the first hole is given up.
    #[must_use]
    pub(crate) fn gap_deadline(&self) -> Nanos {
        self.streams[0].gap_deadline.min(self.streams[1].gap_deadline)
    }

    /// When something is due: a hole to give up, or the flow itself.
    #[must_use]
    pub fn due(&self, timeouts: &Timeouts) -> Nanos {
        self.gap_deadline().min(self.silence_deadline(timeouts))
    }

    fn patience(&self, timeouts: &Timeouts) -> u64 {
        if self.end.is_some() {
            return timeouts.time_wait;
        }
        let state = |side| self.stack(side).state;
        let (client, server) = (state(Side::Client), state(Side::Server));
        if client == TcpState::SynReceived || server == TcpState::SynReceived {
            return timeouts.syn_received;
        }
        if self.is_half_open() {
            return timeouts.syn_sent;
        }
        if self.marks.partial && !self.marks.two_sided {
            return timeouts.one_sided;
        }
        match (client, server) {
            (TcpState::Established, TcpState::Established) => timeouts.established,
            (
                TcpState::Established | TcpState::CloseWait | TcpState::FinWait1 | TcpState::FinWait2,
                other,
            )
            | (
                other,
                TcpState::Established | TcpState::CloseWait | TcpState::FinWait1 | TcpState::FinWait2,
            ) if !matches!(
                other,
                TcpState::Closing | TcpState::LastAck | TcpState::TimeWait | TcpState::Closed
            ) =>
            {
                timeouts.half_closed
            }
            _ => timeouts.closing,
        }
    }

    /// Moves readers that stand in front of a gap, of which they have been told, behind it.
    pub(crate) fn step_over_gaps(&mut self, direction: Direction) {
        let Some(kept) = self.streams[direction.index()].kept().filter(|kept| kept.has_gap()) else { return };
        for attachment in &mut self.attachments {
            let cursor = &mut attachment.cursor[direction.index()];
            *cursor = kept.skip_gap(*cursor);
        }
    }

    /// Whether the flow has been silent for so long that its timestamps have lost their meaning (RFC 7323 section 5.5).
    pub(crate) fn outlives_timestamps(&self, now: Nanos) -> bool {
        self.last.after(TIMESTAMP_LIFE) <= now
    }

    /// Memory of the flow's buffers.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.streams[0].cost().saturating_add(self.streams[1].cost())
    }

    /// The level that serves a monitor's wish and what is done already.
    pub fn raise_level(&mut self, level: Level) {
        for stream in &mut self.streams {
            stream.level = stream.level.max(level);
        }
    }
}

/// State of a stack of which nothing was seen, in a flow that is opened by something other than a SYN.
const fn opened(has_syn: bool, with_syn: TcpState) -> TcpState {
    if has_syn { with_syn } else { TcpState::Established }
}

/// Which side sent the first segment that is seen of a flow.
///
/// A SYN comes from the client, a SYN-ACK from the server. Without either, the end with a well-known port is the server
/// if the other has none (RFC 6335 section 6); else the first to speak is taken for the client.
fn opening_side(tcp: &TcpHeader) -> Side {
    if tcp.flags.contains(TcpFlags::SYN) {
        return if tcp.flags.contains(TcpFlags::ACK) { Side::Server } else { Side::Client };
    }
    if tcp.source_port < WELL_KNOWN && tcp.destination_port >= WELL_KNOWN {
        Side::Server
    } else {
        Side::Client
    }
}

/// How long a timestamp can be compared with a later one: 24 days, as Linux has it (TCP_PAWS_24DAYS).
const TIMESTAMP_LIFE: u64 = seconds(24 * 24 * 3600);

/// First port that is not well-known (RFC 6335 section 6).
const WELL_KNOWN: u16 = 1024;
