//! Who is called: guests, or native code in their place.

use crate::event::{EventBurst, EventCall};
use crate::flow::ConnRecord;
use crate::{Nanos, View};

/// A tenant of the engine, in the order of attachment.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TenantId(pub u16);

/// The tenant could not go on; the engine calls it no more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Faulted;

/// Runs the filters and callbacks of the tenants.
///
/// The [`View`] is lent for the time of a call, boxed so that an implementation can swap it into a place that demands
/// owned data: two pointer moves. What it holds afterwards must be the same view.
///
/// Only `callback` must be written: who defines no filters and no timers is not asked about any.
///
/// A [`Faulted`] answer takes back what the call asked for and detaches the tenant.
pub trait Handler {
    /// Whether the filter numbered `call.id` holds. A handler that defines no filters is never asked.
    ///
    /// # Errors
    ///
    /// [`Faulted`] if the tenant could not go on.
    fn filter(
        &mut self,
        _tenant: TenantId,
        _call: &EventCall,
        _view: &mut Box<View>,
    ) -> Result<bool, Faulted> {
        Ok(true)
    }

    /// Handles the event with the handler numbered `call.id`; gives verdict bits (bit 0: drop the packet).
    ///
    /// # Errors
    ///
    /// [`Faulted`] if the tenant could not go on.
    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted>;

    /// Handles events of deferred handlers, for a tenant whose definitions [say](super::Definitions::take_bursts) that
    /// it takes them so; gives a bit for each event, in their order (set: drop its packets).
    ///
    /// The bytes in the arena count as read. No flow is current; [`View::select_event`] makes one so.
    ///
    /// Who has tenants that take them so has to write it.
    ///
    /// # Errors
    ///
    /// [`Faulted`] if the tenant could not go on.
    fn burst(
        &mut self,
        _tenant: TenantId,
        burst: &mut EventBurst,
        _view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        debug_assert!(burst.is_empty(), "nobody handles the events of a burst");
        Ok(0)
    }

    /// A timer of the tenant has run out at `deadline`.
    ///
    /// # Errors
    ///
    /// [`Faulted`] if the tenant could not go on.
    fn timer(
        &mut self,
        _tenant: TenantId,
        _timer: u32,
        _argument: u64,
        _deadline: Nanos,
        _view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        Ok(())
    }

    /// Flows of the tenant's polled monitors can be read, began or ended: pairs of the flow's number and of flags
    /// (bit 0 readable to the server, 1 readable to the client, 2 new, 3 ended, 32-63 number of the monitor).
    ///
    /// # Errors
    ///
    /// [`Faulted`] if the tenant could not go on.
    fn ready(&mut self, _tenant: TenantId, _flows: &[u64], _view: &mut Box<View>) -> Result<(), Faulted> {
        Ok(())
    }

    /// A clock, in units of its own, for [`Engine::profile_events`](crate::Engine::profile_events).
    fn ticks(&mut self) -> u64 {
        0
    }

    /// Nothing more is expected of a connection, and the operator asked for records. Tenants are not told.
    fn conn_record(&mut self, _record: &ConnRecord) {}

    /// The tenant is about to end: all flows have ended, but may still be selected.
    ///
    /// # Errors
    ///
    /// [`Faulted`] if the tenant could not go on.
    fn stop(&mut self, _tenant: TenantId, _view: &mut Box<View>) -> Result<(), Faulted> {
        Ok(())
    }
}
