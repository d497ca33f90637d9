//! From a burst to segments of flows.

use sluice_wire::{ChecksumStatus, IpAddress, TcpHeader};

use super::Engine;
use super::sight::{Clue, LOOK_AHEAD, Seen, Sight};
use crate::event::Handler;
use crate::packet::{Burst, Packet, Verdict};
use crate::tcp::RefuseReason;
use crate::view::CurrentPacket;

impl Engine {
    /// Takes a burst in: raises the events of each packet in turn, and gives the burst back. [`Engine::verdicts`] then
    /// says what becomes of its packets.
    pub fn receive(&mut self, burst: Box<dyn Burst>, handler: &mut dyn Handler) -> Box<dyn Burst> {
        let packets = burst.len();
        self.verdicts.clear();
        self.verdicts.resize(packets, Verdict::Pass);
        self.view.burst = Some(burst);
        self.begin_burst_egress();
        let mut sights = std::mem::take(&mut self.sights);
        for first in (0..packets).step_by(LOOK_AHEAD) {
            let slots = first..packets.min(first.saturating_add(LOOK_AHEAD));
            self.look_ahead(slots.clone(), &mut sights);
            for sight in sights.iter().take(slots.len()) {
                self.receive_slot(sight, handler);
            }
        }
        self.sights = sights;
        self.view.packet = None;
        self.settle_later(handler);
        self.settle(None, handler);
        self.settle_edits();
        self.settle_egress();
        self.view.burst.take().unwrap_or_else(|| Box::new(Nothing))
    }

    fn receive_slot(&mut self, sight: &Sight, handler: &mut dyn Handler) {
        if sight.seen == Seen::Nothing {
            return;
        }
        self.counters.packets.seen += 1;
        // Captures hold clock jumps; time never goes back.
        let now = self.view.clock.max(sight.packet.time);
        if !self.has_begun {
            self.has_begun = true;
            self.view.clock = now;
            self.start_timers();
        }
        self.pass_time(now, handler);
        self.settle_resets();
        self.view.egress.step(Some(sight.packet.slot));
        if self.monitors.has_raw() {
            self.raise_raw(sight, handler);
        }
        match sight.seen {
            Seen::Datagram if sight.packet.headers.fragment.is_none() => {
                self.receive_datagram(sight, handler);
            }
            Seen::Datagram => self.receive_fragment(&sight.packet, handler),
            Seen::Malformed(error) => self.counters.packets.malformed[error.index()] += 1,
            Seen::UnknownLink => self.counters.packets.unknown_link += 1,
            Seen::Nothing => {}
        }
        self.settle(None, handler);
        self.settle_resets();
        self.view.packet = None;
        self.settle_later_if_full(handler);
    }

    /// Takes a fragment, and the datagram that it completes.
    #[cold]
    fn receive_fragment(&mut self, fragment: &CurrentPacket, handler: &mut dyn Handler) {
        let slot = fragment.slot;
        // The packets of the burst are out of reach while the datagram is in their place, and it is gone afterwards.
        self.take_back_all_loans();
        if let Some(whole) = self.take_fragment(slot, &fragment.headers)
            && let Some(datagram) = self.view.frame(slot)
        {
            let sight = Sight::of_stand_in(slot, &datagram, whole, &self.config, &self.view.flows);
            self.receive_datagram(&sight, handler);
            self.take_back_all_loans();
        }
        self.uncover();
    }

    /// Takes a whole datagram.
    fn receive_datagram(&mut self, sight: &Sight, handler: &mut dyn Handler) {
        self.view.packet = Some(sight.packet);
        let headers = &sight.packet.headers;
        let (Some(tcp), Some(clue)) = (headers.tcp(), &sight.clue) else {
            self.counters.packets.not_tcp += 1;
            return self.raise_orphan(handler);
        };
        if !self.is_excused(sight.checksum, headers.source) {
            return self.refuse_checksum(tcp, clue);
        }
        if let Err(known) = self.take_expected(clue, tcp, handler) {
            self.receive_segment(known, tcp, clue, handler);
        }
    }

    /// Takes a segment of which nothing is believed.
    #[cold]
    fn refuse_checksum(&mut self, tcp: &TcpHeader, clue: &Clue) {
        self.counters.packets.refused[RefuseReason::BadChecksum.index()] += 1;
        self.counters.bytes.seen += u64::from(tcp.payload_len);
        self.counters.bytes.refused += u64::from(tcp.payload_len);
        self.observe_wrong_checksum(clue);
    }

    /// Whether a segment counts, given what its checksums are; see [`Engine::excuse_checksums`].
    #[inline]
    fn is_excused(&mut self, status: ChecksumStatus, source: IpAddress) -> bool {
        if self.excused.is_empty() { status != ChecksumStatus::Invalid } else { self.excuse(status, source) }
    }

    #[cold]
    fn excuse(&mut self, status: ChecksumStatus, source: IpAddress) -> bool {
        let Some(position) = self.excused.iter().position(|excused| excused.host == source) else {
            return status != ChecksumStatus::Invalid;
        };
        let excused = &mut self.excused[position];
        excused.right += u64::from(status == ChecksumStatus::Valid);
        excused.wrong += u64::from(status == ChecksumStatus::Invalid);
        if excused.is_revoked() {
            self.excused.swap_remove(position);
            return status != ChecksumStatus::Invalid;
        }
        true
    }
}

/// The burst that is not there.
#[derive(Debug)]
struct Nothing;

impl Burst for Nothing {
    fn len(&self) -> usize {
        0
    }

    fn packet(&self, _: usize) -> Option<Packet<'_>> {
        None
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}
