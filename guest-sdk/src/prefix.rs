//! Networks by address and prefix length.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use thiserror::Error;

/// A network: the addresses that begin with the same bits (RFC 4632 section 3.1, RFC 4291 section 2.3).
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::Prefix;
///
/// let network: Prefix = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert_eq!("2001:db8::1".parse::<Prefix>()?.to_string(), "2001:db8::1/128");
/// # Ok::<(), sluice::PrefixError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Prefix {
    /// The lowest address in it: bits behind the prefix are 0.
    address: IpAddr,
    /// At most as many as an address has.
    bits: u32,
}

impl Prefix {
    /// The lowest address in it.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits all addresses in it begin with: up to 32 for IPv4, 128 for IPv6.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// Whether the address begins with the prefix. None of the other family does.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let same_family = address.is_ipv4() == self.address.is_ipv4();
        same_family && leading(address, self.bits) == leading(self.address, self.bits)
    }
}

/// Bits of an address of this family.
const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first `bits` bits of an address as a number; 0 for none.
fn leading(address: IpAddr, bits: u32) -> u128 {
    let number = match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    };
    number.checked_shr(width(address).saturating_sub(bits)).unwrap_or(0)
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// An address, alone or with the length of the prefix behind a slash.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(before, bits)| (before, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| PrefixError::NoAddress { text: text.into() })?;
        let width = width(address);
        let bits = match bits.map(str::parse) {
            None => width,
            Some(Ok(bits)) if bits <= width => bits,
            Some(_) => return Err(PrefixError::BadLength { text: text.into(), width }),
        };
        let begin = leading(address, bits).checked_shl(width.saturating_sub(bits)).unwrap_or(0);
        if begin != leading(address, width) {
            return Err(PrefixError::BitsBehind { text: text.into() });
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Prefix {
    /// Always with its length, as pcap-filter expressions have it behind `net`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Why a text is no prefix.
#[derive(Clone, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// It does not begin with an address.
    #[error("{text:?} does not begin with an address")]
    NoAddress {
        /// The text.
        text: String,
    },
    /// What stands behind the slash is no length.
    #[error("the length of {text:?} is not 0 to {width}")]
    BadLength {
        /// The text.
        text: String,
        /// Bits of an address of its family.
        width: u32,
    },
    /// The address is not the first one of the network: one of the two is a mistake.
    #[error("{text:?} has bits behind its prefix")]
    BitsBehind {
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(prefix: &str, address: &str) -> bool {
        prefix.parse::<Prefix>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_that_begin_with_the_prefix_are_in_it() {
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.0"));
        assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "2001:db8::"));
        assert!(contains("::/0", "ffff::1") && !contains("::/0", "10.0.0.1"));
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_the_reason() {
        let refused = |text: &str| text.parse::<Prefix>().unwrap_err().to_string();
        for bad in ["", "net/8", "10.0.0/8", "10.0.0.0 /8"] {
            assert_eq!(refused(bad), format!("{bad:?} does not begin with an address"));
        }
        for bad in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert_eq!(refused(bad), format!("the length of {bad:?} is not 0 to 32"));
        }
        assert_eq!(refused("::/129"), "the length of \"::/129\" is not 0 to 128");
        for bad in ["10.0.0.1/8", "0.0.0.1/0", "::1/0", "2001:db8::1/127"] {
            assert_eq!(refused(bad), format!("{bad:?} has bits behind its prefix"));
        }
    }
}
