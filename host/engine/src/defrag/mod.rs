//! Datagrams from fragments (RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722).
//!
//! [`Defragmenter::insert`] takes one fragment and gives the datagram that it completes, with a header as if it had
//! never been cut. Fragments wait in a table by addresses, identification, VLANs and, for IPv4, protocol. The table is
//! bounded in datagrams and bytes; the oldest datagram goes first.
//!
//! **Overlaps** are decided as Linux does since 2018 (after CVE-2018-5391), for both versions alike. Ranges that were
//! received from front to back form a run. A fragment that lies within one run is ignored, whatever its bytes are; one
//! that overlaps in any other way ends the whole datagram, and so do those that contradict its length or hold nothing.
//! What Linux drops alone, without the datagram, is dropped alone here. One rule differs: Linux cuts an IPv4 fragment
//! that is not the last one to a multiple of eight bytes; BSD refuses it (RFC 791 leaves no meaning to it), and so do
//! we.

mod datagram;
mod key;
mod reason;
mod table;

use sluice_wire::{Headers, PROTOCOL_TCP, make_whole};

use crate::Nanos;
use crate::counters::FragmentCounters;
use crate::limits::FRAGMENTS_PER_DATAGRAM;
use datagram::{Datagram, Part};
use key::Key;
pub use reason::FragmentReason;
use table::Table;

/// Bytes behind the header of an IPv6 datagram: it states no more.
const PAYLOAD_BYTES_V6: u32 = 65_535;

/// Bytes of an IPv6 header and the fragment header, which do not count in the payload length of the whole.
const UNCOUNTED_V6: u32 = 48;

/// Bytes of the smallest TCP header.
const TCP_HEADER: u32 = 20;

/// A fragment as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Its headers.
    pub headers: &'a Headers,
    /// The frame that they were parsed from.
    pub frame: &'a [u8],
    /// Bytes of that frame on the wire.
    pub wire_len: u32,
}

/// A datagram put together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Whole {
    /// The IP header, without a trace of fragments, and everything behind it.
    pub bytes: Vec<u8>,
    /// Bytes on the wire of all fragments together, their link headers included.
    pub wire_len: u32,
}

/// Fragments that wait for the rest of their datagrams. See the module.
#[derive(Debug)]
pub struct Defragmenter {
    table: Table,
    datagrams_max: usize,
    timeout: u64,
}

impl Defragmenter {
    /// Holds at most `datagrams_max` datagrams, each for `timeout` nanoseconds. `seed` keys the table's hash; it must
    /// be secret where strangers choose identifications.
    #[must_use]
    pub fn new(datagrams_max: usize, timeout: u64, seed: u64) -> Self {
        Self { table: Table::new(seed), datagrams_max, timeout }
    }

    /// Takes a fragment that came at `now`; gives the datagram that it completes.
    ///
    /// A fragment that completes one is in no counter: its packet counts as the datagram. Afterwards no more than
    /// `room_bytes` are held.
    pub fn insert(
        &mut self,
        fragment: &Fragment<'_>,
        now: Nanos,
        room_bytes: usize,
        counters: &mut FragmentCounters,
    ) -> Option<Whole> {
        let headers = fragment.headers;
        let part = Part::of(fragment)?;
        let key = Key::of(headers, headers.fragment?.id);
        if let Err(reason) = check(headers, &part) {
            counters.refuse(reason);
            if reason.ends_datagram()
                && let Some(place) = self.table.find(&key)
            {
                self.discard(place, reason, counters);
            }
            return None;
        }
        let Some(place) = self.table.find(&key).or_else(|| self.open(key, now, counters)) else {
            counters.refuse(FragmentReason::NoRoom);
            return None;
        };
        let added = self.table.change(place, |datagram| datagram.add(fragment, &part));
        match added? {
            Ok(()) => counters.held += 1,
            Err(reason) => {
                counters.refuse(reason);
                if reason.ends_datagram() {
                    self.discard(place, reason, counters);
                }
                return None;
            }
        }
        if self.table.get(place).is_some_and(Datagram::is_complete) {
            return self.complete(place, counters);
        }
        self.shrink(room_bytes, counters);
        None
    }

