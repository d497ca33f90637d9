//! Packets for the monitors of packets, and for those of orphans.

use sluice_wire::Headers;

use super::Engine;
use super::sight::{Seen, Sight};
use crate::Direction;
use crate::event::{Audience, EventKind, Handler, Hook, Pass, Raised, interest_bit};

impl Engine {
    /// Shows a packet, as it came, to the monitors of packets.
    pub(super) fn raise_raw(&mut self, sight: &Sight, handler: &mut dyn Handler) {
        let mut packet = sight.packet;
        if sight.seen != Seen::Datagram {
            packet.headers = without_datagram(packet.captured_len);
        }
        self.view.packet = Some(packet);
        self.raise_outside(Audience::Raw, EventKind::PacketIn, handler);
        self.view.packet = None;
    }

    /// Raises `orphan` for the current packet.
    pub(super) fn raise_orphan(&mut self, handler: &mut dyn Handler) {
        self.raise_outside(Audience::Stream, EventKind::Orphan, handler);
    }

    /// Raises an event of the current packet that belongs to no flow.
    fn raise_outside(&mut self, audience: Audience, kind: EventKind, handler: &mut dyn Handler) {
        let interest = interest_bit(kind, Hook::None);
        let datagram = self.view.datagram().unwrap_or(&[]);
        let takers = self.monitors.takers(audience, interest, &self.view.tenants, datagram);
        let length = self.view.packet.as_ref().and_then(|packet| packet.headers.tcp());
        let length = length.map_or(0, |tcp| tcp.payload_len);
        let raised = [Raised { kind, offset: 0, length, reason: 0 }];
        let pass = Pass {
            flow: None,
            takers: &takers,
            hook: Hook::None,
            side: None,
            direction: Direction::ToServer,
            time: self.view.clock,
            state_left: 0,
            raised: &raised,
        };
        self.run(&pass, handler);
    }
}

/// Headers of a frame that holds no IP datagram, or a broken one: all of it is link layer.
fn without_datagram(captured_len: u32) -> Headers {
    Headers { ip_offset: u16::try_from(captured_len).unwrap_or(u16::MAX), ..Headers::EMPTY }
}
