//! Link headers of a flow's packets, for segments that a tenant sends in the name of a host.

use sluice_wire::LinkType;

use crate::limits::LINK_HEADER_BYTES;

/// What stands in front of the IP header in packets of one side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Link {
    /// How the bytes begin.
    pub(crate) kind: LinkType,
    len: u8,
    bytes: [u8; LINK_HEADER_BYTES],
}

impl Link {
    /// `None` for a longer header than is kept.
    pub(crate) fn new(kind: LinkType, header: &[u8]) -> Option<Self> {
        let mut bytes = [0; LINK_HEADER_BYTES];
        bytes.get_mut(..header.len())?.copy_from_slice(header);
        Some(Self { kind, len: u8::try_from(header.len()).ok()?, bytes })
    }

    /// The bytes.
    pub(crate) fn header(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// What the peer's packets have there, as far as that can be told: Ethernet addresses change places. A "cooked"
    /// header does not tell who the receiver is.
    pub(crate) fn mirrored(&self) -> Option<Self> {
        match self.kind {
            LinkType::Ethernet => {
                let mut mirrored = *self;
                let (destination, source) = mirrored.bytes.get_mut(..12)?.split_at_mut_checked(6)?;
                destination.swap_with_slice(source);
                Some(mirrored)
            }
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 | LinkType::BsdLoopback => Some(*self),
            LinkType::LinuxSll | LinkType::LinuxSll2 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_change_places_and_tags_stay() {
        let header: Vec<u8> = (0..18).collect();
        let mirrored = Link::new(LinkType::Ethernet, &header).unwrap().mirrored().unwrap();
        assert_eq!(mirrored.header()[..12], [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
        assert_eq!(mirrored.header()[12..], header[12..]);
    }

    #[test]
    fn what_cannot_be_told_is_not_made_up() {
        assert_eq!(Link::new(LinkType::LinuxSll, &[0; 16]).unwrap().mirrored(), None);
        assert!(Link::new(LinkType::RawIp, &[]).unwrap().mirrored().unwrap().header().is_empty());
        assert_eq!(Link::new(LinkType::Ethernet, &[0; LINK_HEADER_BYTES + 1]), None);
    }
}
