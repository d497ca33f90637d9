//! What flows invoke, changed while the middlebox runs.

use crate::bindings::sluice::middlebox::event as raw;
use crate::functions::{handler_number, known_handler};
use crate::kind::{EventId, Hook};
use crate::middlebox::Outcome;
use crate::{Error, Event, Flow};

/// Handlers of the current flow: for it and the current monitor alone. A flow begins with what its monitor has
/// registered; changes show from the next pass (packet and hook) on.
///
/// Handlers are functions, or closures that capture nothing: the function itself says which registration is meant.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::prelude::*;
///
/// /// Counts packets from the first data of a flow to its hundredth packet.
/// #[derive(Default)]
/// struct Beginnings {
///     packets: u64,
/// }
///
/// sluice::export!(Beginnings);
///
/// impl Middlebox for Beginnings {
///     fn start(setup: &Setup<Self>, _configuration: &Configuration) -> Result<Self, String> {
///         setup.monitor("tcp", Level::Full)?.on(NewData, Self::on_first_data)?;
///         Ok(Self::default())
///     }
/// }
///
/// impl Beginnings {
///     fn on_first_data(&mut self, event: &Event) -> Result<(), Error> {
///         event.flow().off(NewData, Self::on_first_data)?;
///         event.flow().on(PacketIn, Self::on_packet)
///     }
///
///     fn on_packet(&mut self, event: &Event) -> Result<(), Error> {
///         self.packets += 1;
///         if event.flow().statistics(Side::Client)?.packets >= 100 {
///             event.flow().off(PacketIn, Self::on_packet)?;
///         }
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
impl Flow {
    /// Calls `handler` when `event` happens in this flow, at the hooks of [`StreamMonitor::on`]. What is registered
    /// already stays as it is.
    ///
    /// [`StreamMonitor::on`]: crate::StreamMonitor::on
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`] also if the flow has ended, [`Error::BadId`] if the event was undefined, [`Error::TooMany`],
    /// [`Error::NotAllowed`] in a filter.
    pub fn on<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), Error> {
        let event = event.into();
        register(Target::Flow, event, event.root.default_hooks(), handler)
    }

    /// As [`Flow::on`], at `hook`.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::BadHook`] if the event is never raised at this hook.
    pub fn on_at<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        hook: Hook,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), Error> {
        register(Target::Flow, event.into(), &[hook], handler)
    }

    /// Undoes [`Flow::on`], or what the flow began with.
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if it is not registered, [`Error::NoFlow`] also if the flow has ended, [`Error::NotAllowed`] in
    /// a filter.
    pub fn off<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), Error> {
        let event = event.into();
        unregister(Target::Flow, event, event.root.default_hooks(), handler)
    }

    /// As [`Flow::off`], at `hook`.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::BadHook`].
    pub fn off_at<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        &self,
        hook: Hook,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), Error> {
        unregister(Target::Flow, event.into(), &[hook], handler)
    }

    /// [`Flow::off`] for `handler` and [`Flow::on`] for `by`, in one step.
    ///
    /// # Errors
    ///
    /// As both.
    pub fn replace<M: 'static, O: Outcome, P: Outcome, F, G>(
        &self,
        event: impl Into<EventId>,
        handler: F,
        by: G,
    ) -> Result<(), Error>
    where
        F: Fn(&mut M, &Event) -> O + 'static,
        G: Fn(&mut M, &Event) -> P + 'static,
    {
        let event = event.into();
        replace(Target::Flow, event, event.root.default_hooks(), handler, by)
    }

    /// As [`Flow::replace`], at `hook`.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::BadHook`].
    pub fn replace_at<M: 'static, O: Outcome, P: Outcome, F, G>(
        &self,
        hook: Hook,
        event: impl Into<EventId>,
        handler: F,
        by: G,
    ) -> Result<(), Error>
    where
        F: Fn(&mut M, &Event) -> O + 'static,
        G: Fn(&mut M, &Event) -> P + 'static,
    {
        replace(Target::Flow, event.into(), &[hook], handler, by)
    }
}

