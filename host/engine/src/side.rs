//! Who and whereto: `side` names an end host, `direction` a stream. Never one word for both.

use std::hint::select_unpredictable;

/// An end host of a flow and the TCP stack emulated for it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Side {
    /// Who sent the first SYN, or is assumed to have.
    Client = 0,
    /// The other one.
    Server = 1,
}

impl Side {
    /// Both sides.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The peer.
    #[inline]
    #[must_use]
    pub fn other(self) -> Self {
        // Who sends is not to be foretold: a branch on it is wrong for every other packet.
        select_unpredictable(self == Self::Client, Self::Server, Self::Client)
    }

    /// The direction of what this side sends.
    #[must_use]
    pub const fn sends(self) -> Direction {
        match self {
            Self::Client => Direction::ToServer,
            Self::Server => Direction::ToClient,
        }
    }

    /// As an index: client 0, server 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word in traces and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// A set of sides.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Sides(u8);

impl Sides {
    /// Neither side.
    pub const NONE: Self = Self(0);
    /// The client.
    pub const CLIENT: Self = Self(1);
    /// The server.
    pub const SERVER: Self = Self(2);
    /// Both sides.
    pub const BOTH: Self = Self(3);

    /// Whether a side is in the set.
    #[must_use]
    pub const fn contains(self, side: Side) -> bool {
        self.0 >> side as u8 & 1 != 0
    }

    /// Adds the sides of another set.
    pub const fn insert(&mut self, sides: Self) {
        self.0 |= sides.0;
    }
}

/// A byte stream of a flow.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Direction {
    /// What the client sends: the receive buffer of the server's stack.
    #[default]
    ToServer = 0,
    /// What the server sends.
    ToClient = 1,
}

impl Direction {
    /// Both directions.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];

    /// The side that receives this stream.
    #[must_use]
    pub const fn receiver(self) -> Side {
        match self {
            Self::ToServer => Side::Server,
            Self::ToClient => Side::Client,
        }
    }

    /// The side that sends this stream.
    #[must_use]
    pub const fn sender(self) -> Side {
        match self {
            Self::ToServer => Side::Client,
            Self::ToClient => Side::Server,
        }
    }

    /// As an index: to-server 0, to-client 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word in traces and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToServer => "to-server",
            Self::ToClient => "to-client",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_sides_that_were_put_into_it() {
        let mut sides = Sides::NONE;
        assert_eq!(Side::BOTH.map(|side| sides.contains(side)), [false, false]);
        sides.insert(Sides::SERVER);
        assert_eq!(Side::BOTH.map(|side| sides.contains(side)), [false, true]);
        sides.insert(Sides::CLIENT);
        assert_eq!(sides, Sides::BOTH);
        assert_eq!(Side::BOTH.map(|side| sides.contains(side)), [true, true]);
    }
}
