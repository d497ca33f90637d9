//! The exports of a guest: their types, and the functions of one instance.

use std::sync::Arc;

use wasmtime::component::{ComponentNamedList, Instance, InstancePre, Lift, Lower, TypedFunc};
use wasmtime::{Store, component::Component};

use crate::host::Host;

/// The sixteen parameters of `filter` and `callback`: as many as the canonical ABI passes in registers.
pub(crate) type Scalars = (u32, u32, u32, u64, u64, u64, u64, u64, u32, u32, u32, u32, u32, u32, u32, u32);

/// Parameters of `start`.
pub(crate) type StartParams = (Vec<(String, String)>,);

/// Result of `start`.
pub(crate) type StartResult = (Result<(), String>,);

/// Parameters of `on-timer`.
pub(crate) type TimerParams = (u32, u64, u64);

/// Parameters of `on-ready`.
pub(crate) type ReadyParams = (Vec<u64>,);

/// Parameters of `burst`. They are lent to the call and used again.
pub(crate) type BurstParams = (Arc<Vec<u64>>, Arc<Vec<u8>>);

/// The exports of one instance; looked up once, typed.
pub(crate) struct Exports {
    pub(crate) start: TypedFunc<StartParams, StartResult>,
    pub(crate) filter: Option<TypedFunc<Scalars, (bool,)>>,
    pub(crate) callback: Option<TypedFunc<Scalars, (u32,)>>,
    pub(crate) burst: Option<TypedFunc<BurstParams, (u64,)>>,
    pub(crate) on_timer: Option<TypedFunc<TimerParams, ()>>,
    pub(crate) on_ready: Option<TypedFunc<ReadyParams, ()>>,
    pub(crate) stop: Option<TypedFunc<(), ()>>,
}

impl Exports {
    /// Makes an instance and looks its exports up.
    ///
    /// # Errors
    ///
    /// What the guest's own start code does, or a limit.
    pub(crate) fn instantiate(
        instance: &InstancePre<Host>,
        store: &mut Store<Host>,
    ) -> wasmtime::Result<Self> {
        let component = instance.component();
        let instance = instance.instantiate(&mut *store)?;
        Ok(Self {
            start: instance.get_typed_func(&mut *store, "start")?,
            filter: optional(component, &instance, store, "filter")?,
            callback: optional(component, &instance, store, "callback")?,
            burst: optional(component, &instance, store, "burst")?,
            on_timer: optional(component, &instance, store, "on-timer")?,
            on_ready: optional(component, &instance, store, "on-ready")?,
            stop: optional(component, &instance, store, "stop")?,
        })
    }
}

fn optional<Params, Return>(
    component: &Component,
    instance: &Instance,
    store: &mut Store<Host>,
    name: &str,
) -> wasmtime::Result<Option<TypedFunc<Params, Return>>>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    let index = component.get_export_index(None, name);
    index.map(|index| instance.get_typed_func(store, index)).transpose()
}
