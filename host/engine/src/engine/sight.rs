//! A look at the next few packets, before the first of them is taken.
//!
//! What one packet costs is waiting for memory more than work: its headers, the flow table's bucket, the flow's entry.
//! All packets of a burst wait together if these are touched for all of them first. Nothing is decided here: where
//! the flow is may change with each packet, so the place found is a guess that is checked when the packet's turn comes.

use std::ops::Range;

use sluice_wire::{ChecksumStatus, Encapsulation, Headers, ParseError, segment_valid};

use super::{Checksums, Config, Engine, Networks};
use crate::flow::{FlowKey, FlowTable};
use crate::packet::Packet;
use crate::view::CurrentPacket;
use crate::{Nanos, Side};

/// Packets that are looked at together: enough to wait for many at a time, few enough to stay in the first-level cache.
pub(super) const LOOK_AHEAD: usize = 32;

/// What a packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// It is not there.
    Nothing,
    /// How its bytes begin is not known.
    UnknownLink,
    /// It has no headers, or broken ones.
    Malformed(ParseError),
    /// An IP datagram.
    Datagram,
}

/// A packet that was looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// What it is. The rest means nothing where it is not there.
    pub(super) seen: Seen,
    /// What its checksums say. They are looked at in the same sweep as the headers: memory is fastest where it is read
    /// from one end to the other.
    pub(super) checksum: ChecksumStatus,
    /// The packet as the current one, before it is known whose it is. Its headers mean something if it is a datagram.
    pub(super) packet: CurrentPacket,
    /// Where its flow may be, if it is a TCP segment.
    pub(super) clue: Option<Clue>,
}

/// Where a segment's flow may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clue {
    /// The flow's key.
    pub(super) key: FlowKey,
    /// Whether the sender is the key's smaller end.
    pub(super) sender_is_low: bool,
    /// The key's hash.
    pub(super) hash: u32,
    /// A place where the flow may be.
    guess: Option<u32>,
}

impl Sight {
    /// Nothing that was looked at.
    const NOTHING: Self = Self {
        seen: Seen::Nothing,
        checksum: ChecksumStatus::Unverifiable,
        packet: CurrentPacket {
            slot: 0,
            headers: Headers::EMPTY,
            offset: 0,
            sender: Side::Client,
            wire_len: 0,
            captured_len: 0,
            time: Nanos(0),
            is_stand_in: false,
        },
        clue: None,
    };

    /// A look at a datagram that stands in for the packet in `slot`, and whose headers are known.
    pub(super) fn of_stand_in(
        slot: usize,
        packet: &Packet<'_>,
        headers: Headers,
        config: &Config,
        flows: &FlowTable,
    ) -> Self {
        let mut sight = Self::NOTHING;
        sight.note(slot, packet);
        (sight.packet.headers, sight.packet.is_stand_in) = (headers, true);
        sight.take(packet, config, flows);
        sight
    }

    /// Looks at a packet. In place: headers are large, and to move them costs as much as to read them.
    #[inline]
    fn look(&mut self, slot: usize, packet: Option<Packet<'_>>, config: &Config, flows: &FlowTable) {
        (self.seen, self.clue) = (Seen::Nothing, None);
        let Some(packet) = packet else { return };
        self.note(slot, &packet);
        let Some(link) = packet.link else {
            self.seen = Seen::UnknownLink;
            return;
        };
        match sluice_wire::parse_into(link, packet.bytes, packet.wire_len, &mut self.packet.headers) {
            Ok(()) => self.take(&packet, config, flows),
            Err(error) => self.seen = Seen::Malformed(error),
        }
    }

    #[inline]
    fn note(&mut self, slot: usize, packet: &Packet<'_>) {
        self.packet.slot = slot;
        self.packet.time = packet.time;
        self.packet.wire_len = packet.wire_len;
        self.packet.captured_len = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
    }

    #[inline]
    fn take(&mut self, packet: &Packet<'_>, config: &Config, flows: &FlowTable) {
        self.seen = Seen::Datagram;
        let headers = &self.packet.headers;
        self.clue = Clue::of(headers, config.networks, flows);
        self.checksum = verify(headers, packet.bytes, config.checksums);
    }
}

impl Clue {
    /// What the headers of a segment say; `None` for other packets.
    #[inline]
    fn of(headers: &Headers, networks: Networks, flows: &FlowTable) -> Option<Self> {
        let tcp = headers.tcp()?;
        let encapsulation = match networks {
            Networks::Apart => headers.encapsulation,
            Networks::One => Encapsulation::NONE,
        };
        let (key, sender_is_low) = FlowKey::within(headers, tcp, encapsulation);
        Some(Self { key, sender_is_low, hash: flows.hash(&key), guess: None })
    }
}

impl Engine {
    /// Looks at the packets in `slots`.
    pub(super) fn look_ahead(&self, slots: Range<usize>, sights: &mut Vec<Sight>) {
        sights.resize(slots.len(), Sight::NOTHING);
        let Some(burst) = self.view.burst.as_ref() else { return };
        for (slot, sight) in slots.zip(sights.iter_mut()) {
            sight.look(slot, burst.packet(slot), &self.config, &self.view.flows);
        }
        for clue in sights.iter_mut().filter_map(|sight| sight.clue.as_mut()) {
            clue.guess = self.view.flows.guess(clue.hash);
        }
        let guesses = sights.iter().filter_map(|sight| sight.clue.as_ref()?.guess);
        // Nothing but the loads matters; without a use they would be left out.
        std::hint::black_box(
            guesses.fold(0, |sum: u64, place| sum ^ self.view.flows.touch(place) ^ self.wheel.touch(place)),
        );
    }

    /// The place of a segment's flow, if it is known.
    #[inline]
    pub(super) fn look_up(&self, clue: &Clue) -> Option<u32> {
        let is_right = |place: &u32| self.view.flows.get(*place).is_some_and(|flow| flow.key == clue.key);
        clue.guess.filter(is_right).or_else(|| self.view.flows.find(clue.hash, &clue.key))
    }
}

/// What the checksums of a segment say, that of an IPv4 header included.
#[inline]
fn verify(headers: &Headers, frame: &[u8], checksums: Checksums) -> ChecksumStatus {
    match checksums {
        Checksums::Ignore => ChecksumStatus::Unverifiable,
        Checksums::Verify => segment_valid(headers, frame),
    }
}
