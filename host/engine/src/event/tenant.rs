//! The events of one tenant: what it defined, and what its monitors and flows invoke of it.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{
    Change, DefinedEvents, EventKind, Forest, Forests, Hook, IForest, POLLED, Registration, interest_bit,
};
use crate::Refusal;
use crate::flow::{Attachment, Flow};
use crate::limits::DEFERRED_HANDLERS_PER_TENANT;

/// See the module.
#[derive(Debug, Default)]
pub struct TenantEvents {
    events: DefinedEvents,
    forests: Forests,
    monitors: Vec<MonitorEvents>,
    deferred: BTreeSet<u32>,
    /// Those of them with whose events bytes come.
    brings: BTreeSet<u32>,
    takes_bursts: bool,
}

#[derive(Clone, Copy, Debug)]
struct MonitorEvents {
    forest: u32,
    audience: Audience,
}

/// What a monitor listens to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// TCP flows.
    Stream,
    /// Packets, whatever they carry.
    Raw,
}

impl Audience {
    fn allows(self, kind: EventKind, hook: Hook) -> bool {
        match self {
            Self::Stream => kind.allows(hook),
            Self::Raw => (kind, hook) == (EventKind::PacketIn, Hook::None),
        }
    }
}

impl TenantEvents {
    /// Keys the hashes by which sets are found; see [`Forests::rekey`].
    pub(crate) fn rekey(&mut self, hasher: ahash::RandomState) {
        self.forests.rekey(hasher, &self.events);
    }

    /// Makes room for the registrations of one more monitor.
    pub(crate) fn add_monitor(&mut self, audience: Audience) -> Result<(), Refusal> {
        let forest = self.forests.hold_empty(&self.events)?;
        self.monitors.push(MonitorEvents { forest, audience });
        Ok(())
    }

    /// What is defined.
    #[must_use]
    pub const fn events(&self) -> &DefinedEvents {
        &self.events
    }

    /// What is defined, to add to it.
    pub(crate) const fn events_mut(&mut self) -> &mut DefinedEvents {
        &mut self.events
    }

    /// What is invoked.
    #[must_use]
    pub const fn forests(&self) -> &Forests {
        &self.forests
    }

    /// Handlers that are called at the end of the burst.
    #[must_use]
    pub const fn deferred(&self) -> &BTreeSet<u32> {
        &self.deferred
    }

    /// Whether bytes come with the events of a deferred handler, where many are told in one call.
    #[must_use]
    pub fn brings(&self, handler: u32) -> bool {
        self.brings.contains(&handler)
    }

    /// From now on they do.
    pub(crate) fn bring(&mut self, handler: u32) -> Result<(), Refusal> {
        if !self.deferred.contains(&handler) {
            return Err(Refusal::BadId);
        }
        self.brings.insert(handler);
        Ok(())
    }

    /// Whether deferred handlers are told of many events in one call.
    #[must_use]
    pub const fn takes_bursts(&self) -> bool {
        self.takes_bursts
    }

    /// From now on they are.
    pub(crate) const fn take_bursts(&mut self) {
        self.takes_bursts = true;
    }

    /// What new flows of a monitor invoke.
    #[must_use]
    pub fn of_monitor(&self, monitor: u32) -> Option<&Rc<IForest>> {
        self.forests.get(self.monitors.get(monitor as usize)?.forest)
    }

    /// The monitors in the order of their numbers: what each listens to, and what its new flows invoke.
    pub fn monitors(&self) -> impl Iterator<Item = (Audience, Option<&Rc<IForest>>)> {
        self.monitors.iter().map(|monitor| (monitor.audience, self.forests.get(monitor.forest)))
    }

    /// A flow begins: it invokes what its monitor does.
    pub(crate) fn inherit(&mut self, monitor: u8) -> u32 {
        let Some(monitor) = self.monitors.get(usize::from(monitor)) else { return NO_FOREST };
        self.forests.inherit(monitor.forest);
        monitor.forest
    }

    /// A flow ends, or its monitor wants no more of it.
    pub(crate) fn release(&mut self, forest: u32) {
        self.forests.release(forest);
    }

