//! Built-in events: their numbers, names, hooks and order.

/// A built-in event. The order of the numbers is the order in which events are raised for one packet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum EventKind {
    /// A TCP packet of the flow.
    PacketIn = 1,
    /// First packet of a flow.
    ConnStart = 2,
    /// The TCP state of the hook's stack changed.
    StateChange = 3,
    /// The packet repeats bytes, a SYN or a FIN.
    Rexmit = 4,
    /// The packet repeats bytes with other values.
    Conflict = 5,
    /// Bytes became readable.
    NewData = 6,
    /// Bytes are missing for good.
    Gap = 7,
    /// Bytes were refused by a limit.
    Error = 8,
    /// The flow ended.
    ConnEnd = 9,
    /// A packet that belongs to no flow.
    Orphan = 10,
}

/// Room for one entry per kind, indexed by [`EventKind::index`]; entry 0 is unused.
pub const KINDS: usize = 11;

impl EventKind {
    /// All kinds in the order of their numbers.
    pub const ALL: [Self; KINDS - 1] = [
        Self::PacketIn,
        Self::ConnStart,
        Self::StateChange,
        Self::Rexmit,
        Self::Conflict,
        Self::NewData,
        Self::Gap,
        Self::Error,
        Self::ConnEnd,
        Self::Orphan,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        // They are numbered without a hole, from 1 on.
        Self::ALL.get((number as usize).wrapping_sub(1)).copied()
    }

    /// The number as guests see it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The number as an index into a table of [`KINDS`] entries.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name in traces, reports and the WIT.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PacketIn => "packet-in",
            Self::ConnStart => "conn-start",
            Self::StateChange => "tcp-state-change",
            Self::Rexmit => "rexmit",
            Self::Conflict => "conflict",
            Self::NewData => "new-data",
            Self::Gap => "gap",
            Self::Error => "error",
            Self::ConnEnd => "conn-end",
            Self::Orphan => "orphan",
        }
    }

    /// Whether the event is ever raised at `hook`.
    #[must_use]
    pub const fn allows(self, hook: Hook) -> bool {
        match self {
            Self::PacketIn | Self::ConnStart | Self::StateChange => {
                matches!(hook, Hook::Sender | Hook::Receiver)
            }
            Self::Rexmit | Self::Conflict | Self::NewData | Self::Gap | Self::Error => {
                matches!(hook, Hook::Receiver)
            }
            Self::ConnEnd | Self::Orphan => matches!(hook, Hook::None),
        }
    }
}

/// Where in the processing of one packet a handler runs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Hook {
    /// Events that belong to no stack.
    None = 0,
    /// After the sender's stack was updated, before the receiver's.
    Sender = 1,
    /// After the receiver's stack was updated.
    Receiver = 2,
}

/// How many hooks there are.
pub const HOOKS: usize = 3;

impl Hook {
    /// All hooks.
    pub const ALL: [Self; HOOKS] = [Self::None, Self::Sender, Self::Receiver];

    /// The name in reports and the WIT.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sender => "sender",
            Self::Receiver => "receiver",
        }
    }

    /// The hook's number as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_come_back() {
        for (position, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), position + 1);
            assert_eq!(EventKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(EventKind::from_number(0), None);
        assert_eq!(EventKind::from_number(11), None);
        assert_eq!(Hook::ALL.map(Hook::name), ["none", "sender", "receiver"]);
    }

    #[test]
    fn every_event_has_a_hook() {
        for kind in EventKind::ALL {
            assert!(Hook::ALL.into_iter().any(|hook| kind.allows(hook)), "{kind:?}");
        }
    }
}
