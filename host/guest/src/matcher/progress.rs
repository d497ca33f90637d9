//! What an instance holds of matchers: those that it has compiled, and where it stands in its flows' streams.

use std::any::Any;
use std::sync::Arc;

use sluice_engine::Refusal;
use sluice_engine::view::Unread;

use super::{Carry, CompileError, Found, Matcher, MatcherCache, Patterns};
use crate::limits::{COMPILE_FUEL, MATCHERS_MAX, SCAN_FUEL};
use crate::quota::{Lease, MemoryQuota};

/// Bytes that the engine takes to keep a [`Progress`] with a flow.
const SLOT_BYTES: usize = 64;

/// The matchers of one instance, by their numbers.
#[derive(Debug)]
pub(crate) struct Matching {
    cache: Arc<MatcherCache>,
    matchers: Vec<Held>,
    /// Matches of the scan at hand.
    pub(crate) found: Found,
    /// Fuel that scanning and compiling have cost and that is still to be taken.
    pub(crate) owed_fuel: u64,
}

#[derive(Debug)]
struct Held {
    matcher: Arc<Matcher>,
    /// The whole of it, however many instances share it: what one may hold does not depend on what others do.
    _lease: Lease,
}

/// Where the scan of one direction of a flow stands; kept with the flow.
#[derive(Debug)]
pub(crate) struct Progress {
    matcher: u32,
    /// Stream offset of the next byte.
    offset: u64,
    carry: Carry,
    _lease: Lease,
}

/// Why patterns were not taken.
#[derive(Debug)]
pub(crate) enum NotCompiled {
    /// The guest is told with a number.
    Refused(Refusal),
    /// The operator is told why, too.
    Because(Refusal, CompileError),
}

impl Matching {
    pub(crate) fn new(cache: &Arc<MatcherCache>) -> Self {
        Self { cache: Arc::clone(cache), matchers: Vec::new(), found: Found::default(), owed_fuel: 0 }
    }

    /// Compiles patterns, or takes what is compiled already, and gives the matcher's number.
    pub(crate) fn compile(
        &mut self,
        patterns: &Patterns,
        memory: &mut MemoryQuota,
    ) -> Result<u32, NotCompiled> {
        if self.matchers.len() >= MATCHERS_MAX {
            return Err(NotCompiled::Refused(Refusal::TooMany));
        }
        // The same whether somebody else has compiled them or not: fuel is for runs that can be repeated.
        self.owe(patterns.bytes(), COMPILE_FUEL);
        let matcher = self.cache.get(patterns).map_err(|error| {
            let refusal = match &error {
                CompileError::NoExpressions { .. } => Refusal::NotSupported,
                CompileError::Refused { .. } => Refusal::BadArgument,
            };
            NotCompiled::Because(refusal, error)
        })?;
        let lease = memory.lease(matcher.bytes()).ok_or(NotCompiled::Refused(Refusal::TooMany))?;
        let number = u32::try_from(self.matchers.len()).unwrap_or(u32::MAX);
        self.matchers.push(Held { matcher, _lease: lease });
        Ok(number)
    }

    /// Scans bytes that continue nothing.
    pub(crate) fn scan(&mut self, matcher: u32, bytes: &[u8]) -> Result<(), Refusal> {
        let matcher = self.matcher(matcher)?;
        self.found.clear();
        matcher.scan(bytes, &mut self.found);
        self.owe(bytes.len(), SCAN_FUEL);
        Ok(())
    }

    /// Scans the next bytes of a stream where the last scan has ended, if it has ended there. Gives where it began,
    /// and what is to be kept with the flow if nothing was.
    pub(crate) fn scan_stream(
        &mut self,
        number: u32,
        memory: &mut MemoryQuota,
        unread: Unread<'_>,
    ) -> Result<(u64, Option<Box<dyn Any>>), Refusal> {
        let matcher = self.matcher(number)?;
        self.found.clear();
        let Unread { offset, pieces, kept } = unread;
        if let Some(progress) = kept.and_then(|kept| kept.downcast_mut::<Progress>()) {
            if (progress.matcher, progress.offset) != (number, offset) {
                (progress.matcher, progress.carry) = (number, matcher.begin());
            }
            let len = matcher.scan_stream(&mut progress.carry, &pieces, &mut self.found);
            progress.offset = offset.saturating_add(len as u64);
            self.owe(len, SCAN_FUEL);
            return Ok((offset, None));
        }
        let mut carry = matcher.begin();
        let len = matcher.scan_stream(&mut carry, &pieces, &mut self.found);
        self.owe(len, SCAN_FUEL);
        if matcher.backend().is_fresh(&carry) {
            return Ok((offset, None));
        }
        let bytes = size_of::<Progress>().saturating_add(SLOT_BYTES);
        let bytes = bytes.saturating_add(matcher.backend().carry_bytes());
        let lease = memory.lease(bytes).ok_or(Refusal::TooMany)?;
        let offset_behind = offset.saturating_add(len as u64);
        let progress = Progress { matcher: number, offset: offset_behind, carry, _lease: lease };
        Ok((offset, Some(Box::new(progress))))
    }

    fn matcher(&self, number: u32) -> Result<Arc<Matcher>, Refusal> {
        let held = usize::try_from(number).ok().and_then(|number| self.matchers.get(number));
        held.map(|held| Arc::clone(&held.matcher)).ok_or(Refusal::BadId)
    }

    fn owe(&mut self, bytes: usize, fuel_each: u64) {
        let fuel = fuel_each.saturating_mul(bytes as u64);
        self.owed_fuel = self.owed_fuel.saturating_add(fuel);
    }
}
