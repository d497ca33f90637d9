//! What happened, to who wants to know it, and what they ask for in return.

use super::Engine;
use crate::event::{
    EventCall, Faulted, Handler, Hook, Pass, Raised, Sole, TenantId, VERDICT_DROP, Wishes, interest_bit,
};
use crate::packet::Verdict;

impl Engine {
    /// Runs a pass and does what its handlers asked for.
    #[inline]
    pub(super) fn run(&mut self, pass: &Pass<'_>, handler: &mut dyn Handler) {
        let interest = match pass.raised {
            [only] => self.count_raised(only, pass.hook),
            several => several.iter().fold(0, |bits, raised| bits | self.count_raised(raised, pass.hook)),
        };
        let Some(index) = pass.flow else {
            if !pass.takers.is_empty() {
                self.run_whole(pass, interest, handler);
            }
            return;
        };
        match self.view.flows.get(index) {
            Some(flow) if flow.interest & interest != 0 => self.run_heard(pass, index, interest, handler),
            // Nobody wants to know: most packets end here.
            Some(_) | None => {}
        }
    }

    /// Runs a pass of a flow of which somebody wants to know.
    #[inline]
    fn run_heard(&mut self, pass: &Pass<'_>, index: u32, interest: u32, handler: &mut dyn Handler) {
        let mut call = EventCall::default();
        let mut sole = self.sole(pass, index, interest, &mut call);
        if let Some(sole) = sole.as_ref().filter(|sole| sole.is_deferred) {
            return pass.put_off_sole(sole, &call, &mut self.view);
        }
        if self.take_back_loans(index) {
            // More is readable than was.
            call = EventCall::default();
            sole = self.sole(pass, index, interest, &mut call);
        }
        match sole {
            Some(sole) => self.run_sole(pass, &sole, &call, handler),
            None => self.run_whole(pass, interest, handler),
        }
    }

    /// The only monitor that a pass of a flow comes to; see [`Pass::sole`].
    #[inline]
    fn sole(&self, pass: &Pass<'_>, index: u32, interest: u32, call: &mut EventCall) -> Option<Sole> {
        pass.sole(&self.view, (index, self.view.flows.get(index)?), interest, call)
    }

    /// Counts what has happened; gives the bit of what handlers want to know it.
    #[inline]
    fn count_raised(&mut self, raised: &Raised, hook: Hook) -> u32 {
        self.counters.events[raised.kind.index()] += 1;
        interest_bit(raised.kind, hook)
    }

    /// Runs a pass that calls one handler.
    #[inline]
    fn run_sole(&mut self, pass: &Pass<'_>, sole: &Sole, call: &EventCall, handler: &mut dyn Handler) {
        self.counters.callbacks += 1;
        match pass.call_sole(sole, call, &mut self.view, handler) {
            Ok(verdict) if verdict & VERDICT_DROP != 0 => self.drop_packet(sole.tenant),
            Ok(_) => {}
            Err(Faulted) => self.detach(sole.tenant),
        }
    }

    fn run_whole(&mut self, pass: &Pass<'_>, interest: u32, handler: &mut dyn Handler) {
        let mut wishes = Wishes::default();
        pass.run(interest, &mut self.view, &self.monitors, handler, &mut wishes);
        self.counters.callbacks += wishes.callbacks;
        if let Some(tenant) = wishes.drop {
            self.drop_packet(tenant);
        }
        for tenant in wishes.faulted {
            self.detach(tenant);
        }
    }

    fn drop_packet(&mut self, tenant: TenantId) {
        self.drop_slot(tenant, self.view.packet.as_ref().map(|packet| packet.slot));
    }

    pub(super) fn drop_slot(&mut self, tenant: TenantId, slot: Option<usize>) {
        let may_drop = self.view.egress.grants(tenant).drop;
        match slot.and_then(|slot| self.verdicts.get_mut(slot)) {
            Some(verdict) if may_drop => {
                if *verdict == Verdict::Pass {
                    self.counters.dropped += 1;
                }
                *verdict = Verdict::Drop;
            }
            Some(_) | None => self.counters.drops_refused += 1,
        }
    }
}
