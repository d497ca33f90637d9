//! Sizes of small blocks: multiples of 16 up to 128 bytes, then four for each doubling, so that at most a fifth of a
//! block is waste.

/// Bytes of the largest small block.
pub(super) const SMALL_MAX: usize = 4096;

/// Alignment of all small blocks.
pub(super) const SMALL_ALIGN: usize = 16;

/// How many sizes there are.
pub(super) const CLASSES: usize = class_of(SMALL_MAX) + 1;

/// Binary logarithm of the size up to which sizes are multiples of 16.
const FINE_LOG: usize = 7;
const FINE: usize = 1 << FINE_LOG;

/// The smallest class that holds `size` bytes, 1 to [`SMALL_MAX`].
#[inline]
pub(super) const fn class_of(size: usize) -> usize {
    let last = size.saturating_sub(1);
    if last < FINE {
        return last / SMALL_ALIGN;
    }
    let log = last.ilog2() as usize;
    let quarter = last >> (log - 2) & 3;
    FINE / SMALL_ALIGN + (log - FINE_LOG) * 4 + quarter
}

/// Bytes of the blocks of a class.
#[inline]
pub(super) const fn size_of_class(class: usize) -> usize {
    let fine = FINE / SMALL_ALIGN;
    if class < fine {
        return (class + 1) * SMALL_ALIGN;
    }
    let (log, quarter) = (FINE_LOG + (class - fine) / 4, (class - fine) % 4);
    (1 << log) + ((quarter + 1) << (log - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_the_smallest_class_that_holds_it() {
        for size in 1..=SMALL_MAX {
            let class = class_of(size);
            assert!(class < CLASSES && size_of_class(class) >= size, "{size}");
            assert!(class == 0 || size_of_class(class - 1) < size, "{size}");
            assert_eq!(size_of_class(class) % SMALL_ALIGN, 0);
            let waste = size_of_class(class) - size;
            assert!(waste < SMALL_ALIGN || waste * 5 <= size_of_class(class), "{size}");
        }
        assert_eq!(size_of_class(CLASSES - 1), SMALL_MAX);
    }
}
