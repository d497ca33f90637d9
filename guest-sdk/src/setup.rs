//! What a middlebox asks for in `start`: monitors, events, handlers, timers.

use core::cell::RefCell;
use core::fmt;
use core::time::Duration;

use thiserror::Error;

use crate::bindings::sluice::middlebox::{event as raw_event, monitor as raw_monitor};
use crate::kind::{EventId, EventKind, Hook};
use crate::middlebox::{Decision, Outcome, Verdict};
use crate::timer::{Tick, Timer};
use crate::{Error, Event, Level};

pub(crate) type Handler<M> = Box<dyn Fn(&mut M, &Event) -> Result<Verdict, Error>>;
pub(crate) type TimerHandler<M> = Box<dyn Fn(&mut M, &Tick)>;
pub(crate) type Filter<M> = Box<dyn Fn(&M, &Event) -> Result<bool, Error>>;

/// Where `start` opens monitors, defines events and sets timers.
pub struct Setup<M> {
    tables: RefCell<Tables<M>>,
}

/// The functions that the host calls by number: a function's number is its place.
pub(crate) struct Tables<M> {
    pub(crate) handlers: Vec<Handler<M>>,
    pub(crate) filters: Vec<Filter<M>>,
    pub(crate) timers: Vec<TimerEntry<M>>,
}

pub(crate) struct TimerEntry<M> {
    pub(crate) handler: TimerHandler<M>,
    /// Set again after each call.
    pub(crate) every: Option<Duration>,
}

impl<M: 'static> Setup<M> {
    pub(crate) const fn new() -> Self {
        let tables = Tables { handlers: Vec::new(), filters: Vec::new(), timers: Vec::new() };
        Self { tables: RefCell::new(tables) }
    }

    pub(crate) fn into_tables(self) -> Tables<M> {
        self.tables.into_inner()
    }

    /// Opens a monitor of the TCP flows whose first packet matches `filter`, a pcap-filter expression; empty takes
    /// every flow. `level` is for both directions.
    ///
    /// # Errors
    ///
    /// [`SetupError::Monitor`] with [`Error::BadFilter`] or [`Error::TooMany`].
    pub fn monitor(&self, filter: &str, level: Level) -> Result<StreamMonitor<'_, M>, SetupError> {
        let number = raw_monitor::open_stream(filter, level.raw()).map_err(|number| SetupError::Monitor {
            filter: filter.into(),
            error: Error::from_number(number),
        })?;
        Ok(StreamMonitor { setup: self, number })
    }

    /// Defines an event that happens when `parent` happens and `happens` says so. Filters change nothing: they see
    /// the middlebox as it is, and [`Event::peek`] does not advance.
    ///
    /// # Errors
    ///
    /// [`SetupError::Event`] with [`Error::TooMany`], or [`Error::TooLong`] for a name of more than 64 bytes, or
    /// [`Error::Exists`] for a name that is taken.
    pub fn define<D: Decision>(
        &self,
        name: &str,
        parent: impl Into<EventId>,
        happens: impl Fn(&M, &Event) -> D + 'static,
    ) -> Result<EventId, SetupError> {
        self.define_with(name, parent, 0, happens)
    }

    /// As [`Setup::define`], with a number that comes with the event as [`Event::argument`], so that one filter can
    /// serve many definitions.
    ///
    /// # Errors
    ///
    /// As [`Setup::define`].
    pub fn define_with<D: Decision>(
        &self,
        name: &str,
        parent: impl Into<EventId>,
        argument: u64,
        happens: impl Fn(&M, &Event) -> D + 'static,
    ) -> Result<EventId, SetupError> {
        let parent = parent.into();
        let refused = |error| SetupError::Event { name: name.into(), error };
        let filters = &mut self.tables.borrow_mut().filters;
        let filter = u32::try_from(filters.len()).map_err(|_| refused(Error::TooMany))?;
        let number = raw_event::define(name, parent.number, filter, argument)
            .map_err(|number| refused(Error::from_number(number)))?;
        filters.push(Box::new(move |middlebox, event| happens(middlebox, event).happens()));
        Ok(EventId { number, root: parent.root })
    }

    /// A handler that [`Timer::after`] calls later.
    ///
    /// # Errors
    ///
    /// [`SetupError::Timer`] after 2^32 of them.
    pub fn timer(&self, handler: impl Fn(&mut M, &Tick) + 'static) -> Result<Timer, SetupError> {
        self.add_timer(Box::new(handler), None)
    }

    /// Calls `handler` every `interval`, for the first time one interval after the first packet.
    ///
    /// # Errors
    ///
    /// [`SetupError::Timer`] with [`Error::TooMany`].
    pub fn every(
        &self,
        interval: Duration,
        handler: impl Fn(&mut M, &Tick) + 'static,
    ) -> Result<(), SetupError> {
        self.add_timer(Box::new(handler), Some(interval))?
            .after(interval)
            .map(|_| ())
            .map_err(|error| SetupError::Timer { error })
    }

    fn add_timer(&self, handler: TimerHandler<M>, every: Option<Duration>) -> Result<Timer, SetupError> {
        let timers = &mut self.tables.borrow_mut().timers;
        let number = u32::try_from(timers.len()).map_err(|_| SetupError::Timer { error: Error::TooMany })?;
        timers.push(TimerEntry { handler, every });
        Ok(Timer { handler: number })
    }
}

