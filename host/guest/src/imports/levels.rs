//! What a guest wants of streams: of the interface `stream` for the current flow, of `monitor` for future ones.

use sluice_engine::{Direction, Refusal};
use wasmtime::component::LinkerInstance;

use super::monitor::starting;
use super::words::{DirectionName, LevelName};
use super::{function, number};
use crate::host::Host;

pub(super) fn define_stream(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "set-level", |host, (direction, level): (DirectionName, LevelName)| {
        host.view.set_level(direction.into(), level.into()).map_err(number)
    })?;
    function(interface, "set-size", |host, (direction, bytes): (DirectionName, u32)| {
        host.view.set_size(direction.into(), bytes).map_err(number)
    })?;
    function(interface, "set-retain", |host, (direction, bytes): (DirectionName, u32)| {
        host.view.set_retain(direction.into(), bytes).map_err(number)
    })?;
    function(interface, "overlap", |host, (direction,): (DirectionName,)| {
        overlap(host, direction.into()).map_err(number)
    })
}

pub(super) fn define_monitor(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(
        interface,
        "set-level",
        |host, (monitor, direction, level): (u32, DirectionName, LevelName)| {
            let set = starting(host)
                .and_then(|definitions| definitions.set_level(monitor, direction.into(), level.into()));
            set.map_err(number)
        },
    )?;
    function(interface, "set-size", |host, (monitor, direction, bytes): (u32, DirectionName, u32)| {
        let set =
            starting(host).and_then(|definitions| definitions.set_size(monitor, direction.into(), bytes));
        set.map_err(number)
    })?;
    function(interface, "set-retain", |host, (monitor, direction, bytes): (u32, DirectionName, u32)| {
        let set =
            starting(host).and_then(|definitions| definitions.set_retain(monitor, direction.into(), bytes));
        set.map_err(number)
    })
}

fn overlap(host: &Host, direction: Direction) -> Result<u32, Refusal> {
    Ok(host.view.overlap(direction)?.number())
}
