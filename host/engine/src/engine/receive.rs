//! From a burst to segments of flows.

use sluice_wire::{
    ChecksumStatus, Headers, IpAddress, TcpHeader, Transport, ipv4_header_valid, transport_valid,
};

use super::{Checksums, Engine};
use crate::counters::PacketCounters;
use crate::event::{EventKind, Handler, Hook, Pass, Raised};
use crate::packet::{Burst, Packet, Verdict};
use crate::tcp::RefuseReason;
use crate::view::CurrentPacket;
use crate::{Direction, Nanos, Side};

/// A packet, understood.
enum Received {
    /// A segment.
    Tcp(TcpHeader),
    /// A packet that no flow can take; bytes of TCP payload in it.
    Orphan,
    /// Counted, and that is all.
    Counted,
}

impl Engine {
    /// Takes a burst in: raises the events of each packet in turn, and gives the burst back. [`Engine::verdicts`] then
    /// says what becomes of its packets.
    pub fn receive(&mut self, burst: Box<dyn Burst>, handler: &mut dyn Handler) -> Box<dyn Burst> {
        let packets = burst.len();
        self.verdicts.clear();
        self.verdicts.resize(packets, Verdict::Pass);
        self.view.burst = Some(burst);
        for slot in 0..packets {
            self.receive_slot(slot, handler);
        }
        self.view.packet = None;
        self.view.burst.take().unwrap_or_else(|| Box::new(Nothing))
    }

    fn receive_slot(&mut self, slot: usize, handler: &mut dyn Handler) {
        let Some(packet) = self.view.frame(slot) else { return };
        self.counters.packets.seen += 1;
        // Captures hold clock jumps; time never goes back.
        let now = self.view.clock.max(packet.time);
        if !self.has_begun {
            self.has_begun = true;
            self.view.clock = now;
            self.start_timers();
        }
        self.pass_time(now, handler);
        match self.understand(slot) {
            Received::Tcp(tcp) => self.receive_segment(&tcp, handler),
            Received::Orphan => self.raise_orphan(now, handler),
            Received::Counted => {}
        }
        self.view.packet = None;
        self.uncover();
    }

    /// Parses the packet in `slot`, makes it current, and counts it if no flow will.
    fn understand(&mut self, slot: usize) -> Received {
        let Some(mut packet) = self.view.frame(slot) else { return Received::Counted };
        let Some(mut headers) = parse(&packet, &mut self.counters.packets) else { return Received::Counted };
        if matches!(headers.transport, Transport::Fragment) {
            let Some(whole) = self.take_fragment(slot, &headers) else { return Received::Counted };
            let Some(datagram) = self.view.frame(slot) else { return Received::Counted };
            (headers, packet) = (whole, datagram);
        }
        let received = match headers.transport {
            Transport::Tcp(tcp) => Received::Tcp(tcp),
            // There are no fragments any more.
            Transport::Fragment | Transport::Other => {
                self.counters.packets.not_tcp += 1;
                Received::Orphan
            }
        };
        let status = match (&received, self.config.checksums) {
            (Received::Tcp(_), Checksums::Verify) => verify(&headers, &packet),
            (Received::Tcp(_), Checksums::Ignore) | (Received::Orphan | Received::Counted, _) => {
                ChecksumStatus::Unverifiable
            }
        };
        let (wire_len, time) = (packet.wire_len, packet.time);
        let captured_len = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
        self.view.packet = Some(CurrentPacket {
            slot,
            headers,
            offset: 0,
            sender: Side::Client,
            wire_len,
            captured_len,
            time,
        });
        if let (Received::Tcp(tcp), false) = (&received, self.is_excused(status, headers.source)) {
            self.counters.packets.refused[RefuseReason::BadChecksum.index()] += 1;
            self.counters.bytes.seen += u64::from(tcp.payload_len);
            self.counters.bytes.refused += u64::from(tcp.payload_len);
            self.observe_wrong_checksum(tcp);
            return Received::Counted;
        }
        received
    }

    /// Whether a segment counts, given what its checksums are; see [`Engine::excuse_checksums`].
    fn is_excused(&mut self, status: ChecksumStatus, source: IpAddress) -> bool {
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

    /// Raises `orphan` for the current packet.
    pub(super) fn raise_orphan(&mut self, time: Nanos, handler: &mut dyn Handler) {
        let raised = [Raised { kind: EventKind::Orphan, offset: 0, length: 0, reason: 0 }];
        let pass = Pass {
            flow: None,
            hook: Hook::None,
            side: None,
            direction: Direction::ToServer,
            time,
            state_left: 0,
            raised: &raised,
        };
        self.run(&pass, handler);
    }
}

/// The headers of a packet; counted if it has none.
#[inline]
pub(super) fn parse(packet: &Packet<'_>, counters: &mut PacketCounters) -> Option<Headers> {
    let Some(link) = packet.link else {
        counters.unknown_link += 1;
        return None;
    };
    match sluice_wire::parse(link, packet.bytes, packet.wire_len) {
        Ok(headers) => Some(headers),
        Err(error) => {
            counters.malformed[error.index()] += 1;
            None
        }
    }
}

/// The checksums of a segment, that of an IPv4 header included.
fn verify(headers: &Headers, packet: &Packet<'_>) -> ChecksumStatus {
    let header = packet.bytes.get(usize::from(headers.ip_offset)..).unwrap_or(&[]);
    let is_v4 = header.first().is_some_and(|first| first >> 4 == 4);
    if is_v4 && !ipv4_header_valid(header) {
        return ChecksumStatus::Invalid;
    }
    transport_valid(headers, packet.bytes)
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