/// A monitor as it can be remembered: what its future flows begin with can be changed while the middlebox runs.
///
/// Made by [`StreamMonitor::handle`](crate::StreamMonitor::handle) and
/// [`RawMonitor::handle`](crate::RawMonitor::handle).
/// Flows that live already are not affected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Monitor {
    pub(crate) number: u32,
    pub(crate) sees: Sees,
}

/// What a monitor is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sees {
    Flows,
    Packets,
}

impl Monitor {
    /// Calls `handler` when `event` happens: in future flows at the hooks of [`StreamMonitor::on`], for packets at
    /// [`Hook::None`].
    ///
    /// [`StreamMonitor::on`]: crate::StreamMonitor::on
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if the event was undefined, [`Error::TooMany`], [`Error::NotAllowed`] in a filter.
    pub fn on<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        self,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), Error> {
        let event = event.into();
        register(Target::Monitor(self.number), event, self.default_hooks(event), handler)
    }

    /// Undoes `on`.
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if it is not registered, [`Error::NotAllowed`] in a filter.
    pub fn off<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
        self,
        event: impl Into<EventId>,
        handler: F,
    ) -> Result<(), Error> {
        let event = event.into();
        unregister(Target::Monitor(self.number), event, self.default_hooks(event), handler)
    }

    /// [`Monitor::off`] for `handler` and [`Monitor::on`] for `by`, in one step.
    ///
    /// # Errors
    ///
    /// As both.
    pub fn replace<M: 'static, O: Outcome, P: Outcome, F, G>(
        self,
        event: impl Into<EventId>,
        handler: F,
        by: G,
    ) -> Result<(), Error>
    where
        F: Fn(&mut M, &Event) -> O + 'static,
        G: Fn(&mut M, &Event) -> P + 'static,
    {
        let event = event.into();
        replace(Target::Monitor(self.number), event, self.default_hooks(event), handler, by)
    }

    pub(crate) const fn default_hooks(self, event: EventId) -> &'static [Hook] {
        match self.sees {
            Sees::Flows => event.root.default_hooks(),
            Sees::Packets => &[Hook::None],
        }
    }
}

/// Whose handlers change.
#[derive(Clone, Copy)]
enum Target {
    Flow,
    Monitor(u32),
}

fn register<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
    target: Target,
    event: EventId,
    hooks: &[Hook],
    handler: F,
) -> Result<(), Error> {
    const { assert!(size_of::<F>() == 0, "a handler that is registered later must not capture anything") };
    let handler = handler_number(handler)?;
    at_each(hooks, |hook| match target {
        Target::Flow => raw::register_flow(event.number, hook.raw(), handler),
        Target::Monitor(monitor) => raw::register(monitor, event.number, hook.raw(), handler),
    })
}

fn unregister<F: 'static>(target: Target, event: EventId, hooks: &[Hook], _handler: F) -> Result<(), Error> {
    const { assert!(size_of::<F>() == 0, "a handler that captures something cannot be named again") };
    let handler = known_handler::<F>()?;
    at_each(hooks, |hook| match target {
        Target::Flow => raw::unregister_flow(event.number, hook.raw(), handler),
        Target::Monitor(monitor) => raw::unregister(monitor, event.number, hook.raw(), handler),
    })
}

fn replace<M: 'static, P: Outcome, F: 'static, G: Fn(&mut M, &Event) -> P + 'static>(
    target: Target,
    event: EventId,
    hooks: &[Hook],
    _handler: F,
    by: G,
) -> Result<(), Error> {
    const { assert!(size_of::<F>() == 0, "a handler that captures something cannot be named again") };
    const { assert!(size_of::<G>() == 0, "a handler that is registered later must not capture anything") };
    let (handler, by) = (known_handler::<F>()?, handler_number(by)?);
    at_each(hooks, |hook| match target {
        Target::Flow => raw::replace_flow(event.number, hook.raw(), handler, by),
        Target::Monitor(monitor) => raw::replace(monitor, event.number, hook.raw(), handler, by),
    })
}

fn at_each(hooks: &[Hook], change: impl Fn(Hook) -> Result<(), u32>) -> Result<(), Error> {
    hooks.iter().try_for_each(|hook| change(*hook).map_err(Error::from_number))
}
