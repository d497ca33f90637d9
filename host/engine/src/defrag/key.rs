//! What makes two fragments parts of one datagram.

use std::hash::{BuildHasher, Hasher};

use sluice_wire::{Headers, IpAddress, Tunnel};

/// Addresses, identification and, for IPv4, protocol (RFC 791 section 3.2, RFC 8200 section 4.5); and VLANs and tunnel,
/// which separate networks that use the same addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Key {
    source: IpAddress,
    destination: IpAddress,
    id: u32,
    vlan: [u16; 2],
    tunnel: Tunnel,
    /// 0 for IPv6, whose fragments may each name another header.
    protocol: u8,
}

impl Key {
    pub(super) fn of(headers: &Headers, id: u32) -> Self {
        Self {
            source: headers.source,
            destination: headers.destination,
            id,
            vlan: headers.encapsulation.vlan,
            tunnel: headers.encapsulation.tunnel,
            protocol: if headers.source.is_v4() { headers.protocol } else { 0 },
        }
    }

    /// The hash under `state`, whose keys must be secret: all of this is chosen by strangers.
    pub(super) fn hash_with(&self, state: &ahash::RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        hasher.write_u128(u128::from_ne_bytes(self.source.0));
        hasher.write_u128(u128::from_ne_bytes(self.destination.0));
        let vlans = u64::from(self.vlan[0]) << 16 | u64::from(self.vlan[1]);
        hasher.write_u64(u64::from(self.id) << 32 | vlans);
        hasher.write_u64(self.tunnel.number());
        hasher.write_u8(self.protocol);
        hasher.finish()
    }
}
