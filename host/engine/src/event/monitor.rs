//! Monitors of all tenants, in chain order.

use super::{Definitions, EventKind, Forest, Hook, MonitorSpec, Predicate, TenantId, interest_bit};
use crate::Sides;
use crate::flow::{Attachment, Kib, Want};

/// A monitor of TCP streams.
pub(crate) struct Monitor {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// What it wants of each direction of its flows.
    wants: [Want; 2],
    /// What its flows invoke.
    pub(crate) forest: Forest,
    /// Whether it asked for observables.
    pub(crate) observes: bool,
    /// Cleared when the tenant faulted.
    pub(crate) is_alive: bool,
    filter: Option<Box<dyn Predicate>>,
}

impl Monitor {
    /// Whether it takes a flow that begins with this IP datagram.
    pub(crate) fn takes(&mut self, datagram: &[u8]) -> bool {
        self.is_alive && self.filter.as_mut().is_none_or(|filter| filter.matches(datagram))
    }

    /// Its record with a flow that begins.
    pub(crate) fn attachment(&self, number: u16) -> Attachment {
        let kinds = interest_bit(EventKind::Rexmit, Hook::Receiver)
            | interest_bit(EventKind::Conflict, Hook::Receiver);
        // Retransmissions are compared with what is kept behind the readers.
        let usual = if self.forest.interest() & kinds != 0 { Kib::OPERATORS } else { Kib::NONE };
        Attachment {
            monitor: number,
            tenant: self.tenant,
            levels: self.wants.map(|want| want.level),
            stopped: Sides::NONE,
            observes: self.observes,
            sizes: self.wants.map(|want| want.size),
            retains: self.wants.map(|want| want.retain.unwrap_or(usual)),
            cursor: [0; 2],
            floor: [0; 2],
            user_context: 0,
        }
    }
}

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
}

impl Monitors {
    /// Adds the monitors of a tenant. False when numbers run out.
    pub(crate) fn add(&mut self, tenant: TenantId, definitions: Definitions) -> bool {
        let numbers = 0..u32::try_from(definitions.monitors().len()).unwrap_or(0);
        let forests: Vec<Forest> = numbers.map(|number| Forest::compile(&definitions, number)).collect();
        if self.list.len() + forests.len() > usize::from(u16::MAX) {
            return false;
        }
        for (spec, forest) in definitions.into_monitors().into_iter().zip(forests) {
            let MonitorSpec { filter, wants, observes } = spec;
            self.list.push(Monitor { tenant, wants, forest, observes, is_alive: true, filter });
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

    /// Whether some living monitor has a handler for the pairs in `interest`.
    pub(crate) fn any_interest(&self, interest: u32) -> bool {
        self.list.iter().any(|monitor| monitor.is_alive && monitor.forest.interest() & interest != 0)
    }

    /// The tenant's monitors see nothing any more.
    pub(crate) fn detach(&mut self, tenant: TenantId) {
        for monitor in self.list.iter_mut().filter(|monitor| monitor.tenant == tenant) {
            monitor.is_alive = false;
        }
    }
}
