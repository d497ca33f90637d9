//! What a filter or callback is called with: sixteen numbers.

use crate::event::{EventKind, Hook};
use crate::flow::{Flow, FlowId};
use crate::{Direction, Nanos, Side};

/// The sixteen scalars of `filter` and `callback`, as the WIT describes them, and which event it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EventCall {
    /// Number of the filter or handler, as the guest gave it.
    pub id: u32,
    /// Number of the built-in event at the root.
    pub kind: u32,
    /// Flags, hook, side, direction, marks and reason; see [`Place`].
    pub place: u32,
    /// The flow as guests name it; 0 for none.
    pub flow: u64,
    /// Time of the packet or the deadline, nanoseconds.
    pub time: u64,
    /// What the monitor stored with the flow.
    pub user_context: u64,
    /// Argument of the user-defined event that matched last, else 0.
    pub argument: u64,
    /// Stream offset that the event is about.
    pub offset: u64,
    /// Bytes that the monitor's next peek in the event's direction could return.
    pub readable: u32,
    /// Bytes that the event is about.
    pub length: u32,
    /// Bytes of the frame on the wire; 0 without a packet.
    pub wire_length: u32,
    /// Sequence number of the packet.
    pub sequence: u32,
    /// Acknowledgment number of the packet.
    pub acknowledgment: u32,
    /// Receive window of the packet in bytes.
    pub window: u32,
    /// Client's port (high half) and server's (low half).
    pub ports: u32,
    /// TCP states: client's, server's, and the one left.
    pub states: u32,
    /// Number of the event itself, built in or user-defined. Guests know it by the handler that is called.
    pub event: u32,
}

impl EventCall {
    /// The event's kind.
    #[must_use]
    pub fn event_kind(&self) -> Option<EventKind> {
        EventKind::from_number(self.kind)
    }

    /// The flow, if the event belongs to one.
    #[must_use]
    pub const fn flow_id(&self) -> Option<FlowId> {
        FlowId::from_number(self.flow)
    }

    /// The moment of the event.
    #[must_use]
    pub const fn moment(&self) -> Nanos {
        Nanos(self.time)
    }

    /// Fills in what a call says about its flow, the one at `index`.
    #[inline(always)]
    pub(super) fn describe(&mut self, index: u32, flow: &Flow) {
        let port = |side| u32::from(flow.endpoint(side).port);
        let state = |side| u32::from(flow.stack(side).state.number());
        self.flow = flow.id(index).number();
        self.ports = port(Side::Client) << 16 | port(Side::Server);
        self.states = state(Side::Client) | state(Side::Server) << 8;
    }

    /// The place, unpacked.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place(self.place)
    }
}

/// The packed word `place` of [`EventCall`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place(pub u32);

impl Place {
    const DIRECTION: u32 = 1 << 12;
    const PACKET: u32 = 1 << 13;
    const PARTIAL: u32 = 1 << 14;

    /// Packs hook, side (`None` for neither) and direction; the rest is clear.
    #[must_use]
    pub const fn new(hook: Hook, side: Option<Side>, direction: Direction) -> Self {
        let side = match side {
            Some(Side::Client) => 0,
            Some(Side::Server) => 1,
            None => 2,
        };
        let direction = match direction {
            Direction::ToServer => 0,
            Direction::ToClient => Self::DIRECTION,
        };
        Self((hook as u32) << 8 | side << 10 | direction)
    }

    /// With the packet's TCP flags, and the mark that a packet is current.
    #[must_use]
    pub const fn with_packet(self, tcp_flags: u8) -> Self {
        Self(self.0 | tcp_flags as u32 | Self::PACKET)
    }

    /// Without the mark that a packet is current.
    #[must_use]
    pub const fn without_packet(self) -> Self {
        Self(self.0 & !Self::PACKET)
    }

    /// With the mark of a flow picked up in mid-stream.
    #[must_use]
    pub const fn with_partial(self, partial: bool) -> Self {
        if partial { Self(self.0 | Self::PARTIAL) } else { self }
    }

    /// With a reason.
    #[must_use]
    pub const fn with_reason(self, reason: u8) -> Self {
        Self(self.0 | (reason as u32) << 24)
    }

    /// Without the reason.
    #[must_use]
    pub const fn without_reason(self) -> Self {
        Self(self.0 & 0x00ff_ffff)
    }

    /// TCP flags of the packet.
    #[must_use]
    pub const fn tcp_flags(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// The hook.
    #[must_use]
    pub const fn hook(self) -> Hook {
        match self.0 >> 8 & 3 {
            1 => Hook::Sender,
            2 => Hook::Receiver,
            _ => Hook::None,
        }
    }

    /// The side whose stack the hook belongs to.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self.0 >> 10 & 3 {
            0 => Some(Side::Client),
            1 => Some(Side::Server),
            _ => None,
        }
    }

    /// The direction of the packet or stream.
    #[must_use]
    pub const fn direction(self) -> Direction {
        if self.0 & Self::DIRECTION == 0 { Direction::ToServer } else { Direction::ToClient }
    }

    /// Whether a packet is current.
    #[must_use]
    pub const fn has_packet(self) -> bool {
        self.0 & Self::PACKET != 0
    }

    /// Whether the flow was picked up in mid-stream.
    #[must_use]
    pub const fn is_partial(self) -> bool {
        self.0 & Self::PARTIAL != 0
    }

    /// The reason, 0 for none.
    #[must_use]
    pub const fn reason(self) -> u8 {
        (self.0 >> 24) as u8
    }
}
