//! Values for a guest.

use wasmtime::{AsContextMut, Caller, Memory, Store, format_err};

use super::lift::align_up;
use crate::exports::Bytes;
use crate::host::Host;
use crate::imports::Ready;

/// An answer of fixed size, without parts elsewhere in memory.
pub(crate) trait Plain {
    /// Bytes in memory.
    const SIZE: usize;
    /// Alignment in memory.
    const ALIGN: usize;

    /// Writes it. `area` has `SIZE` bytes.
    fn store(&self, area: &mut [u8]);
}

/// Writes a value at an offset of an area; one that does not fit, which the sizes rule out, is left out.
#[inline]
pub(crate) fn put<T: Plain>(value: &T, area: &mut [u8], at: usize) {
    if let Some(area) = area.get_mut(at..at.wrapping_add(T::SIZE)) {
        value.store(area);
    }
}

macro_rules! number {
    ($($ty:ty),+) => {$(
        impl Plain for $ty {
            const SIZE: usize = size_of::<Self>();
            const ALIGN: usize = size_of::<Self>();

            #[inline]
            fn store(&self, area: &mut [u8]) {
                if let Some(area) = area.first_chunk_mut() {
                    *area = self.to_le_bytes();
                }
            }
        }
    )+};
}

number! { u8, u16, u32, u64 }

impl Plain for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;

    #[inline]
    fn store(&self, area: &mut [u8]) {
        u8::from(*self).store(area);
    }
}

impl Plain for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;

    #[inline]
    fn store(&self, _area: &mut [u8]) {}
}

impl<T: Plain> Plain for &T {
    const SIZE: usize = T::SIZE;
    const ALIGN: usize = T::ALIGN;

    #[inline]
    fn store(&self, area: &mut [u8]) {
        T::store(self, area);
    }
}

/// A list in memory: pointer and length.
struct Placed(u32, u32);

impl Plain for Placed {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;

    #[inline]
    fn store(&self, area: &mut [u8]) {
        put(&self.0, area, 0);
        put(&self.1, area, 4);
    }
}

impl<A: Plain, B: Plain> Plain for (A, B) {
    const SIZE: usize = align_up(align_up(A::SIZE, B::ALIGN) + B::SIZE, Self::ALIGN);
    const ALIGN: usize = if A::ALIGN > B::ALIGN { A::ALIGN } else { B::ALIGN };

    #[inline]
    fn store(&self, area: &mut [u8]) {
        put(&self.0, area, 0);
        put(&self.1, area, align_up(A::SIZE, B::ALIGN));
    }
}

impl<T: Plain> Plain for Option<T> {
    const SIZE: usize = align_up(align_up(1, T::ALIGN) + T::SIZE, T::ALIGN);
    const ALIGN: usize = T::ALIGN;

    #[inline]
    fn store(&self, area: &mut [u8]) {
        put(&u8::from(self.is_some()), area, 0);
        if let Some(value) = self {
            put(value, area, align_up(1, T::ALIGN));
        }
    }
}

impl<T: Plain, E: Plain> Plain for Result<T, E> {
    const SIZE: usize =
        align_up(align_up(1, Self::ALIGN) + if T::SIZE > E::SIZE { T::SIZE } else { E::SIZE }, Self::ALIGN);
    const ALIGN: usize = if T::ALIGN > E::ALIGN { T::ALIGN } else { E::ALIGN };

    #[inline]
    fn store(&self, area: &mut [u8]) {
        put(&u8::from(self.is_err()), area, 0);
        match self {
            Ok(value) => put(value, area, align_up(1, Self::ALIGN)),
            Err(error) => put(error, area, align_up(1, Self::ALIGN)),
        }
    }
}

/// A number of which a guest may get a list.
pub(crate) trait Item: Copy {
    /// Bytes of one, and its alignment.
    const SIZE: usize;

    /// Writes a list. `area` has exactly its size.
    fn store_all(items: &[Self], area: &mut [u8]);
}

impl Item for u8 {
    const SIZE: usize = 1;

    #[inline]
    fn store_all(items: &[Self], area: &mut [u8]) {
        if area.len() == items.len() {
            area.copy_from_slice(items);
        }
    }
}

impl Item for u64 {
    const SIZE: usize = 8;