    /// What a flow invokes.
    pub(crate) fn get(&self, forest: u32) -> Option<&Rc<IForest>> {
        self.forests.get(forest)
    }

    /// What dispatch walks of it.
    pub(crate) fn forest<'f>(&self, set: &'f IForest) -> &'f Forest {
        set.forest(&self.events, &self.deferred)
    }

    /// From now on the handler is called at the end of the burst. Only before the first flow.
    pub(crate) fn defer(&mut self, handler: u32) -> Result<(), Refusal> {
        if self.deferred.len() >= DEFERRED_HANDLERS_PER_TENANT && !self.deferred.contains(&handler) {
            return Err(Refusal::TooMany);
        }
        self.deferred.insert(handler);
        Ok(())
    }

    /// Takes an event out of everything, with its subtree.
    pub(crate) fn undefine(&mut self, event: u32) -> Result<(), Refusal> {
        let gone = self.events.undefine(event)?;
        self.forests.forget(&gone, &self.events);
        Ok(())
    }

    /// Changes what future flows of a monitor invoke.
    pub(crate) fn change_monitor(&mut self, monitor: u32, change: Change) -> Result<(), Refusal> {
        let position = usize::try_from(monitor).map_err(|_| Refusal::BadId)?;
        let MonitorEvents { forest, audience } = *self.monitors.get(position).ok_or(Refusal::BadId)?;
        let forest = self.changed(forest, audience, change)?;
        if let Some(monitor) = self.monitors.get_mut(position) {
            monitor.forest = forest;
        }
        Ok(())
    }

    /// Changes what a flow invokes; gives the number of what it invokes then.
    pub(crate) fn change_flow(&mut self, forest: u32, change: Change) -> Result<u32, Refusal> {
        self.changed(forest, Audience::Stream, change)
    }

    fn changed(&mut self, forest: u32, audience: Audience, change: Change) -> Result<u32, Refusal> {
        for entry in [change.add, change.remove].into_iter().flatten() {
            let root = self.events.root_of(entry.event).ok_or(Refusal::BadId)?;
            if !audience.allows(root, entry.hook) {
                return Err(Refusal::BadHook);
            }
        }
        self.forests.change(forest, change, &self.events)
    }
}

impl Change {
    /// A handler for an event at a hook.
    #[must_use]
    pub const fn register(event: u32, hook: Hook, handler: u32) -> Self {
        Self { remove: None, add: Some(Registration { event, hook, handler }) }
    }

    /// It is called no more.
    #[must_use]
    pub const fn unregister(event: u32, hook: Hook, handler: u32) -> Self {
        Self { remove: Some(Registration { event, hook, handler }), add: None }
    }

    /// Another is called in its place.
    #[must_use]
    pub const fn replace(event: u32, hook: Hook, handler: u32, by: u32) -> Self {
        Self {
            remove: Some(Registration { event, hook, handler }),
            add: Some(Registration { event, hook, handler: by }),
        }
    }
}

/// Number of an i-forest that is not there: what a flow invokes that has ended.
pub(crate) const NO_FOREST: u32 = u32::MAX;

/// Events for which bytes are kept behind the readers, to compare retransmissions with.
pub(crate) const RETAINING: u32 =
    interest_bit(EventKind::Rexmit, Hook::Receiver) | interest_bit(EventKind::Conflict, Hook::Receiver);

/// What a flow invokes for one of its monitors.
pub(crate) fn set_of<'t>(tenants: &'t [TenantEvents], attachment: &Attachment) -> Option<&'t Rc<IForest>> {
    tenants.get(usize::from(attachment.tenant.0))?.get(attachment.forest)
}

/// The (kind, hook) pairs that some monitor of a flow wants to know of.
pub(crate) fn interest_of(tenants: &[TenantEvents], flow: &Flow) -> u32 {
    let wanted = |attachment: &Attachment| {
        let set = set_of(tenants, attachment).map_or(0, |set| set.interest());
        if attachment.polls { set | POLLED } else { set }
    };
    let monitors = flow.attachments.iter().filter(|attachment| !attachment.is_done());
    monitors.fold(0, |interest, attachment| interest | wanted(attachment))
}
