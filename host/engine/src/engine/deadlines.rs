//! Time passes: flows fall silent, holes are given up, timers run out.

use super::Engine;
use super::streams::GiveUp;
use crate::event::Handler;
use crate::flow::{EndReason, Flow};
use crate::tcp::{StateInput, step};
use crate::view::Mode;
use crate::{Direction, Nanos, Side};

impl Engine {
    /// Tells the engine that it is `now`, although no packet came.
    pub fn expire(&mut self, now: Nanos, handler: &mut dyn Handler) {
        self.begin_egress();
        self.pass_time(now.max(self.view.clock), handler);
        self.settle_later(handler);
        self.settle(None, handler);
        self.settle_egress();
    }

    /// Moves the clock to `now` and does what was due on the way.
    #[inline]
    pub(super) fn pass_time(&mut self, now: Nanos, handler: &mut dyn Handler) {
        let is_tick = self.wheel.is_behind(now);
        if is_tick {
            self.turn_wheel(now, handler);
        }
        if self.view.timers.is_due(now) {
            self.run_timers(now, handler);
        }
        if self.defrag.due() <= now {
            self.expire_fragments(now);
        }
        self.view.clock = self.view.clock.max(now);
        if is_tick {
            self.relieve(now, handler);
        }
    }

    /// Moves the wheel to the tick of `now`.
    fn turn_wheel(&mut self, now: Nanos, handler: &mut dyn Handler) {
        while self.wheel.is_behind(now) {
            // One tick at a time: an entry may come up before its flow's deadline, which moved, and others go first.
            let mut due = std::mem::take(&mut self.due);
            let reached = self.wheel.advance(now, &mut due);
            for index in due.drain(..) {
                self.run_timers_before(index, reached, handler);
                if let Some(flow) = self.view.flows.get_mut(index) {
                    flow.deadline = Nanos::NEVER;
                }
                self.settle_overdue(index, reached, handler);
                self.settle(None, handler);
                self.schedule(index);
            }
            self.due = due;
            self.run_timers(reached, handler);
        }
    }

    /// Calls the tenants whose timers run out before a flow does what is due at `reached`: whatever has a deadline
    /// happens in the order of deadlines, as exactly as the wheel tells ticks apart.
    fn run_timers_before(&mut self, index: u32, reached: Nanos, handler: &mut dyn Handler) {
        let Some(flow) = self.view.flows.get(index) else { return };
        let due = flow.due(&self.config.timeouts).min(reached);
        self.run_timers(Nanos(due.0.saturating_sub(1)), handler);
    }

    /// Calls the tenants whose timers have run out at `now`.
    fn run_timers(&mut self, now: Nanos, handler: &mut dyn Handler) {
        while let Some(timer) = self.view.timers.pop_due(now) {
            self.view.clock = self.view.clock.max(timer.deadline);
            self.take_back_all_loans();
            self.view.enter_outside(timer.tenant, Mode::Timer);
            let result =
                handler.timer(timer.tenant, timer.number, timer.argument, timer.deadline, &mut self.view);
            self.view.leave();
            if result.is_err() {
                self.view.take_back();
                self.detach(timer.tenant);
            }
            self.settle(None, handler);
        }
    }

    /// Does what is overdue for a flow at `now`, if anything can be: its entry in the wheel is never later than that.
    pub(super) fn settle_if_overdue(&mut self, index: u32, now: Nanos, handler: &mut dyn Handler) {
        if self.view.flows.get(index).is_some_and(|flow| flow.deadline <= now) {
            self.settle_overdue(index, now, handler);
        }
    }

    /// Does what is overdue for a flow at `now`, stamped with the deadline.
    fn settle_overdue(&mut self, index: u32, now: Nanos, handler: &mut dyn Handler) {
        // A flow has two streams and itself, so three rounds settle everything that can be due at once.
        for _ in 0..3 {
            let Some(flow) = self.view.flows.get(index) else { return };
            let due = flow.due(&self.config.timeouts);
            if due > now {
                return;
            }
            // No packet is current in what a deadline raises.
            let packet = self.view.packet.take();
            self.settle_deadline(index, due, handler);
            self.view.packet = packet;
        }
    }

    fn settle_deadline(&mut self, index: u32, due: Nanos, handler: &mut dyn Handler) {
        self.view.clock = self.view.clock.max(due);
        let Some(flow) = self.view.flows.get(index) else { return };
        let hole =
            Direction::BOTH.into_iter().find(|direction| flow.stream(*direction).gap_deadline() == due);
        if let Some(direction) = hole {
            self.give_up(index, direction, GiveUp::Awaited, due, handler);
            if self.view.flows.get(index).is_some_and(Flow::is_over) {
                // What was missing lay before the last FIN.
                self.end_flow(index, EndReason::Closed, due, handler);
            }
            return;
        }
        if flow.end.is_none() {
            self.time_out(index, due, handler);
        }
        self.forget(index, handler);
    }

    /// A flow was silent for too long.
    fn time_out(&mut self, index: u32, due: Nanos, handler: &mut dyn Handler) {
        for side in Side::BOTH {
            let Some(flow) = self.view.flows.get_mut(index) else { return };
            let Some(left) = step(flow.stack_mut(side), Some(StateInput::Timeout)) else { continue };
            self.raise_state_change(index, side.other().sends(), left, due, handler);
        }
        self.end_flow(index, EndReason::Timeout, due, handler);
    }

    /// Sets the flow's place in the wheel, and what it is worth when room is needed.
    pub(super) fn schedule(&mut self, index: u32) {
        self.view.flows.classify(index);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let due = flow.due(&self.config.timeouts);
        // A later deadline waits until the earlier entry comes up: a busy flow does not touch the wheel.
        if due < flow.deadline {
            flow.deadline = due;
            self.wheel.set(index, due);
        }
    }
}
