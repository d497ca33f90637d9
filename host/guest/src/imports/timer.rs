//! The interface `timer`.

use sluice_engine::Refusal;

use crate::host::Host;

pub(crate) fn set(host: &mut Host, delay: u64, argument: u64) -> Result<u32, Refusal> {
    match &mut host.starting {
        Some(definitions) => definitions.set_timer(delay, argument),
        None => host.view.set_timer(delay, argument),
    }
}

pub(crate) fn cancel(host: &mut Host, timer: u32) -> Result<(), Refusal> {
    // A guest that has just set a timer has no reason to take it back.
    if host.starting.is_some() { Err(Refusal::NotAllowed) } else { host.view.cancel_timer(timer) }
}
