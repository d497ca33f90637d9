//! VLAN tags and MPLS labels between the link header and the IP header.

use crate::error::ParseError;

/// VLAN tags that may precede IP. Two are in use; a stack that does not end only makes us loop.
pub const VLAN_TAGS_MAX: usize = 4;

/// MPLS labels that may precede IP. Networks use up to five; a stack that does not end only makes us loop.
pub const MPLS_LABELS_MAX: usize = 8;

/// The VLAN id of a tag that is not there.
pub const NO_VLAN: u16 = 0xffff;

/// The MPLS label of a packet without labels.
pub const NO_LABEL: u32 = u32::MAX;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_8021Q: u16 = 0x8100;
const ETHERTYPE_8021AD: u16 = 0x88a8;
const ETHERTYPE_QINQ: u16 = 0x9100;
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_UPSTREAM: u16 = 0x8848;

/// The virtual network that a packet came in: equal address pairs in different ones are different flows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Encapsulation {
    /// The outermost two VLAN ids, outer first, 1 to 4095; [`NO_VLAN`] where there is none.
    ///
    /// A tag with id 0 carries a priority and no VLAN (IEEE 802.1Q section 6.9); hosts send it in one direction
    /// only, so it does not count.
    pub vlan: [u16; 2],
    /// The MPLS label at the bottom of the stack, 20 bits; [`NO_LABEL`] without MPLS.
    pub mpls: u32,
}

impl Encapsulation {
    /// A packet without tags and labels.
    pub const NONE: Self = Self { vlan: [NO_VLAN; 2], mpls: NO_LABEL };

    fn push_vlan(&mut self, control: u16) {
        let id = control & 0x0fff;
        if id == 0 {
            return;
        }
        if let Some(free) = self.vlan.iter_mut().find(|id| **id == NO_VLAN) {
            *free = id;
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

/// Where a frame's IP header starts and what led there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    pub(crate) version: IpVersion,
    /// Bytes from the start of the frame. Not yet checked against its end.
    pub(crate) offset: u16,
    pub(crate) encapsulation: Encapsulation,
}

impl Network {
    /// IP at `offset` with nothing but a link header before it.
    #[inline]
    pub(crate) const fn bare(version: IpVersion, offset: u16) -> Self {
        Self { version, offset, encapsulation: Encapsulation::NONE }
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
    *network = match ethertype {
        ETHERTYPE_IPV4 => Network::bare(IpVersion::V4, offset),
        ETHERTYPE_IPV6 => Network::bare(IpVersion::V6, offset),
        ETHERTYPE_8021Q => return unwrap_vlan(frame, offset, network),
        _ => unwrap_vlans(frame, offset, ethertype)?,
    };
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
            *network = unwrap_vlans(frame, offset, ETHERTYPE_8021Q)?;
            return Ok(());
        }
    };
    let id = match u16::from_be_bytes([high, low]) & 0x0fff {
        0 => NO_VLAN,
        id => id,
    };
    *network = Network {
        version,
        offset: offset.saturating_add(4),
        encapsulation: Encapsulation { vlan: [id, NO_VLAN], mpls: NO_LABEL },
    };
    Ok(())
}

#[inline(never)]
fn unwrap_vlans(frame: &[u8], mut offset: u16, mut ethertype: u16) -> Result<Network, ParseError> {
    let mut encapsulation = Encapsulation::NONE;
    // One round more than there may be tags: the last one reads what follows the last tag.
    for _ in 0..=VLAN_TAGS_MAX {
        match ethertype {
            ETHERTYPE_IPV4 => return Ok(Network { version: IpVersion::V4, offset, encapsulation }),
            ETHERTYPE_IPV6 => return Ok(Network { version: IpVersion::V6, offset, encapsulation }),
            ETHERTYPE_8021Q | ETHERTYPE_8021AD | ETHERTYPE_QINQ => {
                let [high, low, type_high, type_low] = word_at(frame, offset)?;
                encapsulation.push_vlan(u16::from_be_bytes([high, low]));
                ethertype = u16::from_be_bytes([type_high, type_low]);
                offset = offset.saturating_add(4);
            }
            ETHERTYPE_MPLS | ETHERTYPE_MPLS_UPSTREAM => return unwrap_labels(frame, offset, encapsulation),
            _ => return Err(ParseError::NotIp),
        }
    }
    Err(ParseError::TooManyTags)
}

fn unwrap_labels(
    frame: &[u8],
    mut offset: u16,
    mut encapsulation: Encapsulation,
) -> Result<Network, ParseError> {
    for _ in 0..MPLS_LABELS_MAX {
        let entry = u32::from_be_bytes(word_at(frame, offset)?);
        offset = offset.saturating_add(4);
        // The S bit marks the bottom of the stack (RFC 3032 section 2.1).
        if entry & 0x100 == 0 {
            continue;
        }
        encapsulation.mpls = entry >> 12;
        // No field says what is below the stack; the first nibble does by convention (RFC 4928 section 3).
        let version = match frame.get(usize::from(offset)).ok_or(ParseError::LinkTruncated)? >> 4 {
            4 => IpVersion::V4,
            6 => IpVersion::V6,
            _ => return Err(ParseError::NotIp),
        };
        return Ok(Network { version, offset, encapsulation });
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
        let mut network = Network::bare(IpVersion::V4, 0);
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
            assert_eq!(network.encapsulation, Encapsulation { vlan, mpls: NO_LABEL }, "{tags:?}");
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
        assert_eq!(network.encapsulation, Encapsulation { vlan: [9, NO_VLAN], mpls: 77 });
        assert_eq!(network.offset, 8);
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
