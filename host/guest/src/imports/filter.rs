//! Filters of user-defined events as guests pass them.

use sluice_engine::Refusal;
use sluice_engine::event::{End, EventFilter, NativeFilter};
use sluice_wire::{IpAddress, TcpFlags};
use wasmtime::component::{ComponentType, Lift};

use super::monitor::compile;
use super::words::word;
use crate::host::Host;

word! { EndName is End { Client = "client", Server = "server", Either = "either" } }

/// `flags-filter` of the WIT.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
pub(super) struct FlagsSpec {
    mask: u8,
    value: u8,
}

/// `port-filter` of the WIT.
#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct PortSpec {
    end: EndName,
    ranges: Vec<(u16, u16)>,
}

/// `prefix` of the WIT.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
pub(super) struct PrefixRecord {
    address: (u64, u64),
    bits: u8,
}

/// `prefix-filter` of the WIT.
#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct PrefixSpec {
    end: EndName,
    prefixes: Vec<PrefixRecord>,
}

/// `pattern-filter` of the WIT.
#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct PatternSpec {
    offset: u64,
    bytes: Vec<u8>,
}

/// `filter` of the WIT.
#[derive(Clone, ComponentType, Lift)]
#[component(variant)]
pub(super) enum FilterSpec {
    #[component(name = "guest")]
    Guest(u32),
    #[component(name = "pcap")]
    Pcap(String),
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
pub(super) fn event_filter(host: &mut Host, spec: FilterSpec) -> Result<EventFilter, Refusal> {
    let native = match spec {
        FilterSpec::Guest(number) => return Ok(EventFilter::Guest(number)),
        FilterSpec::Pcap(expression) => {
            let predicate = compile(host, &expression)?.ok_or(Refusal::BadFilter)?;
            NativeFilter::pcap(&expression, predicate)
        }
        FilterSpec::TcpFlags(FlagsSpec { mask, value }) => {
            NativeFilter::tcp_flags(TcpFlags(mask), TcpFlags(value))
        }
        FilterSpec::Ports(PortSpec { end, ranges }) => NativeFilter::ports(end.into(), &ranges),
        FilterSpec::Prefixes(PrefixSpec { end, prefixes }) => {
            let prefixes: Vec<(IpAddress, u8)> =
                prefixes.iter().map(|prefix| (address(prefix.address), prefix.bits)).collect();
            NativeFilter::prefixes(end.into(), &prefixes)
        }
        FilterSpec::Pattern(PatternSpec { offset, bytes }) => NativeFilter::pattern(offset, &bytes),
        FilterSpec::Length((min, max)) => NativeFilter::length(min, max),
        FilterSpec::EveryBytes(n) => NativeFilter::every_bytes(n),
        FilterSpec::EveryPackets(n) => NativeFilter::every_packets(n),
    };
    native.map(EventFilter::from)
}

fn address((high, low): (u64, u64)) -> IpAddress {
    IpAddress((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}
