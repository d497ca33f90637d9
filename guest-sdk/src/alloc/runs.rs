//! Large blocks: runs of memory in units of a KiB, free ones in a list by address, each put together with its
//! neighbours when it is freed.

use core::ptr::{self, NonNull};

/// Where memory comes from. It is never given back.
pub(super) trait Pages {
    /// More memory, in multiples of [`PAGE`]: where it begins, aligned to [`UNIT`]. What follows the memory that was
    /// given before may be used together with it.
    fn grow(&mut self, pages: usize) -> Option<NonNull<u8>>;
}

/// Bytes of a page of WebAssembly.
pub(super) const PAGE: usize = 64 << 10;

/// Runs begin at multiples of this many bytes, and are as long.
pub(super) const UNIT: usize = 1024;

/// A free run; it lies at its own beginning.
struct Run {
    size: usize,
    next: *mut Run,
}

/// All runs of memory.
pub(super) struct Runs<P> {
    pages: P,
    /// The free run with the lowest address.
    first: *mut Run,
    /// Behind the memory that there is.
    end: usize,
}

impl<P: Pages> Runs<P> {
    pub(super) const fn new(pages: P) -> Self {
        Self { pages, first: ptr::null_mut(), end: 0 }
    }

    /// A run of at least `size` bytes.
    pub(super) fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        let size = units(size)?;
        if let Some(run) = self.find(size) {
            return Some(run);
        }
        // What is free at the end of memory is a part of it.
        let mut tail = 0;
        let mut at = self.first;
        while !at.is_null() {
            // SAFETY: every pointer in the list is that of a free run, which holds a `Run` that nobody else refers to.
            let run = unsafe { &*at };
            tail = if at.addr() + run.size == self.end { run.size } else { 0 };
            at = run.next;
        }
        let pages = size.saturating_sub(tail).div_ceil(PAGE).max(1);
        let more = self.pages.grow(pages)?;
        self.end = more.as_ptr().addr() + pages * PAGE;
        // SAFETY: the memory is new, aligned to a unit, a multiple of units long, and nobody's.
        unsafe { self.give(more, pages * PAGE) };
        // Others may have grown the memory, so that this does not join what is free.
        self.find(size).or_else(|| self.grow_apart(size))
    }

    /// As `take`, where new memory does not follow the old.
    fn grow_apart(&mut self, size: usize) -> Option<NonNull<u8>> {
        let pages = size.div_ceil(PAGE);
        let more = self.pages.grow(pages)?;
        self.end = more.as_ptr().addr() + pages * PAGE;
        // SAFETY: as in `take`.
        unsafe { self.give(more, pages * PAGE) };
        self.find(size)
    }

    /// The first free run of at least `size` bytes, a multiple of units; the rest of it stays free.
    fn find(&mut self, size: usize) -> Option<NonNull<u8>> {
        let mut link: *mut *mut Run = &raw mut self.first;
        loop {
            // SAFETY: `link` is `self.first` or the `next` of a run in the list.
            let at = unsafe { *link };
            // SAFETY: a pointer of the list is null or that of a free run.
            let run = unsafe { at.as_mut() }?;
            if run.size < size {
                link = &raw mut run.next;
                continue;
            }
            let rest = if run.size == size {
                run.next
            } else {
                let left = Run { size: run.size - size, next: run.next };
                // SAFETY: the run is longer than `size`, so this place is within it, and at least a unit from its end.
                let rest = unsafe { at.byte_add(size) };
                // SAFETY: as above; a multiple of units from an aligned place is aligned.
                unsafe { rest.write(left) };
                rest
            };
            // SAFETY: as where it was read.
            unsafe { *link = rest };
            return NonNull::new(at.cast());
        }
    }

    /// Takes back a run of `size` bytes.
    ///
    /// # Safety
    ///
    /// It begins at a multiple of units, is as long as `take` was asked for or of whole units, and nobody uses it.
    pub(super) unsafe fn give(&mut self, run: NonNull<u8>, size: usize) {
        let Some(size) = units(size) else { return };
        let given: *mut Run = run.as_ptr().cast();
        let mut before: *mut Run = ptr::null_mut();
        let mut after = self.first;
        while !after.is_null() && after.addr() < given.addr() {
            before = after;
            // SAFETY: a pointer of the list that is not null is that of a free run.
            after = unsafe { (*after).next };
        }
        let mut free = Run { size, next: after };
        if !after.is_null() && given.addr() + size == after.addr() {
            // SAFETY: as above.
            let next = unsafe { &*after };
            free = Run { size: size + next.size, next: next.next };
        }
        // SAFETY: null, or a free run.
        match unsafe { before.as_mut() } {
            None => self.first = given,
            Some(run) if before.addr() + run.size == given.addr() => {
                *run = Run { size: run.size + free.size, next: free.next };
                return;
            }
            Some(run) => run.next = given,
        }
        // SAFETY: the run is nobody's by the caller's promise, aligned, and longer than a `Run`.
        unsafe { given.write(free) };
    }

    /// Changes the size of a run where it is; false if there is no room behind it.
    ///
    /// # Safety
    ///
    /// The run was taken with size `old`.
    pub(super) unsafe fn resize(&mut self, run: NonNull<u8>, old: usize, new: usize) -> bool {
        let (Some(old), Some(new)) = (units(old), units(new)) else { return false };
        if new <= old {
            if new < old {
                // SAFETY: within the run, a multiple of units from its beginning.
                let rest = unsafe { run.byte_add(new) };
                // SAFETY: the caller owns the run, and uses no more than `new` bytes of it from here on.
                unsafe { self.give(rest, old - new) };
            }
            return true;
        }
        let mut link: *mut *mut Run = &raw mut self.first;
        loop {
            // SAFETY: `link` is `self.first` or the `next` of a run in the list.
            let at = unsafe { *link };
            // SAFETY: a pointer of the list is null or that of a free run.
            let Some(free) = (unsafe { at.as_mut() }) else { return false };
            if at.addr() < run.as_ptr().addr() + old {
                link = &raw mut free.next;
                continue;
            }
            let more = new - old;
            if at.addr() != run.as_ptr().addr() + old || free.size < more {
                return false;
            }
            let next = if free.size == more {
                free.next
            } else {
                let left = Run { size: free.size - more, next: free.next };
                // SAFETY: the free run is longer than `more`, so this place is within it.
                let rest = unsafe { at.byte_add(more) };
                // SAFETY: as above.
                unsafe { rest.write(left) };
                rest
            };
            // SAFETY: as where it was read.
            unsafe { *link = next };
            return true;
        }
    }
}

/// Whole units that hold `size` bytes.
fn units(size: usize) -> Option<usize> {
    size.max(1).checked_next_multiple_of(UNIT)
}
