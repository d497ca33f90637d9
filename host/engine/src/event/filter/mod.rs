//! Filters that are data: the host evaluates them itself, in one to three nanoseconds where a crossing into the guest
//! takes a hundred. Large sets and patterns that are compared take ten to fifteen, pcap-filter expressions what libpcap
//! takes.
//!
//! Each says something about the current packet, the flow's ends, or the stretch of a stream that an event is about.
//! What a filter needs and is not there (a packet where a deadline raised the event, a flow where there is none) makes
//! it false. Filters have no state, so a definition means the same in every flow and two equal ones are one event.

mod sets;
#[cfg(test)]
mod tests;
mod words;

use std::cell::RefCell;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use sluice_wire::{IpAddress, TcpFlags};

pub use self::sets::{PortSet, PrefixSet};
use super::{EventCall, EventKind, Predicate};
use crate::limits::PATTERN_BYTES;
use crate::{Refusal, View};

/// A filter of a user-defined event that the host evaluates itself.
#[derive(Debug, Eq, PartialEq)]
pub enum NativeFilter {
    /// A pcap-filter expression about the innermost IP datagram of the current packet.
    Pcap(PcapFilter),
    /// The current packet is a TCP segment, and of the flags in `mask` exactly those in `value` are set.
    TcpFlags {
        /// Flags that are looked at.
        mask: TcpFlags,
        /// Those of them that must be set; the others must not.
        value: TcpFlags,
    },
    /// The port of an end lies in the set.
    Ports {
        /// Whose port.
        end: End,
        /// Which ports.
        ports: PortSet,
    },
    /// The address of an end lies in the set.
    Prefixes {
        /// Whose address.
        end: End,
        /// Which addresses.
        prefixes: PrefixSet,
    },
    /// The stream holds these bytes at an offset: true in the `new-data` that completes them, and in no other.
    Pattern {
        /// Stream offset of the first byte.
        offset: u64,
        /// The bytes, 1 to [`PATTERN_BYTES`].
        bytes: Box<[u8]>,
    },
    /// What the event is about is this long ([`EventCall::length`]).
    Length {
        /// At least, in bytes.
        min: u32,
        /// At most, in bytes.
        max: u32,
    },
    /// What the event is about reaches or goes beyond a multiple of this many stream bytes that it begins before.
    EveryBytes(NonZeroU64),
    /// Every n-th packet of those that the current packet's sender has sent in this flow and its receiver honours.
    EveryPackets(NonZeroU32),
}

/// Whose port or address.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum End {
    /// The client; where there is no flow, the packet's source.
    Client,
    /// The server; where there is no flow, the packet's destination.
    Server,
    /// One of them or both.
    Either,
}

impl End {
    /// Whether `holds` for the end meant, of (client's, server's).
    fn any<T>(self, [client, server]: [T; 2], holds: impl Fn(T) -> bool) -> bool {
        match self {
            Self::Client => holds(client),
            Self::Server => holds(server),
            Self::Either => holds(client) || holds(server),
        }
    }
}

/// A compiled pcap-filter expression. Two are equal if their expressions are.
pub struct PcapFilter {
    expression: Box<str>,
    /// In a cell because libpcap's programs are lent mutably, and filters are evaluated through a shared reference.
    predicate: RefCell<Box<dyn Predicate>>,
}

impl PcapFilter {
    /// The expression, without white space around it.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    fn holds(&self, view: &View) -> bool {
        // Nothing can be evaluating it: a predicate is given bytes and cannot come back here.
        let Ok(mut predicate) = self.predicate.try_borrow_mut() else { return false };
        view.datagram().is_some_and(|datagram| predicate.matches(datagram))
    }
}

impl PartialEq for PcapFilter {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for PcapFilter {}

impl fmt::Debug for PcapFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PcapFilter").field(&self.expression).finish()
    }
}

impl NativeFilter {
    /// A pcap-filter expression with what it was compiled to.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for an empty expression, which says nothing.
    pub fn pcap(expression: &str, predicate: Box<dyn Predicate>) -> Result<Self, Refusal> {
        let expression = expression.trim();
        if expression.is_empty() {
            return Err(Refusal::BadFilter);
        }
        Ok(Self::Pcap(PcapFilter { expression: expression.into(), predicate: RefCell::new(predicate) }))
    }

    /// Of the flags in `mask`, exactly those in `value`.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] if `mask` is empty or `value` has a flag that it has not.
    pub fn tcp_flags(mask: TcpFlags, value: TcpFlags) -> Result<Self, Refusal> {
        if mask.bits() == 0 || !mask.contains(value) {
            return Err(Refusal::BadFilter);
        }
        Ok(Self::TcpFlags { mask, value })
    }

    /// Ranges of ports, first and last, in any order; they may overlap.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for no range and for one that ends before it begins, [`Refusal::TooMany`] for more than
    /// [`FILTER_PORTS`](crate::limits::FILTER_PORTS).
    pub fn ports(end: End, ranges: &[(u16, u16)]) -> Result<Self, Refusal> {
        Ok(Self::Ports { end, ports: PortSet::new(ranges)? })
    }

