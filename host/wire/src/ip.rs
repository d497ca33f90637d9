//! What both IP versions tell the layers above.

use crate::address::IpAddress;

/// The protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;

/// The protocol number of UDP.
pub(crate) const PROTOCOL_UDP: u8 = 17;

/// The place of a fragment in its datagram.
///
/// Fragments of one datagram share addresses, `id` and, for IPv4, the protocol (RFC 791 section 2.3, RFC 8200
/// section 4.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Fragment {
    /// Where the fragment's data belongs, in bytes from the start of the datagram's fragmented part; a multiple
    /// of 8, at most 65,528.
    pub offset: u32,
    /// Whether data follows in another fragment.
    pub more: bool,
    /// The identification: 16 bits for IPv4, 32 bits for IPv6.
    pub id: u32,
}

/// A checked IP header of either version.
///
/// Parsers fill one in place: returned in a `Result` it would go through memory, at twice the price of parsing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpHeader {
    pub(crate) source: IpAddress,
    pub(crate) destination: IpAddress,
    /// Bytes of the whole datagram, at least `header_len`, at most what was on the wire.
    pub(crate) total_len: u32,
    /// Bytes before the transport header or the fragment's data; all of them are captured.
    pub(crate) header_len: u16,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) fragment: Option<Fragment>,
    pub(crate) rerouted: bool,
}

impl IpHeader {
    /// A header to be filled.
    pub(crate) const EMPTY: Self = Self {
        source: IpAddress([0; 16]),
        destination: IpAddress([0; 16]),
        total_len: 0,
        header_len: 0,
        ttl: 0,
        protocol: 0,
        fragment: None,
        rerouted: false,
    };
}
