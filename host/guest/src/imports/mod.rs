//! What guests import: the functions of the world `imports`, and nothing else.
//!
//! A host function never blocks, never calls the guest, and takes every number of the guest as a claim: whatever it
//! names is looked up by the engine, and what does not exist is refused with a number of the WIT. Types are compared
//! with the component's when it is loaded.

mod edit;
mod event;
mod filter;
mod flow;
mod levels;
mod log;
mod matcher;
mod monitor;
mod packet;
mod stream;
mod tcp_info;
mod timer;
mod words;

use sluice_engine::Refusal;
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower, WasmStr};
use wasmtime::{Engine, StoreContextMut};

use crate::host::Host;

/// Package of the world.
pub(crate) const PACKAGE: &str = "sluice:middlebox";

/// Version of the world that this host offers.
pub(crate) const VERSION: &str = "0.1.0";

/// Interfaces of the world. `types` has no functions.
pub(crate) const INTERFACES: [&str; 9] =
    ["types", "packet", "stream", "flow", "monitor", "event", "matcher", "timer", "log"];

/// All host functions.
///
/// # Errors
///
/// A name that is there twice: a fault of this crate.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    for name in INTERFACES {
        let mut interface = linker.instance(&format!("{PACKAGE}/{name}@{VERSION}"))?;
        match name {
            "packet" => {
                packet::define(&mut interface)?;
                edit::define(&mut interface)?;
            }
            "stream" => stream::define(&mut interface)?,
            "flow" => {
                flow::define(&mut interface)?;
                edit::define_reset(&mut interface)?;
            }
            "monitor" => monitor::define(&mut interface)?,
            "event" => event::define(&mut interface)?,
            "matcher" => matcher::define(&mut interface)?,
            "timer" => timer::define(&mut interface)?,
            "log" => log::define(&mut interface)?,
            _ => {}
        }
    }
    Ok(linker)
}

/// Defines a function of numbers: its answer is a `result` of the WIT.
fn function<P, T, E, F>(
    interface: &mut LinkerInstance<'_, Host>,
    name: &str,
    function: F,
) -> wasmtime::Result<()>
where
    F: Fn(&mut Host, P) -> Result<T, E> + Send + Sync + 'static,
    P: ComponentNamedList + Lift + 'static,
    T: ComponentType + Lower + Send + Sync + 'static,
    E: ComponentType + Lower + Send + Sync + 'static,
{
    interface.func_wrap(name, move |mut store: StoreContextMut<'_, Host>, params: P| {
        Ok((function(store.data_mut(), params),))
    })
}

/// A text of the guest, at most `bytes_max` long.
///
/// # Errors
///
/// A text that is not valid in its encoding breaks the canonical ABI; one that is too long is refused.
fn text(
    store: &StoreContextMut<'_, Host>,
    text: &WasmStr,
    bytes_max: usize,
) -> wasmtime::Result<Result<String, Refusal>> {
    let text = text.to_str(store)?;
    Ok(if text.len() > bytes_max { Err(Refusal::TooLong) } else { Ok(text.into_owned()) })
}

/// A refusal as the WIT's number.
fn number(refusal: Refusal) -> u32 {
    refusal.number()
}