    #[inline]
    fn store_all(items: &[Self], area: &mut [u8]) {
        for (item, area) in items.iter().zip(area.as_chunks_mut().0) {
            *area = item.to_le_bytes();
        }
    }
}

/// Writes the answer of an import to where the guest wants it.
///
/// # Errors
///
/// A place that is not aligned or lies outside of memory: a trap.
#[inline]
pub(crate) fn answer<T: Plain>(caller: &mut Caller<'_, Host>, area: u32, answer: &T) -> wasmtime::Result<()> {
    let memory = super::calls::memory(caller.data())?;
    write(memory.data_mut(&mut *caller), area, answer)
}

/// As [`answer`], the good one being a list that the host has ready.
///
/// # Errors
///
/// As [`answer`], and whatever `cabi_realloc` does.
#[inline]
pub(crate) fn answer_with_list<L: Ready<Item: Item>, E: Plain>(
    caller: &mut Caller<'_, Host>,
    area: u32,
    answer: Result<L, E>,
) -> wasmtime::Result<()> {
    let memory = super::calls::memory(caller.data())?;
    let area = check_area::<Result<Placed, E>>(memory.data(&*caller), area)?;
    let placed = match answer {
        Ok(list) => {
            let count = list.count(caller.data());
            let at = realloc::<L::Item>(&mut *caller, count)?;
            let (bytes, host) = memory.data_and_store_mut(&mut *caller);
            list.copy(host, room::<L::Item>(bytes, at, count)?)?;
            Ok(Placed(at, u32::try_from(count)?))
        }
        Err(error) => Err(error),
    };
    store_at(memory.data_mut(caller), area, &placed)
}

/// Brings a list into the guest as an argument of an export: a pointer and a length.
///
/// # Errors
///
/// Whatever `cabi_realloc` does.
pub(crate) fn lower_list<T: Argument>(store: &mut Store<Host>, items: &[T]) -> wasmtime::Result<(u32, u32)> {
    T::lower_all(store, items)
}

/// Brings bytes into the guest as an argument of an export: a pointer and a length.
///
/// # Errors
///
/// Whatever `cabi_realloc` does.
pub(crate) fn lower_bytes(store: &mut Store<Host>, bytes: &dyn Bytes) -> wasmtime::Result<(u32, u32)> {
    let count = bytes.count();
    let at = realloc::<u8>(&mut *store, count)?;
    let (area, host) = super::calls::memory(store.data())?.data_and_store_mut(store);
    let mut rest = room::<u8>(area, at, count)?;
    bytes.for_each(&host.view, &mut |piece| {
        if let Some((here, behind)) = std::mem::take(&mut rest).split_at_mut_checked(piece.len()) {
            here.copy_from_slice(piece);
            rest = behind;
        }
    });
    Ok((at, u32::try_from(count)?))
}

/// What lists as arguments of exports are made of.
pub(crate) trait Argument: Sized {
    /// Brings a list of them into the guest.
    fn lower_all(store: &mut Store<Host>, items: &[Self]) -> wasmtime::Result<(u32, u32)>;
}

impl Argument for u64 {
    fn lower_all(store: &mut Store<Host>, items: &[Self]) -> wasmtime::Result<(u32, u32)> {
        lower_items(store, items)
    }
}

impl Argument for (String, String) {
    fn lower_all(store: &mut Store<Host>, items: &[Self]) -> wasmtime::Result<(u32, u32)> {
        let size = <(Placed, Placed)>::SIZE;
        let bytes =
            items.len().checked_mul(size).ok_or_else(|| format_err!("size overflow copying a list"))?;
        let at = realloc_bytes(&mut *store, <(Placed, Placed)>::ALIGN, bytes)?;
        for (number, (key, value)) in items.iter().enumerate() {
            let pair = (placed(store, key.as_bytes())?, placed(store, value.as_bytes())?);
            let memory = super::calls::memory(store.data())?;
            let at = at.checked_add(u32::try_from(number.wrapping_mul(size))?);
            let at = at.ok_or_else(|| format_err!("pointer out of bounds of memory"))?;
            write(memory.data_mut(&mut *store), at, &pair)?;
        }
        Ok((at, u32::try_from(items.len())?))
    }
}

