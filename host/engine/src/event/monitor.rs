//! Monitors of all tenants, in chain order.

use smallvec::SmallVec;

use super::{
    Audience, EventKind, Hook, MonitorSpec, NO_FOREST, Predicate, RETAINING, TenantEvents, TenantId,
    interest_bit,
};
use crate::Sides;
use crate::flow::{Attachment, Kib, Ready, Want};

/// A monitor of a tenant.
pub(crate) struct Monitor {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Its number for the tenant.
    pub(crate) number: u8,
    /// What it listens to.
    pub(crate) audience: Audience,
    /// What it wants of each direction of its flows.
    wants: [Want; 2],
    /// Whether it asked for observables.
    pub(crate) observes: bool,
    /// Whether its flows are listed for the tenant once a burst.
    pub(crate) polls: bool,
    /// Cleared when the tenant faulted.
    pub(crate) is_alive: bool,
    filter: Option<Box<dyn Predicate>>,
    orphan_filter: Option<Box<dyn Predicate>>,
}

impl Monitor {
    /// Whether it takes a flow that begins with an IP datagram, which is looked at only if it has a filter.
    pub(crate) fn takes<'d>(&mut self, datagram: impl FnOnce() -> Option<&'d [u8]>) -> bool {
        let is_meant = self.is_alive && self.audience == Audience::Stream;
        let is_wanted = |filter: &mut Box<dyn Predicate>| filter.matches(datagram().unwrap_or(&[]));
        is_meant && self.filter.as_mut().is_none_or(is_wanted)
    }

    /// Its record with a flow that begins, which invokes what has this interest.
    pub(crate) fn attachment(&self, number: u16, interest: u32) -> Attachment {
        // Retransmissions are compared with what is kept behind the readers.
        let usual = if interest & RETAINING != 0 { Kib::OPERATORS } else { Kib::NONE };
        Attachment {
            monitor: number,
            tenant: self.tenant,
            number: self.number,
            levels: self.wants.map(|want| want.level),
            stopped: Sides::NONE,
            observes: self.observes,
            polls: self.polls,
            ready: Ready::default(),
            forest: NO_FOREST,
            sizes: self.wants.map(|want| want.size),
            retains: self.wants.map(|want| want.retain.unwrap_or(usual)),
            cursor: [0; 2],
            floor: [0; 2],
            user_context: 0,
        }
    }
}

/// Whether a filter, if there is one, matches.
fn matches(filter: &mut Option<Box<dyn Predicate>>, datagram: &[u8]) -> bool {
    filter.as_mut().is_none_or(|filter| filter.matches(datagram))
}

/// Events that a polled flow is listed for, beside those that its handlers want.
pub(crate) const POLLED: u32 = interest_bit(EventKind::ConnStart, Hook::Sender)
    | interest_bit(EventKind::NewData, Hook::Receiver)
    | interest_bit(EventKind::ConnEnd, Hook::None);

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor")
            .field("tenant", &self.tenant)
            .field("wants", &self.wants)
            .finish_non_exhaustive()
    }
}

/// All monitors; the position is the number that flows carry.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    list: Vec<Monitor>,
    has_raw: bool,
}

impl Monitors {
    /// Adds the monitors of a tenant. False when numbers run out.
    pub(crate) fn add(&mut self, tenant: TenantId, specs: Vec<MonitorSpec>) -> bool {
        if self.list.len().saturating_add(specs.len()) > usize::from(u16::MAX) {
            return false;
        }
        for (number, spec) in (0..=u8::MAX).zip(specs) {
            let MonitorSpec { audience, filter, orphan_filter, wants, observes, polls } = spec;
            self.has_raw |= audience == Audience::Raw;
            self.list.push(Monitor {
                tenant,
                number,
                audience,
                wants,
                observes,
                polls,
                is_alive: true,
                filter,
                orphan_filter,
            });
        }
        true
    }

    /// The monitor with this number.
    pub(crate) fn get(&self, number: u16) -> Option<&Monitor> {
        self.list.get(usize::from(number))
    }

    /// Monitors with their numbers, in chain order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut Monitor)> {
        (0..=u16::MAX).zip(self.list.iter_mut())
    }

    /// Whether some monitor asked for observables.
    pub(crate) fn observe(&self) -> bool {
        self.list.iter().any(|monitor| monitor.observes)
    }

    /// Whether some monitor listens to packets.
    pub(crate) const fn has_raw(&self) -> bool {
        self.has_raw
    }

    /// Monitors of an audience, in chain order, with a handler for an event outside of flows, whose filter for it takes
    /// the datagram.
    pub(crate) fn takers(
        &mut self,
        audience: Audience,
        interest: u32,
        tenants: &[TenantEvents],
        datagram: &[u8],
    ) -> SmallVec<[u16; 4]> {
        let wants = |monitor: &Monitor| {
            let events = tenants.get(usize::from(monitor.tenant.0));
            let set = events.and_then(|events| events.of_monitor(monitor.number.into()));
            set.is_some_and(|set| set.interest() & interest != 0)
        };
        let monitors = self
            .iter_mut()
            .filter(|(_, monitor)| monitor.is_alive && monitor.audience == audience && wants(monitor));
        let takers = monitors.filter_map(|(number, monitor)| {
            let filter = match audience {
                Audience::Stream => &mut monitor.orphan_filter,
                Audience::Raw => &mut monitor.filter,
            };
            matches(filter, datagram).then_some(number)
        });
        takers.collect()
    }

    /// The tenant's monitors see nothing any more.
    pub(crate) fn detach(&mut self, tenant: TenantId) {
        for monitor in self.list.iter_mut().filter(|monitor| monitor.tenant == tenant) {
            monitor.is_alive = false;
        }
    }
}
