//! Timers on the host's time: packet time when a capture is replayed.

use core::time::Duration;

use crate::Error;
use crate::bindings::sluice::middlebox::timer as raw;

/// A handler that can be called later, made by [`Setup::timer`](crate::Setup::timer).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timer {
    pub(crate) handler: u32,
}

impl Timer {
    /// Calls the handler once, after `delay`. Before the first packet of a capture time stands still: a delay given
    /// in `start` counts from the first packet.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] in a filter, [`Error::TooMany`].
    pub fn after(self, delay: Duration) -> Result<PendingTimer, Error> {
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        raw::set(delay_ns, self.handler.into()).map(PendingTimer).map_err(Error::from_number)
    }
}

/// A call that is yet to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PendingTimer(u32);

impl PendingTimer {
    /// Forgets the call.
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if it has been made, [`Error::NotAllowed`] in a filter.
    pub fn cancel(self) -> Result<(), Error> {
        raw::cancel(self.0).map_err(Error::from_number)
    }
}

/// A timer has run out. No flow is current until one is [selected](crate::FlowId::select).
#[derive(Debug)]
pub struct Tick {
    pub(crate) time_ns: u64,
}

impl Tick {
    /// The timer's deadline in nanoseconds.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }
}
