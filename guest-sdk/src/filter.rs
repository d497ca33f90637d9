//! Filters that the host evaluates itself.

use core::net::IpAddr;
use core::ops::RangeInclusive;

use crate::bindings::sluice::middlebox::event as raw;
use crate::{Prefix, TcpFlags};

/// A filter that the host evaluates itself, without a call into the middlebox: for
/// [`Setup::define_native`](crate::Setup::define_native).
///
/// One that means nothing (no ports, a range that ends before it begins) is refused when the event is defined.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::{Native, TcpFlags};
///
/// let first_syn = Native::tcp_flags(TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK);
/// let web = Native::server_ports([80, 443]);
/// let high = Native::server_ports([8080..=8090, 9000..=9000]);
/// let request = Native::pattern(0, b"GET ");
/// let inside = Native::client_prefixes(["10.0.0.0/8".parse()?]);
/// # Ok::<(), sluice::PrefixError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Native(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    Pcap(String),
    TcpFlags { mask: TcpFlags, value: TcpFlags },
    Ports(End, Vec<PortRange>),
    Prefixes(End, Vec<Prefix>),
    Pattern(u64, Vec<u8>),
    Length(u32, u32),
    EveryBytes(u64),
    EveryPackets(u64),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Client,
    Server,
    Either,
}

impl Native {
    /// A pcap-filter expression about the IP datagram of the current packet.
    #[must_use]
    pub fn pcap(expression: &str) -> Self {
        Self(Kind::Pcap(expression.into()))
    }

    /// Of the current packet's flags in `of`, exactly those in `set` are set.
    #[must_use]
    pub const fn tcp_flags(set: TcpFlags, of: TcpFlags) -> Self {
        Self(Kind::TcpFlags { mask: of, value: set })
    }

    /// The client's port is one of these; of a packet without a flow, its source port.
    #[must_use]
    pub fn client_ports<P: Into<PortRange>>(ports: impl IntoIterator<Item = P>) -> Self {
        Self::ports_of(End::Client, ports)
    }

    /// The server's port is one of these; of a packet without a flow, its destination port.
    #[must_use]
    pub fn server_ports<P: Into<PortRange>>(ports: impl IntoIterator<Item = P>) -> Self {
        Self::ports_of(End::Server, ports)
    }

    /// The port of an end is one of these.
    #[must_use]
    pub fn ports<P: Into<PortRange>>(ports: impl IntoIterator<Item = P>) -> Self {
        Self::ports_of(End::Either, ports)
    }

    /// The client's address lies in one of these; of a packet without a flow, its source address.
    #[must_use]
    pub fn client_prefixes(prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        Self::prefixes_of(End::Client, prefixes)
    }

    /// The server's address lies in one of these; of a packet without a flow, its destination address.
    #[must_use]
    pub fn server_prefixes(prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        Self::prefixes_of(End::Server, prefixes)
    }

    /// The address of an end lies in one of these.
    #[must_use]
    pub fn prefixes(prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        Self::prefixes_of(End::Either, prefixes)
    }

    /// The event's stream holds `bytes` at `offset`: happens once in a stream, in the data that completes them. Below
    /// [`NewData`](crate::EventKind::NewData) only.
    #[must_use]
    pub fn pattern(offset: u64, bytes: impl Into<Vec<u8>>) -> Self {
        Self(Kind::Pattern(offset, bytes.into()))
    }

    /// What the event is about is this long, in bytes: the payload of a packet, the data that became readable, a gap.
    #[must_use]
    pub const fn length(bytes: RangeInclusive<u32>) -> Self {
        Self(Kind::Length(*bytes.start(), *bytes.end()))
    }

    /// What the event is about reaches or goes beyond a multiple of `n` bytes of the stream.
    #[must_use]
    pub const fn every_bytes(n: u64) -> Self {
        Self(Kind::EveryBytes(n))
    }

    /// Every `n`-th packet that the sender of the current one has sent in this flow, of those that its receiver
    /// honours.
    #[must_use]
    pub const fn every_packets(n: u64) -> Self {
        Self(Kind::EveryPackets(n))
    }

    fn ports_of<P: Into<PortRange>>(end: End, ports: impl IntoIterator<Item = P>) -> Self {
        Self(Kind::Ports(end, ports.into_iter().map(Into::into).collect()))
    }

