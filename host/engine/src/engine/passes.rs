//! What happened, to who wants to know it, and what they ask for in return.

use super::Engine;
use crate::event::{
    EventCall, Faulted, Handler, Hook, Pass, Raised, Sole, TenantId, VERDICT_DROP, Wishes, interest_bit,
};
use crate::packet::Verdict;

impl Engine {
    /// Runs a pass and does what its handlers asked for.
    pub(super) fn run(&mut self, pass: &Pass<'_>, handler: &mut dyn Handler) {
        self.run_here(pass, handler);
    }

    /// As [`Engine::run`], as part of the function that calls it: what that knows of the pass is not looked at again.
    #[inline(always)]
    pub(super) fn run_here(&mut self, pass: &Pass<'_>, handler: &mut dyn Handler) {
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
            Some(flow) if flow.interest & interest != 0 => {
                let mut call = EventCall::default();
                match pass.sole(&self.view, (index, flow), interest, &mut call) {
                    Some(sole) if !sole.is_deferred && self.view.later.lent.is_empty() => {
                        self.run_sole(pass, &sole, &call, handler);
                    }
                    sole => {
                        // A copy: a pass that is lent to others would have to be in memory on the short way too.
                        let whole = *pass;
                        self.run_otherwise(&whole, index, interest, sole, &call, handler);
                    }
                }
            }
            // Nobody wants to know: most packets end here.
            Some(_) | None => {}
        }
    }

    /// Runs a pass of a flow whose handler is called later, that has several, or of which bytes are lent.
    #[inline(never)]
    fn run_otherwise(
        &mut self,
        pass: &Pass<'_>,
        index: u32,
        interest: u32,
        sole: Option<Sole>,
        call: &EventCall,
        handler: &mut dyn Handler,
    ) {
        if let Some(sole) = sole.as_ref().filter(|sole| sole.is_deferred) {
            return pass.put_off_sole(sole, call, &mut self.view);
        }
        // With loans taken back more is readable than the call says.
        let is_more_readable = self.take_back_loans(index);
        match &sole {
            Some(sole) if !is_more_readable => self.run_sole(pass, sole, call, handler),
            Some(_) | None => self.run_whole(pass, interest, handler),
        }
    }

    /// Counts what has happened; gives the bit of what handlers want to know it.
    #[inline(always)]
    fn count_raised(&mut self, raised: &Raised, hook: Hook) -> u32 {
        self.counters.events[raised.kind.index()] += 1;
        interest_bit(raised.kind, hook)
    }

    /// Runs a pass that calls one handler.
    #[inline(always)]
    fn run_sole(&mut self, pass: &Pass<'_>, sole: &Sole, call: &EventCall, handler: &mut dyn Handler) {
        self.counters.callbacks += 1;
        match pass.call_sole(sole, call, &mut self.view, handler) {
            Ok(verdict) if verdict & VERDICT_DROP != 0 => self.drop_packet(sole.tenant),
            Ok(_) => {}
            Err(Faulted) => self.detach(sole.tenant),
        }
    }

    #[inline(never)]
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