fn lower_items<T: Item>(store: &mut Store<Host>, items: &[T]) -> wasmtime::Result<(u32, u32)> {
    let at = realloc::<T>(&mut *store, items.len())?;
    let memory = super::calls::memory(store.data())?;
    let Placed(pointer, length) = place(memory.data_mut(store), at, items)?;
    Ok((pointer, length))
}

fn placed(store: &mut Store<Host>, bytes: &[u8]) -> wasmtime::Result<Placed> {
    lower_items(store, bytes).map(|(pointer, length)| Placed(pointer, length))
}

/// Copies a list to where `cabi_realloc` made room for it.
#[inline]
fn place<T: Item>(memory: &mut [u8], at: u32, items: &[T]) -> wasmtime::Result<Placed> {
    T::store_all(items, room::<T>(memory, at, items.len())?);
    Ok(Placed(at, u32::try_from(items.len())?))
}

/// Where a list goes for which `cabi_realloc` made room.
#[inline]
fn room<T: Item>(memory: &mut [u8], at: u32, count: usize) -> wasmtime::Result<&mut [u8]> {
    let bytes = count.wrapping_mul(T::SIZE);
    let area = usize::try_from(at).ok().and_then(|at| memory.get_mut(at..)).and_then(|m| m.get_mut(..bytes));
    area.ok_or_else(|| format_err!("realloc return: beyond end of memory"))
}

#[inline]
fn write<T: Plain>(memory: &mut [u8], area: u32, value: &T) -> wasmtime::Result<()> {
    let at = check_area::<T>(memory, area)?;
    store_at(memory, at, value)
}

/// Writes a value at a place that was looked at.
#[inline]
fn store_at<T: Plain>(memory: &mut [u8], at: usize, value: &T) -> wasmtime::Result<()> {
    let area = memory.get_mut(at..).and_then(|rest| rest.get_mut(..T::SIZE));
    value.store(area.ok_or_else(out_of_bounds)?);
    Ok(())
}

/// Whether a value fits at a place that the guest names.
#[inline]
fn check_area<T: Plain>(memory: &[u8], area: u32) -> wasmtime::Result<usize> {
    let at = usize::try_from(area)?;
    if at & T::ALIGN.wrapping_sub(1) != 0 {
        wasmtime::bail!("pointer not aligned");
    }
    if at.checked_add(T::SIZE).is_none_or(|end| end > memory.len()) {
        return Err(out_of_bounds());
    }
    Ok(at)
}

#[cold]
fn out_of_bounds() -> wasmtime::Error {
    format_err!("pointer out of bounds")
}

/// Room in the guest for so many items.
#[inline]
fn realloc<T: Item>(store: impl AsContextMut<Data = Host>, count: usize) -> wasmtime::Result<u32> {
    let bytes = count.checked_mul(T::SIZE).ok_or_else(|| format_err!("size overflow copying a list"))?;
    realloc_bytes(store, T::SIZE, bytes)
}

/// Room in the guest, as its `cabi_realloc` gives it; it may call no import meanwhile.
fn realloc_bytes(
    mut store: impl AsContextMut<Data = Host>,
    align: usize,
    bytes: usize,
) -> wasmtime::Result<u32> {
    let mut store = store.as_context_mut();
    let (align, bytes) = (u32::try_from(align)?, u32::try_from(bytes)?);
    let direct = &mut store.data_mut().direct;
    // Taken, since a call borrows all of the store; a clone would touch a counter that all workers share.
    let function = direct.realloc.take().ok_or_else(|| format_err!("no cabi_realloc"))?;
    let may_leave = std::mem::replace(&mut direct.may_leave, false);
    let at = function.call(&mut store, (0, 0, align, bytes));
    let direct = &mut store.data_mut().direct;
    direct.realloc = Some(function);
    direct.may_leave = may_leave;
    let at = at?;
    if at & align.wrapping_sub(1) != 0 {
        wasmtime::bail!("realloc return: result not aligned");
    }
    let memory: Memory = super::calls::memory(store.data())?;
    let end = usize::try_from(at)?.checked_add(usize::try_from(bytes)?);
    if end.is_none_or(|end| end > memory.data_size(&store)) {
        wasmtime::bail!("realloc return: beyond end of memory");
    }
    Ok(at)
}
