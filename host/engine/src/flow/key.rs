//! What makes two packets belong to one flow: addresses, ports and encapsulation.

use std::hash::{BuildHasher, Hasher};

use sluice_wire::{Encapsulation, Headers, IpAddress, TcpHeader};

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
/// Two VLANs are two flows: operators reuse addresses in each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowKey {
    /// The smaller end.
    pub low: Endpoint,
    /// The larger end.
    pub high: Endpoint,
    /// VLAN ids and MPLS labels around the packet. Each direction of an MPLS path has labels of its own, so only the
    /// VLANs are part of the key.
    pub vlan: [u16; 2],
}

impl FlowKey {
    /// The key of a segment, and whether its sender is the smaller end.
    #[must_use]
    pub fn of(headers: &Headers, tcp: &TcpHeader) -> (Self, bool) {
        let sender = Endpoint { address: headers.source, port: tcp.source_port };
        let receiver = Endpoint { address: headers.destination, port: tcp.destination_port };
        Self::between(sender, receiver, headers.encapsulation)
    }

    /// The key of a flow between two ends, and whether the first is the smaller one.
    #[must_use]
    pub fn between(sender: Endpoint, receiver: Endpoint, encapsulation: Encapsulation) -> (Self, bool) {
        let vlan = encapsulation.vlan;
        if sender <= receiver {
            (Self { low: sender, high: receiver, vlan }, true)
        } else {
            (Self { low: receiver, high: sender, vlan }, false)
        }
    }

    /// The hash under `state`, whose keys must be secret: the tuple is chosen by strangers.
    #[must_use]
    pub fn hash_with(&self, state: &ahash::RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        hasher.write_u128(u128::from_ne_bytes(self.low.address.0));
        hasher.write_u128(u128::from_ne_bytes(self.high.address.0));
        let ports = u64::from(self.low.port) << 48 | u64::from(self.high.port) << 32;
        hasher.write_u64(ports | u64::from(self.vlan[0]) << 16 | u64::from(self.vlan[1]));
        hasher.finish()
    }
}
