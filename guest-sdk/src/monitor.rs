//! Monitors as `start` opens them: which flows and packets a middlebox sees, and what it is called for.

use core::fmt;
use core::marker::PhantomData;

use crate::bindings::sluice::middlebox::{event as raw_event, monitor as raw_monitor};
use crate::functions::handler_number;
use crate::kind::{EventId, EventKind, Hook};
use crate::middlebox::Outcome;
use crate::registration::{Monitor, Sees};
use crate::setup::{Setup, SetupError};
use crate::{Error, Event};

/// A monitor of TCP flows, to which handlers are added.
pub struct StreamMonitor<'a, M> {
    pub(crate) setup: PhantomData<&'a Setup<M>>,
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

    /// Asks to be told once a burst which of the monitor's flows can be read, began and ended:
    /// [`Middlebox::on_ready`](crate::Middlebox::on_ready).
    ///
    /// # Errors
    ///
    /// [`SetupError::Poll`] if the host does not tell.
    pub fn poll(&self) -> Result<(), SetupError> {
        raw_monitor::poll(self.number)
            .map_err(|number| SetupError::Poll { error: Error::from_number(number) })
    }

    /// Shows the monitor only those [orphans](EventKind::Orphan) that `filter`, a pcap-filter expression, takes;
    /// without it, all of them.
    ///
    /// # Errors
    ///
    /// [`SetupError::Monitor`] with [`Error::BadFilter`].
    pub fn filter_orphans(&self, filter: &str) -> Result<(), SetupError> {
        raw_monitor::filter_orphans(self.number, filter).map_err(|number| SetupError::Monitor {
            filter: filter.into(),
            error: Error::from_number(number),
        })
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
    /// Handlers of one event run in the order in which they were named for the first time, whatever for. A function, or
    /// a closure that captures nothing, is one handler, wherever it is named; a closure that captures is another each
    /// time.
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
        register(self.number, event, event.root.default_hooks(), handler)
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
        register(self.number, event.into(), &[hook], handler)
    }

    /// [`Setup::defer`] and [`StreamMonitor::on`]: calls `handler` after the burst in which `event` happened, once for
    /// all data that continues. What it changes on the flow holds from the next burst on, and its verdict counts for
    /// all packets that the event is about. The handler is deferred wherever else it is registered, too.
    ///
    /// # Errors
    ///
    /// As both.
    pub fn on_deferred<O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), SetupError> {
        self.defer(event.into(), handler).map(|_| ())
    }

    /// As [`StreamMonitor::on_deferred`], for a handler that reads all that its events make readable: the bytes come
    /// with the events, all flows' in one call of the host, and [`Event::data`] lends them without a copy. That takes
    /// few calls; it takes less time than [`StreamMonitor::on`] and a peek where the packets of a flow come in a row.
    ///
    /// They count as read whether the handler looks at them or not. So of two such handlers of one event the first has
    /// them, and [`Event::peek`] for another event that came before finds them gone.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn on_deferred_data<O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), SetupError> {
        let number = self.defer(event.into(), handler)?;
        raw_event::bring(number).map_err(|number| SetupError::Defer { error: Error::from_number(number) })
    }

    fn defer<O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        event: EventId,
        handler: F,
    ) -> Result<u32, SetupError> {
        let number = handler_number(handler).map_err(|error| SetupError::Defer { error })?;
        raw_event::defer(number).map_err(|number| SetupError::Defer { error: Error::from_number(number) })?;
        register_number(self.number, event, event.root.default_hooks(), number).map(|()| number)
    }

    /// The monitor as it can be remembered, for changes while the middlebox runs.
    #[must_use]
    pub const fn handle(&self) -> Monitor {
        Monitor { number: self.number, sees: Sees::Flows }
    }
}

/// A monitor of packets, to which handlers are added.
pub struct RawMonitor<'a, M> {
    pub(crate) setup: PhantomData<&'a Setup<M>>,
    pub(crate) number: u32,
}

impl<M: 'static> RawMonitor<'_, M> {
    /// Calls `handler` for each packet.
    ///
    /// # Errors
    ///
    /// [`SetupError::Handler`] with [`Error::TooMany`].
    pub fn on_packet<O: Outcome>(
        &self,
        handler: impl Fn(&mut M, &Event) -> O + 'static,
    ) -> Result<(), SetupError> {
        self.on(EventKind::PacketIn, handler)
    }

    /// Calls `handler` when `event` happens: [`EventKind::PacketIn`], or an event defined below it.
    ///
    /// # Errors
    ///
    /// [`SetupError::Handler`] with [`Error::TooMany`], or [`Error::BadHook`] for another event.
    pub fn on<O: Outcome>(
        &self,
        event: impl Into<EventId>,
        handler: impl Fn(&mut M, &Event) -> O + 'static,
    ) -> Result<(), SetupError> {
        let event = event.into();
        register(self.number, event, self.handle().default_hooks(event), handler)
    }

    /// The monitor as it can be remembered, for changes while the middlebox runs.
    #[must_use]
    pub const fn handle(&self) -> Monitor {
        Monitor { number: self.number, sees: Sees::Packets }
    }
}

fn register<M: 'static, O: Outcome>(
    monitor: u32,
    event: EventId,
    hooks: &[Hook],
    handler: impl Fn(&mut M, &Event) -> O + 'static,
) -> Result<(), SetupError> {
    let number = handler_number(handler).map_err(|error| SetupError::Handler { event: event.root, error })?;
    register_number(monitor, event, hooks, number)
}

fn register_number(monitor: u32, event: EventId, hooks: &[Hook], handler: u32) -> Result<(), SetupError> {
    let refused = |number| SetupError::Handler { event: event.root, error: Error::from_number(number) };
    hooks
        .iter()
        .try_for_each(|hook| raw_event::register(monitor, event.number, hook.raw(), handler).map_err(refused))
}

impl<M> fmt::Debug for StreamMonitor<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMonitor").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<M> fmt::Debug for RawMonitor<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMonitor").field("number", &self.number).finish_non_exhaustive()
    }
}
