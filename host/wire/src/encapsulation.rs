//! What lies between the link header and an IP header: VLAN tags, MPLS labels, PPPoE.

use crate::error::ParseError;
use crate::pppoe;
use crate::tunnel::{Layer, Tunnel};

/// VLAN tags that may precede IP. Two are in use; a stack that does not end only makes us loop.
pub const VLAN_TAGS_MAX: usize = 4;

/// MPLS labels that may precede IP. Networks use up to five; a stack that does not end only makes us loop.
pub const MPLS_LABELS_MAX: usize = 8;

/// Headers that may precede the innermost IP header, each VLAN tag, MPLS label and tunnel counted.
///
/// Overlays in use nest three or four. A frame of nothing but headers costs as much as hundreds of frames, and Suricata
/// and others stop at the same number.
pub const LAYERS_MAX: u8 = 16;

/// The VLAN id of a tag that is not there.
pub const NO_VLAN: u16 = 0xffff;

/// The MPLS label of a packet without labels.
pub const NO_LABEL: u32 = u32::MAX;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_8021Q: u16 = 0x8100;
const ETHERTYPE_8021AD: u16 = 0x88a8;
const ETHERTYPE_QINQ: u16 = 0x9100;
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_UPSTREAM: u16 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;

/// The virtual network that a packet came in: equal address pairs in different ones are different flows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Encapsulation {
    /// The outermost two VLAN ids around all tunnels, outer first, 1 to 4095; [`NO_VLAN`] where there is none.
    ///
    /// A tag with id 0 carries a priority and no VLAN (IEEE 802.1Q section 6.9); hosts send it in one direction
    /// only, so it does not count.
    pub vlan: [u16; 2],
    /// The MPLS label at the bottom of the innermost stack, 20 bits; [`NO_LABEL`] without MPLS.
    pub mpls: u32,
    /// The tunnels, and the VLANs that `vlan` has no room for.
    pub tunnel: Tunnel,
}

impl Encapsulation {
    /// A packet without tags, labels and tunnels.
    pub const NONE: Self = Self { vlan: [NO_VLAN; 2], mpls: NO_LABEL, tunnel: Tunnel::NONE };

    fn push_vlan(&mut self, control: u16) {
        let id = control & 0x0fff;
        if id == 0 {
            return;
        }
        match self.vlan.iter_mut().find(|id| **id == NO_VLAN) {
            Some(free) if self.tunnel == Tunnel::NONE => *free = id,
            _ => self.tunnel = self.tunnel.within(Layer::Vlan, u32::from(id)),
        }
    }
}

impl Default for Encapsulation {
    fn default() -> Self {
        Self::NONE
    }
}

/// The version that the bytes in front of an IP header announce.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

/// Where an IP header starts and what led there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    pub(crate) version: IpVersion,
    /// Headers passed, at most [`LAYERS_MAX`].
    pub(crate) layers: u8,
    /// Bytes from the start of the frame. Not yet checked against its end.
    pub(crate) offset: u16,
    /// Where the datagram must end at the latest, in bytes from the start of the frame: by the headers around it, or
    /// by the frame's length on the wire.
    pub(crate) end: u32,
    pub(crate) encapsulation: Encapsulation,
    /// See [`Headers::is_carrier_damaged`](crate::Headers::is_carrier_damaged).
    pub(crate) is_carrier_damaged: bool,
}

impl Network {
    /// The start of a frame that had `end` bytes on the wire.
    #[inline]
    pub(crate) const fn start(end: u32) -> Self {
        Self {
            version: IpVersion::V4,
            layers: 0,
            offset: 0,
            end,
            encapsulation: Encapsulation::NONE,
            is_carrier_damaged: false,
        }
    }

    /// The IP header was found.
    #[inline]
    pub(crate) const fn found(&mut self, version: IpVersion, offset: u16) {
        self.version = version;
        self.offset = offset;
    }

    /// Passes one more header.
    pub(crate) const fn pass(&mut self) -> Result<(), ParseError> {
        if self.layers >= LAYERS_MAX {
            return Err(ParseError::TooManyLayers);
        }
        self.layers = self.layers.saturating_add(1);
        Ok(())
    }
}

/// Follows an EtherType to the IP header. `offset` is that of the byte after the EtherType's header.
#[inline]
pub(crate) fn unwrap_tags(
    frame: &[u8],
    offset: u16,
    ethertype: u16,
    network: &mut Network,
) -> Result<(), ParseError> {
    match ethertype {
        ETHERTYPE_IPV4 => network.found(IpVersion::V4, offset),
        ETHERTYPE_IPV6 => network.found(IpVersion::V6, offset),
        ETHERTYPE_8021Q => return unwrap_vlan(frame, offset, network),
        _ => *network = unwrap_all(frame, offset, ethertype, *network)?,
    }
    Ok(())
}

