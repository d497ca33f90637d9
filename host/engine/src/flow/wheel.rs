//! Deadlines of flows: a hierarchical timer wheel, O(1) to set and to cancel.
//!
//! Each flow has at most one entry, so a million slow flows cost a million entries whatever they do. A flow that stays
//! busy does not touch its entry: when the entry comes up, the owner looks at the flow's real deadline and sets it
//! again.
//!
//! Time is cut into ticks of about one millisecond. Level 0 has a slot for each of the next 64 ticks, level 1 for
//! each of the next 64 groups of 64, and so on. An entry sits at the level of the highest bit in which its tick
//! differs from the current one, and moves down as that tick comes near. A bitmap for each level finds the next
//! occupied slot, so a clock that jumps by years costs no more than one that does not.

use crate::Nanos;

const TICK_BITS: u32 = 20;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// The bits of a tick that choose a slot.
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const LEVELS: u32 = 5;
/// One turn of the highest level less a slot, so that no entry ever lands in the slot that is being emptied.
const HORIZON_TICKS: u64 = SLOT_MASK << (SLOT_BITS as u64 * (LEVELS as u64 - 1));
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
    /// The low half of the tick: an entry is never further away than the horizon.
    tick: u32,
    /// Level and slot, or `NOWHERE` when not in the wheel.
    place: u16,
}

/// Place of what is not in the wheel.
const NOWHERE: u16 = u16::MAX;

const UNLINKED: Link = Link { previous: NONE, next: NONE, tick: 0, place: NOWHERE };

/// A timer wheel over small integers. See the module.
///
/// Invariant: an id is in the list of `place` exactly if its link's `place` says so, and a slot's bit is set exactly if
/// its list is not empty.
#[derive(Debug)]
pub struct Wheel {
    elapsed: u64,
    links: Vec<Link>,
    /// Ids that there are to be at most.
    room: usize,
    heads: [[u32; SLOTS]; LEVELS as usize],
    occupied: [u64; LEVELS as usize],
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            elapsed: 0,
            links: Vec::new(),
            room: 0,
            heads: [[NONE; SLOTS]; LEVELS as usize],
            occupied: [0; LEVELS as usize],
        }
    }
}

/// The tick that `time` lies in.
const fn tick_of(time: Nanos) -> u64 {
    time.0 >> TICK_BITS
}

impl Wheel {
    /// Whether `now` lies in a later tick than the wheel: only then can [`Wheel::advance`] find anything.
    #[must_use]
    pub fn is_behind(&self, now: Nanos) -> bool {
        tick_of(now) > self.elapsed
    }

    /// A wheel with room for so many ids; more find a place too, at the price of growing.
    #[must_use]
    pub fn with_room(ids: usize) -> Self {
        Self { room: ids, ..Self::default() }
    }

    /// Ticks since the beginning of time, about a millisecond each.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.elapsed
    }

    /// Memory that was ever used, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.links.len().saturating_mul(size_of::<Link>())
    }

    /// Brings what is known of `id` into the cache; gives something that depends on it.
    #[inline]
    pub(crate) fn touch(&self, id: u32) -> u64 {
        self.links.get(id as usize).map_or(0, |link| u64::from(link.next))
    }

    /// Sets the deadline of `id`, in place of an earlier one. [`Nanos::NEVER`] cancels.
    pub fn set(&mut self, id: u32, deadline: Nanos) {
        self.cancel(id);
        if deadline == Nanos::NEVER {
            return;
        }
        // Rounded up, so that no entry comes up before its deadline; and never in the tick that has begun.
        let tick = tick_of(deadline).saturating_add(1).max(self.elapsed.saturating_add(1));
        self.link(id, tick.min(self.elapsed.saturating_add(HORIZON_TICKS)));
    }

    /// Forgets the deadline of `id`, if it has one.
    pub fn cancel(&mut self, id: u32) {
        let Some(link) = self.links.get(id as usize).copied().filter(|link| link.place != NOWHERE) else {
            return;
        };
        let (level, slot) = unpack(link.place);
        match self.links.get_mut(link.previous as usize) {
            Some(previous) => previous.next = link.next,
            None => self.heads[level][slot] = link.next,
        }
        if let Some(next) = self.links.get_mut(link.next as usize) {
            next.previous = link.previous;
        }
        if self.heads[level][slot] == NONE {
            self.occupied[level] &= !(1 << slot);
        }
        self.links[id as usize] = UNLINKED;
    }

    /// Moves the wheel to the next tick at which something is due, to `now` at most, and appends the ids whose deadline
    /// has come to `due`. Gives the time that it stands at: no deadline of theirs is later.
    pub fn advance(&mut self, now: Nanos, due: &mut Vec<u32>) -> Nanos {
        let tick = tick_of(now);
        while let Some((level, slot, start)) = self.next_slot().filter(|(_, _, start)| *start <= tick) {
            self.elapsed = self.elapsed.max(start);
            let mut id = std::mem::replace(&mut self.heads[level][slot], NONE);
            self.occupied[level] &= !(1 << slot);
            while let Some(link) = self.links.get_mut(id as usize) {
                let Link { next, tick, .. } = std::mem::replace(link, UNLINKED);
                match u64::try_from(tick.wrapping_sub(low_half(self.elapsed)).cast_signed()) {
                    Ok(ahead) if ahead > 0 => self.link(id, self.elapsed.saturating_add(ahead)),
                    Ok(_) | Err(_) => due.push(id),
                }
                id = next;
            }
            if !due.is_empty() {
                return Nanos(self.elapsed << TICK_BITS).min(now);
            }
        }
        self.elapsed = self.elapsed.max(tick);
        now
    }

    /// The occupied slot that comes up first, and the tick at which it does.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        // A lower level always comes up before a higher one: its entries share more leading bits with the present.
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let shift = SLOT_BITS * u32::try_from(level).ok()?;
        let current = (self.elapsed >> shift) & SLOT_MASK;
        let distance = self.occupied[level].rotate_right(u32::try_from(current).ok()?).trailing_zeros();
        let group = (self.elapsed >> shift).saturating_add(u64::from(distance));
        let slot = usize::try_from(group & SLOT_MASK).ok()?;
        Some((level, slot, group << shift))
    }

    fn link(&mut self, id: u32, tick: u64) {
        let differing = (self.elapsed ^ tick) | SLOT_MASK;
        let level = ((63 - differing.leading_zeros()) / SLOT_BITS).min(LEVELS - 1);
        let slot = (tick >> (SLOT_BITS * level)) & SLOT_MASK;
        let place = u16::try_from(u64::from(level << SLOT_BITS) | slot).unwrap_or(0);
        let (level, slot) = unpack(place);
        let index = id as usize;
        if index >= self.links.len() {
            if self.links.is_empty() {
                // As in the flow table: nothing is copied to grow. Where there is no such room, the vector grows.
                let _ = self.links.try_reserve_exact(self.room);
            }
            self.links.resize(index + 1, UNLINKED);
        }
        let next = std::mem::replace(&mut self.heads[level][slot], id);
        self.links[index] = Link { previous: NONE, next, tick: low_half(tick), place };
        if let Some(next) = self.links.get_mut(next as usize) {
            next.previous = id;
        }
        self.occupied[level] |= 1 << slot;
    }
}

