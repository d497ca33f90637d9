//! Deferred handlers of tenants that are told of many events in one call.

use super::Engine;
use crate::event::{EventBurst, Handler, TenantId};
use crate::view::{Mode, PutOff, PutOffs};

impl Engine {
    /// Tells a tenant of what was put off for it, in as few calls as it takes.
    pub(super) fn run_bursts(
        &mut self,
        tenant: TenantId,
        calls: &[PutOff],
        all: &PutOffs,
        handler: &mut dyn Handler,
    ) {
        let mut burst = std::mem::take(&mut self.view.later.burst);
        let mut rest = calls;
        while !rest.is_empty() && self.is_alive(tenant) {
            burst.clear();
            let gathered = self.view.gather(tenant, rest, &mut burst);
            let (told, left) = rest.split_at(gathered.clamp(1, rest.len()));
            if !burst.is_empty() {
                self.tell_burst(tenant, told, all, &mut burst, handler);
            }
            rest = left;
        }
        self.view.later.burst = burst;
    }

    fn tell_burst(
        &mut self,
        tenant: TenantId,
        told: &[PutOff],
        all: &PutOffs,
        burst: &mut EventBurst,
        handler: &mut dyn Handler,
    ) {
        self.counters.callbacks += self.view.at_hand.len() as u64;
        // The tenant may select any flow.
        self.take_back_all_loans();
        self.view.enter_outside(tenant, Mode::Burst);
        let started = self.view.profile.is_some().then(|| handler.ticks());
        let answer = handler.burst(tenant, burst, &mut self.view);
        self.view.leave_put_off();
        let at_hand = std::mem::take(&mut self.view.at_hand);
        if let (Some(started), Some(profile), true) = (started, self.view.profile.as_mut(), answer.is_ok()) {
            let ticks = handler.ticks().saturating_sub(started);
            profile.told(tenant, at_hand.iter().map(|event| event.event), ticks);
        }
        match answer {
            Ok(verdicts) => {
                let dropped = at_hand.iter().enumerate().filter(|(bit, _)| verdicts >> bit & 1 != 0);
                for put_off in dropped.filter_map(|(_, event)| told.get(event.place)) {
                    all.slots(put_off.packets).for_each(|slot| self.drop_slot(tenant, Some(slot)));
                }
            }
            Err(_) => {
                self.view.take_back();
                self.detach(tenant);
            }
        }
        for (index, _) in at_hand.iter().filter_map(|event| event.flow) {
            self.settle_read(index);
        }
        self.view.at_hand = at_hand;
    }
}
