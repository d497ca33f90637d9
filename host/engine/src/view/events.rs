//! Events: what a guest defines, registers and raises while it runs.

use super::{Mode, View};
use crate::Refusal;
use crate::event::{Change, EventFilter, RETAINING, TenantEvents, interest_of};
use crate::flow::Kib;
use crate::limits::RAISED_PER_EVENT;

impl View {
    /// Defines an event; see [`DefinedEvents::define`](crate::event::DefinedEvents::define).
    ///
    /// # Errors
    ///
    /// As there, and [`Refusal::NotAllowed`] in a filter.
    pub fn define(
        &mut self,
        name: &str,
        parent: u32,
        filter: EventFilter,
        argument: &[u8],
    ) -> Result<u32, Refusal> {
        self.events_to_change()?.events_mut().define(name, parent, filter, argument)
    }

    /// Takes an event out, with its subtree and all registrations for it, of every flow.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`], [`Refusal::NotAllowed`] in a filter.
    pub fn undefine(&mut self, event: u32) -> Result<(), Refusal> {
        self.events_to_change()?.undefine(event)
    }

    /// Lets an event happen that only happens when it is raised: once for the event at hand, after what is defined
    /// below its parent. Raising it twice is as good as once.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] outside of filters and handlers of events, [`Refusal::BadId`] for an event that happens
    /// by itself, or whose parent is neither the event at hand nor one that led to it, [`Refusal::TooMany`].
    pub fn raise(&mut self, event: u32) -> Result<(), Refusal> {
        if !matches!(self.current.mode, Mode::Filter | Mode::Callback) {
            return Err(Refusal::NotAllowed);
        }
        let events = self.events().ok_or(Refusal::NotAllowed)?.events();
        let user = events.get(event).filter(|user| matches!(user.filter, EventFilter::Raised));
        let parent = user.ok_or(Refusal::BadId)?.parent;
        if !events.descends(self.current.event, parent) {
            return Err(Refusal::BadId);
        }
        if self.raised.contains(&event) {
            return Ok(());
        }
        if self.raised.len() >= RAISED_PER_EVENT {
            return Err(Refusal::TooMany);
        }
        self.raised.push(event);
        Ok(())
    }

    /// The argument of the user-defined event at hand, whole; empty for a built-in event.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] where no event is at hand, [`Refusal::BadId`] if it was undefined meanwhile.
    pub fn argument(&self) -> Result<&[u8], Refusal> {
        let event = self.current.event;
        if event == 0 {
            return Err(Refusal::NotAllowed);
        }
        let events = self.events().ok_or(Refusal::NotAllowed)?.events();
        match events.get(event) {
            Some(user) => Ok(&user.argument),
            None if events.root_of(event).is_some() => Ok(&[]),
            None => Err(Refusal::BadId),
        }
    }

    /// Changes what future flows of one of the tenant's monitors invoke.
    ///
    /// # Errors
    ///
    /// As [`Definitions::change`](crate::event::Definitions::change), and [`Refusal::NotAllowed`] in a filter.
    pub fn change_monitor(&mut self, monitor: u32, change: Change) -> Result<(), Refusal> {
        self.events_to_change()?.change_monitor(monitor, change)
    }

    /// Changes what the current flow invokes for the current monitor, from the next pass on.
    ///
    /// # Errors
    ///
    /// As [`View::change_monitor`], and [`Refusal::NoFlow`] if none is current or it has ended.
    pub fn change_flow(&mut self, change: Change) -> Result<(), Refusal> {
        self.may_change()?;
        let (index, _) = self.current.flow.ok_or(Refusal::NoFlow)?;
        let attachment = self.attachment().ok_or(Refusal::NoFlow)?;
        if self.flow()?.end.is_some() || attachment.is_done() {
            return Err(Refusal::NoFlow);
        }
        let invoked = attachment.forest;
        let before = self.keeping(invoked);
        let forest = self.events_to_change()?.change_flow(invoked, change)?;
        let after = self.keeping(forest);
        let attachment = self.attachment_to_change()?;
        attachment.forest = forest;
        // Retransmissions are compared with what is kept behind the reader, unless it said how much that is.
        for retain in &mut attachment.retains {
            match (after.0, *retain) {
                (true, Kib::NONE) => *retain = Kib::OPERATORS,
                (false, Kib::OPERATORS) => *retain = Kib::NONE,
                _ => {}
            }
        }
        if let Some(flow) = self.flows.get_mut(index) {
            flow.interest = interest_of(&self.tenants, flow);
        }
        // Else the streams are kept as they were.
        if before != after {
            self.note_change();
        }
        Ok(())
    }

    /// Whether a set of the tenant that is called has retransmissions compared, and whether its filters look at
    /// stretches of streams: what bytes are kept for.
    fn keeping(&self, forest: u32) -> (bool, bool) {
        let set = self.events().and_then(|events| events.get(forest));
        set.map_or((false, false), |set| (set.interest() & RETAINING != 0, set.has_patterns()))
    }

    /// What has been raised in the walk at hand.
    pub(crate) fn raised(&self, position: usize) -> Option<u32> {
        self.raised.get(position).copied()
    }

    /// A walk begins.
    #[inline]
    pub(crate) fn forget_raised(&mut self) {
        self.raised.clear();
    }

    /// The events of the tenant that is called.
    pub(super) fn events(&self) -> Option<&TenantEvents> {
        self.tenants.get(usize::from(self.current.tenant.0)).filter(|_| self.current.mode != Mode::Idle)
    }

    fn events_to_change(&mut self) -> Result<&mut TenantEvents, Refusal> {
        self.may_change()?;
        if self.current.mode == Mode::Idle {
            return Err(Refusal::NotAllowed);
        }
        self.tenants.get_mut(usize::from(self.current.tenant.0)).ok_or(Refusal::NotAllowed)
    }
}
