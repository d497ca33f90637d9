//! The interface `stream`.

use std::sync::Arc;

use sluice_engine::Refusal;
use sluice_engine::view::PeekError as Unread;

use super::{InPairs, InView};
use crate::host::Host;
use crate::world::stream::{BufferState, Level, PeekError};
use crate::world::types::Direction;

impl From<Unread> for PeekError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Missed(bytes) => Self::Missed(bytes),
            Unread::Refused(refusal) => Self::Refused(refusal.number()),
        }
    }
}

pub(crate) fn peek(host: &mut Host, direction: Direction, max: u32) -> Result<InView, Unread> {
    host.view.next_stretch(direction.into(), max).map(InView::Unread)
}

pub(crate) fn peek_at(
    host: &mut Host,
    direction: Direction,
    offset: u64,
    max: u32,
) -> Result<InView, Refusal> {
    host.view.stretch_at(direction.into(), offset, max).map(InView::Held)
}

pub(crate) fn fraginfo(host: &mut Host, direction: Direction) -> Result<InPairs, Refusal> {
    let pairs = Arc::make_mut(&mut host.pairs);
    pairs.clear();
    host.view.fraginfo(direction.into(), pairs)?;
    Ok(InPairs)
}

pub(crate) fn buffer_info(host: &mut Host, direction: Direction) -> Result<BufferState, Refusal> {
    let info = host.view.buffer_info(direction.into())?;
    Ok(BufferState {
        position: info.position,
        held_from: info.held_from,
        next: info.next,
        highest: info.highest,
        ahead: info.ahead,
    })
}

pub(crate) fn set_level(host: &mut Host, direction: Direction, level: Level) -> Result<(), Refusal> {
    host.view.set_level(direction.into(), level.into())
}

pub(crate) fn set_size(host: &mut Host, direction: Direction, bytes: u32) -> Result<u32, Refusal> {
    host.view.set_size(direction.into(), bytes)
}

pub(crate) fn set_retain(host: &mut Host, direction: Direction, bytes: u32) -> Result<u32, Refusal> {
    host.view.set_retain(direction.into(), bytes)
}

pub(crate) fn overlap(host: &mut Host, direction: Direction) -> Result<u32, Refusal> {
    Ok(host.view.overlap(direction.into())?.number())
}