    fn prefixes_of(end: End, prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        Self(Kind::Prefixes(end, prefixes.into_iter().collect()))
    }

    /// As the host takes it.
    pub(crate) fn raw(&self) -> raw::Filter {
        match &self.0 {
            Kind::Pcap(expression) => raw::Filter::Pcap(expression.clone()),
            Kind::TcpFlags { mask, value } => {
                raw::Filter::TcpFlags(raw::FlagsFilter { mask: mask.0, value: value.0 })
            }
            Kind::Ports(end, ranges) => raw::Filter::Ports(raw::PortFilter {
                end: end.raw(),
                ranges: ranges.iter().map(|range| (range.first, range.last)).collect(),
            }),
            Kind::Prefixes(end, prefixes) => raw::Filter::Prefixes(raw::PrefixFilter {
                end: end.raw(),
                prefixes: prefixes.iter().map(network).collect(),
            }),
            Kind::Pattern(offset, bytes) => {
                raw::Filter::Pattern(raw::PatternFilter { offset: *offset, bytes: bytes.clone() })
            }
            Kind::Length(min, max) => raw::Filter::Length((*min, *max)),
            Kind::EveryBytes(n) => raw::Filter::EveryBytes(*n),
            Kind::EveryPackets(n) => raw::Filter::EveryPackets(*n),
        }
    }
}

impl End {
    const fn raw(self) -> raw::End {
        match self {
            Self::Client => raw::End::Client,
            Self::Server => raw::End::Server,
            Self::Either => raw::End::Either,
        }
    }
}

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self { first: port, last: port }
    }
}

impl From<RangeInclusive<u16>> for PortRange {
    fn from(ports: RangeInclusive<u16>) -> Self {
        Self { first: *ports.start(), last: *ports.end() }
    }
}

/// A prefix as the host takes it: IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).
fn network(prefix: &Prefix) -> raw::Prefix {
    let (mapped, before) = match prefix.address() {
        IpAddr::V4(address) => (address.to_ipv6_mapped(), 96),
        IpAddr::V6(address) => (address, 0),
    };
    let [a, b, c, d, e, f, g, h] = mapped.segments().map(u64::from);
    let address = (a << 48 | b << 32 | c << 16 | d, e << 48 | f << 32 | g << 16 | h);
    raw::Prefix { address, bits: u8::try_from(prefix.bits().saturating_add(before)).unwrap_or(u8::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_networks_are_mapped_into_ipv6() {
        let table = [
            ("10.0.0.0/8", (0, 0xffff_0a00_0000), 104),
            ("192.0.2.1", (0, 0xffff_c000_0201), 128),
            ("0.0.0.0/0", (0, 0xffff_0000_0000), 96),
            ("::/0", (0, 0), 0),
            ("2001:db8::1", (0x2001_0db8_0000_0000, 1), 128),
            ("2001:db8:1:2::/64", (0x2001_0db8_0001_0002, 0), 64),
            ("1:2:3:4:5:6:7:8", (0x0001_0002_0003_0004, 0x0005_0006_0007_0008), 128),
        ];
        for (text, address, bits) in table {
            let found = network(&text.parse().unwrap());
            assert_eq!((found.address, found.bits), (address, bits), "{text}");
        }
    }

    #[test]
    fn ports_are_numbers_and_ranges() {
        let ranges = |filter: Native| {
            let raw::Filter::Ports(ports) = filter.raw() else { panic!("not ports") };
            ports.ranges
        };
        assert_eq!(ranges(Native::server_ports([80, 443])), [(80, 80), (443, 443)]);
        assert_eq!(ranges(Native::ports([8080..=8090])), [(8080, 8090)]);
        assert_eq!(ranges(Native::client_ports([PortRange::from(80), (1..=9).into()])), [(80, 80), (1, 9)]);
    }

    #[test]
    fn flags_that_must_not_be_set_are_in_the_mask_alone() {
        let raw::Filter::TcpFlags(flags) =
            Native::tcp_flags(TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK).raw()
        else {
            panic!("not flags");
        };
        assert_eq!((flags.mask, flags.value), (0x12, 0x02));
    }
}
