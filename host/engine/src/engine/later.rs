//! The end of a burst: deferred handlers are called, and tenants that poll are told which flows are ready.
//!
//! What a flow that has ended still holds is kept until then, so that the last bytes can be read.

use super::Engine;
use crate::event::{Handler, TenantEvents, TenantId, VERDICT_DROP, call_handler};
use crate::flow::{FlowId, Ready};
use crate::limits::{PUT_OFF_PER_BURST, READY_PER_CALL};
use crate::view::{ENDED, Listed, Mode, PutOff, PutOffs};

impl Engine {
    /// Does what was put off until the end of the burst.
    pub(super) fn settle_later(&mut self, handler: &mut dyn Handler) {
        if self.view.later.is_empty() {
            return;
        }
        self.settle_resets();
        self.view.egress.step(self.view.egress.after);
        // No packet is current, also where a flow must go in the middle of a burst.
        let (packet, loan) = (self.view.packet.take(), self.view.loan.take());
        self.run_put_off(handler);
        self.take_back_all_loans();
        self.run_ready(handler);
        (self.view.packet, self.view.loan) = (packet, loan);
        let mut held = std::mem::take(&mut self.view.later.held);
        for id in held.drain(..) {
            if let Some(index) = self.view.flows.resolve(id) {
                self.release_streams(index);
            }
        }
        if self.view.later.held.is_empty() {
            self.view.later.held = held;
        }
    }

    /// As [`Engine::settle_later`], if so much waits that it takes too much room.
    pub(super) fn settle_later_if_full(&mut self, handler: &mut dyn Handler) {
        if self.view.later.put_off.calls.len() >= PUT_OFF_PER_BURST
            || self.view.later.held.len() >= PUT_OFF_PER_BURST
        {
            self.settle_later(handler);
        }
    }

    /// Whether something waits for a flow that is about to be forgotten.
    pub(super) fn settle_later_of(&mut self, index: u32, handler: &mut dyn Handler) {
        if self.view.flows.get(index).is_some_and(|flow| flow.is_pending) {
            self.settle_later(handler);
        }
    }

    fn run_put_off(&mut self, handler: &mut dyn Handler) {
        let mut put_off = self.view.later.take_calls();
        put_off.group();
        for calls in put_off.calls.chunk_by(|one, next| one.tenant == next.tenant) {
            let Some(tenant) = calls.first().map(|call| call.tenant) else { continue };
            let events = self.view.tenants.get(usize::from(tenant.0));
            if events.is_some_and(TenantEvents::takes_bursts) {
                self.run_bursts(tenant, calls, &put_off, handler);
                continue;
            }
            for call in calls {
                if self.is_alive(tenant) {
                    self.run_one_put_off(call, &put_off, handler);
                }
            }
        }
        self.view.later.give_back(put_off);
    }

    fn run_one_put_off(&mut self, put_off: &PutOff, all: &PutOffs, handler: &mut dyn Handler) {
        let PutOff { tenant, position, mut call, packets, .. } = *put_off;
        let mut flow = None;
        if let Some(id) = FlowId::from_number(call.flow) {
            // What has gone in the middle of the burst was told then.
            let Some(index) = self.view.flows.resolve(id) else { return };
            flow = Some((index, position));
        }
        if let Some((index, _)) = flow {
            self.take_back_loans(index);
        }
        if !self.view.enter_put_off(tenant, flow, &mut call) {
            return;
        }
        self.counters.callbacks += 1;
        let answer = call_handler(tenant, &call, &mut self.view, handler);
        self.view.leave_put_off();
        match answer {
            Ok(verdict) if verdict & VERDICT_DROP != 0 => {
                all.slots(packets).for_each(|slot| self.drop_slot(tenant, Some(slot)));
            }
            Ok(_) => {}
            Err(_) => {
                self.view.take_back();
                self.detach(tenant);
            }
        }
        if let Some((index, _)) = flow {
            self.settle_read(index);
        }
    }

    /// Bytes may have been read of a flow outside of its packets.
    pub(super) fn settle_read(&mut self, index: u32) {
        for direction in crate::Direction::BOTH {
            // Nothing is left to be kept or forgotten of most streams.
            if self.view.flows.get(index).is_some_and(|flow| !flow.has_read_all(direction)) {
                self.settle_stream(index, direction);
            }
        }
    }

    /// Tells the tenants that poll about their flows: about each to which something happened, and about some of those
    /// that were left unread before.
    fn run_ready(&mut self, handler: &mut dyn Handler) {
        for number in 0..self.view.later.ready.len() {
            let Ok(tenant) = u16::try_from(number).map(TenantId) else { return };
            let mut again = Vec::new();
            while let Some(listed) = self.next_listed(number, &mut again) {
                if self.is_alive(tenant) {
                    self.tell_ready(tenant, &listed, handler);
                }
            }
            if let Some(queues) = self.view.later.ready.get_mut(number) {
                queues.unread.extend(again);
            }
        }
    }

    /// The next flows to be told in one call; those that may still be unread afterwards go to `again`.
    fn next_listed(&mut self, tenant: usize, again: &mut Vec<Listed>) -> Option<Vec<(Listed, u64)>> {
        let mut batch: Vec<(Listed, u64)> = Vec::new();
        while batch.len() < READY_PER_CALL {
            let queues = self.view.later.ready.get_mut(tenant)?;
            let next = match queues.fresh.pop_front() {
                None if again.len() < READY_PER_CALL => queues.unread.pop_front(),
                fresh => fresh,
            };
            let Some(listed) = next else { break };
            let flags = self.view.readiness(listed);
            let Some(attachment) = self.view.listed_mut(listed) else { continue };
            match flags {
                _ if attachment.ready.contains(Ready::ON_ITS_WAY) => {}
                Some(flags) => {
                    attachment.ready.insert(Ready::ON_ITS_WAY);
                    batch.push((listed, flags));
                    again.push(listed);
                }
                None => attachment.ready = Ready::default(),
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn tell_ready(&mut self, tenant: TenantId, batch: &[(Listed, u64)], handler: &mut dyn Handler) {
        let mut list = Vec::with_capacity(batch.len().saturating_mul(2));
        for (listed, flags) in batch {
            let index = self.view.flows.resolve(listed.flow);
            let attachment =
                index.and_then(|index| self.view.flows.get(index)?.attachments.get(listed.position));
            let number = attachment.map_or(0, |attachment| u64::from(attachment.number));
            list.extend([listed.flow.number(), flags | number << 32]);
        }
        self.view.enter_outside(tenant, Mode::Ready);
        let answer = handler.ready(tenant, &list, &mut self.view);
        self.view.leave();
        if answer.is_err() {
            self.view.take_back();
            self.detach(tenant);
        }
        for (listed, flags) in batch {
            if let Some(attachment) = self.view.listed_mut(*listed) {
                attachment.ready.remove(Ready::NEW);
                attachment.ready.remove(Ready::ON_ITS_WAY);
                if flags & ENDED != 0 {
                    attachment.ready = Ready::default();
                }
            }
            if let Some(index) = self.view.flows.resolve(listed.flow) {
                self.settle_read(index);
            }
        }
    }
}
