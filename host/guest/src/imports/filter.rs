//! Filters of user-defined events as guests pass them.

use sluice_engine::Refusal;
use sluice_engine::event::{EventFilter, NativeFilter};
use sluice_engine::limits::{FILTER_PORTS, FILTER_PREFIXES, PATTERN_BYTES};
use sluice_wire::{IpAddress, TcpFlags};

use super::at_most;
use super::monitor::compile;
use crate::host::Host;
use crate::world::event::{
    Filter, FlagsFilter, PatternFilter, PortFilter, Prefix as PrefixRecord, PrefixFilter,
};

/// What a guest's filter means to the engine. Expressions are compiled in `start` only: libpcap takes its time.
///
/// # Errors
///
/// Why the filter is refused.
pub(super) fn event_filter(host: &mut Host, filter: &Filter) -> Result<EventFilter, Refusal> {
    let native = match filter {
        Filter::Guest(number) => return Ok(EventFilter::Guest(*number)),
        Filter::Pcap(expression) => {
            let predicate = compile(host, expression)?.ok_or(Refusal::BadFilter)?;
            NativeFilter::pcap(expression, predicate)
        }
        Filter::TcpFlags(FlagsFilter { mask, value }) => {
            NativeFilter::tcp_flags(TcpFlags(*mask), TcpFlags(*value))
        }
        Filter::Ports(PortFilter { end, ranges }) => {
            NativeFilter::ports((*end).into(), at_most_items(ranges, FILTER_PORTS)?)
        }
        Filter::Prefixes(PrefixFilter { end, prefixes }) => {
            let prefixes = at_most_items(prefixes, FILTER_PREFIXES)?.iter().map(prefix);
            NativeFilter::prefixes((*end).into(), &prefixes.collect::<Result<Vec<_>, _>>()?)
        }
        Filter::Pattern(PatternFilter { offset, bytes }) => {
            NativeFilter::pattern(*offset, at_most(bytes, PATTERN_BYTES)?)
        }
        Filter::Length((min, max)) => NativeFilter::length(*min, *max),
        Filter::EveryBytes(n) => NativeFilter::every_bytes(*n),
        Filter::EveryPackets(n) => NativeFilter::every_packets(*n),
    };
    native.map(EventFilter::from)
}

/// A guest's list, if it has no more than `max` items.
fn at_most_items<T>(items: &[T], max: usize) -> Result<&[T], Refusal> {
    if items.len() > max { Err(Refusal::TooMany) } else { Ok(items) }
}

/// A network of the WIT, whose bits count from the first of the mapped address, as the engine has it: in the address's
/// own version. What lies behind the prefix is ignored.
fn prefix(record: &PrefixRecord) -> Result<(IpAddress, u8), Refusal> {
    let PrefixRecord { address: (high, low), bits } = *record;
    let behind = 128_u32.checked_sub(u32::from(bits)).ok_or(Refusal::BadFilter)?;
    let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
    let address = IpAddress(((u128::from(high) << 64 | u128::from(low)) & mask).to_be_bytes());
    // With fewer bits nothing is left of what tells a mapped address.
    let own = if address.is_v4() { bits.checked_sub(MAPPED_BITS) } else { Some(bits) };
    own.map(|own| (address, own)).ok_or(Refusal::BadFilter)
}

/// Bits before an IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;
