//! The component's exports: finds the middlebox and the function with the number that the host names.

use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;
use std::panic;

use crate::bindings::Guest;
use crate::configuration::Configuration;
use crate::event::{Event, Scalars};
use crate::log::{self, Severity};
use crate::middlebox::{Middlebox, Verdict};
use crate::ready::ReadyFlows;
use crate::setup::{Setup, Tables};
use crate::timer::{Tick, Timer};

/// Makes a [`Middlebox`] the component's: once in a guest, at the top level.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::prelude::*;
///
/// #[derive(Default)]
/// struct Counter {
///     flows: u64,
/// }
///
/// sluice::export!(Counter);
///
/// impl Middlebox for Counter {
///     fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
///         let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::State)?;
///         flows.on(ConnStart, Self::on_start)?;
///         Ok(Self::default())
///     }
///
///     fn stop(&mut self) {
///         report!("{} flows\n", self.flows);
///     }
/// }
///
/// impl Counter {
///     fn on_start(&mut self, _event: &Event) {
///         self.flows += 1;
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($middlebox:ty) => {
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: $crate::export::Slot<$middlebox> = const { $crate::export::Slot::empty() };
            }

            impl $crate::export::Exported for $middlebox {
                fn with_slot<R>(run: impl FnOnce(&$crate::export::Slot<Self>) -> R) -> R {
                    INSTANCE.with(run)
                }
            }

            $crate::export_component!($middlebox);
        };
    };
}

/// Makes the exports of the component.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! export_component {
    ($middlebox:ty) => {
        type Component = $crate::export::Component<$middlebox>;
        $crate::bindings::export_raw!(Component with_types_in $crate::bindings);
    };
}

/// Elsewhere there is no host to call exports, and names such as `stop` would be the whole program's. What they would
/// call counts as used all the same.
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
#[macro_export]
macro_rules! export_component {
    ($middlebox:ty) => {
        const _: $crate::export::Start<$middlebox> = <$middlebox as $crate::Middlebox>::start;
    };
}

/// Where the one instance of a middlebox lives.
///
/// A thread-local, because a component has one thread: there it is an ordinary variable, and nobody has to promise
/// anything about access from elsewhere.
#[doc(hidden)]
pub struct Slot<M>(RefCell<Option<Instance<M>>>);

struct Instance<M> {
    middlebox: M,
    tables: Tables<M>,
}

/// A middlebox with its slot.
#[doc(hidden)]
pub trait Exported: Middlebox {
    /// Runs a function on it.
    fn with_slot<R>(run: impl FnOnce(&Slot<Self>) -> R) -> R;
}

impl<M> Slot<M> {
    /// Before `start`.
    #[must_use]
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }
}

impl<M> fmt::Debug for Slot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// The type of [`Middlebox::start`].
#[doc(hidden)]
pub type Start<M> = fn(&Setup<M>, &Configuration) -> Result<M, String>;

/// Implements the world's exports for a middlebox.
#[doc(hidden)]
#[derive(Debug)]
pub struct Component<M>(PhantomData<M>);

impl<M: Exported> Guest for Component<M> {
    fn start(configuration: Vec<(String, String)>) -> Result<(), String> {
        // The host sees a trap without its message; this line goes before it.
        panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("panic without a message");
            match panic.location() {
                Some(place) => log::write(Severity::Error, &format!("panicked at {place}: {message}")),
                None => log::write(Severity::Error, &format!("panicked: {message}")),
            }
        }));
        let setup = Setup::new();
        let middlebox = M::start(&setup, &Configuration::from_words(configuration))?;
        M::with_slot(|slot| *slot.0.borrow_mut() = Some(Instance { middlebox, tables: setup.into_tables() }));
        Ok(())
    }

    #[rustfmt::skip]
    fn filter(
        id: u32, kind: u32, place: u32, flow: u64, time: u64, user_context: u64, argument: u64, offset: u64,
        readable: u32, length: u32, wire_length: u32, sequence: u32, acknowledgment: u32, window: u32, ports: u32,
        states: u32,
    ) -> bool {
        let event = Event::from_scalars(Scalars {
            kind, place, flow, time, user_context, argument, offset, readable, length, wire_length, sequence,
            acknowledgment, window, ports, states,
        });
        M::with_slot(|slot| slot.0.borrow_mut().as_mut().is_some_and(|instance| instance.filter(id, &event)))
    }

    #[rustfmt::skip]
    fn callback(
        id: u32, kind: u32, place: u32, flow: u64, time: u64, user_context: u64, argument: u64, offset: u64,
        readable: u32, length: u32, wire_length: u32, sequence: u32, acknowledgment: u32, window: u32, ports: u32,
        states: u32,
    ) -> u32 {
        let event = Event::from_scalars(Scalars {
            kind, place, flow, time, user_context, argument, offset, readable, length, wire_length, sequence,
            acknowledgment, window, ports, states,
        });
        M::with_slot(|slot| slot.0.borrow_mut().as_mut().map_or(0, |instance| instance.callback(id, &event).bits()))
    }

    fn burst(events: Vec<u64>, arena: Vec<u8>) -> u64 {
        M::with_slot(|slot| {
            slot.0.borrow_mut().as_mut().map_or(0, |instance| {
                let events = Event::of_burst(events, arena);
                events.for_each(|handler, event| instance.callback(handler, event) == Verdict::Drop)
            })
        })
    }

    fn on_timer(_timer: u32, argument: u64, time: u64) {
        M::with_slot(|slot| {
            if let Some(instance) = slot.0.borrow_mut().as_mut() {
                instance.on_timer(argument, time);
            }
        });
    }

    fn on_ready(flows: Vec<u64>) {
        M::with_slot(|slot| {
            if let Some(instance) = slot.0.borrow_mut().as_mut() {
                instance.middlebox.on_ready(&ReadyFlows::from_numbers(flows));
            }
        });
    }

    fn stop() {
        M::with_slot(|slot| {
            if let Some(instance) = slot.0.borrow_mut().as_mut() {
                instance.middlebox.stop();
            }
        });
    }
}

/// A number that the host never got from this guest is ignored: there is nothing that it could mean.
impl<M: 'static> Instance<M> {
    fn filter(&mut self, id: u32, event: &Event) -> bool {
        // A function that was named for the first time while a handler ran is not in the table yet.
        if id as usize >= self.tables.filters.len() {
            self.tables.adopt();
        }
        let Some(Some(filter)) = self.tables.filters.get(id as usize) else { return false };
        filter(&self.middlebox, event).unwrap_or_else(|error| {
            log::warn!("filter of {:?}: {error}", event.kind());
            false
        })
    }

    fn callback(&mut self, id: u32, event: &Event) -> Verdict {
        if id as usize >= self.tables.handlers.len() {
            self.tables.adopt();
        }
        let Some(Some(handler)) = self.tables.handlers.get(id as usize) else { return Verdict::Pass };
        handler(&mut self.middlebox, event).unwrap_or_else(|error| {
            log::warn!("handler of {:?}: {error}", event.kind());
            Verdict::Pass
        })
    }

    fn on_timer(&mut self, argument: u64, time_ns: u64) {
        let Ok(handler) = u32::try_from(argument) else { return };
        let Some(entry) = self.tables.timers.get(handler as usize) else { return };
        (entry.handler)(&mut self.middlebox, &Tick { time_ns });
        if let Some(interval) = entry.every
            && let Err(error) = (Timer { handler }).after(interval)
        {
            log::warn!("timer not set again: {error}");
        }
    }
}
