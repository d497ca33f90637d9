//! Numbers in the byte order of the machine that wrote a capture.

/// The order in which the bytes of a number stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The 16-bit number at `at`, or 0 beyond the end: callers check the length of a header as a whole.
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let field = array(bytes, at);
        match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        }
    }

    /// The 32-bit number at `at`, or 0 beyond the end.
    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let field = array(bytes, at);
        match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        }
    }

    /// The signed 64-bit number at `at`, or 0 beyond the end.
    pub(crate) fn i64(self, bytes: &[u8], at: usize) -> i64 {
        let field = array(bytes, at);
        match self {
            Self::Little => i64::from_le_bytes(field),
            Self::Big => i64::from_be_bytes(field),
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_in_both_orders() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(ByteOrder::Little.u16(&bytes, 1), 0x0302);
        assert_eq!(ByteOrder::Big.u32(&bytes, 1), 0x0203_0405);
        assert_eq!(ByteOrder::Big.i64(&bytes, 1), 0x0203_0405_0607_0809);
        assert_eq!(ByteOrder::Little.i64(&bytes, 1), 0x0908_0706_0504_0302);
    }

    #[test]
    fn beyond_the_end_reads_as_zero() {
        assert_eq!(ByteOrder::Big.u32(&[1, 2, 3], 0), 0);
        assert_eq!(ByteOrder::Big.u16(&[1], usize::MAX), 0);
    }
}
