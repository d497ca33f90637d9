//! The interface `event`: what a guest defines, registers and raises, in `start` and while it runs.

use std::sync::Arc;

use sluice_engine::Refusal;
use sluice_engine::event::{Change, EventFilter, Hook};
use sluice_engine::limits::{ARGUMENT_BYTES, NAME_BYTES};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmList, WasmStr};

use super::filter::{FilterSpec, event_filter};
use super::words::HookName;
use super::{function, number, text};
use crate::host::Host;
use crate::text::one_line;

/// Parameters of the calls that concern one handler of an event.
type OnMonitor = (u32, u32, HookName, u32);
type OnFlow = (u32, HookName, u32);

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "define",
        |mut store: StoreContextMut<'_, Host>,
         (name, parent, filter, argument): (WasmStr, u32, FilterSpec, WasmList<u8>)| {
            let name = text(&store, &name, NAME_BYTES)?;
            let argument = argument.as_le_slice(&store);
            let argument =
                if argument.len() > ARGUMENT_BYTES { Err(Refusal::TooLong) } else { Ok(argument.to_vec()) };
            let filter = event_filter(&mut store, &filter)?;
            let host = store.data_mut();
            let answer = name.and_then(|name| new_event(host, &name, parent, filter?, &argument?));
            Ok((answer.map_err(number),))
        },
    )?;
    interface.func_wrap(
        "alloc",
        |mut store: StoreContextMut<'_, Host>, (name, parent): (WasmStr, u32)| {
            let name = text(&store, &name, NAME_BYTES)?;
            let host = store.data_mut();
            let answer = name.and_then(|name| new_event(host, &name, parent, EventFilter::Raised, &[]));
            Ok((answer.map_err(number),))
        },
    )?;
    function(interface, "undefine", |host, (event,): (u32,)| undefine(host, event).map_err(number))?;
    function(interface, "raise", |host, (event,): (u32,)| host.view.raise(event).map_err(number))?;
    function(interface, "argument", |host, (): ()| argument(host).map_err(number))?;
    function(interface, "select", |host, (place,): (u32,)| host.view.select_event(place).map_err(number))?;
    function(interface, "bring", |host, (handler,): (u32,)| bring(host, handler).map_err(number))?;
    function(interface, "defer", |host, (handler,): (u32,)| defer(host, handler).map_err(number))?;
    define_registration(interface)
}

fn define_registration(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "register", |host, (monitor, event, hook, handler): OnMonitor| {
        change_monitor(host, monitor, Change::register(event, Hook::from(hook), handler)).map_err(number)
    })?;
    function(interface, "unregister", |host, (monitor, event, hook, handler): OnMonitor| {
        change_monitor(host, monitor, Change::unregister(event, Hook::from(hook), handler)).map_err(number)
    })?;
    function(
        interface,
        "replace",
        |host, (monitor, event, hook, handler, by): (u32, u32, HookName, u32, u32)| {
            change_monitor(host, monitor, Change::replace(event, Hook::from(hook), handler, by))
                .map_err(number)
        },
    )?;
    function(interface, "register-flow", |host, (event, hook, handler): OnFlow| {
        host.view.change_flow(Change::register(event, Hook::from(hook), handler)).map_err(number)
    })?;
    function(interface, "unregister-flow", |host, (event, hook, handler): OnFlow| {
        host.view.change_flow(Change::unregister(event, Hook::from(hook), handler)).map_err(number)
    })?;
    function(interface, "replace-flow", |host, (event, hook, handler, by): (u32, HookName, u32, u32)| {
        host.view.change_flow(Change::replace(event, Hook::from(hook), handler, by)).map_err(number)
    })
}

fn new_event(
    host: &mut Host,
    name: &str,
    parent: u32,
    filter: EventFilter,
    argument: &[u8],
) -> Result<u32, Refusal> {
    // A control character would break the lines of reports.
    let name = one_line(name);
    match &mut host.starting {
        Some(definitions) => definitions.define(&name, parent, filter, argument),
        None => host.view.define(&name, parent, filter, argument),
    }
}

fn undefine(host: &mut Host, event: u32) -> Result<(), Refusal> {
    match &mut host.starting {
        Some(definitions) => definitions.undefine(event),
        None => host.view.undefine(event),
    }
}

fn change_monitor(host: &mut Host, monitor: u32, change: Change) -> Result<(), Refusal> {
    match &mut host.starting {
        Some(definitions) => definitions.change(monitor, change),
        None => host.view.change_monitor(monitor, change),
    }
}

fn defer(host: &mut Host, handler: u32) -> Result<(), Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)?.defer(handler)
}

fn bring(host: &mut Host, handler: u32) -> Result<(), Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)?.bring(handler)
}

fn argument(host: &mut Host) -> Result<Arc<Vec<u8>>, Refusal> {
    let found = host.view.argument()?;
    let bytes = Arc::make_mut(&mut host.bytes);
    bytes.clear();
    bytes.extend_from_slice(found);
    Ok(Arc::clone(&host.bytes))
}
