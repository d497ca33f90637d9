//! IP addresses of both versions in one size.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 address in network byte order; IPv4 is kept v4-mapped, `::ffff:a.b.c.d`.
///
/// One form for both versions makes comparing and hashing branch-free. It is unambiguous because
/// [`parse`](crate::parse) refuses IPv6 packets with v4-mapped addresses. The order is that of the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord)]
pub struct IpAddress(pub [u8; 16]);

/// What the first 12 bytes of a v4-mapped address are (RFC 4291 section 2.5.5.2).
const MAPPED_PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

impl IpAddress {
    /// The IPv4 address with these four bytes.
    #[inline]
    #[must_use]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        // One wide number instead of 16 bytes: that keeps an address in registers.
        Self((0xffff_0000_0000 | u32::from_be_bytes(bytes) as u128).to_be_bytes())
    }

    /// Whether this is an IPv4 address.
    #[inline]
    #[must_use]
    pub fn is_v4(self) -> bool {
        self.0.first_chunk() == Some(&MAPPED_PREFIX)
    }

    /// The four bytes of an IPv4 address, `None` for IPv6.
    #[inline]
    #[must_use]
    pub fn to_v4(self) -> Option<[u8; 4]> {
        if self.is_v4() { self.0.last_chunk().copied() } else { None }
    }

    /// The address as the standard library has it: `V4` for IPv4, never a mapped `V6`.
    #[must_use]
    pub fn to_std(self) -> IpAddr {
        match self.to_v4() {
            Some(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
            None => IpAddr::V6(Ipv6Addr::from(self.0)),
        }
    }
}

impl From<IpAddr> for IpAddress {
    /// A v4-mapped `V6` becomes the IPv4 address that it stands for.
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => v6.into(),
        }
    }
}

impl From<Ipv4Addr> for IpAddress {
    fn from(address: Ipv4Addr) -> Self {
        Self::v4(address.octets())
    }
}

impl From<Ipv6Addr> for IpAddress {
    fn from(address: Ipv6Addr) -> Self {
        Self(address.octets())
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_std().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_survive_the_way_to_std_and_back() {
        for text in ["192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::1", "::ffff:0:1.2.3.4"] {
            let standard: IpAddr = text.parse().unwrap();
            let address = IpAddress::from(standard);
            assert_eq!(address.to_std(), standard);
            assert_eq!(address.is_v4(), standard.is_ipv4());
            assert_eq!(address.to_string(), standard.to_string());
        }
    }
}
