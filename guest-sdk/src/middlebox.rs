//! What a guest is: a value that starts, handles events and stops.

use crate::{Configuration, Error, ReadyFlows, Setup};

/// A middlebox. [`export!`](crate::export) makes it the component's.
///
/// The host makes one of these for each worker; they share nothing.
pub trait Middlebox: Sized + 'static {
    /// Opens monitors, defines events and registers handlers, before any packet.
    ///
    /// # Errors
    ///
    /// A message for the operator if the middlebox cannot use the configuration or the host refuses something; it is
    /// not run then. Every error of this crate turns into one with `?`.
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String>;

    /// Flows of monitors that [poll](crate::StreamMonitor::poll) are ready: once a burst of packets.
    fn on_ready(&mut self, _flows: &ReadyFlows) {}

    /// All flows have ended: the place for a report. Timers that have not run out are not called.
    fn stop(&mut self) {}
}

/// What happens with the packet that raised an event.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verdict {
    /// It goes on.
    #[default]
    Pass,
    /// It is dropped, if the operator allowed this middlebox to drop. Else the wish is counted.
    Drop,
}

impl Verdict {
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::Pass => 0,
            Self::Drop => 1,
        }
    }
}

/// What handlers of events may answer: nothing, a [`Verdict`], or a [`Result`] with either.
///
/// An error lets the packet pass and is told to the operator.
pub trait Outcome {
    /// The verdict in it.
    ///
    /// # Errors
    ///
    /// What the handler answered.
    fn verdict(self) -> Result<Verdict, Error>;
}

impl Outcome for () {
    fn verdict(self) -> Result<Verdict, Error> {
        Ok(Verdict::Pass)
    }
}

impl Outcome for Verdict {
    fn verdict(self) -> Result<Verdict, Error> {
        Ok(self)
    }
}

impl<T: Outcome> Outcome for Result<T, Error> {
    fn verdict(self) -> Result<Verdict, Error> {
        self.and_then(T::verdict)
    }
}

/// What filters may answer: whether the event happens, or a [`Result`] with that.
///
/// After an error it does not, and the operator is told.
pub trait Decision {
    /// The decision in it.
    ///
    /// # Errors
    ///
    /// What the filter answered.
    fn happens(self) -> Result<bool, Error>;
}

impl Decision for bool {
    fn happens(self) -> Result<bool, Error> {
        Ok(self)
    }
}

impl Decision for Result<bool, Error> {
    fn happens(self) -> Result<bool, Error> {
        self
    }
}
