//! What is done when room runs short.
//!
//! **Room for one more flow.** A SYN that finds the cap for half-open flows reached pushes out the one that began
//! first, whatever else there is room for. In a full table, flows go in this order, the oldest of a kind first:
//!
//! | newcomer | goes first | then | then |
//! |---|---|---|---|
//! | begins with a SYN | half-open | ended | one-sided |
//! | the same, while few are half-open | ended | one-sided | half-open |
//! | picked up in mid-stream | ended | one-sided | half-open |
//!
//! So a flood of SYNs pushes out half-open flows, a flood of anything else one-sided ones: each feeds on itself. "Few"
//! is a quarter of their cap; without that, floods of segments that end flows at once, or that are picked up, would
//! leave handshakes no place.
//!
//! **Emergency.** When a cap is nearly reached, flows are given less time ([`crate::limits::Timeouts::emergency`]). No
//! deadline is moved: a hand goes round the table, a little with each tick, and pushes out what was silent for too long
//! where it comes by. A flow that speaks before that stays. What runs short decides what the hand looks at: with
//! half-open flows only those, with buffers the holes that it meets a second time in the same place; those are given
//! up.

use super::Engine;
use super::streams::GiveUp;
use crate::counters::{Eviction, Shortage};
use crate::event::Handler;
use crate::flow::{Class, EndReason, Flow};
use crate::limits::{EMERGENCY_ENTER_PERCENT, EMERGENCY_LEAVE_PERCENT, SWEEP_TICKS};
use crate::{Direction, Nanos};

/// How a flow begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Newcomer {
    /// With a SYN, or a SYN-ACK whose SYN was not seen.
    HalfOpen,
    /// With another segment.
    PickedUp,
}

/// Who goes when the table is full, first to last.
const BEFORE_SYN: [Class; 3] = [Class::HalfOpen, Class::Ended, Class::OneSided];
const BEFORE_OTHERS: [Class; 3] = [Class::Ended, Class::OneSided, Class::HalfOpen];

/// The share of their cap that half-open flows have by right: one part of this many.
const HALF_OPEN_SHARE: usize = 4;

/// How short room is.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// What runs short now, by [`Shortage::index`].
    is_short: [bool; Shortage::COUNT],
    /// The tick that was looked at last, and its time.
    tick: u64,
    time: Nanos,
    /// Where the hand stands.
    hand: u32,
}

impl Pressure {
    fn is_short_of(&self, what: Shortage) -> bool {
        self.is_short[what.index()]
    }
}

impl Engine {
    /// What runs short now.
    pub fn shortages(&self) -> impl Iterator<Item = Shortage> {
        Shortage::ALL.into_iter().filter(|what| self.pressure.is_short_of(*what))
    }

    /// Makes room for a flow, if there is none; false if nothing may go for it.
    pub(super) fn make_room(&mut self, newcomer: Newcomer, now: Nanos, handler: &mut dyn Handler) -> bool {
        let limits = self.config.limits;
        while newcomer == Newcomer::HalfOpen
            && self.view.flows.count(Class::HalfOpen) >= limits.half_open
            && let Some(oldest) = self.view.flows.oldest(Class::HalfOpen)
        {
            self.evict(oldest, Eviction::HalfOpen, now, handler);
        }
        while self.view.flows.len() >= limits.flows {
            let share = limits.half_open.min(limits.flows) / HALF_OPEN_SHARE;
            let is_few = self.view.flows.count(Class::HalfOpen) < share;
            let order = if newcomer == Newcomer::HalfOpen && !is_few { BEFORE_SYN } else { BEFORE_OTHERS };
            let oldest = |class: Class| Some((class, self.view.flows.oldest(class)?));
            let Some((class, victim)) = order.into_iter().find_map(oldest) else { return false };
            let why = match class {
                Class::HalfOpen => Eviction::HalfOpen,
                Class::Ended => Eviction::Ended,
                Class::OneSided => Eviction::OneSided,
                // In no list.
                Class::None => return false,
            };
            self.evict(victim, why, now, handler);
        }
        true
    }