/// The common case of tags: one, with IP behind it.
#[inline]
fn unwrap_vlan(frame: &[u8], offset: u16, network: &mut Network) -> Result<(), ParseError> {
    let [high, low, type_high, type_low] = word_at(frame, offset)?;
    let version = match u16::from_be_bytes([type_high, type_low]) {
        ETHERTYPE_IPV4 => IpVersion::V4,
        ETHERTYPE_IPV6 => IpVersion::V6,
        _ => {
            *network = unwrap_all(frame, offset, ETHERTYPE_8021Q, *network)?;
            return Ok(());
        }
    };
    let id = match u16::from_be_bytes([high, low]) & 0x0fff {
        0 => NO_VLAN,
        id => id,
    };
    network.found(version, offset.saturating_add(4));
    network.layers = 1;
    network.encapsulation.vlan = [id, NO_VLAN];
    Ok(())
}

/// Follows any EtherType, from any place of a frame: adds to what `network` has of layers and encapsulation.
///
/// By value: lent, the place of every packet's IP header would be kept in memory.
#[inline(never)]
pub(crate) fn unwrap_all(
    frame: &[u8],
    mut offset: u16,
    mut ethertype: u16,
    mut network: Network,
) -> Result<Network, ParseError> {
    // One round more than there may be tags: the last one reads what follows the last tag.
    for _ in 0..=VLAN_TAGS_MAX {
        match ethertype {
            ETHERTYPE_IPV4 => network.found(IpVersion::V4, offset),
            ETHERTYPE_IPV6 => network.found(IpVersion::V6, offset),
            ETHERTYPE_8021Q | ETHERTYPE_8021AD | ETHERTYPE_QINQ => {
                let [high, low, type_high, type_low] = word_at(frame, offset)?;
                network.pass()?;
                network.encapsulation.push_vlan(u16::from_be_bytes([high, low]));
                ethertype = u16::from_be_bytes([type_high, type_low]);
                offset = offset.checked_add(4).ok_or(ParseError::TooManyLayers)?;
                continue;
            }
            ETHERTYPE_MPLS | ETHERTYPE_MPLS_UPSTREAM => unwrap_labels(frame, offset, &mut network)?,
            ETHERTYPE_PPPOE_SESSION => pppoe::unwrap(frame, offset, &mut network)?,
            _ => return Err(ParseError::NotIp),
        }
        return Ok(network);
    }
    Err(ParseError::TooManyTags)
}

/// Follows a stack of MPLS labels to the IP header.
pub(crate) fn unwrap_labels(frame: &[u8], mut offset: u16, network: &mut Network) -> Result<(), ParseError> {
    for _ in 0..MPLS_LABELS_MAX {
        let entry = u32::from_be_bytes(word_at(frame, offset)?);
        network.pass()?;
        offset = offset.checked_add(4).ok_or(ParseError::TooManyLayers)?;
        // The S bit marks the bottom of the stack (RFC 3032 section 2.1).
        if entry & 0x100 == 0 {
            continue;
        }
        network.encapsulation.mpls = entry >> 12;
        // No field says what is below the stack; the first nibble does by convention (RFC 4928 section 3).
        match frame.get(usize::from(offset)).ok_or(ParseError::LinkTruncated)? >> 4 {
            4 => network.found(IpVersion::V4, offset),
            6 => network.found(IpVersion::V6, offset),
            _ => return Err(ParseError::NotIp),
        }
        return Ok(());
    }
    Err(ParseError::TooManyTags)
}

