//! Lists that the host hands over: bytes go straight into the buffer of the guest that is to hold them.
//!
//! The canonical ABI has the host ask the guest for room (`cabi_realloc`) and write there. While a call is under way
//! that fills a buffer, the room is that buffer, if it is large enough: no block is allocated, and nothing is copied
//! once more. The bindings that `wit-bindgen` makes would have a new block each time.

use crate::bindings::sluice::middlebox::stream::PeekError;

/// `stream.peek` into a buffer, whose content is replaced; it is empty after an error.
pub(crate) fn peek(direction: u32, max: u32, buffer: &mut Vec<u8>) -> Result<(), PeekError> {
    raw::peek(direction, max, buffer)
}

/// `stream.peek-at` likewise; the error is the host's number.
pub(crate) fn peek_at(direction: u32, offset: u64, max: u32, buffer: &mut Vec<u8>) -> Result<(), u32> {
    raw::peek_at(direction, offset, max, buffer)
}

/// `packet.bytes` likewise.
pub(crate) fn packet_bytes(region: u32, offset: u32, max: u32, buffer: &mut Vec<u8>) -> Result<(), u32> {
    raw::packet_bytes(region, offset, max, buffer)
}

/// There is no host.
#[cfg(not(target_arch = "wasm32"))]
mod raw {
    use super::PeekError;

    const NO_HOST: &str = "there is no host to ask for bytes but in a component";

    pub(super) fn peek(_: u32, _: u32, _: &mut Vec<u8>) -> Result<(), PeekError> {
        unreachable!("{NO_HOST}")
    }

    pub(super) fn peek_at(_: u32, _: u64, _: u32, _: &mut Vec<u8>) -> Result<(), u32> {
        unreachable!("{NO_HOST}")
    }

    pub(super) fn packet_bytes(_: u32, _: u32, _: u32, _: &mut Vec<u8>) -> Result<(), u32> {
        unreachable!("{NO_HOST}")
    }
}

#[cfg(target_arch = "wasm32")]
mod raw {
    use core::arch::wasm32;
    use core::cell::Cell;
    use core::ptr;
    use std::alloc::{Layout, alloc, realloc};

    use super::PeekError;

    std::thread_local! {
        /// The room that the next list of bytes goes to.
        static ROOM: Cell<Room> = const { Cell::new(Room { at: 0, capacity: 0 }) };
    }

    /// A buffer that is empty, and lent for the time of a call.
    #[derive(Clone, Copy)]
    struct Room {
        at: usize,
        capacity: usize,
    }

    /// Where an import writes its answer, as the canonical ABI lays it out: a case, and behind it, aligned, a list
    /// (address and length) or an error.
    #[repr(C, align(8))]
    struct Area([u32; 6]);

    #[link(wasm_import_module = "sluice:middlebox/stream@0.1.0")]
    unsafe extern "C" {
        #[link_name = "peek"]
        fn import_peek(direction: u32, max: u32, area: *mut Area);
        #[link_name = "peek-at"]
        fn import_peek_at(direction: u32, offset: u64, max: u32, area: *mut Area);
    }

    #[link(wasm_import_module = "sluice:middlebox/packet@0.1.0")]
    unsafe extern "C" {
        #[link_name = "bytes"]
        fn import_packet_bytes(region: u32, offset: u32, max: u32, area: *mut Area);
    }

    /// `result<list<u8>, peek-error>`: the error holds a u64, so both lie 8 bytes behind the case.
    pub(super) fn peek(direction: u32, max: u32, buffer: &mut Vec<u8>) -> Result<(), PeekError> {
        // SAFETY: the types are those of the WIT, and the area is as large as the answer.
        let Area([case, _, first, second, third, fourth]) =
            fill(buffer, |area| unsafe { import_peek(direction, max, area) });
        match (case.to_le_bytes()[0], first.to_le_bytes()[0]) {
            (0, _) => {
                // SAFETY: the list that this call gave.
                unsafe { take(buffer, first, second) };
                Ok(())
            }
            (_, 0) => Err(PeekError::Missed(u64::from(third) | u64::from(fourth) << 32)),
            _ => Err(PeekError::Refused(third)),
        }
    }

