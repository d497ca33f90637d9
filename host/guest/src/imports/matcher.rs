//! The interface `matcher`.

use std::sync::Arc;

use sluice_engine::view::{PeekError, Region};
use sluice_engine::{Direction, Refusal};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmList};

use super::number;
use super::stream::PeekRefusal;
use super::words::DirectionName;
use crate::budget::settle_fuel;
use crate::host::Host;
use crate::limits::{PATTERNS_BYTES, PATTERNS_MAX, REPORTED_CHARS, SCAN_BYTES};
use crate::matcher::{NotCompiled, Patterns};
use crate::output::Severity;
use crate::text::excerpt;

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "compile",
        |mut store: StoreContextMut<'_, Host>, (patterns, bytes): (WasmList<u64>, WasmList<u8>)| {
            let patterns = copy(patterns.as_le_slice(&store), PATTERNS_MAX, Refusal::TooMany);
            let bytes = copy(bytes.as_le_slice(&store), PATTERNS_BYTES, Refusal::TooLong);
            let answer = patterns.and_then(|patterns| compile(store.data_mut(), &patterns, &bytes?));
            settle_fuel(&mut store)?;
            Ok((answer.map_err(number),))
        },
    )?;
    interface.func_wrap(
        "scan",
        |mut store: StoreContextMut<'_, Host>, (matcher, direction): (u32, DirectionName)| {
            let answer = scan(store.data_mut(), matcher, direction.into());
            settle_fuel(&mut store)?;
            Ok((answer.map_err(PeekRefusal::from),))
        },
    )?;
    interface.func_wrap("scan-payload", |mut store: StoreContextMut<'_, Host>, (matcher,): (u32,)| {
        let answer = scan_payload(store.data_mut(), matcher);
        settle_fuel(&mut store)?;
        Ok((answer.map_err(number),))
    })?;
    interface.func_wrap(
        "scan-bytes",
        |mut store: StoreContextMut<'_, Host>, (matcher, bytes): (u32, WasmList<u8>)| {
            let bytes = copy(bytes.as_le_slice(&store), SCAN_BYTES, Refusal::TooLong);
            let answer = bytes.and_then(|bytes| scan_bytes(store.data_mut(), matcher, &bytes));
            settle_fuel(&mut store)?;
            Ok((answer.map_err(number),))
        },
    )
}

fn copy<T: Copy>(list: &[T], most: usize, refusal: Refusal) -> Result<Vec<T>, Refusal> {
    if list.len() > most { Err(refusal) } else { Ok(list.to_vec()) }
}

fn compile(host: &mut Host, patterns: &[u64], bytes: &[u8]) -> Result<u32, Refusal> {
    if host.starting.is_none() {
        return Err(Refusal::NotAllowed);
    }
    let patterns = Patterns::parse(patterns, bytes)?;
    host.matching.compile(&patterns, &mut host.memory).map_err(|error| match error {
        NotCompiled::Refused(refusal) => refusal,
        NotCompiled::Because(refusal, reason) => {
            // The guest learns a number only.
            let reason = excerpt(&format!("patterns: {reason}"), REPORTED_CHARS);
            if host.log.lines.take(reason.len()) {
                host.output.line(&host.name, Severity::Error, &reason);
            }
            refusal
        }
    })
}

fn scan(host: &mut Host, matcher: u32, direction: Direction) -> Result<Arc<Vec<u64>>, PeekError> {
    let (matching, memory) = (&mut host.matching, &mut host.memory);
    let offset = host.view.read_with(direction, |unread| matching.scan_stream(matcher, memory, unread))?;
    Ok(answer(host, offset))
}

fn scan_payload(host: &mut Host, matcher: u32) -> Result<Arc<Vec<u64>>, Refusal> {
    let payload = host.view.packet_bytes(Region::Payload, 0, u32::MAX)?;
    host.matching.scan(matcher, payload)?;
    Ok(answer(host, 0))
}

fn scan_bytes(host: &mut Host, matcher: u32, bytes: &[u8]) -> Result<Arc<Vec<u64>>, Refusal> {
    host.matching.scan(matcher, bytes)?;
    Ok(answer(host, 0))
}

/// The matches as guests have them: where the scan began, how many were left out, the matches; empty if there is
/// none.
fn answer(host: &mut Host, offset: u64) -> Arc<Vec<u64>> {
    let numbers = Arc::make_mut(&mut host.pairs);
    numbers.clear();
    let found = &host.matching.found;
    if !found.is_empty() {
        numbers.extend([offset, found.left_out()]);
        numbers.extend_from_slice(found.matches());
    }
    Arc::clone(&host.pairs)
}
