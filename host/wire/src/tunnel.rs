//! The tunnels around a datagram as one number, and what a tunnel header says.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use crate::ChecksumStatus;

/// The tunnels around a datagram, outermost first, with what both directions of each have in common: its kind, and the
/// session, key or network identifier in its header.
///
/// Outer addresses are not part of it: directions swap them, and overlays answer from other addresses than they
/// were sent to. One tunnel is told exactly. Several are told by a digest of 63 bits, the same in each run, which no
/// identifiers of nested tunnels can be chosen for within reason.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Tunnel(u64);

/// What a digest has and the number of one tunnel has not.
const DIGEST: u64 = 1 << 63;

impl Tunnel {
    /// No tunnel.
    pub const NONE: Self = Self(0);

    /// The number, for hashing; 0 for no tunnel.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// These tunnels with one more within.
    pub(crate) fn within(self, layer: Layer, id: u32) -> Self {
        let number = (layer as u64) << 32 | u64::from(id);
        if self == Self::NONE {
            return Self(number);
        }
        // SipHash with keys that never change.
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher.write_u64(number);
        Self(hasher.finish() | DIGEST)
    }
}

impl fmt::Display for Tunnel {
    /// One tunnel as its kind and identifier, several as a digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("none");
        }
        let (kind, id) = (self.0 >> 32, self.0 & u64::from(u32::MAX));
        let Some((_, name)) = NAMES.iter().find(|(layer, _)| *layer as u64 == kind) else {
            return write!(f, "nested {:016x}", self.0);
        };
        match id {
            0 => f.write_str(name),
            id => write!(f, "{name} {id}"),
        }
    }
}

/// Words for the kinds.
const NAMES: [(Layer, &str); 9] = [
    (Layer::Vlan, "vlan"),
    (Layer::Pppoe, "pppoe"),
    (Layer::IpInIp, "ip-in-ip"),
    (Layer::Gre, "gre"),
    (Layer::KeyedGre, "gre-key"),
    (Layer::Vxlan, "vxlan"),
    (Layer::Geneve, "geneve"),
    (Layer::Erspan, "erspan"),
    (Layer::Pptp, "pptp"),
];

/// A kind of header that tells networks apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Layer {
    /// A VLAN tag beyond the second, or within a tunnel.
    Vlan = 1,
    /// PPPoE, by session.
    Pppoe,
    /// IPv4 or IPv6 in either.
    IpInIp,
    /// GRE without a key.
    Gre,
    /// GRE, by key.
    KeyedGre,
    /// VXLAN, by network identifier.
    Vxlan,
    /// Geneve, by network identifier.
    Geneve,
    /// Frames that a switch mirrored.
    Erspan,
    /// PPP in GRE.
    Pptp,
}

/// Transparent Ethernet bridging: an Ethernet frame without its check sequence follows.
pub(crate) const ETHERTYPE_ETHERNET: u16 = 0x6558;

/// A PPP frame follows.
pub(crate) const ETHERTYPE_PPP: u16 = 0x880b;

/// What a tunnel header leads to; lengths are in bytes and count from the end of the IP header before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Carried {
    pub(crate) layer: Layer,
    /// Session, key or network identifier.
    pub(crate) id: u32,
    /// What the carried bytes are.
    pub(crate) ethertype: u16,
    /// Where they start.
    pub(crate) start: u32,
    /// Where they end.
    pub(crate) end: u32,
    /// The checksum of the tunnel header, where it has one.
    pub(crate) checksum: ChecksumStatus,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn kinds_identifiers_and_their_order_tell_tunnels_apart() {
        let kinds = [
            Layer::Vlan,
            Layer::Pppoe,
            Layer::IpInIp,
            Layer::Gre,
            Layer::KeyedGre,
            Layer::Vxlan,
            Layer::Geneve,
            Layer::Erspan,
            Layer::Pptp,
        ];
        let mut seen = HashSet::from([Tunnel::NONE]);
        for outer in kinds {
            for id in [0, 1, 0xff_ffff, u32::MAX] {
                let one = Tunnel::NONE.within(outer, id);
                assert!(seen.insert(one));
                for inner in kinds {
                    for id in [0, 1, 0xff_ffff, u32::MAX] {
                        assert!(seen.insert(one.within(inner, id)));
                    }
                }
            }
        }
        assert!(seen.iter().all(|tunnel| (tunnel.number() & DIGEST != 0) == (tunnel.number() >> 40 != 0)));
    }

    #[test]
    fn a_tunnel_is_its_kind_and_identifier() {
        let shown = |tunnel: Tunnel| tunnel.to_string();
        assert_eq!(shown(Tunnel::NONE), "none");
        assert_eq!(shown(Tunnel::NONE.within(Layer::Pppoe, 3847)), "pppoe 3847");
        assert_eq!(shown(Tunnel::NONE.within(Layer::IpInIp, 0)), "ip-in-ip");
        let nested = Tunnel::NONE.within(Layer::Gre, 0).within(Layer::Vxlan, 5);
        assert!(shown(nested).starts_with("nested "), "{nested}");
    }

    #[test]
    fn the_same_tunnels_give_the_same_number() {
        let nested = || Tunnel::NONE.within(Layer::Pppoe, 7).within(Layer::Gre, 0).within(Layer::Vlan, 5);
        assert_eq!(nested(), nested());
        assert_eq!(Tunnel::NONE.within(Layer::Vxlan, 5).number(), 6 << 32 | 5);
    }
}
