//! Calls in both directions, and who may call whom.

use wasmtime::{Caller, Instance, Memory, Store, Trap, TypedFunc, WasmParams, WasmResults, format_err};

use super::lift::{FromGuest, Lift};
use crate::direct::{ExportNames, Names};
use crate::host::Host;

/// An export of a core instance.
pub(crate) struct Export<P, R> {
    function: TypedFunc<P, R>,
    /// Gives back what the answer takes.
    post_return: Option<TypedFunc<R, ()>>,
}

impl<P: WasmParams, R: WasmResults + WasmParams + Copy> Export<P, R> {
    /// Calls it. [`enter`] comes before, [`Export::leave`] after the answer was looked at.
    #[inline]
    pub(crate) fn call(&self, store: &mut Store<Host>, params: P) -> wasmtime::Result<R> {
        self.function.call(store, params)
    }

    /// Ends a call that came back: the guest may be called again.
    #[inline]
    pub(crate) fn leave(&self, store: &mut Store<Host>, result: R) -> wasmtime::Result<()> {
        if let Some(post_return) = &self.post_return {
            store.data_mut().direct.may_leave = false;
            post_return.call(&mut *store, result)?;
            store.data_mut().direct.may_leave = true;
        }
        store.data_mut().direct.may_enter = true;
        Ok(())
    }
}

/// Begins a call of an export.
///
/// # Errors
///
/// The guest runs already, or has trapped.
#[inline]
pub(crate) fn enter(store: &mut Store<Host>) -> wasmtime::Result<()> {
    let direct = &mut store.data_mut().direct;
    if !std::mem::replace(&mut direct.may_enter, false) {
        return Err(Trap::CannotEnterComponent.into());
    }
    Ok(())
}

/// Whether the guest may call an import now.
///
/// # Errors
///
/// It may not: a trap.
#[inline]
pub(crate) fn check_may_leave(caller: &Caller<'_, Host>) -> wasmtime::Result<()> {
    if caller.data().direct.may_leave {
        return Ok(());
    }
    Err(Trap::CannotLeaveComponent.into())
}

/// The guest's memory as it is now.
///
/// # Errors
///
/// The instance is not made yet.
pub(crate) fn memory_of<'a>(caller: &'a Caller<'_, Host>) -> wasmtime::Result<&'a [u8]> {
    Ok(memory(caller.data())?.data(caller))
}

#[inline]
pub(super) fn memory(host: &Host) -> wasmtime::Result<Memory> {
    host.direct.memory.ok_or_else(|| format_err!("the instance is not made yet"))
}

/// The answer of an export that the guest left in its memory.
///
/// # Errors
///
/// What cannot be.
pub(crate) fn lift_result<T: FromGuest>(store: &Store<Host>, area: u32) -> wasmtime::Result<T> {
    let memory = memory(store.data())?.data(store);
    let at = usize::try_from(area)?;
    if at & T::ALIGN.wrapping_sub(1) != 0 {
        wasmtime::bail!("return pointer not aligned");
    }
    if at.checked_add(T::SIZE).is_none_or(|end| end > memory.len()) {
        wasmtime::bail!("pointer out of bounds of memory");
    }
    T::load(&mut Lift::new(memory, &[]), at)
}

/// Looks up the memory and the functions by which the host places lists, and runs what the guest's language wants to
/// run first.
///
/// # Errors
///
/// What that code does; a memory that is not there.
pub(crate) fn take_functions(
    names: &Names,
    instance: &Instance,
    store: &mut Store<Host>,
) -> wasmtime::Result<()> {
    let memory = instance.get_memory(&mut *store, &names.memory);
    store.data_mut().direct.memory = Some(memory.ok_or_else(|| format_err!("no memory"))?);
    if let Some(name) = &names.realloc {
        let realloc = instance.get_typed_func(&mut *store, name)?;
        store.data_mut().direct.realloc = Some(realloc);
    }
    if let Some(name) = &names.initialize {
        instance.get_typed_func::<(), ()>(&mut *store, name)?.call(&mut *store, ())?;
    }
    Ok(())
}

/// An export of the world, if the guest has it.
///
/// # Errors
///
/// Another type than the world's.
pub(crate) fn export<P: WasmParams, R: WasmResults + WasmParams>(
    exports: &[ExportNames],
    instance: &Instance,
    store: &mut Store<Host>,
    name: &str,
) -> wasmtime::Result<Option<Export<P, R>>> {
    let Some(export) = exports.iter().find(|export| export.name == name) else { return Ok(None) };
    let function = instance.get_typed_func(&mut *store, &export.function)?;
    let post_return = export.post_return.as_ref();
    let post_return = post_return.map(|name| instance.get_typed_func(&mut *store, name)).transpose()?;
    Ok(Some(Export { function, post_return }))
}

/// A required export is missing.
pub(crate) fn no_such_export() -> wasmtime::Error {
    format_err!("a required export is missing")
}