    /// Gives up what is overdue at `now`.
    pub fn expire(&mut self, now: Nanos, counters: &mut FragmentCounters) {
        while let Some((place, deadline)) = self.table.oldest()
            && deadline <= now
        {
            self.discard(place, FragmentReason::TimedOut, counters);
        }
    }

    /// Gives up everything: the input has ended.
    pub fn finish(&mut self, counters: &mut FragmentCounters) {
        while let Some((place, _)) = self.table.oldest() {
            self.discard(place, FragmentReason::EndOfInput, counters);
        }
    }

    /// When the oldest datagram is overdue; [`Nanos::NEVER`] if there is none.
    #[must_use]
    pub fn due(&self) -> Nanos {
        self.table.oldest().map_or(Nanos::NEVER, |(_, deadline)| deadline)
    }

    /// Datagrams that are not complete.
    #[must_use]
    pub fn datagrams(&self) -> usize {
        self.table.len()
    }

    /// Memory in use, bookkeeping included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Makes a place for a datagram; the oldest ones make room.
    fn open(&mut self, key: Key, now: Nanos, counters: &mut FragmentCounters) -> Option<u32> {
        while self.table.len() >= self.datagrams_max {
            let (oldest, _) = self.table.oldest()?;
            self.discard(oldest, FragmentReason::Evicted, counters);
        }
        self.table.insert(Datagram::new(key, now.after(self.timeout)))
    }

    /// Pushes the oldest datagrams out until no more than `room_bytes` are held.
    fn shrink(&mut self, room_bytes: usize, counters: &mut FragmentCounters) {
        while self.table.bytes() > room_bytes
            && let Some((oldest, _)) = self.table.oldest()
        {
            self.discard(oldest, FragmentReason::Evicted, counters);
        }
    }

    fn complete(&mut self, place: u32, counters: &mut FragmentCounters) -> Option<Whole> {
        let datagram = self.table.remove(place)?;
        let held = datagram.fragments();
        counters.held = counters.held.saturating_sub(held);
        let wire_len = datagram.wire_len();
        let (mut header, runs) = datagram.into_parts();
        let payload_len = runs.iter().map(Vec::len).sum();
        let Some(header_len) = make_whole(&mut header, payload_len) else {
            counters.refuse_all(FragmentReason::TooLong, held);
            return None;
        };
        counters.rebuilt += 1;
        counters.joined += held.saturating_sub(1);
        header.truncate(header_len);
        header.reserve_exact(payload_len);
        for run in &runs {
            header.extend_from_slice(run);
        }
        Some(Whole { bytes: header, wire_len })
    }

    fn discard(&mut self, place: u32, reason: FragmentReason, counters: &mut FragmentCounters) {
        if let Some(datagram) = self.table.remove(place) {
            counters.held = counters.held.saturating_sub(datagram.fragments());
            counters.refuse_all(reason, datagram.fragments());
        }
    }
}

/// What can be said against a fragment without knowing its datagram.
fn check(headers: &Headers, part: &Part<'_>) -> Result<(), FragmentReason> {
    if part.is_cut(headers) {
        return Err(FragmentReason::Cut);
    }
    // An IPv4 host finds out when it puts the datagram together; RFC 8200 section 4.5 drops the fragment.
    let is_v6 = !headers.source.is_v4();
    let counted = u32::from(headers.ip_header_len).saturating_sub(UNCOUNTED_V6);
    if is_v6 && part.end.saturating_add(counted) > PAYLOAD_BYTES_V6 {
        return Err(FragmentReason::TooLong);
    }
    if part.start == part.end {
        return Err(FragmentReason::Empty);
    }
    if !part.is_last && !part.end.is_multiple_of(8) {
        return Err(FragmentReason::Misaligned);
    }
    // RFC 7112 section 5; Linux since 5.10 looks at the first fragment of IPv6 only.
    let has_tcp = is_v6 && part.start == 0 && headers.protocol == PROTOCOL_TCP;
    if has_tcp && part.end < TCP_HEADER {
        return Err(FragmentReason::HeaderSplit);
    }
    Ok(())
}

/// Whether one more fragment may be held of a datagram that has `fragments`.
const fn may_grow(fragments: usize) -> bool {
    fragments < FRAGMENTS_PER_DATAGRAM
}