/// Four bytes of a tag or label.
#[inline]
fn word_at(frame: &[u8], offset: u16) -> Result<[u8; 4], ParseError> {
    frame
        .get(usize::from(offset)..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(ParseError::LinkTruncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4: [u8; 2] = [0x08, 0x00];

    fn unwrap_tags(frame: &[u8], offset: u16, ethertype: u16) -> Result<Network, ParseError> {
        let mut network = Network::start(u32::try_from(frame.len()).unwrap());
        super::unwrap_tags(frame, offset, ethertype, &mut network).map(|()| network)
    }

    /// The bytes after an Ethernet header whose EtherType was the first of `tags`.
    fn stack(tags: &[(u16, u16)]) -> (u16, Vec<u8>) {
        let mut bytes = Vec::new();
        for (place, (_, control)) in tags.iter().enumerate() {
            bytes.extend(control.to_be_bytes());
            bytes.extend(tags.get(place + 1).map_or(IPV4, |next| next.0.to_be_bytes()));
        }
        (tags.first().map_or(0x0800, |tag| tag.0), bytes)
    }

    fn label(value: u32, bottom: u32) -> [u8; 4] {
        (value << 12 | bottom << 8 | 64).to_be_bytes()
    }

    #[test]
    fn tag_stacks_give_their_outermost_two_ids() {
        let none = NO_VLAN;
        type Tags = &'static [(u16, u16)];
        let table: [(Tags, [u16; 2]); 8] = [
            (&[], [none, none]),
            (&[(0x8100, 5)], [5, none]),
            (&[(0x8100, 0xe005)], [5, none]),
            (&[(0x88a8, 7), (0x8100, 5)], [7, 5]),
            (&[(0x9100, 7), (0x9100, 8), (0x8100, 9)], [7, 8]),
            (&[(0x88a8, 1), (0x88a8, 2), (0x88a8, 3), (0x8100, 4)], [1, 2]),
            (&[(0x8100, 0xa000)], [none, none]),
            (&[(0x8100, 0), (0x8100, 6)], [6, none]),
        ];
        for (tags, vlan) in table {
            let (ethertype, bytes) = stack(tags);
            let network = unwrap_tags(&bytes, 0, ethertype).unwrap();
            assert_eq!(network.encapsulation, Encapsulation { vlan, ..network.encapsulation }, "{tags:?}");
            assert_eq!(usize::from(network.layers), tags.len());
            assert_eq!(usize::from(network.offset), bytes.len());
        }
    }

    #[test]
    fn the_bottom_label_counts_and_the_nibble_below_it_tells_the_version() {
        let table = [
            (vec![label(100, 1).to_vec(), vec![0x45]], Ok((IpVersion::V4, 100))),
            (
                vec![label(16, 0).to_vec(), label(0xf_ffff, 1).to_vec(), vec![0x60]],
                Ok((IpVersion::V6, 0xf_ffff)),
            ),
            (vec![label(16, 1).to_vec(), vec![0x00]], Err(ParseError::NotIp)),
            (vec![label(16, 1).to_vec()], Err(ParseError::LinkTruncated)),
            (vec![label(16, 0).to_vec()], Err(ParseError::LinkTruncated)),
        ];
        for (parts, expected) in table {
            for ethertype in [0x8847, 0x8848] {
                let bytes = parts.concat();
                let found = unwrap_tags(&bytes, 0, ethertype);
                assert_eq!(found.map(|network| (network.version, network.encapsulation.mpls)), expected);
            }
        }
    }

    #[test]
    fn labels_below_a_vlan_tag_keep_both() {
        let bytes = [vec![0, 9, 0x88, 0x47], label(77, 1).to_vec(), vec![0x45]].concat();
        let network = unwrap_tags(&bytes, 0, 0x8100).unwrap();
        assert_eq!(
            network.encapsulation,
            Encapsulation { vlan: [9, NO_VLAN], mpls: 77, tunnel: Tunnel::NONE }
        );
        assert_eq!((network.offset, network.layers), (8, 2));
    }

    #[test]
    fn ids_behind_the_second_tell_networks_apart() {
        let tunnel = |tags| {
            let (ethertype, bytes) = stack(tags);
            unwrap_tags(&bytes, 0, ethertype).unwrap().encapsulation.tunnel
        };
        assert_eq!(tunnel(&[(0x88a8, 1), (0x8100, 2)]), Tunnel::NONE);
        let three = tunnel(&[(0x88a8, 1), (0x88a8, 2), (0x8100, 3)]);
        assert_ne!(three, Tunnel::NONE);
        assert_ne!(three, tunnel(&[(0x88a8, 1), (0x88a8, 2), (0x8100, 4)]));
        assert_eq!(three, tunnel(&[(0x88a8, 1), (0x88a8, 2), (0x88a8, 3), (0x8100, 0)]));
    }

    #[test]
    fn stacks_without_end_are_refused() {
        let (ethertype, bytes) = stack(&[(0x8100, 1); 5]);
        assert_eq!(unwrap_tags(&bytes, 0, ethertype), Err(ParseError::TooManyTags));
        let full = [vec![label(1, 0); 7], vec![label(2, 1), *b"E..."]].concat().concat();
        assert_eq!(unwrap_tags(&full, 0, 0x8847).map(|network| network.offset), Ok(32));
        let over = [vec![label(1, 0); 8], vec![label(2, 1), *b"E..."]].concat().concat();
        assert_eq!(unwrap_tags(&over, 0, 0x8847), Err(ParseError::TooManyTags));
    }

    #[test]
    fn what_is_not_ip_is_named_so() {
        // ARP, LLDP, PPPoE discovery, an IEEE 802.3 length.
        for ethertype in [0x0806, 0x88cc, 0x8863, 0x0026] {
            assert_eq!(unwrap_tags(&[0; 64], 14, ethertype), Err(ParseError::NotIp));
        }
    }

    #[test]
    fn a_cut_tag_is_truncated() {
        for len in 0..4 {
            assert_eq!(unwrap_tags(&[0; 4][..len], 0, 0x8100), Err(ParseError::LinkTruncated));
        }
    }
}
