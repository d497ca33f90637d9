//! The interfaces `monitor` and `event`: what a guest defines in `start`.

use sluice_engine::Refusal;
use sluice_engine::limits::NAME_BYTES;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmStr};

use super::words::{HookName, LevelName};
use super::{function, levels, number, text};
use crate::Severity;
use crate::host::{Host, Starting};
use crate::limits::{FILTER_BYTES, REPORTED_CHARS};
use crate::text::{excerpt, one_line};

pub(super) fn define_monitor(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "open-stream",
        |mut store: StoreContextMut<'_, Host>, (filter, level): (WasmStr, LevelName)| {
            let filter = text(&store, &filter, FILTER_BYTES)?;
            let answer = filter.and_then(|filter| open_stream(store.data_mut(), &filter, level));
            Ok((answer.map_err(number),))
        },
    )?;
    function(interface, "observe", |host, (monitor,): (u32,)| {
        let observed = starting(host).and_then(|starting| starting.definitions.observe(monitor));
        observed.map_err(number)
    })?;
    levels::define_monitor(interface)
}

pub(super) fn define_event(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "define",
        |mut store: StoreContextMut<'_, Host>, (name, parent, filter, argument): (WasmStr, u32, u32, u64)| {
            let name = text(&store, &name, NAME_BYTES)?;
            let answer = name.and_then(|name| {
                let starting = starting(store.data_mut())?;
                starting.definitions.define(&one_line(&name), parent, filter, argument)
            });
            Ok((answer.map_err(number),))
        },
    )?;
    function(interface, "register", |host, (monitor, event, hook, handler): (u32, u32, HookName, u32)| {
        let registered = starting(host)
            .and_then(|starting| starting.definitions.register(monitor, event, hook.into(), handler));
        registered.map_err(number)
    })
}

pub(super) fn starting(host: &mut Host) -> Result<&mut Starting, Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)
}

fn open_stream(host: &mut Host, expression: &str, level: LevelName) -> Result<u32, Refusal> {
    let Some(starting) = host.starting.as_mut() else { return Err(Refusal::NotAllowed) };
    let filter = if expression.trim().is_empty() {
        None
    } else {
        match starting.filters.compile(expression) {
            Ok(filter) => Some(filter),
            Err(reason) => {
                // The guest learns a number only; the operator may have written the expression.
                let reason = excerpt(&format!("filter `{expression}`: {reason}"), REPORTED_CHARS);
                if host.log.lines.take(reason.len()) {
                    host.output.line(&host.name, Severity::Error, &reason);
                }
                return Err(Refusal::BadFilter);
            }
        }
    };
    starting.definitions.open_stream(filter, level.into())
}
