//! The interface `monitor`: what a guest opens in `start`.

use sluice_engine::Refusal;
use sluice_engine::event::{Definitions, Predicate};

use super::at_most;
use crate::Severity;
use crate::host::Host;
use crate::limits::{FILTER_BYTES, REPORTED_CHARS};
use crate::text::excerpt;
use crate::world::stream::Level;
use crate::world::types::Direction;

pub(crate) fn open_stream(host: &mut Host, filter: &str, level: Level) -> Result<u32, Refusal> {
    let filter = compile(host, filter)?;
    starting(host)?.open_stream(filter, level.into())
}

pub(crate) fn open_raw(host: &mut Host, filter: &str) -> Result<u32, Refusal> {
    let filter = compile(host, filter)?;
    starting(host)?.open_raw(filter)
}

pub(crate) fn filter_orphans(host: &mut Host, monitor: u32, filter: &str) -> Result<(), Refusal> {
    let filter = compile(host, filter)?;
    starting(host)?.filter_orphans(monitor, filter)
}

pub(crate) fn set_level(
    host: &mut Host,
    monitor: u32,
    direction: Direction,
    level: Level,
) -> Result<(), Refusal> {
    starting(host)?.set_level(monitor, direction.into(), level.into())
}

pub(crate) fn set_size(
    host: &mut Host,
    monitor: u32,
    direction: Direction,
    bytes: u32,
) -> Result<(), Refusal> {
    starting(host)?.set_size(monitor, direction.into(), bytes)
}

pub(crate) fn set_retain(
    host: &mut Host,
    monitor: u32,
    direction: Direction,
    bytes: u32,
) -> Result<(), Refusal> {
    starting(host)?.set_retain(monitor, direction.into(), bytes)
}

pub(crate) fn observe(host: &mut Host, monitor: u32) -> Result<(), Refusal> {
    starting(host)?.observe(monitor)
}

pub(crate) fn poll(host: &mut Host, monitor: u32) -> Result<(), Refusal> {
    starting(host)?.poll(monitor)
}

fn starting(host: &mut Host) -> Result<&mut Definitions, Refusal> {
    host.starting.as_mut().ok_or(Refusal::NotAllowed)
}

/// Compiles a filter expression, in `start` only; `None` for an empty one.
pub(super) fn compile(host: &mut Host, expression: &str) -> Result<Option<Box<dyn Predicate>>, Refusal> {
    let expression = at_most(expression, FILTER_BYTES)?;
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
