//! What changes the traffic: edits of the interface `packet`, segments, and `flow.reset`.
//!
//! Lists of the guest are copied only once it is known that they are not too long.

use sluice_engine::limits::{DATAGRAM_BYTES, INJECTED_DATAGRAM_BYTES};
use sluice_engine::view::{Region, SegmentSpec};
use sluice_engine::{Refusal, View};
use sluice_wire::{SeqNumber, TcpFlags};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, WasmList};

use super::words::{RegionName, SideName};
use super::{function, number};
use crate::host::Host;

/// `segment` of the WIT.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct SegmentRecord {
    side: SideName,
    flags: u8,
    sequence: u32,
    acknowledgment: u32,
    window: u16,
    options: WasmList<u8>,
    payload: WasmList<u8>,
}

/// The functions of `packet`.
pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    edit(interface, "overwrite", View::overwrite)?;
    edit(interface, "insert", View::insert)?;
    function(interface, "chomp", |host, (region, offset, length): (RegionName, u32, u32)| {
        host.view.chomp(region.into(), offset, length).map_err(number)
    })?;
    interface.func_wrap("sendpkt", |mut store: StoreContextMut<'_, Host>, (segment,): (SegmentRecord,)| {
        let options = copied(&store, &segment.options, INJECTED_DATAGRAM_BYTES);
        let payload = copied(&store, &segment.payload, INJECTED_DATAGRAM_BYTES);
        let spec = SegmentSpec {
            side: segment.side.into(),
            flags: TcpFlags(segment.flags),
            seq: SeqNumber(segment.sequence),
            ack: SeqNumber(segment.acknowledgment),
            window: segment.window,
            options: &options,
            payload: &payload,
        };
        Ok((store.data_mut().view.send_segment(&spec).map_err(number),))
    })
}

/// `flow.reset`.
pub(super) fn define_reset(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    function(interface, "reset", |host, (): ()| host.view.reset().map_err(number))
}

/// A function that brings bytes to a place in the packet.
fn edit(
    interface: &mut LinkerInstance<'_, Host>,
    name: &str,
    edit: fn(&mut View, Region, u32, &[u8]) -> Result<(), Refusal>,
) -> wasmtime::Result<()> {
    interface.func_wrap(
        name,
        move |mut store: StoreContextMut<'_, Host>,
              (region, offset, bytes): (RegionName, u32, WasmList<u8>)| {
            let bytes = copied(&store, &bytes, DATAGRAM_BYTES);
            Ok((edit(&mut store.data_mut().view, region.into(), offset, &bytes).map_err(number),))
        },
    )
}

/// A list of the guest; of one that is longer than `max`, one byte more, which is refused as too long.
fn copied(store: &StoreContextMut<'_, Host>, list: &WasmList<u8>, max: usize) -> Vec<u8> {
    let bytes = list.as_le_slice(store);
    bytes.get(..=max).unwrap_or(bytes).to_vec()
}
