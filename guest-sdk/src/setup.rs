//! What a middlebox asks for in `start`: monitors, events, timers.

use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use thiserror::Error;

use crate::bindings::sluice::middlebox::{event as raw_event, monitor as raw_monitor};
use crate::events::define_raw;
use crate::functions::{Filter, Handler, adopt_filters, adopt_handlers, filter_number, handler_number};
use crate::kind::{EventId, EventKind};
use crate::middlebox::{Decision, Outcome};
use crate::monitor::{RawMonitor, StreamMonitor};
use crate::timer::{Tick, Timer};
use crate::{Error, Event, Level, Native};

pub(crate) type TimerHandler<M> = Box<dyn Fn(&mut M, &Tick)>;

/// Where `start` opens monitors, defines events and sets timers.
pub struct Setup<M> {
    timers: RefCell<Vec<TimerEntry<M>>>,
}

/// The functions that the host calls by number: a function's number is its place.
pub(crate) struct Tables<M> {
    pub(crate) handlers: Vec<Option<Handler<M>>>,
    pub(crate) filters: Vec<Option<Filter<M>>>,
    pub(crate) timers: Vec<TimerEntry<M>>,
}

impl<M: 'static> Tables<M> {
    /// Takes in what was named for the first time since.
    pub(crate) fn adopt(&mut self) {
        adopt_handlers(&mut self.handlers);
        adopt_filters(&mut self.filters);
    }
}

pub(crate) struct TimerEntry<M> {
    pub(crate) handler: TimerHandler<M>,
    /// Set again after each call.
    pub(crate) every: Option<Duration>,
}

impl<M: 'static> Setup<M> {
    pub(crate) const fn new() -> Self {
        Self { timers: RefCell::new(Vec::new()) }
    }

    pub(crate) fn into_tables(self) -> Tables<M> {
        let mut tables =
            Tables { handlers: Vec::new(), filters: Vec::new(), timers: self.timers.into_inner() };
        tables.adopt();
        tables
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
        Ok(StreamMonitor { setup: PhantomData, number })
    }

    /// Opens a monitor of packets: each that `filter`, a pcap-filter expression, takes raises
    /// [`EventKind::PacketIn`] at [`Hook::None`](crate::Hook::None) once, before anything else happens with it, whether
    /// it belongs to a flow, is TCP at all, or a fragment. Empty takes every packet.
    ///
    /// # Errors
    ///
    /// [`SetupError::Monitor`] with [`Error::BadFilter`] or [`Error::TooMany`].
    pub fn raw_monitor(&self, filter: &str) -> Result<RawMonitor<'_, M>, SetupError> {
        let number = raw_monitor::open_raw(filter).map_err(|number| SetupError::Monitor {
            filter: filter.into(),
            error: Error::from_number(number),
        })?;
        Ok(RawMonitor { setup: PhantomData, number })
    }

    /// Calls a handler not when its events happen but after the burst of packets in which they did, whatever it is
    /// registered for, in `start` or later: data that continues what waits becomes one event with it. No packet is
    /// current then. See [`StreamMonitor::on_deferred`].
    ///
    /// # Errors
    ///
    /// [`SetupError::Defer`] with [`Error::TooMany`].
    pub fn defer<O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        handler: F,
    ) -> Result<(), SetupError> {
        const { assert!(size_of::<F>() == 0, "a handler that captures something cannot be named again") };
        handler_number(handler)
            .and_then(|number| raw_event::defer(number).map_err(Error::from_number))
            .map_err(|error| SetupError::Defer { error })
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
        self.define_bytes(name, parent, &[], happens)
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
        self.define_bytes(name, parent, &argument.to_le_bytes(), happens)
    }

    /// As [`Setup::define`], with up to 1,024 bytes that come with the event as [`Event::argument_bytes`]; their first
    /// eight are [`Event::argument`], little-endian.
    ///
    /// # Errors
    ///
    /// As [`Setup::define`], and [`Error::TooLong`] for more.
    pub fn define_bytes<D: Decision>(
        &self,
        name: &str,
        parent: impl Into<EventId>,
        argument: &[u8],
        happens: impl Fn(&M, &Event) -> D + 'static,
    ) -> Result<EventId, SetupError> {
        filter_number(happens)
            .and_then(|filter| define_raw(name, parent.into(), &raw_event::Filter::Guest(filter), argument))
            .map_err(|error| SetupError::Event { name: name.into(), error })
    }

    /// Makes an event below `parent` that happens only when it is [raised](EventId::raise).
    ///
    /// # Errors
    ///
    /// As [`Setup::define`].
    pub fn alloc(&self, name: &str, parent: impl Into<EventId>) -> Result<EventId, SetupError> {
        crate::events::alloc(name, parent).map_err(|error| SetupError::Event { name: name.into(), error })
    }

    /// Defines an event that happens when `parent` happens and the host finds that `filter` holds, without a call into
    /// the middlebox.
    ///
    /// # Errors
    ///
    /// As [`Setup::define`], and [`Error::BadFilter`] for a filter that means nothing or says nothing about `parent`.
    pub fn define_native(
        &self,
        name: &str,
        parent: impl Into<EventId>,
        filter: &Native,
    ) -> Result<EventId, SetupError> {
        crate::events::define_native(name, parent, filter)
            .map_err(|error| SetupError::Event { name: name.into(), error })
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
        let mut timers = self.timers.borrow_mut();
        let number = u32::try_from(timers.len()).map_err(|_| SetupError::Timer { error: Error::TooMany })?;
        timers.push(TimerEntry { handler, every });
        Ok(Timer { handler: number })
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
    /// Deferring a handler.
    #[error("cannot defer a handler: {error}")]
    Defer {
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
    /// Readiness.
    #[error("cannot poll a monitor: {error}")]
    Poll {
        /// Why.
        error: Error,
    },
    /// A matcher.
    #[error("cannot compile the patterns: {error}")]
    Matcher {
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
