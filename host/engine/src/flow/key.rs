//! What makes two packets belong to one flow: addresses, ports and encapsulation.

use std::hash::{BuildHasher, Hasher};
use std::hint::select_unpredictable;

use sluice_wire::{Encapsulation, Headers, IpAddress, TcpHeader, Tunnel};

/// One end of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// Address; IPv4 mapped into IPv6.
    pub address: IpAddress,
    /// TCP port.
    pub port: u16,
}

/// The key of a flow, equal for both directions: its ends in ascending order, and the encapsulation around them.
///
/// Two VLANs are two flows, and so are two tunnels: operators reuse addresses in each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowKey {
    /// The smaller end.
    pub low: Endpoint,
    /// The larger end.
    pub high: Endpoint,
    /// VLAN ids and MPLS labels around the packet. Each direction of an MPLS path has labels of its own, so only the
    /// VLANs are part of the key.
    pub vlan: [u16; 2],
    /// Tunnels around the packet, by kind and identifier; outer addresses are not part of the key.
    pub tunnel: Tunnel,
}

impl FlowKey {
    /// The key of a segment, and whether its sender is the smaller end.
    #[inline]
    #[must_use]
    pub fn of(headers: &Headers, tcp: &TcpHeader) -> (Self, bool) {
        Self::within(headers, tcp, headers.encapsulation)
    }

    /// The key of a segment in another network than its headers say, and whether its sender is the smaller end.
    #[inline]
    #[must_use]
    pub fn within(headers: &Headers, tcp: &TcpHeader, encapsulation: Encapsulation) -> (Self, bool) {
        let sender = Endpoint { address: headers.source, port: tcp.source_port };
        let receiver = Endpoint { address: headers.destination, port: tcp.destination_port };
        Self::between(sender, receiver, encapsulation)
    }

    /// The key of a flow between two ends, and whether the first is the smaller one.
    #[inline]
    #[must_use]
    pub fn between(sender: Endpoint, receiver: Endpoint, encapsulation: Encapsulation) -> (Self, bool) {
        let Encapsulation { vlan, tunnel, .. } = encapsulation;
        // In numbers, which stay in registers; as bytes, the ends would go through memory in pieces.
        let number = |end: Endpoint| u128::from_be_bytes(end.address.0);
        let (from, to) = (number(sender), number(receiver));
        // Less or not more: to ask whether they are equal would take them back to memory.
        let sender_is_low = (from < to) | (to >= from) & (sender.port <= receiver.port);
        // No processor can foretell it: as a branch, it costs more than all of the rest.
        let pick = |number: u128, port| Endpoint { address: IpAddress(number.to_be_bytes()), port };
        let low = pick(
            select_unpredictable(sender_is_low, from, to),
            select_unpredictable(sender_is_low, sender.port, receiver.port),
        );
        let high = pick(
            select_unpredictable(sender_is_low, to, from),
            select_unpredictable(sender_is_low, receiver.port, sender.port),
        );
        (Self { low, high, vlan, tunnel }, sender_is_low)
    }

    /// All of the key in numbers, the same on every machine.
    #[must_use]
    pub(super) fn words(&self) -> [u64; 6] {
        let halves = |address: IpAddress| {
            let both = u128::from_be_bytes(address.0);
            #[expect(clippy::cast_possible_truncation, reason = "the halves of a 128-bit number")]
            [(both >> 64) as u64, both as u64]
        };
        let ([low, low_end], [high, high_end]) = (halves(self.low.address), halves(self.high.address));
        let ports = u64::from(self.low.port) << 48 | u64::from(self.high.port) << 32;
        let ports_and_vlans = ports | u64::from(self.vlan[0]) << 16 | u64::from(self.vlan[1]);
        [low, low_end, high, high_end, ports_and_vlans, self.tunnel.number()]
    }

    /// The hash under `state`, whose keys must be secret: the tuple is chosen by strangers.
    #[inline]
    #[must_use]
    pub fn hash_with(&self, state: &ahash::RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        let ports = u64::from(self.low.port) << 16 | u64::from(self.high.port);
        let vlans = u64::from(self.vlan[0]) << 16 | u64::from(self.vlan[1]);
        // As cheap as 64 bits. Senders choose all of these, so none may be folded into another.
        hasher.write_u128(u128::from_be_bytes(self.low.address.0));
        hasher.write_u128(u128::from_be_bytes(self.high.address.0));
        hasher.write_u128(u128::from(ports << 32 | vlans) << 64 | u128::from(self.tunnel.number()));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sluice_wire::{LinkType, Segment, parse_datagram};

    use super::*;

    /// The keys of a segment and its answer.
    fn keys(encapsulation: Encapsulation) -> [FlowKey; 2] {
        let segment = Segment::default();
        let answer = Segment {
            source: segment.destination,
            destination: segment.source,
            source_port: segment.destination_port,
            destination_port: segment.source_port,
            ..segment
        };
        [segment, answer].map(|segment| {
            let mut datagram = [0; 40];
            segment.write_datagram(&mut datagram).unwrap();
            let headers = parse_datagram(&datagram, encapsulation).unwrap();
            FlowKey::of(&headers, headers.tcp().unwrap()).0
        })
    }

    /// What is around the datagram of an Ethernet frame.
    fn around(frame: &[u8]) -> Encapsulation {
        sluice_wire::parse(LinkType::Ethernet, frame, 0).unwrap().encapsulation
    }

    #[test]
    fn directions_share_a_key_and_networks_do_not() {
        let ip = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        let behind = |tags: &[u8]| around(&[&[0; 12][..], tags, &ip].concat());
        let session = |number| behind(&[0x88, 0x64, 0x11, 0, 0, number, 0, 22, 0, 0x21]);
        let networks = [
            Encapsulation::NONE,
            behind(&[0x81, 0, 0, 5, 8, 0]),
            behind(&[0x81, 0, 0, 6, 8, 0]),
            behind(&[0x81, 0, 0, 6, 0x81, 0, 0, 5, 8, 0]),
            session(5),
            session(6),
        ];
        let state = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut hashes = HashSet::new();
        for network in networks {
            let [key, answer] = keys(network);
            assert_eq!(key, answer);
            assert!(hashes.insert(key.hash_with(&state)), "{network:?}");
        }
        // The labels of a path are its direction's own.
        let labelled = behind(&[0x88, 0x47, 0, 1, 1, 64]);
        assert_eq!(keys(labelled), keys(Encapsulation::NONE));
    }
}
