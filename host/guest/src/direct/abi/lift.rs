//! Values from a guest.

use wasmtime::format_err;

use crate::limits::LIFTED_BYTES;

/// A value that a guest gives: an argument, or the answer of an export.
pub(crate) trait FromGuest: Sized {
    /// Bytes in memory.
    const SIZE: usize;
    /// Alignment in memory.
    const ALIGN: usize;
    /// Flat values.
    const FLAT: usize;

    /// Takes it from the flat values.
    ///
    /// # Errors
    ///
    /// What cannot be: a trap.
    fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self>;

    /// Takes it from memory at a place whose bounds and alignment were checked.
    ///
    /// # Errors
    ///
    /// As above.
    fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self>;
}

/// One call's values on their way to the host.
pub(crate) struct Lift<'a> {
    memory: &'a [u8],
    flat: &'a [u64],
    /// Bytes that the call may still make the host copy.
    bytes_left: usize,
}

impl<'a> Lift<'a> {
    #[inline]
    pub(crate) const fn new(memory: &'a [u8], flat: &'a [u64]) -> Self {
        Self { memory, flat, bytes_left: LIFTED_BYTES }
    }

    /// The next flat value as 32 bits: where cases of a variant share a place, the other bits are not its own.
    #[expect(clippy::cast_possible_truncation, reason = "the canonical ABI wraps")]
    #[inline]
    pub(crate) fn word(&mut self) -> wasmtime::Result<u32> {
        Ok(self.long()? as u32)
    }

    #[inline]
    fn long(&mut self) -> wasmtime::Result<u64> {
        let (first, rest) = self.flat.split_first().ok_or_else(|| format_err!("too few flat values"))?;
        self.flat = rest;
        Ok(*first)
    }

    /// How many flat values are left.
    #[inline]
    pub(crate) const fn left(&self) -> usize {
        self.flat.len()
    }

    /// Leaves flat values out until so many are left: a case uses no more than its own.
    #[inline]
    pub(crate) fn skip_to(&mut self, left: usize) {
        let skipped = self.flat.len().saturating_sub(left);
        self.flat = self.flat.get(skipped..).unwrap_or_default();
    }

    /// A case that the type does not have.
    #[cold]
    pub(crate) fn no_such_case(discriminant: impl Into<u32>) -> wasmtime::Error {
        format_err!("unexpected discriminant: {}", discriminant.into())
    }

    #[inline]
    fn array<const N: usize>(&self, at: usize) -> wasmtime::Result<[u8; N]> {
        let bytes = self.memory.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or_else(|| format_err!("pointer out of bounds of memory"))
    }

    /// The place of a list of `count` items of `size` bytes in memory, each of which is `host_size` bytes in the host.
    fn list(
        &mut self,
        what: &str,
        (pointer, count): (u32, u32),
        (size, align): (usize, usize),
        host_size: usize,
    ) -> wasmtime::Result<(usize, usize)> {
        let (at, count) = (usize::try_from(pointer)?, usize::try_from(count)?);
        let end = count.checked_mul(size).and_then(|bytes| bytes.checked_add(at));
        if end.is_none_or(|end| end > self.memory.len()) {
            wasmtime::bail!("{what} pointer/length out of bounds of memory");
        }
        let left = count.checked_mul(host_size).and_then(|bytes| self.bytes_left.checked_sub(bytes));
        self.bytes_left = left.ok_or_else(|| {
            format_err!(
                "too much data is being copied between the host and the guest: \
                 fuel allocated for hostcalls has been exhausted"
            )
        })?;
        if at & align.wrapping_sub(1) != 0 {
            wasmtime::bail!("{what} pointer is not aligned");
        }
        Ok((at, count))
    }
}

/// The largest of some counts.
pub(crate) const fn largest(counts: &[usize]) -> usize {
    let (mut largest, mut at) = (0, 0);
    while at < counts.len() {
        if counts[at] > largest {
            largest = counts[at];
        }
        at += 1;
    }
    largest
}

