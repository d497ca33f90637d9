//! Filters of user-defined events as guests pass them.
//!
//! Texts and lists stay in the guest's memory until their lengths were looked at: a list that would be refused takes
//! nothing of the host's.

use sluice_engine::Refusal;
use sluice_engine::event::{End, EventFilter, NativeFilter};
use sluice_engine::limits::{FILTER_PORTS, FILTER_PREFIXES, PATTERN_BYTES};
use sluice_wire::{IpAddress, TcpFlags};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, WasmList, WasmStr};

use super::monitor::compile;
use super::text;
use super::words::word;
use crate::host::Host;
use crate::limits::FILTER_BYTES;

word! { EndName is End { Client = "client", Server = "server", Either = "either" } }

/// `flags-filter` of the WIT.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
pub(super) struct FlagsSpec {
    mask: u8,
    value: u8,
}

/// `port-filter` of the WIT.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct PortSpec {
    end: EndName,
    ranges: WasmList<(u16, u16)>,
}

/// `prefix` of the WIT.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
pub(super) struct PrefixRecord {
    address: (u64, u64),
    bits: u8,
}

/// `prefix-filter` of the WIT.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct PrefixSpec {
    end: EndName,
    prefixes: WasmList<PrefixRecord>,
}

/// `pattern-filter` of the WIT.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct PatternSpec {
    offset: u64,
    bytes: WasmList<u8>,
}

/// `filter` of the WIT.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum FilterSpec {
    #[component(name = "guest")]
    Guest(u32),
    #[component(name = "pcap")]
    Pcap(WasmStr),
    #[component(name = "tcp-flags")]
    TcpFlags(FlagsSpec),
    #[component(name = "ports")]
    Ports(PortSpec),
    #[component(name = "prefixes")]
    Prefixes(PrefixSpec),
    #[component(name = "pattern")]
    Pattern(PatternSpec),
    #[component(name = "length")]
    Length((u32, u32)),
    #[component(name = "every-bytes")]
    EveryBytes(u64),
    #[component(name = "every-packets")]
    EveryPackets(u64),
}

/// What a guest's filter means to the engine. Expressions are compiled in `start` only: libpcap takes its time.
///
/// # Errors
///
/// What breaks the canonical ABI; and within, why the filter is refused.
pub(super) fn event_filter(
    store: &mut StoreContextMut<'_, Host>,
    spec: &FilterSpec,
) -> wasmtime::Result<Result<EventFilter, Refusal>> {
    let native = match spec {
        FilterSpec::Guest(number) => return Ok(Ok(EventFilter::Guest(*number))),
        FilterSpec::Pcap(expression) => text(store, expression, FILTER_BYTES)?.and_then(|expression| {
            let predicate = compile(store.data_mut(), &expression)?.ok_or(Refusal::BadFilter)?;
            NativeFilter::pcap(&expression, predicate)
        }),
        FilterSpec::TcpFlags(FlagsSpec { mask, value }) => {
            NativeFilter::tcp_flags(TcpFlags(*mask), TcpFlags(*value))
        }
        FilterSpec::Ports(PortSpec { end, ranges }) => {
            list(store, ranges, FILTER_PORTS)?.and_then(|ranges| NativeFilter::ports((*end).into(), &ranges))
        }
        FilterSpec::Prefixes(PrefixSpec { end, prefixes }) => list(store, prefixes, FILTER_PREFIXES)?
            .and_then(|prefixes| prefixes.into_iter().map(prefix).collect())
            .and_then(|prefixes: Vec<_>| NativeFilter::prefixes((*end).into(), &prefixes)),
        FilterSpec::Pattern(PatternSpec { offset, bytes }) if bytes.len() <= PATTERN_BYTES => {
            NativeFilter::pattern(*offset, bytes.as_le_slice(&*store))
        }
        FilterSpec::Pattern(_) => Err(Refusal::TooLong),
        FilterSpec::Length((min, max)) => NativeFilter::length(*min, *max),
        FilterSpec::EveryBytes(n) => NativeFilter::every_bytes(*n),
        FilterSpec::EveryPackets(n) => NativeFilter::every_packets(*n),
    };
    Ok(native.map(EventFilter::from))
}

/// The items of a guest's list, at most `max` of them.
fn list<T: Lift + 'static>(
    store: &mut StoreContextMut<'_, Host>,
    list: &WasmList<T>,
    max: usize,
) -> wasmtime::Result<Result<Vec<T>, Refusal>> {
    if list.len() > max {
        return Ok(Err(Refusal::TooMany));
    }
    list.iter(&mut *store)?.collect::<wasmtime::Result<Vec<T>>>().map(Ok)
}

/// A network of the WIT, whose bits count from the first of the mapped address, as the engine has it: in the address's
/// own version. What lies behind the prefix is ignored.
fn prefix(record: PrefixRecord) -> Result<(IpAddress, u8), Refusal> {
    let PrefixRecord { address: (high, low), bits } = record;
    let behind = 128_u32.checked_sub(u32::from(bits)).ok_or(Refusal::BadFilter)?;
    let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
    let address = IpAddress(((u128::from(high) << 64 | u128::from(low)) & mask).to_be_bytes());
    // With fewer bits nothing is left of what tells a mapped address.
    let own = if address.is_v4() { bits.checked_sub(MAPPED_BITS) } else { Some(bits) };
    own.map(|own| (address, own)).ok_or(Refusal::BadFilter)
}

/// Bits before an IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;
