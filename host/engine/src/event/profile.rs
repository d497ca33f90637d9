//! How often the events of a tenant's d-forest were asked for, happened, and what they cost.

use std::collections::BTreeMap;

/// One event, built in or defined by the tenant, over all flows and hooks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NodeProfile {
    /// Times that its filter was asked, or for a built-in event, that it was looked at.
    pub asked: u64,
    /// Times that it happened.
    pub happened: u64,
    /// Handlers called.
    pub called: u64,
    /// Time in its filter, in the units of [`Handler::ticks`](super::Handler::ticks).
    pub filter_ticks: u64,
    /// Time in its handlers, likewise.
    pub handler_ticks: u64,
}

/// What was counted of the events of all tenants, by tenant and number of the event.
///
/// Only kept where somebody asked for it: it costs two looks at the clock for each call.
#[derive(Clone, Debug, Default)]
pub struct EventProfile {
    nodes: BTreeMap<(u16, u32), NodeProfile>,
}

impl EventProfile {
    /// The events of a tenant that were looked at, by number.
    pub fn of_tenant(&self, tenant: super::TenantId) -> impl Iterator<Item = (u32, &NodeProfile)> {
        let nodes = self.nodes.range((tenant.0, 0)..=(tenant.0, u32::MAX));
        nodes.map(|((_, event), profile)| (*event, profile))
    }

    /// Counts a call of a handler.
    pub(crate) fn called(&mut self, tenant: super::TenantId, event: u32, ticks: u64) {
        let node = self.node(tenant, event);
        node.called += 1;
        node.handler_ticks = node.handler_ticks.saturating_add(ticks);
    }

    /// Counts a call that was about several events, in the order in which they were told. None of them is known to have
    /// taken more than another, so each has the same share.
    pub(crate) fn told(
        &mut self,
        tenant: super::TenantId,
        events: impl ExactSizeIterator<Item = u32>,
        ticks: u64,
    ) {
        let mut rest = ticks;
        for (left, event) in (1..=events.len() as u64).rev().zip(events) {
            let share = rest / left;
            rest -= share;
            self.called(tenant, event, share);
        }
    }

    pub(super) fn node(&mut self, tenant: super::TenantId, event: u32) -> &mut NodeProfile {
        self.nodes.entry((tenant.0, event)).or_default()
    }
}
