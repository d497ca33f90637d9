//! The interface `event`: what a guest defines, registers and raises, in `start` and while it runs.

use sluice_engine::Refusal;
use sluice_engine::event::{Change, EventFilter};
use sluice_engine::limits::{ARGUMENT_BYTES, NAME_BYTES};

use super::filter::event_filter;
use super::{InView, at_most};
use crate::host::Host;
use crate::text::one_line;
use crate::world::event::Filter;
use crate::world::types::Hook;

pub(crate) fn define(
    host: &mut Host,
    name: &str,
    parent: u32,
    filter: Filter,
    argument: &[u8],
) -> Result<u32, Refusal> {
    let name = at_most(name, NAME_BYTES)?;
    let filter = event_filter(host, &filter)?;
    new_event(host, name, parent, filter, at_most(argument, ARGUMENT_BYTES)?)
}

pub(crate) fn alloc(host: &mut Host, name: &str, parent: u32) -> Result<u32, Refusal> {
    new_event(host, at_most(name, NAME_BYTES)?, parent, EventFilter::Raised, &[])
}

pub(crate) fn raise(host: &mut Host, event: u32) -> Result<(), Refusal> {
    host.view.raise(event)
}

pub(crate) fn register(
    host: &mut Host,
    monitor: u32,
    event: u32,
    hook: Hook,
    handler: u32,
) -> Result<(), Refusal> {
    change_monitor(host, monitor, Change::register(event, hook.into(), handler))
}

pub(crate) fn unregister(
    host: &mut Host,
    monitor: u32,
    event: u32,
    hook: Hook,
    handler: u32,
) -> Result<(), Refusal> {
    change_monitor(host, monitor, Change::unregister(event, hook.into(), handler))
}

pub(crate) fn replace(
    host: &mut Host,
    monitor: u32,
    event: u32,
    hook: Hook,
    handler: u32,
    by: u32,
) -> Result<(), Refusal> {
    change_monitor(host, monitor, Change::replace(event, hook.into(), handler, by))
}

pub(crate) fn register_flow(host: &mut Host, event: u32, hook: Hook, handler: u32) -> Result<(), Refusal> {
    host.view.change_flow(Change::register(event, hook.into(), handler))
}

pub(crate) fn unregister_flow(host: &mut Host, event: u32, hook: Hook, handler: u32) -> Result<(), Refusal> {
    host.view.change_flow(Change::unregister(event, hook.into(), handler))
}

pub(crate) fn replace_flow(
    host: &mut Host,
    event: u32,
    hook: Hook,
    handler: u32,
    by: u32,
) -> Result<(), Refusal> {
    host.view.change_flow(Change::replace(event, hook.into(), handler, by))
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

pub(crate) fn undefine(host: &mut Host, event: u32) -> Result<(), Refusal> {
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

pub(crate) fn defer(host: &mut Host, handler: u32) -> Result<(), Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)?.defer(handler)
}

pub(crate) fn bring(host: &mut Host, handler: u32) -> Result<(), Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)?.bring(handler)
}

pub(crate) fn select(host: &mut Host, place: u32) -> Result<(), Refusal> {
    host.view.select_event(place)
}

pub(crate) fn argument(host: &mut Host) -> Result<InView, Refusal> {
    host.view.argument().map(|_| InView::Argument)
}
