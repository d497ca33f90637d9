//! A handler that writes down what it is called with and does what a test says.

use std::fmt;

use sluice_engine::event::{EventCall, Faulted, Handler, TenantId};
use sluice_engine::{Nanos, View};

/// A call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Told {
    /// Who was called.
    pub tenant: TenantId,
    /// Whether a filter was asked; a handler was called if not.
    pub is_filter: bool,
    /// What with.
    pub call: EventCall,
}

/// What a test answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The filter holds; the handler lets the packet pass.
    Yes,
    /// The filter does not hold; the handler drops the packet.
    No,
    /// The tenant cannot go on.
    Fault,
}

/// What a test does in a call.
type Act<'t> = Box<dyn FnMut(&Told, &mut View) -> Answer + 't>;

/// See the module.
pub struct Listener<'t> {
    /// All calls so far.
    pub told: Vec<Told>,
    act: Act<'t>,
}

impl fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("told", &self.told).finish_non_exhaustive()
    }
}

impl<'t> Listener<'t> {
    /// A handler that does `act` in each filter and each handler.
    pub fn new(act: impl FnMut(&Told, &mut View) -> Answer + 't) -> Self {
        Self { told: Vec::new(), act: Box::new(act) }
    }

    /// Filters and handlers in the order in which they were called: `?7` for filter 7, `7` for handler 7.
    #[must_use]
    pub fn ids(&self) -> String {
        let word = |told: &Told| format!("{}{}", if told.is_filter { "?" } else { "" }, told.call.id);
        self.told.iter().map(word).collect::<Vec<String>>().join(" ")
    }

    /// As [`Listener::ids`], and forgets them.
    pub fn take_ids(&mut self) -> String {
        let ids = self.ids();
        self.told.clear();
        ids
    }

    fn note(&mut self, tenant: TenantId, is_filter: bool, call: &EventCall, view: &mut View) -> Answer {
        let told = Told { tenant, is_filter, call: *call };
        self.told.push(told);
        (self.act)(&told, view)
    }
}

impl Handler for Listener<'_> {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        match self.note(tenant, true, call, view) {
            Answer::Yes => Ok(true),
            Answer::No => Ok(false),
            Answer::Fault => Err(Faulted),
        }
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        match self.note(tenant, false, call, view) {
            Answer::Yes => Ok(0),
            Answer::No => Ok(1),
            Answer::Fault => Err(Faulted),
        }
    }

    fn timer(
        &mut self,
        tenant: TenantId,
        timer: u32,
        argument: u64,
        deadline: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        let call = EventCall { id: timer, argument, time: deadline.0, ..EventCall::default() };
        match self.note(tenant, false, &call, view) {
            Answer::Yes | Answer::No => Ok(()),
            Answer::Fault => Err(Faulted),
        }
    }
}
