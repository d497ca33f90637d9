//! Words of events: what happened, where in the processing of a packet, at which end, in which direction.

use crate::bindings::sluice::middlebox::types;

/// The built-in event at the root of what happened.
///
/// The host's numbers are open: a kind that this SDK does not know is [`EventKind::Other`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// A TCP packet of the flow, also one that the receiver would ignore: then with a reason.
    PacketIn,
    /// The first packet of a flow, once for each hook.
    ConnStart,
    /// The TCP state of the hook's stack changed.
    TcpStateChange,
    /// The packet repeats bytes, a SYN or a FIN. Raised before the bytes change.
    Rexmit,
    /// The packet repeats bytes with others in their place. Raised before the bytes change.
    Conflict,
    /// Bytes became readable.
    NewData,
    /// Bytes are missing for good.
    Gap,
    /// Bytes were refused by a limit.
    Error,
    /// The flow ended; after all its data.
    ConnEnd,
    /// A packet that belongs to no flow.
    Orphan,
    /// A number that this SDK does not know.
    Other(u32),
}

impl EventKind {
    pub(crate) const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::PacketIn,
            2 => Self::ConnStart,
            3 => Self::TcpStateChange,
            4 => Self::Rexmit,
            5 => Self::Conflict,
            6 => Self::NewData,
            7 => Self::Gap,
            8 => Self::Error,
            9 => Self::ConnEnd,
            10 => Self::Orphan,
            other => Self::Other(other),
        }
    }

    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::PacketIn => 1,
            Self::ConnStart => 2,
            Self::TcpStateChange => 3,
            Self::Rexmit => 4,
            Self::Conflict => 5,
            Self::NewData => 6,
            Self::Gap => 7,
            Self::Error => 8,
            Self::ConnEnd => 9,
            Self::Orphan => 10,
            Self::Other(number) => number,
        }
    }

    /// Where a handler runs that names no hook: once for each event, except for state changes, which either stack has
    /// for itself.
    pub(crate) const fn default_hooks(self) -> &'static [Hook] {
        match self {
            Self::PacketIn | Self::ConnStart => &[Hook::Sender],
            Self::TcpStateChange => &[Hook::Sender, Hook::Receiver],
            Self::Rexmit | Self::Conflict | Self::NewData | Self::Gap | Self::Error => &[Hook::Receiver],
            Self::ConnEnd | Self::Orphan | Self::Other(_) => &[Hook::None],
        }
    }
}

/// An event that handlers can be registered for: built in, or made by [`Setup::define`](crate::Setup::define).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventId {
    pub(crate) number: u32,
    pub(crate) root: EventKind,
}

impl From<EventKind> for EventId {
    fn from(kind: EventKind) -> Self {
        Self { number: kind.number(), root: kind }
    }
}

/// Where in the processing of one packet a handler runs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Hook {
    /// Events that belong to no stack.
    None,
    /// After the sender's stack was updated, before the receiver's.
    Sender,
    /// After the receiver's stack was updated.
    Receiver,
}

impl Hook {
    pub(crate) const fn raw(self) -> types::Hook {
        match self {
            Self::None => types::Hook::None,
            Self::Sender => types::Hook::Sender,
            Self::Receiver => types::Hook::Receiver,
        }
    }
}

/// One end host of a flow or both.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Sides {
    /// Who sent the first SYN.
    Client,
    /// The other one.
    Server,
    /// Both of them.
    Both,
}

impl Sides {
    pub(crate) const fn raw(self) -> types::Sides {
        match self {
            Self::Client => types::Sides::Client,
            Self::Server => types::Sides::Server,
            Self::Both => types::Sides::Both,
        }
    }
}

/// An end host of a flow, and the TCP stack that the host emulates for it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// Who sent the first SYN; assumed in a flow that was picked up in mid-stream.
    Client,
    /// The other one.
    Server,
}

impl Side {
    /// The stream that this side sends.
    #[must_use]
    pub const fn sends(self) -> Direction {
        match self {
            Self::Client => Direction::ToServer,
            Self::Server => Direction::ToClient,
        }
    }

    pub(crate) const fn raw(self) -> types::Side {
        match self {
            Self::Client => types::Side::Client,
            Self::Server => types::Side::Server,
        }
    }
}

/// A byte stream of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// What the client sent.
    ToServer,
    /// What the server sent.
    ToClient,
}

impl Direction {
    /// Its number in the canonical ABI.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }

    /// Of the packet or stream, from the parameter `place` of an event.
    pub(crate) const fn of_place(place: u32) -> Self {
        if place >> 12 & 1 == 0 { Self::ToServer } else { Self::ToClient }
    }

    /// 0 for [`Direction::ToServer`], 1 for [`Direction::ToClient`]: for arrays with a place for each.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    pub(crate) const fn raw(self) -> types::Direction {
        match self {
            Self::ToServer => types::Direction::ToServer,
            Self::ToClient => types::Direction::ToClient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        for number in 0..20 {
            assert_eq!(EventKind::from_number(number).number(), number);
        }
    }

    #[test]
    fn a_kind_of_a_newer_host_is_other() {
        assert_eq!(EventKind::from_number(77), EventKind::Other(77));
    }
}
