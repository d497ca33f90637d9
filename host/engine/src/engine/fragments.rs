//! A fragment that completes a datagram: the datagram takes its place in the burst.

use sluice_wire::{Headers, LinkType, Transport, ipv4_header_valid, parse_datagram};

use super::{Checksums, Engine};
use crate::Nanos;
use crate::defrag::{Fragment, FragmentReason};
use crate::limits::FRAGMENT_NESTING;
use crate::packet::{Burst, Packet};

impl Engine {
    /// Takes the fragment in `slot`. If it completes a datagram, that is the packet in `slot` until
    /// [`Engine::uncover`], and its headers are given; else the fragment is counted. A datagram that carries a fragment
    /// in a tunnel is one more fragment, to [`FRAGMENT_NESTING`] of them.
    ///
    /// What a guest sees of it is the datagram, with the time of the fragment that completed it, the bytes on the wire
    /// of all fragments, and the VLANs of the fragments, although no link header is there. A verdict is for the
    /// fragment that completed it.
    pub(super) fn take_fragment(&mut self, slot: usize, headers: &Headers) -> Option<Headers> {
        let mut headers = *headers;
        for _ in 0..FRAGMENT_NESTING {
            headers = self.put_together(slot, &headers)?;
            if headers.transport != Transport::Fragment {
                return Some(headers);
            }
            if headers.ip_offset == 0 {
                // A fragment header within the datagram's own: Linux drops it too (IP6SKB_FRAGMENTED).
                break;
            }
        }
        self.counters.packets.fragments.refuse(FragmentReason::Nested);
        None
    }

    /// Takes one fragment; the headers of the datagram that it completes, which takes its place.
    fn put_together(&mut self, slot: usize, headers: &Headers) -> Option<Headers> {
        let packet = self.view.frame(slot)?;
        let time = packet.time;
        let counters = &mut self.counters.packets.fragments;
        let is_excused = self.excused.iter().any(|excused| excused.host == headers.source);
        let is_verified = self.config.checksums == Checksums::Verify && !is_excused;
        if is_verified {
            let header = packet.bytes.get(usize::from(headers.ip_offset)..).unwrap_or(&[]);
            if headers.is_carrier_damaged || headers.source.is_v4() && !ipv4_header_valid(header) {
                counters.refuse(FragmentReason::BadChecksum);
                return None;
            }
        }
        let fragment = Fragment { headers, frame: packet.bytes, wire_len: packet.wire_len };
        let held = self.defrag.bytes();
        let room = self.budget.room(held).min(self.config.limits.fragment_bytes);
        let whole = self.defrag.insert(&fragment, self.view.clock.max(time), room, counters);
        self.budget.adjust(held, self.defrag.bytes());
        let whole = whole?;
        let datagram = Datagram { slot, bytes: whole.bytes, time, wire_len: whole.wire_len };
        let burst = self.view.burst.replace(Box::new(datagram));
        // What an inner datagram takes the place of is an outer one, and nobody's burst.
        self.covered = self.covered.take().or(burst);
        match parse_datagram(self.view.frame(slot)?.bytes, headers.encapsulation) {
            Ok(whole) => Some(whole),
            Err(error) => {
                self.counters.packets.malformed[error.index()] += 1;
                None
            }
        }
    }

    /// Puts the burst back that a datagram has covered.
    pub(super) fn uncover(&mut self) {
        if let Some(burst) = self.covered.take() {
            self.view.burst = Some(burst);
        }
    }

    /// Gives up the fragments that have waited too long at `now`.
    ///
    /// No event tells of them: until its datagram is whole, a fragment is no packet that a middlebox could place.
    pub(super) fn expire_fragments(&mut self, now: Nanos) {
        let held = self.defrag.bytes();
        self.defrag.expire(now, &mut self.counters.packets.fragments);
        self.budget.adjust(held, self.defrag.bytes());
    }

    /// Gives up all fragments.
    pub(super) fn finish_fragments(&mut self) {
        let held = self.defrag.bytes();
        self.defrag.finish(&mut self.counters.packets.fragments);
        self.budget.adjust(held, self.defrag.bytes());
    }
}

/// The burst while a datagram put together is in the place of a fragment.
#[derive(Debug)]
struct Datagram {
    slot: usize,
    bytes: Vec<u8>,
    time: Nanos,
    wire_len: u32,
}

impl Burst for Datagram {
    fn len(&self) -> usize {
        self.slot.saturating_add(1)
    }

    fn packet(&self, slot: usize) -> Option<Packet<'_>> {
        (slot == self.slot).then_some(Packet {
            bytes: &self.bytes,
            time: self.time,
            wire_len: self.wire_len,
            link: Some(LinkType::RawIp),
        })
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}
