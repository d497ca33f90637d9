//! How flows end, and the run.

use super::Engine;
use super::streams::GiveUp;
use crate::event::{EventKind, Handler, Hook, Pass, Raised, TenantId};
use crate::flow::{EndReason, Slots};
use crate::view::Mode;
use crate::{Direction, Nanos};

impl Engine {
    /// Ends a flow: delivers what is left of its streams, then raises `conn-end`. It stays to absorb stragglers.
    pub(super) fn end_flow(&mut self, index: u32, reason: EndReason, now: Nanos, handler: &mut dyn Handler) {
        if self.view.flows.get(index).is_none_or(|flow| flow.end.is_some()) {
            return;
        }
        for direction in Direction::BOTH {
            self.infer_lost_fin(index, direction);
            if self.view.flows.get(index).is_some_and(|flow| flow.stream(direction).is_caught_up()) {
                // Nothing to give up: most flows end like that.
                self.complete_late(index, direction, now, handler);
            } else {
                self.give_up(index, direction, GiveUp::Everything, now, handler);
            }
        }
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        flow.end = Some(reason);
        if flow.marks.straying {
            let id = flow.id(index);
            self.forget_strays(id);
        }
        self.counters.ended[usize::from(reason.number())] += 1;
        let raised = [Raised { kind: EventKind::ConnEnd, offset: 0, length: 0, reason: reason.number() }];
        let pass = Pass {
            flow: Some(index),
            takers: &[],
            hook: Hook::None,
            side: None,
            direction: Direction::ToServer,
            time: now,
            state_left: 0,
            raised: &raised,
        };
        self.run(&pass, handler);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        flow.last = now;
        flow.deadline = Nanos::NEVER;
        if flow.is_pending {
            // Somebody is told of it at the end of the burst, and may read what is left then.
            self.view.later.held.push(flow.id(index));
        } else {
            self.release_streams(index);
        }
        self.schedule(index);
        self.settle_later_if_full(handler);
    }

    /// Gives back what a flow that has ended still holds.
    pub(super) fn release_streams(&mut self, index: u32) {
        self.release_tenants(index);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        flow.is_pending = false;
        flow.put_slots(Slots::default());
        for direction in Direction::BOTH {
            let stream = flow.stream_mut(direction);
            if stream.buffer.is_none() {
                continue;
            }
            let unanswered = stream.take_syn_data(&mut self.budget).len() as u64;
            let waiting = stream.release(&mut self.budget);
            let bytes = &mut self.counters.bytes;
            bytes.syn_data_waiting = bytes.syn_data_waiting.saturating_sub(unanswered);
            bytes.syn_data += unanswered;
            // Only bytes behind the sender's own FIN can be left.
            bytes.buffered = bytes.buffered.saturating_sub(waiting);
            bytes.after_fin += waiting;
        }
    }

    /// The receiver has acknowledged one number more than was seen, nothing came behind it, and it has closed: what was
    /// lost was the FIN. (That a byte and then the FIN were lost, and no more, cannot be told from it.)
    fn infer_lost_fin(&mut self, index: u32, direction: Direction) {
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let has_closed = flow.stack(direction.receiver()).has_sent_fin;
        let stream = flow.stream_mut(direction);
        if has_closed && stream.may_have_ended() {
            stream.set_fin(stream.highest());
        }
    }

    /// Takes a flow out of the table, which closes its record.
    pub(super) fn forget(&mut self, index: u32, handler: &mut dyn Handler) {
        self.settle_later_of(index, handler);
        self.write_record(index, handler);
        self.wheel.cancel(index);
        self.view.flows.remove(index);
    }

    /// The input has ended: every flow ends, in the order of the table. Timers that have not run out are not called.
    pub fn finish(&mut self, handler: &mut dyn Handler) {
        let now = self.view.clock;
        self.view.packet = None;
        self.begin_egress();
        self.finish_fragments();
        for index in self.view.flows.places().collect::<Vec<u32>>() {
            self.end_flow(index, EndReason::EndOfInput, now, handler);
            self.write_record(index, handler);
        }
        self.settle_later(handler);
        self.settle_egress();
    }

    /// Lets every tenant that has not faulted say its last words. Call it after [`Engine::finish`].
    pub fn stop(&mut self, handler: &mut dyn Handler) {
        for number in 0..self.tenants.len() {
            let Ok(tenant) = u16::try_from(number).map(TenantId) else { return };
            if !self.is_alive(tenant) {
                continue;
            }
            self.view.enter_outside(tenant, Mode::Stop);
            let result = handler.stop(tenant, &mut self.view);
            self.view.leave();
            if result.is_err() {
                self.view.take_back();
                self.detach(tenant);
            }
        }
        // All flows have ended: whatever was asked for was refused.
        self.count_refused_egress();
    }
}
