//! Two versions of the same bytes of a stream.

use core::fmt::Write as _;

/// Bytes of either version that are shown.
const SAMPLE_BYTES_MAX: usize = 32;

/// A range of a stream that came twice with different bytes.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Mismatch {
    /// Stream offset of the first byte that differs.
    pub(crate) offset: u64,
    /// Bytes from the first to the last that differs.
    pub(crate) length: usize,
    /// What came first, from `offset` on.
    pub(crate) before: Vec<u8>,
    /// What came in its place.
    pub(crate) after: Vec<u8>,
}

impl Mismatch {
    /// The difference between two versions that begin at stream offset `offset`, as far as both go; `None` if there
    /// is none.
    pub(crate) fn between(offset: u64, before: &[u8], after: &[u8]) -> Option<Self> {
        let differs = |(before, after): (&u8, &u8)| before != after;
        let first = before.iter().zip(after).position(differs)?;
        let both = before.len().min(after.len());
        let last = before[..both].iter().zip(&after[..both]).rposition(differs)?;
        let shown = first..both.min(first + SAMPLE_BYTES_MAX).min(last + 1);
        Some(Self {
            offset: offset.saturating_add(first as u64),
            length: last + 1 - first,
            before: before[shown.clone()].to_vec(),
            after: after[shown].to_vec(),
        })
    }
}

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes everything.
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}

/// The printable ASCII characters, a point for each other byte.
pub(crate) fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_cut_to_its_ends() {
        let mismatch = Mismatch::between(100, b"GET /index", b"GET /admin").unwrap();
        assert_eq!((mismatch.offset, mismatch.length), (105, 5));
        assert_eq!((mismatch.before.as_slice(), mismatch.after.as_slice()), (&b"index"[..], &b"admin"[..]));
    }

    #[test]
    fn equal_bytes_inside_count_with_the_rest() {
        assert_eq!(Mismatch::between(0, b"abcde", b"xbcdy").unwrap().length, 5);
    }

    #[test]
    fn only_what_both_versions_have_is_compared() {
        assert_eq!(Mismatch::between(0, b"abc", b"abcdef"), None);
        assert_eq!(Mismatch::between(0, b"", b"abc"), None);
        assert_eq!(Mismatch::between(0, b"abcX", b"abcYdef").unwrap().before, b"X");
    }

    #[test]
    fn samples_are_short_whatever_the_length() {
        let mismatch = Mismatch::between(0, &[0; 1_000], &[1; 1_000]).unwrap();
        assert_eq!(mismatch.length, 1_000);
        assert_eq!((mismatch.before.len(), mismatch.after.len()), (32, 32));
    }

    #[test]
    fn bytes_are_shown_as_hex_and_as_text() {
        assert_eq!(hex(b"a\x00\xff"), "6100ff");
        assert_eq!(printable(b"a b\n\xff"), "a b..");
    }
}