    pub(super) fn peek_at(direction: u32, offset: u64, max: u32, buffer: &mut Vec<u8>) -> Result<(), u32> {
        // SAFETY: as in `peek`.
        let area = fill(buffer, |area| unsafe { import_peek_at(direction, offset, max, area) });
        list_or_number(&area, buffer)
    }

    pub(super) fn packet_bytes(region: u32, offset: u32, max: u32, buffer: &mut Vec<u8>) -> Result<(), u32> {
        // SAFETY: as in `peek`.
        let area = fill(buffer, |area| unsafe { import_packet_bytes(region, offset, max, area) });
        list_or_number(&area, buffer)
    }

    /// `result<list<u8>, error>`: both lie 4 bytes behind the case.
    fn list_or_number(area: &Area, buffer: &mut Vec<u8>) -> Result<(), u32> {
        let Area([case, first, second, ..]) = *area;
        if case.to_le_bytes()[0] != 0 {
            return Err(first);
        }
        // SAFETY: the list that the call gave.
        unsafe { take(buffer, first, second) };
        Ok(())
    }

    /// Lends the buffer for the time of a call.
    fn fill(buffer: &mut Vec<u8>, call: impl FnOnce(*mut Area)) -> Area {
        let mut area = Area([0; 6]);
        buffer.clear();
        ROOM.set(Room { at: buffer.as_mut_ptr().expose_provenance(), capacity: buffer.capacity() });
        call(&raw mut area);
        ROOM.set(Room { at: 0, capacity: 0 });
        area
    }

    /// Makes a list the content of the buffer.
    ///
    /// # Safety
    ///
    /// The list is what a call gave for which this buffer was lent.
    unsafe fn take(buffer: &mut Vec<u8>, at: u32, len: u32) {
        let (at, len) = (at as usize, len as usize);
        if len == 0 {
            return;
        }
        if at == buffer.as_ptr().addr() {
            // SAFETY: `cabi_realloc` gave the buffer for this list because it has the capacity, and the host has
            // written all of it.
            unsafe { buffer.set_len(len) };
            return;
        }
        // SAFETY: else `cabi_realloc` has allocated a block of just this length for bytes, and it is ours.
        *buffer = unsafe { Vec::from_raw_parts(ptr::with_exposed_provenance_mut(at), len, len) };
    }

    /// The host asks for room for a list, or for more of it. What cannot be had ends the guest, as everywhere.
    ///
    /// # Safety
    ///
    /// As the canonical ABI has it: `old` is a block of `old_len` bytes that this function gave, if that is not 0.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, len: usize) -> *mut u8 {
        let room = ROOM.get();
        let block = if old_len == 0 && len == 0 {
            ptr::without_provenance_mut(align)
        } else if old_len == 0 && align == 1 && len <= room.capacity {
            // For one list only.
            ROOM.set(Room { at: 0, capacity: 0 });
            ptr::with_exposed_provenance_mut(room.at)
        } else {
            match (old_len, Layout::from_size_align(old_len.max(1), align)) {
                // SAFETY: by the caller's promise it is a block of this layout, and the new length is not 0.
                (1.., Ok(layout)) if len > 0 => unsafe { realloc(old, layout, len) },
                (0, Ok(_)) => allocate(len, align),
                // No list of the host is so.
                _ => ptr::null_mut(),
            }
        };
        if block.is_null() {
            wasm32::unreachable();
        }
        block
    }

    fn allocate(len: usize, align: usize) -> *mut u8 {
        match Layout::from_size_align(len, align) {
            // SAFETY: `cabi_realloc` asks for no empty block.
            Ok(layout) => unsafe { alloc(layout) },
            Err(_) => ptr::null_mut(),
        }
    }
}
