//! Calling the handlers of what happened: one pass for a packet and a hook.
//!
//! Monitors run in chain order, reversed for packets to the client. Within a monitor the events run in the order of
//! their kinds; below each, the walk along the forest ([`walk`](super::walk)). What each monitor invokes is fixed
//! before the first of them is called: nothing that a handler changes shows before the next pass.

use std::rc::Rc;

use smallvec::SmallVec;

use super::walk::Walk;
use super::{
    EventCall, EventKind, Faulted, Handler, Hook, IForest, Monitors, POLLED, Place, TenantId, set_of,
};
use crate::flow::Flow;
use crate::view::View;
use crate::{Direction, Nanos, Side};

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raised {
    /// What.
    pub(crate) kind: EventKind,
    /// Where in the stream.
    pub(crate) offset: u64,
    /// How many bytes it is about.
    pub(crate) length: u32,
    /// Why, if the kind has reasons; else 0.
    pub(crate) reason: u8,
}

/// One pass over the monitors of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass<'a> {
    /// Place of the flow; `None` for what belongs to none.
    pub(crate) flow: Option<u32>,
    /// Monitors that see what belongs to no flow.
    pub(crate) takers: &'a [u16],
    /// The hook.
    pub(crate) hook: Hook,
    /// The side whose stack the hook belongs to.
    pub(crate) side: Option<Side>,
    /// Direction of the packet or stream.
    pub(crate) direction: Direction,
    /// When.
    pub(crate) time: Nanos,
    /// State that the side's stack left, where `raised` holds a state change.
    pub(crate) state_left: u8,
    /// What happened, in the order of kinds.
    pub(crate) raised: &'a [Raised],
}

/// What a pass asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// A handler wants the packet dropped; with the tenant.
    pub(crate) drop: Option<TenantId>,
    /// Tenants that could not go on.
    pub(crate) faulted: Vec<TenantId>,
    /// Handlers called.
    pub(crate) callbacks: u64,
}

/// A monitor that a pass comes to.
struct Visit {
    tenant: TenantId,
    /// Place of the flow, and of the monitor among those of the flow.
    flow: Option<(u32, usize)>,
    set: Rc<IForest>,
}

impl Pass<'_> {
    /// Runs the pass; `interest` says which (kind, hook) pairs happened.
    pub(crate) fn run(
        &self,
        interest: u32,
        view: &mut Box<View>,
        monitors: &Monitors,
        handler: &mut dyn Handler,
        wishes: &mut Wishes,
    ) {
        let flow = self.flow.and_then(|index| Some((index, view.flows.get(index)?)));
        let mut call = EventCall::default();
        self.base(view, flow, &mut call);
        match self.flow {
            // Most flows have one monitor: nothing to put in order, and no list of them.
            Some(index) if view.flows.get(index).is_some_and(|flow| flow.attachments.len() == 1) => {
                if let Some(visit) = self.visit_of(view, index, 0, interest) {
                    self.visit(&visit, &mut call, view, handler, wishes);
                }
            }
            _ => {
                for visit in self.visits(view, monitors, interest) {
                    self.visit(&visit, &mut call, view, handler, wishes);
                }
            }
        }
        if let Some(index) = self.flow.filter(|_| interest & POLLED != 0) {
            view.list_polled(index, self.hook, self.raised, self.direction);
        }
    }

    /// The monitors that the pass comes to, in order. What is walked for each is made here, not when its turn comes: an
    /// event that a handler of another monitor undefines is still there until the pass is over.
    fn visits(&self, view: &View, monitors: &Monitors, interest: u32) -> SmallVec<[Visit; 4]> {
        let events = |tenant: TenantId| view.tenants.get(usize::from(tenant.0));
        let Some(index) = self.flow else {
            let takers = self.takers.iter().filter_map(|number| monitors.get(*number));
            let visits = takers.filter_map(|monitor| {
                let events = events(monitor.tenant)?;
                let set = Rc::clone(events.of_monitor(monitor.number.into())?);
                events.forest(&set);
                Some(Visit { tenant: monitor.tenant, flow: None, set })
            });
            return visits.collect();
        };
        let count = view.flows.get(index).map_or(0, |flow| flow.attachments.len());
        let visits = (0..count).filter_map(|position| {
            let visit = self.visit_of(view, index, position, interest)?;
            events(visit.tenant)?.forest(&visit.set);
            Some(visit)
        });
        let mut visits: SmallVec<[Visit; 4]> = visits.collect();
        if self.direction == Direction::ToClient {
            visits.reverse();
        }
        visits
    }

    /// How the pass comes to one of the monitors of a flow, if that wants any of what happened.
    #[inline]
    fn visit_of(&self, view: &View, index: u32, position: usize, interest: u32) -> Option<Visit> {
        let attachment = view.flows.get(index)?.attachments.get(position)?;
        let set = set_of(&view.tenants, attachment)?;
        let is_wanted = set.interest() & interest != 0 && attachment.hears(self.side);
        is_wanted.then(|| Visit {
            tenant: attachment.tenant,
            flow: Some((index, position)),
            set: Rc::clone(set),
        })
    }

    /// Runs the pass for one monitor.
    fn visit(
        &self,
        visit: &Visit,
        call: &mut EventCall,
        view: &mut Box<View>,
        handler: &mut dyn Handler,
        wishes: &mut Wishes,
    ) {
        if wishes.faulted.contains(&visit.tenant) {
            return;
        }
        view.enter(visit.tenant, visit.flow);
        if self.run_monitor(visit, call, view, handler, wishes).is_err() {
            view.take_back();
            wishes.faulted.push(visit.tenant);
        }
        view.leave();
    }

    /// Fills in what all calls of this pass have in common.
    #[inline(always)]
    pub(super) fn base(&self, view: &View, flow: Option<(u32, &Flow)>, call: &mut EventCall) {
        let mut place = Place::new(self.hook, self.side, self.direction);
        call.time = self.time.0;
        if let Some((index, flow)) = flow {
            place = place.with_partial(flow.is_partial());
            call.describe(index, flow);
        }
        call.place = place.0;
        if let Some(packet) = &view.packet {
            packet.describe(flow.map(|(_, flow)| flow), call);
        }
        call.states |= u32::from(self.state_left) << 16;
    }

    fn run_monitor(
        &self,
        visit: &Visit,
        call: &mut EventCall,
        view: &mut Box<View>,
        handler: &mut dyn Handler,
        wishes: &mut Wishes,
    ) -> Result<(), Faulted> {
        let Some(events) = view.tenants.get(usize::from(visit.tenant.0)) else { return Ok(()) };
        let forest = events.forest(&visit.set);
        let place = Place(call.place).without_reason();
        for raised in self.raised {
            let (from, until) = forest.tree(raised.kind, self.hook);
            if from == until {
                continue;
            }
            let Some((offset, length)) = view.shown(raised, self.direction) else { continue };
            // The walk and each call of a handler fill in the rest.
            call.kind = raised.kind.number();
            call.place = place.with_reason(raised.reason).0;
            (call.offset, call.length) = (offset, length);
            Walk { forest, tenant: visit.tenant, view, handler, wishes }.run(from, call)?;
        }
        Ok(())
    }
}
