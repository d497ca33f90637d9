//! Bytes as decisions.

/// A cursor over the bytes of an input. Behind the end there are zeros, so every input means something.
#[derive(Debug)]
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub(crate) fn bits(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let number = if bound > 256 { usize::from(self.word()) } else { usize::from(self.byte()) };
        number.checked_rem(bound).unwrap_or(0)
    }

    /// Once in so many times; not where the input has come to its end.
    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        !self.0.is_empty() && self.below(many) == 0
    }

    /// One of these; there is at least one.
    pub(crate) fn of<T: Copy + Default>(&mut self, these: &[T]) -> T {
        these.get(self.below(these.len())).copied().unwrap_or_default()
    }
}
