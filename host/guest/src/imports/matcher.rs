//! The interface `matcher`.

use std::sync::Arc;

use sluice_engine::Refusal;
use sluice_engine::view::{PeekError, Region};

use super::{InPairs, at_most};
use crate::host::Host;
use crate::limits::{REPORTED_CHARS, SCAN_BYTES};
use crate::matcher::{NotCompiled, Patterns};
use crate::output::Severity;
use crate::text::excerpt;
use crate::world::types::Direction;

pub(crate) fn compile(host: &mut Host, patterns: &[u64], bytes: &[u8]) -> Result<u32, Refusal> {
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

pub(crate) fn scan(host: &mut Host, matcher: u32, direction: Direction) -> Result<InPairs, PeekError> {
    let (matching, memory) = (&mut host.matching, &mut host.memory);
    let offset =
        host.view.read_with(direction.into(), |unread| matching.scan_stream(matcher, memory, unread))?;
    Ok(answer(host, offset))
}

pub(crate) fn scan_payload(host: &mut Host, matcher: u32) -> Result<InPairs, Refusal> {
    let payload = host.view.packet_bytes(Region::Payload, 0, u32::MAX)?;
    host.matching.scan(matcher, payload)?;
    Ok(answer(host, 0))
}

pub(crate) fn scan_bytes(host: &mut Host, matcher: u32, bytes: &[u8]) -> Result<InPairs, Refusal> {
    host.matching.scan(matcher, at_most(bytes, SCAN_BYTES)?)?;
    Ok(answer(host, 0))
}

/// The matches as guests have them: where the scan began, how many were left out, the matches; empty if there is
/// none.
fn answer(host: &mut Host, offset: u64) -> InPairs {
    let numbers = Arc::make_mut(&mut host.pairs);
    numbers.clear();
    let found = &host.matching.found;
    if !found.is_empty() {
        numbers.extend([offset, found.left_out()]);
        numbers.extend_from_slice(found.matches());
    }
    InPairs
}