    /// Prefixes: an address and how many of its bits count, up to 32 for IPv4 and 128 for IPv6; in any order, and they
    /// may overlap. `::/0` is every IPv6 address and no IPv4 address.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for no prefix, for one that is too long and for one with bits set behind its length,
    /// [`Refusal::TooMany`] for more than [`FILTER_PREFIXES`](crate::limits::FILTER_PREFIXES).
    pub fn prefixes(end: End, prefixes: &[(IpAddress, u8)]) -> Result<Self, Refusal> {
        Ok(Self::Prefixes { end, prefixes: PrefixSet::new(prefixes)? })
    }

    /// Bytes at an offset of the stream that the event is about.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for no bytes and for bytes that no stream reaches, [`Refusal::TooLong`] for more than
    /// [`PATTERN_BYTES`].
    pub fn pattern(offset: u64, bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > PATTERN_BYTES {
            return Err(Refusal::TooLong);
        }
        if bytes.is_empty() || offset.checked_add(bytes.len() as u64).is_none() {
            return Err(Refusal::BadFilter);
        }
        Ok(Self::Pattern { offset, bytes: bytes.into() })
    }

    /// Lengths from `min` to `max` bytes, both included.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] if `min` is more than `max`.
    pub fn length(min: u32, max: u32) -> Result<Self, Refusal> {
        if min > max { Err(Refusal::BadFilter) } else { Ok(Self::Length { min, max }) }
    }

    /// Once for every `n` bytes of the stream, where an event goes beyond them.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for 0.
    pub fn every_bytes(n: u64) -> Result<Self, Refusal> {
        NonZeroU64::new(n).map(Self::EveryBytes).ok_or(Refusal::BadFilter)
    }

    /// Every `n`-th packet of a side.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for 0, and for 2^32 and more: packets of a side are counted in 32 bits.
    pub fn every_packets(n: u64) -> Result<Self, Refusal> {
        let n = u32::try_from(n).ok().and_then(NonZeroU32::new);
        n.map(Self::EveryPackets).ok_or(Refusal::BadFilter)
    }

    /// Whether it holds for the event that `call` describes, in the flow and with the packet that are current.
    #[must_use]
    pub fn holds(&self, view: &View, call: &EventCall) -> bool {
        match self {
            Self::Pcap(pcap) => pcap.holds(view),
            Self::TcpFlags { mask, value } => {
                view.tcp_flags().is_some_and(|flags| flags.bits() & mask.bits() == value.bits())
            }
            Self::Ports { end, ports } => {
                view.ports().is_some_and(|ends| end.any(ends, |port| ports.contains(port)))
            }
            Self::Prefixes { end, prefixes } => {
                view.addresses().is_some_and(|ends| end.any(ends, |address| prefixes.contains(address)))
            }
            Self::Pattern { offset, bytes } => {
                let end = offset.saturating_add(bytes.len() as u64);
                let reached = call.offset.saturating_add(u64::from(call.length));
                call.offset < end
                    && end <= reached
                    && view.stream_holds(call.place().direction(), *offset, bytes)
            }
            Self::Length { min, max } => (*min..=*max).contains(&call.length),
            Self::EveryBytes(n) => {
                let reached = call.offset.saturating_add(u64::from(call.length));
                call.offset / *n != reached / *n
            }
            Self::EveryPackets(n) => {
                !is_refused(call) && view.packets_of_sender().is_some_and(|packets| packets % *n == 0)
            }
        }
    }

    /// Stream bytes that must stay readable until the stream has passed them, as the first and the one behind the last;
    /// `None` if it looks at no bytes of the stream.
    #[must_use]
    pub fn needs(&self) -> Option<(u64, u64)> {
        match self {
            Self::Pattern { offset, bytes } => Some((*offset, offset.saturating_add(bytes.len() as u64))),
            Self::Pcap(_)
            | Self::TcpFlags { .. }
            | Self::Ports { .. }
            | Self::Prefixes { .. }
            | Self::Length { .. }
            | Self::EveryBytes(_)
            | Self::EveryPackets(_) => None,
        }
    }

    /// Whether an event below this built-in one may have it: it can hold there, and its answer is about the event.
    #[must_use]
    pub const fn suits(&self, root: EventKind) -> bool {
        match self {
            Self::Ports { .. } | Self::Prefixes { .. } => true,
            Self::Pcap(_) | Self::TcpFlags { .. } => !matches!(root, EventKind::ConnEnd),
            Self::EveryPackets(_) => !matches!(root, EventKind::ConnEnd | EventKind::Orphan),
            Self::Length { .. } | Self::EveryBytes(_) => match root {
                EventKind::PacketIn
                | EventKind::ConnStart
                | EventKind::StateChange
                | EventKind::Rexmit
                | EventKind::Conflict
                | EventKind::NewData
                | EventKind::Gap
                | EventKind::Error => true,
                EventKind::ConnEnd | EventKind::Orphan => false,
            },
            Self::Pattern { .. } => matches!(root, EventKind::NewData),
        }
    }
}

/// Whether the call is for a packet that its receiver would ignore: no packet of the sender's count.
fn is_refused(call: &EventCall) -> bool {
    call.kind == EventKind::PacketIn.number() && call.place().reason() != 0
}
