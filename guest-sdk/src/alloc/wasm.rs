//! The global allocator of a guest.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};

use super::heap::Heap;
use super::runs::{PAGE, Pages};

/// The memory of the instance.
struct Memory;

impl Pages for Memory {
    fn grow(&mut self, pages: usize) -> Option<NonNull<u8>> {
        let before = wasm32::memory_grow::<0>(pages);
        if before == usize::MAX {
            return None;
        }
        // The last page of an address space has no end that can be said.
        let end = before.checked_add(pages)?.checked_mul(PAGE)?;
        debug_assert!(end > 0);
        NonNull::new(ptr::with_exposed_provenance_mut(before.checked_mul(PAGE)?))
    }
}

struct Global(UnsafeCell<Heap<Memory>>);

// SAFETY: an instance of a component has one thread; this crate is not compiled with atomics.
#[cfg(not(target_feature = "atomics"))]
unsafe impl Sync for Global {}

#[global_allocator]
static GLOBAL: Global = Global(UnsafeCell::new(Heap::new(Memory)));

impl Global {
    /// Runs one operation.
    #[inline]
    fn with<R>(&self, run: impl FnOnce(&mut Heap<Memory>) -> R) -> R {
        // SAFETY: there is one thread, and no operation of the heap runs code that could allocate, so nobody else has
        // this reference.
        run(unsafe { &mut *self.0.get() })
    }
}

// SAFETY: blocks are of the size and alignment asked for, and apart until they are freed: the tests of `heap` compare
// them with a model. Nothing unwinds in it.
unsafe impl GlobalAlloc for Global {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(|heap| heap.allocate(layout))
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        // SAFETY: by the caller's promise it is a block of this layout that is not used any more.
        self.with(|heap| unsafe { heap.free(block, layout) });
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(block) = NonNull::new(block) else { return ptr::null_mut() };
        // SAFETY: by the caller's promise it is a block of this layout, and `size` is valid for it.
        self.with(|heap| unsafe { heap.resize(block, layout, size) })
    }
}
