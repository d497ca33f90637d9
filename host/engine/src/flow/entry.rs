//! One flow: both emulated stacks, both streams, and who watches.

use std::hint::select_unpredictable;

use sluice_wire::{TcpFlags, TcpHeader};
use smallvec::SmallVec;

use super::queue::Class;
use super::sent::Tally;
use super::{Account, Attachment, EndReason, Endpoint, FlowId, FlowKey, Link, Mishaps, Sent, Slots};
use crate::limits::Timeouts;
use crate::reassembly::Stream;
use crate::tcp::{Opening, Stack, TcpState};
use crate::{Direction, Nanos, Side, seconds};

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
    /// What its monitors want has changed since the levels were computed.
    pub stale: bool,
}

/// Why bytes of a flow are kept that every reader has had.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Keeps(u8);

impl Keeps {
    /// To compare repetitions with.
    pub(crate) const RETAINED: Self = Self(1);
    /// A filter looks at a stretch of a stream.
    pub(crate) const MATCHED: Self = Self(2);

    /// Whether all of `other` is in it.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds `other` if `holds`.
    pub(crate) const fn insert_if(&mut self, other: Self, holds: bool) {
        if holds {
            self.0 |= other.0;
        }
    }
}

/// What few flows have.
#[derive(Debug, Default)]
struct Extension {
    account: Option<Box<Account>>,
    mishaps: [Mishaps; 2],
    /// What stands in front of each side's IP headers, while a tenant may send.
    links: Option<Box<[Option<Link>; 2]>>,
    /// What an embedding keeps.
    slots: Slots,
}

/// A flow. Dropped and made anew for each connection, also with the same addresses and ports.
///
/// In the order in which it lies in memory. The first [`HOT_BYTES`] are the entry proper, what each segment of an
/// established connection looks at: four cache lines. Behind it are the records of the monitors, and what is asked for
/// when a flow begins, changes or ends.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Flow {
    /// Which of the key's ends is the client.
    ///
    /// First of all: the values that it cannot have tell an empty place of the table from a flow, and every look at a
    /// flow looks at that.
    pub client_is_low: bool,
    /// Set once the flow has ended; it then only absorbs stragglers.
    pub end: Option<EndReason>,
    /// Why bytes are kept that every reader has had.
    pub(crate) keeps: Keeps,
    /// Who sent the last segment that counted.
    pub(crate) last_sender: Side,
    /// Which (kind, hook) pairs have a handler on some attachment; see [`interest_bit`](crate::event::interest_bit).
    pub interest: u32,
    /// Ends and encapsulation.
    pub key: FlowKey,
    /// Last packet that counted.
    pub last: Nanos,
    /// When something is due; never later than the truth, which [`Flow::due`] computes.
    pub deadline: Nanos,
    extension: Option<Box<Extension>>,
    /// Facts.
    pub marks: Marks,
    pub(crate) class: Class,
    stacks: [Stack; 2],
    streams: [Stream; 2],
    tallies: [Tally; 2],
    /// Monitors in chain order.
    pub attachments: SmallVec<[Attachment; 1]>,
    /// First packet.
    pub start: Nanos,
    /// How often the table used this place.
    pub generation: u32,
    /// Something waits for the end of the burst.
    pub(crate) is_pending: bool,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    openings: [Opening; 2],
}

/// Bytes of a flow that each of its packets needs, both sides together.
pub const HOT_BYTES: usize = 256;

const _: () =
    assert!(std::mem::offset_of!(Flow, attachments) <= HOT_BYTES, "the hot part of a flow has grown");