/// The low half of a tick.
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is kept")]
const fn low_half(tick: u64) -> u32 {
    tick as u32
}

const fn unpack(place: u16) -> (usize, usize) {
    ((place >> SLOT_BITS) as usize, (place & ((1 << SLOT_BITS) - 1)) as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MS: u64 = 1 << TICK_BITS;

    fn due_at(wheel: &mut Wheel, tick: u64) -> Vec<u32> {
        let mut all = Vec::new();
        while wheel.is_behind(Nanos(tick * MS)) {
            let mut due = Vec::new();
            let reached = wheel.advance(Nanos(tick * MS), &mut due);
            assert!(due.is_empty() || wheel.elapsed == tick_of(reached), "stops where something is due");
            all.append(&mut due);
        }
        all
    }

    #[test]
    fn an_entry_comes_up_after_its_deadline_and_once() {
        let mut wheel = Wheel::default();
        wheel.set(3, Nanos(10 * MS));
        assert!(due_at(&mut wheel, 10).is_empty());
        assert_eq!(due_at(&mut wheel, 11), [3]);
        assert!(due_at(&mut wheel, 1 << 40).is_empty());
    }

    #[test]
    fn setting_again_replaces_and_cancelling_forgets() {
        let mut wheel = Wheel::default();
        wheel.set(1, Nanos(5 * MS));
        wheel.set(1, Nanos(500 * MS));
        wheel.set(2, Nanos(5 * MS));
        wheel.set(2, Nanos::NEVER);
        assert!(due_at(&mut wheel, 400).is_empty());
        assert_eq!(due_at(&mut wheel, 501), [1]);
    }

    #[test]
    fn deadlines_beyond_the_horizon_come_up_early_rather_than_never() {
        let mut wheel = Wheel::default();
        wheel.set(9, Nanos(u64::MAX - 1));
        assert_eq!(due_at(&mut wheel, HORIZON_TICKS + 1), [9]);
    }

    /// The model: a sorted map from tick to ids. Same entries due at every step, for random operations and clock jumps.
    #[test]
    fn behaves_like_a_sorted_map() {
        let mut wheel = Wheel::default();
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        let mut now = 1u64;
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for _ in 0..200_000 {
            let id = u32::try_from(next() % 200).unwrap();
            match next() % 4 {
                0 | 1 => {
                    let reach = 1u64 << (next() % 32);
                    let deadline = now + next() % reach;
                    wheel.set(id, Nanos(deadline * MS));
                    model.insert(id, (deadline + 1).max(now + 1).min(now + HORIZON_TICKS));
                }
                2 => {
                    wheel.cancel(id);
                    model.remove(&id);
                }
                _ => {
                    now += next() % (1u64 << (next() % 24));
                    let mut due = due_at(&mut wheel, now);
                    let mut expected: Vec<u32> =
                        model.iter().filter(|(_, tick)| **tick <= now).map(|(id, _)| *id).collect();
                    model.retain(|_, tick| *tick > now);
                    due.sort_unstable();
                    expected.sort_unstable();
                    assert_eq!(due, expected);
                }
            }
        }
    }
}
