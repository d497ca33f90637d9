//! Blocks of all sizes: small ones from a free list for each class, carved out of chunks; large ones as runs.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use super::classes::{CLASSES, SMALL_ALIGN, SMALL_MAX, class_of, size_of_class};
use super::runs::{Pages, Runs, UNIT};

/// Bytes that small blocks are carved out of at a time.
const CHUNK: usize = 16 << 10;

/// A free small block.
struct Link {
    next: *mut Link,
}

/// An allocator; its memory comes from `P`. Nothing that it keeps lies beside the blocks: who frees one says how large
/// it was.
pub(super) struct Heap<P> {
    free: [*mut Link; CLASSES],
    /// The rest of the last chunk: where it begins and how long it is.
    chunk: *mut u8,
    left: usize,
    runs: Runs<P>,
}

impl<P: Pages> Heap<P> {
    pub(super) const fn new(pages: P) -> Self {
        Self { free: [ptr::null_mut(); CLASSES], chunk: ptr::null_mut(), left: 0, runs: Runs::new(pages) }
    }

    /// A block for `layout`; null if there is no memory, or for an alignment beyond a KiB.
    #[inline]
    pub(super) fn allocate(&mut self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            return self.allocate_large(layout);
        }
        let class = class_of(layout.size());
        let Some(first) = self.free.get_mut(class) else { return ptr::null_mut() };
        let block = *first;
        if block.is_null() {
            return self.carve(class);
        }
        // SAFETY: a pointer of a free list that is not null is that of a free block, which holds a `Link`.
        *first = unsafe { (*block).next };
        block.cast()
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It was allocated here with this layout, and nobody uses it.
    #[inline]
    pub(super) unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) {
        if !is_small(layout) {
            // SAFETY: large blocks are runs, taken with this size.
            return unsafe { self.runs.give(block, layout.size()) };
        }
        // SAFETY: the block has the size of its class by the caller's promise.
        unsafe { self.push(block.as_ptr(), class_of(layout.size())) };
    }

    /// Changes the size of a block, which may move; null if there is no memory: the block is as it was then.
    ///
    /// # Safety
    ///
    /// It was allocated here with this layout; `size` is a valid size for its alignment.
    pub(super) unsafe fn resize(&mut self, block: NonNull<u8>, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        let is_in_place = match (is_small(layout), is_small(wanted)) {
            (true, true) => class_of(layout.size()) == class_of(size),
            // SAFETY: large blocks are runs, taken with this size.
            (false, false) => unsafe { self.runs.resize(block, layout.size(), size) },
            (true, false) | (false, true) => false,
        };
        if is_in_place {
            return block.as_ptr();
        }
        let moved = self.allocate(wanted);
        if !moved.is_null() {
            let kept = layout.size().min(size);
            // SAFETY: both blocks have room for as many bytes, and are different.
            unsafe { ptr::copy_nonoverlapping(block.as_ptr(), moved, kept) };
            // SAFETY: by the caller's promise.
            unsafe { self.free(block, layout) };
        }
        moved
    }

    #[cold]
    fn allocate_large(&mut self, layout: Layout) -> *mut u8 {
        if layout.align() > UNIT {
            return ptr::null_mut();
        }
        self.runs.take(layout.size()).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    /// A block from the chunk, or from the next one.
    #[cold]
    fn carve(&mut self, class: usize) -> *mut u8 {
        let size = size_of_class(class);
        if self.left < size {
            let Some(chunk) = self.runs.take(CHUNK) else { return ptr::null_mut() };
            self.use_up();
            (self.chunk, self.left) = (chunk.as_ptr(), CHUNK);
        }
        let block = self.chunk;
        // SAFETY: the chunk has at least `size` bytes left.
        self.chunk = unsafe { block.add(size) };
        self.left -= size;
        block
    }

    /// Makes free blocks of what is left of a chunk: its length and all sizes are multiples of 16.
    fn use_up(&mut self) {
        while self.left >= SMALL_ALIGN {
            let mut class = class_of(self.left.min(SMALL_MAX));
            if size_of_class(class) > self.left {
                class -= 1;
            }
            let size = size_of_class(class);
            let block = self.chunk;
            // SAFETY: the chunk has at least `size` bytes left.
            self.chunk = unsafe { block.add(size) };
            self.left -= size;
            // SAFETY: as many bytes at an aligned place that nobody uses.
            unsafe { self.push(block, class) };
        }
    }

    /// # Safety
    ///
    /// The block has the size of the class, is aligned as all are, and nobody uses it.
    #[inline]
    unsafe fn push(&mut self, block: *mut u8, class: usize) {
        let Some(first) = self.free.get_mut(class) else { return };
        let link: *mut Link = block.cast();
        // SAFETY: by the caller's promise; a `Link` is smaller and less aligned than any block.
        unsafe { link.write(Link { next: *first }) };
        *first = link;
    }
}