impl Flow {
    /// A flow that begins with a segment of `opener`'s side.
    #[must_use]
    pub fn open(key: FlowKey, sender_is_low: bool, tcp: &TcpHeader, generation: u32, now: Nanos) -> Self {
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
            is_pending: false,
            start: now,
            last: now,
            deadline: Nanos::NEVER,
            interest: 0,
            keeps: Keeps::default(),
            last_sender: sender,
            class: Class::None,
            previous: u32::MAX,
            next: u32::MAX,
            stacks: [Stack::in_state(client_state), Stack::in_state(opened(has_syn, TcpState::Listen))],
            openings: [Opening::default(); 2],
            streams: [Stream::default(), Stream::default()],
            tallies: [Tally::default(); 2],
            extension: None,
            attachments: SmallVec::new(),
        }
    }

    /// The side that sent a packet, given whether its sender is the key's smaller end.
    #[inline]
    #[must_use]
    pub fn side_of(&self, sender_is_low: bool) -> Side {
        // No processor can foretell it, and all that follows depends on it: as a branch, it is wrong every other time.
        select_unpredictable(self.client_is_low == sender_is_low, Side::Client, Side::Server)
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

    /// How `side` opened the connection.
    #[must_use]
    pub const fn opening(&self, side: Side) -> &Opening {
        &self.openings[side.index()]
    }

    /// How `side` opened the connection, to change.
    #[must_use]
    pub const fn opening_mut(&mut self, side: Side) -> &mut Opening {
        &mut self.openings[side.index()]
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

    /// The stream of `direction`, and who watches, to change.
    pub(crate) fn stream_and_attachments(&mut self, direction: Direction) -> (&Stream, &mut [Attachment]) {
        (&self.streams[direction.index()], &mut self.attachments)
    }

    /// What `side` has sent.
    #[must_use]
    pub fn sent(&self, side: Side) -> Sent {
        self.sent_until(side, u64::MAX)
    }

    /// Packets that `side` has sent and that its peer honours; stays at the largest number.
    #[inline]
    pub(crate) const fn packets(&self, side: Side) -> u32 {
        self.tallies[side.index()].packets
    }

    /// What `side` has sent, of the stream no more than what lies before `until`.
    pub(crate) fn sent_until(&self, side: Side, until: u64) -> Sent {
        let next = self.stream(side.sends()).next().min(until);
        let mishaps =
            self.extension.as_ref().map_or_else(Mishaps::default, |rare| rare.mishaps[side.index()]);
        Sent::of(&self.tallies[side.index()], mishaps, next)
    }

    /// What did not go as usual with what `side` has sent, to count.
    pub(crate) fn mishaps_mut(&mut self, side: Side) -> &mut Mishaps {
        &mut self.extension.get_or_insert_default().mishaps[side.index()]
    }

    /// Something that depends on each cache line of the flow that a packet needs.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        // The first and last of the hot part, two in between, who is to be called, and what stands behind that.
        u64::from(self.interest)
            ^ u64::from(self.stacks[0].window)
            ^ self.streams[0].next()
            ^ u64::from(self.tallies[1].packets)
            ^ self.attachments.first().map_or(0, |first| first.user_context ^ u64::from(first.tenant.0))
            ^ u64::from(self.generation)
            ^ u64::from(self.openings[1].sack_edge.0)
    }

    /// Counts a packet of `sender` that its receiver honours.
    #[inline]
    pub(crate) fn note_packet(&mut self, sender: Side, ip_len: u32, payload_len: u32, now: Nanos) {
        (self.last, self.last_sender) = (now, sender);
        self.marks.two_sided |= self.tallies[sender.other().index()].packets > 0;
        if self.tallies[sender.index()].add(ip_len, payload_len) {
            self.mishaps_mut(sender).carry_header();
        }
    }

    /// Whether both hosts are established, both have been heard, and nothing is missing, closing or urgent.
    #[inline]
    pub(crate) fn is_steady(&self) -> bool {
        let is_settled =
            |stack: &Stack| stack.state == TcpState::Established && stack.has_sent && stack.has_acknowledged;
        self.end.is_none()
            && self.marks.two_sided
            && !self.marks.straying
            && self.stacks.iter().all(is_settled)
            && self.streams.iter().all(Stream::is_steady)
    }

    /// Whether every reader has had all bytes of a direction, and none is kept for comparison.
    #[inline]
    pub(crate) fn has_read_all(&self, direction: Direction) -> bool {
        let stream = self.stream(direction);
        let has_read = |reader: &Attachment| {
            !reader.reads(direction) || reader.cursor[direction.index()] >= stream.next()
        };
        self.keeps_nothing(direction) && self.attachments.iter().all(has_read)
    }

    /// Whether nothing of a direction is kept, for whatever reason.
    #[inline]
    pub(crate) fn keeps_nothing(&self, direction: Direction) -> bool {
        self.keeps == Keeps::default() && self.stream(direction).buffer.is_none()
    }

    /// The account of the connection, where somebody asked for one.
    #[inline]
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.extension.as_ref()?.account.as_deref()
    }

    /// The account, to change.
    #[inline]
    pub(crate) fn account_mut(&mut self) -> Option<&mut Account> {
        self.extension.as_mut()?.account.as_deref_mut()
    }

    /// Begins an account, before the first packet is taken.
    pub(crate) fn keep_account(&mut self, opener: Side) {
        let account = Account::new(opener, self.start);
        self.extension.get_or_insert_default().account = Some(Box::new(account));
    }

    /// What stands in front of the IP header in packets of `side`; what can be told of it where none was seen.
    pub(crate) fn link(&self, side: Side) -> Option<Link> {
        let links = self.extension.as_ref()?.links.as_deref()?;
        links[side.index()].or_else(|| links[side.other().index()]?.mirrored())
    }

    /// Remembers what stood in front of the IP header in a packet of `side`.
    pub(crate) fn set_link(&mut self, side: Side, link: Link) {
        self.extension.get_or_insert_default().links.get_or_insert_default()[side.index()] = Some(link);
    }

    /// What an embedding keeps with the flow, if there is room for it.
    pub(crate) fn slots_mut(&mut self) -> Option<&mut Slots> {
        self.extension.as_mut().map(|extension| &mut extension.slots)
    }

    /// Puts back what an embedding keeps.
    pub(crate) fn put_slots(&mut self, slots: Slots) {
        if self.extension.is_some() || !slots.is_empty() {
            self.extension.get_or_insert_default().slots = slots;
        }
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
        self.streams[0].gap_deadline().min(self.streams[1].gap_deadline())
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