/// A monitor of TCP flows, to which handlers are added.
pub struct StreamMonitor<'a, M> {
    setup: &'a Setup<M>,
    pub(crate) number: u32,
}

impl<M: 'static> StreamMonitor<'_, M> {
    /// Asks for what [`Flow::observables`](crate::Flow::observables) tells of the monitor's flows.
    ///
    /// # Errors
    ///
    /// [`SetupError::Observables`] if the host does not keep them.
    pub fn observe(&self) -> Result<(), SetupError> {
        raw_monitor::observe(self.number)
            .map_err(|number| SetupError::Observables { error: Error::from_number(number) })
    }

    /// Calls `handler` when `event` happens, at the hook that suits the event:
    ///
    /// | event | hook |
    /// |---|---|
    /// | [`EventKind::PacketIn`], [`EventKind::ConnStart`] | sender: once for each packet or flow |
    /// | [`EventKind::TcpStateChange`] | both: either stack has its own changes |
    /// | [`EventKind::Rexmit`], [`EventKind::Conflict`] | receiver |
    /// | [`EventKind::NewData`], [`EventKind::Gap`], [`EventKind::Error`] | receiver |
    /// | [`EventKind::ConnEnd`], [`EventKind::Orphan`] | none |
    ///
    /// Handlers of one event run in the order in which they were given.
    ///
    /// # Errors
    ///
    /// [`SetupError::Handler`] with [`Error::TooMany`].
    pub fn on<O: Outcome>(
        &self,
        event: impl Into<EventId>,
        handler: impl Fn(&mut M, &Event) -> O + 'static,
    ) -> Result<(), SetupError> {
        let event = event.into();
        self.register(event, event.root.default_hooks(), handler)
    }

    /// As [`StreamMonitor::on`], at `hook`.
    ///
    /// # Errors
    ///
    /// [`SetupError::Handler`] with [`Error::TooMany`], or [`Error::BadHook`] if the event is never raised there.
    pub fn on_at<O: Outcome>(
        &self,
        hook: Hook,
        event: impl Into<EventId>,
        handler: impl Fn(&mut M, &Event) -> O + 'static,
    ) -> Result<(), SetupError> {
        self.register(event.into(), &[hook], handler)
    }

    fn register<O: Outcome>(
        &self,
        event: EventId,
        hooks: &[Hook],
        handler: impl Fn(&mut M, &Event) -> O + 'static,
    ) -> Result<(), SetupError> {
        let refused = |error| SetupError::Handler { event: event.root, error };
        let handlers = &mut self.setup.tables.borrow_mut().handlers;
        let number = u32::try_from(handlers.len()).map_err(|_| refused(Error::TooMany))?;
        for hook in hooks {
            raw_event::register(self.number, event.number, hook.raw(), number)
                .map_err(|number| refused(Error::from_number(number)))?;
        }
        handlers.push(Box::new(move |middlebox, event| handler(middlebox, event).verdict()));
        Ok(())
    }
}

/// What the host refused in `start`.
#[derive(Clone, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A monitor.
    #[error("cannot open a monitor with the filter {filter:?}: {error}")]
    Monitor {
        /// The pcap-filter expression.
        filter: String,
        /// Why.
        error: Error,
    },
    /// The definition of an event.
    #[error("cannot define the event {name:?}: {error}")]
    Event {
        /// Its name.
        name: String,
        /// Why.
        error: Error,
    },
    /// A handler.
    #[error("cannot register a handler of {event:?}: {error}")]
    Handler {
        /// The built-in event, also where the handler is for one derived from it.
        event: EventKind,
        /// Why.
        error: Error,
    },
    /// What a monitor wants of streams.
    #[error("cannot have streams so: {error}")]
    Stream {
        /// Why.
        error: Error,
    },
    /// Observables.
    #[error("cannot have observables: {error}")]
    Observables {
        /// Why.
        error: Error,
    },
    /// A timer.
    #[error("cannot set a timer: {error}")]
    Timer {
        /// Why.
        error: Error,
    },
}

impl From<SetupError> for String {
    /// Lets `start` use `?`.
    fn from(error: SetupError) -> Self {
        error.to_string()
    }
}

impl<M> fmt::Debug for Setup<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

impl<M> fmt::Debug for StreamMonitor<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMonitor").field("number", &self.number).finish_non_exhaustive()
    }
}
