//! The fragments of one datagram.

use std::mem::size_of;

use sluice_wire::Headers;

use super::key::Key;
use super::{Fragment, FragmentReason, may_grow};
use crate::Nanos;

/// The data of a fragment and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// Offset of the first byte in the datagram's fragmented part.
    pub(super) start: u32,
    /// Offset behind the last one, by the IP header.
    pub(super) end: u32,
    /// Whether the datagram ends here.
    pub(super) is_last: bool,
    data: &'a [u8],
}

impl<'a> Part<'a> {
    /// `None` if it is no fragment.
    pub(super) fn of(fragment: &Fragment<'a>) -> Option<Self> {
        let headers = fragment.headers;
        let place = headers.fragment?;
        Some(Self {
            start: place.offset,
            end: place.offset.saturating_add(headers.ip_payload_len()),
            is_last: !place.more,
            data: headers.ip_payload(fragment.frame),
        })
    }

    /// Whether less was captured than the IP header says.
    pub(super) fn is_cut(&self, headers: &Headers) -> bool {
        u32::try_from(self.data.len()).is_ok_and(|len| len < headers.ip_payload_len())
    }
}

/// Fragments that came from front to back, one right behind the other.
#[derive(Debug)]
struct Run {
    start: u32,
    bytes: Vec<u8>,
}

impl Run {
    fn end(&self) -> u32 {
        self.start.saturating_add(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX))
    }
}

/// A datagram of which parts are missing.
///
/// `runs` are in ascending order and disjoint, none is empty, and none ends behind `end`; so the datagram is complete
/// exactly when their lengths add up to `end`. Only the last run ever grows, by a fragment right behind it, so that
/// fragments in order cost one buffer.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) key: Key,
    pub(super) deadline: Nanos,
    /// Neighbours in the table's list of datagrams by age.
    pub(super) previous: u32,
    pub(super) next: u32,
    runs: Vec<Run>,
    /// What all runs take.
    runs_bytes: usize,
    /// Bytes in all runs.
    held: u32,
    /// Offset behind the last byte, once the last fragment came.
    end: Option<u32>,
    /// Everything in front of the first fragment's data.
    header: Vec<u8>,
    fragments: usize,
    wire_len: u32,
}

impl Datagram {
    pub(super) const fn new(key: Key, deadline: Nanos) -> Self {
        Self {
            key,
            deadline,
            previous: u32::MAX,
            next: u32::MAX,
            runs: Vec::new(),
            runs_bytes: 0,
            held: 0,
            end: None,
            header: Vec::new(),
            fragments: 0,
            wire_len: 0,
        }
    }

    /// Takes a fragment's data in.
    ///
    /// Of what it refuses, the end that a last fragment tells is kept, as Linux does: even one whose data is held
    /// already.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>, part: &Part<'_>) -> Result<(), FragmentReason> {
        self.check_end(part)?;
        if part.is_last {
            self.end = Some(part.end);
        }
        self.check_overlap(part)?;
        if !may_grow(self.fragments) {
            return Err(FragmentReason::TooMany);
        }
        if part.start == 0 {
            let from = usize::from(fragment.headers.ip_offset);
            let until = from.saturating_add(usize::from(fragment.headers.ip_header_len));
            self.header = fragment.frame.get(from..until).unwrap_or(&[]).to_vec();
        }
        self.fragments = self.fragments.saturating_add(1);
        self.wire_len = self.wire_len.saturating_add(fragment.wire_len);
        self.held = self.held.saturating_add(part.end.saturating_sub(part.start));
        self.store(part);
        Ok(())
    }

    /// Whether the fragment agrees with what is known of the datagram's length.
    fn check_end(&self, part: &Part<'_>) -> Result<(), FragmentReason> {
        let reached = self.runs.last().map_or(0, Run::end);
        let is_contradiction = match self.end {
            Some(end) if part.is_last => part.end != end,
            Some(end) => part.end > end,
            None => part.is_last && part.end < reached,
        };
        if is_contradiction { Err(FragmentReason::EndMoved) } else { Ok(()) }
    }

    fn check_overlap(&self, part: &Part<'_>) -> Result<(), FragmentReason> {
        let behind = self.runs.partition_point(|run| run.start < part.end);
        let Some(run) = behind.checked_sub(1).and_then(|place| self.runs.get(place)) else { return Ok(()) };
        if run.end() <= part.start {
            return Ok(());
        }
        if part.start < run.start || part.end > run.end() {
            return Err(FragmentReason::Overlap);
        }
        let from = usize::try_from(part.start.saturating_sub(run.start)).unwrap_or(usize::MAX);
        let held = run.bytes.get(from..from.saturating_add(part.data.len()));
        let is_equal = held == Some(part.data);
        Err(if is_equal { FragmentReason::Duplicate } else { FragmentReason::Conflicting })
    }

    fn store(&mut self, part: &Part<'_>) {
        if let Some(last) = self.runs.last_mut().filter(|last| last.end() == part.start) {
            let before = last.bytes.capacity();
            last.bytes.extend_from_slice(part.data);
            let grown = last.bytes.capacity().saturating_sub(before);
            self.runs_bytes = self.runs_bytes.saturating_add(grown);
            return;
        }
        let place = self.runs.partition_point(|run| run.start < part.start);
        let bytes = part.data.to_vec();
        self.runs_bytes = self.runs_bytes.saturating_add(bytes.capacity());
        self.runs.insert(place, Run { start: part.start, bytes });
    }

    pub(super) fn is_complete(&self) -> bool {
        self.end == Some(self.held)
    }

    /// Fragments held.
    pub(super) const fn fragments(&self) -> u64 {
        // No machine has more.
        self.fragments as u64
    }

    /// Bytes on the wire of the fragments held.
    pub(super) const fn wire_len(&self) -> u32 {
        self.wire_len
    }

    /// Memory that it takes.
    pub(super) const fn cost(&self) -> usize {
        let runs = self.runs.capacity().saturating_mul(size_of::<Run>());
        size_of::<Self>()
            .saturating_add(self.runs_bytes)
            .saturating_add(runs)
            .saturating_add(self.header.capacity())
    }

    /// The first fragment's header, and the data in order.
    pub(super) fn into_parts(self) -> (Vec<u8>, Vec<Vec<u8>>) {
        (self.header, self.runs.into_iter().map(|run| run.bytes).collect())
    }
}