/// The first multiple of `align`, a power of two, that is not below `at`.
pub(super) const fn align_up(at: usize, align: usize) -> usize {
    at.next_multiple_of(align)
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

macro_rules! number {
    ($($ty:ty: $size:literal),+) => {$(
        impl FromGuest for $ty {
            const SIZE: usize = $size;
            const ALIGN: usize = $size;
            const FLAT: usize = 1;

            #[expect(clippy::allow_attributes, reason = "one of the types needs no cast")]
            #[allow(clippy::cast_possible_truncation, reason = "narrow numbers have no upper bits of their own")]
            #[inline]
            fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
                Ok(lift.long()? as Self)
            }

            #[inline]
            fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {
                lift.array(at).map(Self::from_le_bytes)
            }
        }
    )+};
}

number! { u8: 1, u16: 2, u32: 4, u64: 8 }

impl FromGuest for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;
    const FLAT: usize = 1;

    fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
        Ok(lift.word()? != 0)
    }

    fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {
        Ok(u8::load(lift, at)? != 0)
    }
}

impl FromGuest for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
    const FLAT: usize = 0;

    fn flat(_lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
        Ok(())
    }

    fn load(_lift: &mut Lift<'_>, _at: usize) -> wasmtime::Result<Self> {
        Ok(())
    }
}

impl FromGuest for String {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: usize = 2;

    fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
        let place = (lift.word()?, lift.word()?);
        text(lift, place)
    }

    fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {
        let place = (u32::load(lift, at)?, u32::load(lift, at.wrapping_add(4))?);
        text(lift, place)
    }
}

fn text(lift: &mut Lift<'_>, place: (u32, u32)) -> wasmtime::Result<String> {
    let (at, bytes) = lift.list("string", place, (1, 1), 1)?;
    let bytes = lift.memory.get(at..).and_then(|rest| rest.get(..bytes)).unwrap_or_default();
    Ok(std::str::from_utf8(bytes)?.to_owned())
}

impl<T: FromGuest> FromGuest for Vec<T> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: usize = 2;

    fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
        let place = (lift.word()?, lift.word()?);
        list(lift, place)
    }

    fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {
        let place = (u32::load(lift, at)?, u32::load(lift, at.wrapping_add(4))?);
        list(lift, place)
    }
}

fn list<T: FromGuest>(lift: &mut Lift<'_>, place: (u32, u32)) -> wasmtime::Result<Vec<T>> {
    let (at, count) = lift.list("list", place, (T::SIZE, T::ALIGN), size_of::<T>())?;
    (0..count).map(|number| T::load(lift, at.wrapping_add(number.wrapping_mul(T::SIZE)))).collect()
}

impl<T: FromGuest, E: FromGuest> FromGuest for Result<T, E> {
    const SIZE: usize = align_up(align_up(1, Self::ALIGN) + max(T::SIZE, E::SIZE), Self::ALIGN);
    const ALIGN: usize = max(T::ALIGN, E::ALIGN);
    const FLAT: usize = 1 + max(T::FLAT, E::FLAT);

    fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
        let left = lift.left().saturating_sub(Self::FLAT);
        let value = match lift.word()? {
            0 => Ok(T::flat(lift)?),
            1 => Err(E::flat(lift)?),
            _ => wasmtime::bail!("invalid expected discriminant"),
        };
        lift.skip_to(left);
        Ok(value)
    }

    fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {
        let payload = at.wrapping_add(align_up(1, Self::ALIGN));
        match u8::load(lift, at)? {
            0 => T::load(lift, payload).map(Ok),
            1 => E::load(lift, payload).map(Err),
            _ => wasmtime::bail!("invalid expected discriminant"),
        }
    }
}

impl<A: FromGuest, B: FromGuest> FromGuest for (A, B) {
    const SIZE: usize = align_up(align_up(A::SIZE, B::ALIGN) + B::SIZE, Self::ALIGN);
    const ALIGN: usize = max(A::ALIGN, B::ALIGN);
    const FLAT: usize = A::FLAT + B::FLAT;

    fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {
        Ok((A::flat(lift)?, B::flat(lift)?))
    }

    fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {
        Ok((A::load(lift, at)?, B::load(lift, at.wrapping_add(align_up(A::SIZE, B::ALIGN)))?))
    }
}
