//! Packet headers as checked values: link layers, IP, TCP, checksums and sequence numbers.
//!
//! [`parse`] turns the bytes of one captured frame into [`Headers`]: a plain value of addresses, lengths
//! and offsets, each of them checked against the bytes that were captured and against the lengths that the
//! enclosing headers state. VLAN tags, MPLS labels, PPPoE, GRE, IP in IP, VXLAN and Geneve are followed to the
//! innermost datagram. Who holds `Headers` never looks at a header's bytes again. What does not parse
//! has a [`ParseError`] that is meant to be counted.
//!
//! Nothing here allocates, keeps state, reads a clock or panics, whatever the bytes are.
//!
//! [`Segment`] is the way back: it writes a TCP segment with correct lengths and checksums into a buffer of the
//! caller. [`make_whole`] is the way from a first fragment's header to that of the whole datagram, [`write_lengths`]
//! and [`amend_checksums`] are what a changed packet needs.
#![forbid(unsafe_code)]

mod address;
pub mod build;
mod carried;
pub mod checksum;
mod encapsulation;
mod error;
mod extension;
mod flags;
mod gre;
mod ip;
mod ipv4;
mod ipv6;
mod link;
mod options;
mod packet;
mod plain;
mod pppoe;
mod rewrite;
mod sack;
mod seq;
mod tcp;
mod tunnel;
mod udp;
mod whole;

#[cfg(test)]
mod mutation;
#[cfg(test)]
mod wrap;

pub use address::IpAddress;
pub use build::Segment;
pub use checksum::{ChecksumStatus, ipv4_header_valid, segment_valid, transport_valid};
pub use encapsulation::{Encapsulation, LAYERS_MAX, MPLS_LABELS_MAX, NO_LABEL, NO_VLAN, VLAN_TAGS_MAX};
pub use error::ParseError;
pub use extension::EXTENSION_HEADERS_MAX;
pub use flags::TcpFlags;
pub use ip::{Fragment, PROTOCOL_TCP};
pub use link::LinkType;
pub use options::TcpOptions;
pub use packet::{Headers, Transport, parse, parse_datagram, parse_into};
pub use rewrite::{Lengths, amend_checksums, write_lengths};
pub use sack::SackBlocks;
pub use seq::SeqNumber;
pub use tcp::TcpHeader;
pub use tunnel::Tunnel;
pub use whole::make_whole;
