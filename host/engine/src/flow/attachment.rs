//! Who watches a flow.

use super::Kib;
use crate::event::TenantId;
use crate::limits::Limits;
use crate::reassembly::{Held, Level};
use crate::{Direction, Side, Sides};

/// What the tenant of a polled monitor is to be told of a flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ready(u8);

impl Ready {
    /// It is in the list.
    pub(crate) const LISTED: Self = Self(1);
    /// That it is new.
    pub(crate) const NEW: Self = Self(2);
    /// That it has ended.
    pub(crate) const ENDED: Self = Self(4);

    /// That it is on its way to the tenant: a flow that ends while it is listed is in the list twice.
    pub(crate) const ON_ITS_WAY: Self = Self(8);

    /// Whether all of `other` is in it.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds `other`.
    pub(crate) const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Takes `other` out.
    pub(crate) const fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

/// A monitor that watches a flow.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    /// Number of the monitor in the engine.
    pub monitor: u16,
    /// Whose monitor it is.
    pub tenant: TenantId,
    /// Number of the monitor for the tenant, which has at most 64.
    pub(crate) number: u8,
    /// How much it wants of each direction, by [`Direction::index`]; see [`Attachment::level`].
    pub levels: [Level; 2],
    /// Sides of which it wants no more events.
    pub stopped: Sides,
    /// It asked for observables.
    pub observes: bool,
    /// It is told once a burst what can be read.
    pub polls: bool,
    /// What it is to be told.
    pub(crate) ready: Ready,
    /// Number of what the flow invokes for it, among the tenant's.
    pub(crate) forest: u32,
    /// How much that it has not read is kept for it, by [`Direction::index`].
    pub sizes: [Kib; 2],
    /// How much is kept behind its cursor, by [`Direction::index`].
    pub retains: [Kib; 2],
    /// Where its next peek begins, by [`Direction::index`].
    pub cursor: [u64; 2],
    /// What lies before is not there for it, whoever else has it kept, by [`Direction::index`]. Never goes
    /// back; brought up to date when a stream of which something is kept is settled.
    pub floor: [u64; 2],
    /// What it stored.
    pub user_context: u64,
}

impl Attachment {
    /// How much is done for it of a direction: no more than `state` where it has stopped the side that receives.
    #[inline]
    #[must_use]
    pub const fn level(&self, direction: Direction) -> Level {
        if self.stopped.contains(direction.receiver()) {
            Level::State
        } else {
            self.levels[direction.index()]
        }
    }

    /// As [`Attachment::level`], of both directions.
    #[inline]
    #[must_use]
    pub fn both_levels(&self) -> [Level; 2] {
        // Few monitors stop a side.
        if self.stopped == Sides::NONE { self.levels } else { Direction::BOTH.map(|which| self.level(which)) }
    }

    /// Whether it reads a direction.
    #[inline]
    #[must_use]
    pub fn reads(&self, direction: Direction) -> bool {
        self.level(direction) == Level::Full
    }

    /// Whether it wants no more events at all.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stopped == Sides::BOTH
    }

    /// Whether it wants to know of what happens at a side; what belongs to neither it wants until it stops both.
    #[inline]
    #[must_use]
    pub fn hears(&self, side: Option<Side>) -> bool {
        match side {
            Some(side) => !self.stopped.contains(side),
            None => !self.is_done(),
        }
    }

    /// It reads a direction from `offset` on, whatever came before.
    pub(crate) fn begin_at(&mut self, direction: Direction, offset: u64) {
        self.cursor[direction.index()] = offset;
        self.floor[direction.index()] = offset;
    }

    /// First byte in order of a direction that it has not read and has not missed.
    #[inline]
    pub(crate) fn unread_from(&self, direction: Direction) -> u64 {
        self.cursor[direction.index()].max(self.floor[direction.index()])
    }

    /// What lies before `offset` is not there for it any more.
    pub(crate) fn lose_until(&mut self, direction: Direction, offset: u64) {
        let floor = &mut self.floor[direction.index()];
        *floor = offset.max(*floor);
    }

    /// What it does not want any more of a direction in order is not there for it from now on: what lies farther behind
    /// its cursor than it retains and, where it has left more unread than its size, all but the last of it.
    pub(crate) fn raise_floor(&mut self, direction: Direction, held: &Held<'_>, limits: &Limits) {
        let index = direction.index();
        let cursor = self.cursor[index];
        let room = held.last(self.sizes[index].size(limits));
        let wanted = if cursor < room {
            room
        } else {
            let retained = cursor.saturating_sub(self.retains[index].retain(limits));
            held.behind_gap(retained.max(held.last(limits.kept_bytes as u64)))
        };
        self.lose_until(direction, wanted);
    }

    /// The part that it is shown of `len` bytes of a direction at `offset`: none that came before it began to read.
    #[inline]
    pub(crate) fn clip(&self, direction: Direction, offset: u64, len: u64) -> Option<(u64, u64)> {
        let from = offset.max(self.floor[direction.index()]);
        let until = offset.saturating_add(len);
        (from < until).then(|| (from, until - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Attachment {
        Attachment {
            monitor: 0,
            tenant: TenantId(0),
            number: 0,
            levels: [Level::Full, Level::Count],
            stopped: Sides::NONE,
            observes: false,
            polls: false,
            ready: Ready::default(),
            forest: 0,
            sizes: [Kib::OPERATORS; 2],
            retains: [Kib::NONE; 2],
            cursor: [0; 2],
            floor: [0; 2],
            user_context: 0,
        }
    }

    #[test]
    fn a_direction_whose_receiver_is_stopped_is_not_read() {
        let mut reader = reader();
        assert_eq!(Direction::BOTH.map(|direction| reader.level(direction)), [Level::Full, Level::Count]);
        reader.stopped.insert(Sides::SERVER);
        assert_eq!(Direction::BOTH.map(|direction| reader.level(direction)), [Level::State, Level::Count]);
        assert!(reader.hears(Some(Side::Client)) && !reader.hears(Some(Side::Server)));
        assert!(reader.hears(None) && !reader.is_done());
        reader.stopped.insert(Sides::CLIENT);
        assert!(!reader.hears(None) && reader.is_done());
    }

    #[test]
    fn what_came_before_it_began_to_read_is_not_shown() {
        let mut reader = reader();
        reader.begin_at(Direction::ToServer, 100);
        assert_eq!(reader.clip(Direction::ToServer, 50, 50), None);
        assert_eq!(reader.clip(Direction::ToServer, 50, 51), Some((100, 1)));
        assert_eq!(reader.clip(Direction::ToServer, 100, 7), Some((100, 7)));
        assert_eq!(reader.clip(Direction::ToClient, 50, 50), Some((50, 50)));
    }
}