/// Whether a block comes from a class.
#[inline]
const fn is_small(layout: Layout) -> bool {
    layout.size() <= SMALL_MAX && layout.align() <= SMALL_ALIGN
}

#[cfg(test)]
mod tests {
    use std::alloc;
    use std::collections::BTreeMap;

    use super::*;
    use crate::alloc::runs::PAGE;

    const PAGES: usize = 64;

    /// A memory of its own.
    struct Reserve {
        base: NonNull<u8>,
        used: usize,
        limit: usize,
    }

    const LAYOUT: Layout = match Layout::from_size_align(PAGES * PAGE, PAGE) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two"),
    };

    impl Reserve {
        fn new(limit: usize) -> Self {
            // SAFETY: the layout has a size.
            let base = NonNull::new(unsafe { alloc::alloc(LAYOUT) }).unwrap();
            Self { base, used: 0, limit }
        }
    }

    impl Drop for Reserve {
        fn drop(&mut self) {
            // SAFETY: allocated with this layout.
            unsafe { alloc::dealloc(self.base.as_ptr(), LAYOUT) };
        }
    }

    impl Pages for &mut Reserve {
        fn grow(&mut self, pages: usize) -> Option<NonNull<u8>> {
            let at = self.used;
            self.used = Some(at + pages).filter(|used| *used <= self.limit)?;
            // SAFETY: within the reserve.
            Some(unsafe { self.base.add(at * PAGE) })
        }
    }

    /// xorshift64 (Marsaglia 2003).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 33).unwrap() % bound
        }
    }

    /// A block, with the byte that fills it.
    struct Block {
        at: NonNull<u8>,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn fill(&self, from: usize) {
            // SAFETY: `from` is within the block, or its end.
            let at = unsafe { self.at.add(from) };
            // SAFETY: the rest of the block, which is the test's.
            unsafe { at.write_bytes(self.fill, self.layout.size() - from) };
        }

        fn check(&self, len: usize) {
            // SAFETY: as above; it was filled.
            let bytes = unsafe { core::slice::from_raw_parts(self.at.as_ptr(), len) };
            assert!(bytes.iter().all(|byte| *byte == self.fill), "somebody wrote into a block");
        }
    }

    fn layout(random: &mut Random) -> Layout {
        let size = match random.below(20) {
            0..12 => random.below(200),
            12..18 => random.below(5_000),
            18 => random.below(100_000),
            _ => 0,
        };
        let align = 1 << if random.below(10) == 0 { random.below(11) } else { random.below(4) };
        Layout::from_size_align(size, align).unwrap()
    }

    /// Allocates, resizes and frees at random with at most `live` bytes in use.
    fn load(seed: u64, steps: usize, live: usize, reserve: &mut Reserve) {
        let mut random = Random(seed);
        let mut heap = Heap::new(&mut *reserve);
        let mut blocks: BTreeMap<usize, Block> = BTreeMap::new();
        let mut used = 0;
        for step in 0..steps {
            let choice = random.below(blocks.len().max(1));
            let chosen = blocks.keys().nth(choice).copied();
            // Phases in which it grows, and in which it shrinks.
            let grows = step / 500 % 2 == 0;
            match (chosen, random.below(10)) {
                (Some(at), 0..2) => {
                    let block = blocks.remove(&at).unwrap();
                    let (before, after) = (block.layout.size(), layout(&mut random).size());
                    // SAFETY: the block is of this layout.
                    let moved = unsafe { heap.resize(block.at, block.layout, after) };
                    let layout = Layout::from_size_align(after, block.layout.align()).unwrap();
                    let block = Block { at: NonNull::new(moved).unwrap(), layout, ..block };
                    block.check(before.min(after));
                    block.fill(before.min(after));
                    used = used + after - before;
                    insert(&mut blocks, block);
                }
                (Some(at), 2..9) if !grows || used > live => {
                    let block = blocks.remove(&at).unwrap();
                    block.check(block.layout.size());
                    used -= block.layout.size();
                    // SAFETY: the block is of this layout, and gone from the model.
                    unsafe { heap.free(block.at, block.layout) };
                }
                _ if used <= live => {
                    let layout = layout(&mut random);
                    let at = NonNull::new(heap.allocate(layout)).unwrap();
                    let block = Block { at, layout, fill: u8::try_from(random.below(256)).unwrap() };
                    block.fill(0);
                    used += layout.size();
                    insert(&mut blocks, block);
                }
                _ => {}
            }
        }
        for block in blocks.values() {
            block.check(block.layout.size());
        }
    }

    /// Checks that a block is aligned and apart from its neighbours.
    fn insert(blocks: &mut BTreeMap<usize, Block>, block: Block) {
        let at = block.at.as_ptr().addr();
        assert_eq!(at % block.layout.align(), 0);
        if let Some((other, before)) = blocks.range(..=at).next_back() {
            assert!(other + before.layout.size().max(1) <= at, "blocks overlap");
        }
        if let Some((other, _)) = blocks.range(at..).next() {
            assert!(at + block.layout.size().max(1) <= *other, "blocks overlap");
        }
        blocks.insert(at, block);
    }

    const STEPS: usize = if cfg!(miri) { 1_500 } else { 60_000 };

    #[test]
    fn blocks_are_apart_aligned_and_keep_their_content() {
        for (seed, steps) in [(1, STEPS), (2, STEPS), (3, 4 * STEPS)] {
            let mut reserve = Reserve::new(PAGES);
            load(seed, steps, 400_000, &mut reserve);
            // Up to 500,000 bytes are in use. Classes, units and pieces lose as much again and a quarter more, however
            // long it goes on.
            assert!(reserve.used * PAGE < 1_125_000, "{} pages", reserve.used);
        }
    }

    #[test]
    fn blocks_that_come_and_go_take_no_more_memory_in_the_end_than_in_the_beginning() {
        let mut reserve = Reserve::new(2);
        let mut heap = Heap::new(&mut reserve);
        for size in (0..10_000).map(|step| 1 + step * 37 % 60_000) {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let block = NonNull::new(heap.allocate(layout)).unwrap();
            // SAFETY: the block is of this layout, and used no more.
            unsafe { heap.free(block, layout) };
        }
    }

    #[test]
    fn what_there_is_no_memory_for_is_refused_and_the_block_stays() {
        let mut reserve = Reserve::new(1);
        let mut heap = Heap::new(&mut reserve);
        let small = Layout::from_size_align(100, 4).unwrap();
        let block = NonNull::new(heap.allocate(small)).unwrap();
        assert!(heap.allocate(Layout::from_size_align(PAGE, 1).unwrap()).is_null());
        assert!(
            heap.allocate(Layout::from_size_align(isize::MAX as usize - 4_095, 4_096).unwrap()).is_null()
        );
        assert!(heap.allocate(Layout::from_size_align(isize::MAX as usize, 1).unwrap()).is_null());
        // SAFETY: the block is of this layout.
        assert!(unsafe { heap.resize(block, small, 70_000) }.is_null());
        // SAFETY: it still is.
        unsafe { block.write_bytes(1, 100) };
        // SAFETY: as above, and used no more.
        unsafe { heap.free(block, small) };
        assert_eq!(heap.allocate(small), block.as_ptr(), "it is used again");
    }

    #[test]
    fn a_large_block_grows_where_it_is_if_there_is_room_behind_it() {
        let mut reserve = Reserve::new(4);
        let mut heap = Heap::new(&mut reserve);
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        let block = NonNull::new(heap.allocate(layout(5_000))).unwrap();
        // SAFETY: the block is of this layout, and of the next one afterwards.
        let grown = unsafe { heap.resize(block, layout(5_000), 60_000) };
        assert_eq!(grown, block.as_ptr());
        // SAFETY: as above.
        assert_eq!(unsafe { heap.resize(block, layout(60_000), 10_000) }, block.as_ptr());
        let other = heap.allocate(layout(20_000));
        assert_eq!(other.addr(), block.as_ptr().addr() + 10 * 1_024, "what was given back is used again");
    }
}
