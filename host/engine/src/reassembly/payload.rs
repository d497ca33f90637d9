//! What a segment brings to a stream.

/// Payload of one segment.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Stream offset of its first byte; negative when it begins before the stream does.
    pub offset: i64,
    /// Captured bytes.
    pub bytes: &'a [u8],
    /// Bytes that the segment carried on the wire, at least as many.
    pub wire_len: u32,
}

impl<'a> Payload<'a> {
    /// Offset behind the last byte that the segment carried on the wire; 0 if it lies before the stream.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::try_from(self.offset.saturating_add(i64::from(self.wire_len))).unwrap_or(0)
    }

    /// The captured bytes between two offsets.
    #[must_use]
    pub fn captured(&self, from: u64, until: u64) -> &'a [u8] {
        self.bytes.get(self.index(from)..self.index(until)).unwrap_or(&[])
    }

    /// Where the byte at an offset lies in the captured bytes, or would if there were more.
    fn index(&self, offset: u64) -> usize {
        let distance = i128::from(offset) - i128::from(self.offset);
        usize::try_from(distance).unwrap_or(0).min(self.bytes.len())
    }
}