    /// Pushes a flow out of the table.
    fn evict(&mut self, index: u32, why: Eviction, now: Nanos, handler: &mut dyn Handler) {
        self.counters.pressure.evicted[why.index()] += 1;
        // The packet that is current belongs to another flow, which those who watch this one may not see.
        let packet = self.view.packet.take();
        self.end_flow(index, EndReason::Evicted, now, handler);
        self.view.packet = packet;
        self.forget(index, handler);
    }

    /// Looks, once a tick, whether room runs short, and does something about it.
    #[inline]
    pub(super) fn relieve(&mut self, now: Nanos, handler: &mut dyn Handler) {
        let tick = self.wheel.tick();
        let passed = tick.saturating_sub(self.pressure.tick);
        if passed > 0 {
            self.pressure.tick = tick;
            self.note_shortages(now);
            if self.pressure.is_short.contains(&true) {
                self.sweep(passed, now, handler);
            }
        }
    }

    /// Finds out what runs short, and counts how often and how long.
    fn note_shortages(&mut self, now: Nanos) {
        let limits = &self.config.limits;
        let fills = [
            (self.view.flows.count(Class::HalfOpen), limits.half_open),
            (self.view.flows.len(), limits.flows),
            self.budget.fullest(),
        ];
        let passed = now.since(std::mem::replace(&mut self.pressure.time, now));
        let counters = &mut self.counters.pressure;
        for (what, (used, limit)) in Shortage::ALL.into_iter().zip(fills) {
            let is_short = &mut self.pressure.is_short[what.index()];
            if *is_short {
                counters.emergency_nanos[what.index()] += passed;
            }
            let percent = if *is_short { EMERGENCY_LEAVE_PERCENT } else { EMERGENCY_ENTER_PERCENT };
            let is_above = used > 0 && used.saturating_mul(100) >= limit.saturating_mul(percent);
            counters.emergencies[what.index()] += u64::from(is_above && !*is_short);
            *is_short = is_above;
        }
    }

    /// Moves the hand on, as far as it goes in so many ticks, once round at most.
    fn sweep(&mut self, ticks: u64, now: Nanos, handler: &mut dyn Handler) {
        let span = self.view.flows.span();
        let places = u64::from(span).div_ceil(SWEEP_TICKS).saturating_mul(ticks.min(SWEEP_TICKS));
        for _ in 0..places.min(u64::from(span)) {
            let place = if self.pressure.hand < span { self.pressure.hand } else { 0 };
            self.pressure.hand = place.saturating_add(1);
            self.sweep_flow(place, now, handler);
        }
    }

    fn sweep_flow(&mut self, index: u32, now: Nanos, handler: &mut dyn Handler) {
        let Some(flow) = self.view.flows.get(index) else { return };
        let is_swept = self.pressure.is_short_of(Shortage::Flows)
            || self.pressure.is_short_of(Shortage::HalfOpen) && flow.class == Class::HalfOpen;
        let is_silent = is_swept && flow.silence_deadline(&self.config.emergency) <= now;
        if is_silent {
            self.evict(index, Eviction::Silent, now, handler);
        } else if self.pressure.is_short_of(Shortage::Buffers) {
            self.give_up_waiting(index, now, handler);
        }
    }

    /// Gives up the holes of a flow that an earlier turn of the hand has met.
    fn give_up_waiting(&mut self, index: u32, now: Nanos, handler: &mut dyn Handler) {
        for direction in Direction::BOTH {
            let Some(flow) = self.view.flows.get_mut(index) else { return };
            if flow.stream_mut(direction).meets_hole_again() {
                self.counters.pressure.holes_given_up += 1;
                self.give_up(index, direction, GiveUp::Waiting, now, handler);
                if self.view.flows.get(index).is_some_and(Flow::is_over) {
                    // What was missing lay before the last FIN.
                    self.end_flow(index, EndReason::Closed, now, handler);
                }
                self.schedule(index);
            }
        }
    }
}
