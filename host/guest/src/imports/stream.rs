//! The interface `stream`.

use std::sync::Arc;

use sluice_engine::view::PeekError;
use sluice_engine::{Direction, Refusal};
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

use super::words::DirectionName;
use super::{function, levels, number};
use crate::host::Host;

/// `peek-error` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum PeekRefusal {
    #[component(name = "missed")]
    Missed(u64),
    #[component(name = "refused")]
    Refused(u32),
}

impl From<PeekError> for PeekRefusal {
    fn from(error: PeekError) -> Self {
        match error {
            PeekError::Missed(bytes) => Self::Missed(bytes),
            PeekError::Refused(refusal) => Self::Refused(refusal.number()),
        }
    }
}

/// `buffer-state` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct BufferRecord {
    position: u64,
    #[component(name = "held-from")]
    held_from: u64,
    next: u64,
    highest: u64,
    ahead: u64,
}

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "peek", |host, (direction, max): (DirectionName, u32)| {
        peek(host, direction.into(), max).map_err(PeekRefusal::from)
    })?;
    function(interface, "peek-at", |host, (direction, offset, max): (DirectionName, u64, u32)| {
        peek_at(host, direction.into(), offset, max).map_err(number)
    })?;
    function(interface, "fraginfo", |host, (direction,): (DirectionName,)| {
        fraginfo(host, direction.into()).map_err(number)
    })?;
    function(interface, "buffer-info", |host, (direction,): (DirectionName,)| {
        buffer_info(host, direction.into()).map_err(number)
    })?;
    levels::define_stream(interface)
}

fn peek(host: &mut Host, direction: Direction, max: u32) -> Result<Arc<Vec<u8>>, PeekError> {
    let bytes = Arc::make_mut(&mut host.bytes);
    bytes.clear();
    host.view.peek(direction, max, bytes)?;
    Ok(Arc::clone(&host.bytes))
}

fn peek_at(host: &mut Host, direction: Direction, offset: u64, max: u32) -> Result<Arc<Vec<u8>>, Refusal> {
    let bytes = Arc::make_mut(&mut host.bytes);
    bytes.clear();
    host.view.peek_at(direction, offset, max, bytes)?;
    Ok(Arc::clone(&host.bytes))
}

fn fraginfo(host: &mut Host, direction: Direction) -> Result<Arc<Vec<u64>>, Refusal> {
    let pairs = Arc::make_mut(&mut host.pairs);
    pairs.clear();
    host.view.fraginfo(direction, pairs)?;
    Ok(Arc::clone(&host.pairs))
}

fn buffer_info(host: &Host, direction: Direction) -> Result<BufferRecord, Refusal> {
    let info = host.view.buffer_info(direction)?;
    Ok(BufferRecord {
        position: info.position,
        held_from: info.held_from,
        next: info.next,
        highest: info.highest,
        ahead: info.ahead,
    })
}
