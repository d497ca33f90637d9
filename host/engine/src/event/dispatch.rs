//! Calling the handlers of what happened: one pass for a packet and a hook.
//!
//! Monitors run in chain order, reversed for packets to the client. Within a monitor the events run in the order of
//! their kinds; below each, the walk along the forest: a node's handlers, then its children; a filter that says no
//! skips the subtree. Nothing that a handler changes shows before the next pass.

use super::{
    EventCall, EventKind, Faulted, Forest, Handler, Hook, Monitor, Monitors, Place, TenantId, interest_bit,
};
use crate::view::{Mode, View};
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
    /// Place of the flow; `None` for orphans, which go to every monitor.
    pub(crate) flow: Option<u32>,
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

/// Verdict bit that drops the packet.
const VERDICT_DROP: u32 = 1;

impl Pass<'_> {
    /// The (kind, hook) pairs that happened.
    fn interest(&self) -> u32 {
        self.raised.iter().fold(0, |bits, raised| bits | interest_bit(raised.kind, self.hook))
    }

    /// Whether any handler may want to know: most packets end here.
    #[inline]
    pub(crate) fn concerns(&self, view: &View, monitors: &Monitors) -> bool {
        match self.flow {
            Some(index) => view.flows.get(index).is_some_and(|flow| flow.interest & self.interest() != 0),
            None => monitors.any_interest(self.interest()),
        }
    }

    /// Runs the pass, one that [concerns](Pass::concerns) somebody.
    pub(crate) fn run(
        &self,
        view: &mut Box<View>,
        monitors: &Monitors,
        handler: &mut dyn Handler,
        wishes: &mut Wishes,
    ) {
        let Some(index) = self.flow else {
            let base = self.base(view, 0, false);
            for number in 0..=u16::MAX {
                let Some(monitor) = monitors.get(number) else { break };
                self.visit(monitor, None, base, view, handler, wishes);
            }
            return;
        };
        let Some(flow) = view.flows.get(index) else { return };
        let base = self.base(view, flow.id(index).number(), flow.is_partial());
        let count = flow.attachments.len();
        for step in 0..count {
            let position = if self.direction == Direction::ToClient { count - 1 - step } else { step };
            let attachment = view.flows.get(index).and_then(|flow| flow.attachments.get(position)).copied();
            let Some(attachment) = attachment.filter(|attachment| attachment.hears(self.side)) else {
                continue;
            };
            let Some(monitor) = monitors.get(attachment.monitor) else { continue };
            self.visit(monitor, Some((index, position)), base, view, handler, wishes);
        }
    }

    /// Runs the pass for one monitor, if it wants any of what happened.
    fn visit(
        &self,
        monitor: &Monitor,
        flow: Option<(u32, usize)>,
        base: EventCall,
        view: &mut Box<View>,
        handler: &mut dyn Handler,
        wishes: &mut Wishes,
    ) {
        let is_wanted = monitor.forest.interest() & self.interest() != 0;
        if !monitor.is_alive || !is_wanted || wishes.faulted.contains(&monitor.tenant) {
            return;
        }
        view.enter(monitor.tenant, flow);
        if self.run_monitor(monitor, base, view, handler, wishes).is_err() {
            wishes.faulted.push(monitor.tenant);
        }
        view.leave();
    }

    /// What all calls of this pass have in common.
    fn base(&self, view: &View, flow: u64, is_partial: bool) -> EventCall {
        let place = Place::new(self.hook, self.side, self.direction).with_partial(is_partial);
        let mut call = EventCall { flow, time: self.time.0, place: place.0, ..EventCall::default() };
        view.describe(self.flow, &mut call);
        call.states |= u32::from(self.state_left) << 16;
        call
    }

    fn run_monitor(
        &self,
        monitor: &Monitor,
        base: EventCall,
        view: &mut Box<View>,
        handler: &mut dyn Handler,
        wishes: &mut Wishes,
    ) -> Result<(), Faulted> {
        for raised in self.raised {
            let (from, until) = monitor.forest.tree(raised.kind, self.hook);
            if from == until {
                continue;
            }
            let Some((offset, length)) = view.shown(raised, self.direction) else { continue };
            let call = EventCall {
                kind: raised.kind.number(),
                place: Place(base.place).with_reason(raised.reason).0,
                offset,
                length,
                ..base
            };
            walk(&monitor.forest, monitor.tenant, (from, until), call, view, handler, wishes)?;
        }
        Ok(())
    }
}

/// Walks one tree of a forest.
fn walk(
    forest: &Forest,
    tenant: TenantId,
    (from, until): (u32, u32),
    call: EventCall,
    view: &mut Box<View>,
    handler: &mut dyn Handler,
    wishes: &mut Wishes,
) -> Result<(), Faulted> {
    let mut call = call;
    let mut number = from;
    while let Some(node) = (number < until).then(|| forest.node(number)).flatten() {
        call.argument = node.argument;
        if let Some(filter) = node.filter {
            call.id = filter;
            view.refresh(Mode::Filter, &mut call);
            if !handler.filter(tenant, &call, view)? {
                number = node.subtree_end;
                continue;
            }
        }
        for id in forest.handlers(node) {
            call.id = *id;
            view.refresh(Mode::Callback, &mut call);
            wishes.callbacks += 1;
            let verdict = handler.callback(tenant, &call, view)?;
            if verdict & VERDICT_DROP != 0 {
                wishes.drop.get_or_insert(tenant);
            }
        }
        number += 1;
    }
    Ok(())
}
