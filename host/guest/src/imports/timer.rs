//! The interface `timer`.

use sluice_engine::Refusal;
use wasmtime::component::LinkerInstance;

use super::{function, number};
use crate::host::Host;

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "set", |host, (delay, argument): (u64, u64)| {
        set(host, delay, argument).map_err(number)
    })?;
    function(interface, "cancel", |host, (timer,): (u32,)| cancel(host, timer).map_err(number))
}

fn set(host: &mut Host, delay: u64, argument: u64) -> Result<u32, Refusal> {
    match &mut host.starting {
        Some(definitions) => definitions.set_timer(delay, argument),
        None => host.view.set_timer(delay, argument),
    }
}

fn cancel(host: &mut Host, timer: u32) -> Result<(), Refusal> {
    // A guest that has just set a timer has no reason to take it back.
    if host.starting.is_some() { Err(Refusal::NotAllowed) } else { host.view.cancel_timer(timer) }
}
