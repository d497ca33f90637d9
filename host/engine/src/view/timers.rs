//! Timers of the tenants.

use std::collections::BTreeMap;

use super::View;
use crate::event::TenantId;
use crate::limits::TIMERS_PER_TENANT;
use crate::{Nanos, Refusal};

/// A timer that has run out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Timer {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// Its number.
    pub(crate) number: u32,
    /// Given back.
    pub(crate) argument: u64,
    /// When it ran out.
    pub(crate) deadline: Nanos,
}

/// One-shot timers, by deadline; those with the same deadline run out in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_deadline: BTreeMap<(Nanos, u64), Timer>,
    by_number: BTreeMap<(TenantId, u32), (Nanos, u64)>,
    next_number: BTreeMap<TenantId, u32>,
    set: u64,
}

impl Timers {
    /// Sets a timer and gives its number.
    pub(crate) fn set(&mut self, tenant: TenantId, deadline: Nanos, argument: u64) -> Result<u32, Refusal> {
        if self.by_number.range((tenant, 0)..=(tenant, u32::MAX)).count() >= TIMERS_PER_TENANT {
            return Err(Refusal::TooMany);
        }
        let next = self.next_number.entry(tenant).or_insert(0);
        let number = *next;
        *next = next.checked_add(1).ok_or(Refusal::TooMany)?;
        let place = (deadline, self.set);
        self.set = self.set.saturating_add(1);
        self.by_deadline.insert(place, Timer { tenant, number, argument, deadline });
        self.by_number.insert((tenant, number), place);
        Ok(number)
    }

    /// Forgets a timer.
    pub(crate) fn cancel(&mut self, tenant: TenantId, number: u32) -> Result<(), Refusal> {
        let place = self.by_number.remove(&(tenant, number)).ok_or(Refusal::BadId)?;
        self.by_deadline.remove(&place);
        Ok(())
    }

    /// Forgets all timers of a tenant.
    pub(crate) fn detach(&mut self, tenant: TenantId) {
        self.by_deadline.retain(|_, timer| timer.tenant != tenant);
        self.by_number.retain(|(owner, _), _| *owner != tenant);
    }

    /// Whether a timer has run out at `now`.
    #[inline]
    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        !self.by_deadline.is_empty()
            && self.by_deadline.first_key_value().is_some_and(|((due, _), _)| *due <= now)
    }

    /// Takes out the first timer that has run out at `now`.
    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<Timer> {
        let entry = self.by_deadline.first_entry().filter(|entry| entry.key().0 <= now)?;
        let timer = entry.remove();
        self.by_number.remove(&(timer.tenant, timer.number));
        Some(timer)
    }
}

impl View {
    /// Sets a timer for the tenant of the current call.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] in a filter, [`Refusal::TooMany`].
    pub fn set_timer(&mut self, delay: u64, argument: u64) -> Result<u32, Refusal> {
        self.may_change()?;
        self.timers.set(self.current.tenant, self.clock.after(delay), argument)
    }

    /// Forgets a timer of the tenant of the current call.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] in a filter, [`Refusal::BadId`].
    pub fn cancel_timer(&mut self, timer: u32) -> Result<(), Refusal> {
        self.may_change()?;
        self.timers.cancel(self.current.tenant, timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_run_out_in_the_order_of_their_deadlines_then_of_setting() {
        let mut timers = Timers::default();
        let tenant = TenantId(1);
        for (deadline, argument) in [(20, 1), (10, 2), (10, 3), (30, 4)] {
            timers.set(tenant, Nanos(deadline), argument).unwrap();
        }
        assert_eq!(timers.cancel(tenant, 0), Ok(()));
        assert_eq!(timers.cancel(tenant, 0), Err(Refusal::BadId));
        assert_eq!(timers.cancel(TenantId(0), 1), Err(Refusal::BadId), "another tenant's timer");
        let due: Vec<u64> =
            std::iter::from_fn(|| timers.pop_due(Nanos(29))).map(|timer| timer.argument).collect();
        assert_eq!(due, [2, 3]);
        assert_eq!(timers.pop_due(Nanos(30)).map(|timer| timer.argument), Some(4));
    }

    #[test]
    fn timers_are_bounded_for_each_tenant() {
        let mut timers = Timers::default();
        let set = (0..).take_while(|_| timers.set(TenantId(0), Nanos(1), 0).is_ok()).count();
        assert_eq!(set, TIMERS_PER_TENANT);
        assert!(timers.set(TenantId(1), Nanos(1), 0).is_ok());
    }
}
