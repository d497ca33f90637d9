//! The interface `monitor`: what a guest opens in `start`.

use sluice_engine::Refusal;
use sluice_engine::event::{Definitions, Predicate};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmStr};

use super::words::LevelName;
use super::{function, levels, number, text};
use crate::Severity;
use crate::host::Host;
use crate::limits::{FILTER_BYTES, REPORTED_CHARS};
use crate::text::excerpt;

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "open-stream",
        |mut store: StoreContextMut<'_, Host>, (filter, level): (WasmStr, LevelName)| {
            let filter = text(&store, &filter, FILTER_BYTES)?;
            let host = store.data_mut();
            let answer = filter.and_then(|filter| {
                let filter = compile(host, &filter)?;
                starting(host)?.open_stream(filter, level.into())
            });
            Ok((answer.map_err(number),))
        },
    )?;
    interface.func_wrap("open-raw", |mut store: StoreContextMut<'_, Host>, (filter,): (WasmStr,)| {
        let filter = text(&store, &filter, FILTER_BYTES)?;
        let host = store.data_mut();
        let answer = filter.and_then(|filter| {
            let filter = compile(host, &filter)?;
            starting(host)?.open_raw(filter)
        });
        Ok((answer.map_err(number),))
    })?;
    interface.func_wrap(
        "filter-orphans",
        |mut store: StoreContextMut<'_, Host>, (monitor, filter): (u32, WasmStr)| {
            let filter = text(&store, &filter, FILTER_BYTES)?;
            let host = store.data_mut();
            let answer = filter.and_then(|filter| {
                let filter = compile(host, &filter)?;
                starting(host)?.filter_orphans(monitor, filter)
            });
            Ok((answer.map_err(number),))
        },
    )?;
    function(interface, "observe", |host, (monitor,): (u32,)| {
        starting(host).and_then(|definitions| definitions.observe(monitor)).map_err(number)
    })?;
    function(interface, "poll", |host, (monitor,): (u32,)| {
        starting(host).and_then(|definitions| definitions.poll(monitor)).map_err(number)
    })?;
    levels::define_monitor(interface)
}

pub(super) fn starting(host: &mut Host) -> Result<&mut Definitions, Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)
}

/// Compiles a filter expression, in `start` only; `None` for an empty one.
pub(super) fn compile(host: &mut Host, expression: &str) -> Result<Option<Box<dyn Predicate>>, Refusal> {
    starting(host)?;
    if expression.trim().is_empty() {
        return Ok(None);
    }
    match host.filters.compile(expression) {
        Ok(filter) => Ok(Some(filter)),
        Err(reason) => {
            // The guest learns a number only; the operator may have written the expression.
            let reason = excerpt(&format!("filter `{expression}`: {reason}"), REPORTED_CHARS);
            if host.log.lines.take(reason.len()) {
                host.output.line(&host.name, Severity::Error, &reason);
            }
            Err(Refusal::BadFilter)
        }
    }
}
