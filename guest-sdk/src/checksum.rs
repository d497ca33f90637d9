//! A checksum of a byte stream that does not depend on how the stream was cut into pieces.

/// Wrapping sum of a stream's little-endian 64-bit words, where word `n` is the bytes at offsets `8n` to `8n + 7`
/// and bytes that were never added count as zero.
///
/// A piece contributes each byte shifted left by eight times its stream offset modulo eight, so pieces need no state
/// between them, and any cut gives the same sum. It notices changed, lost and moved bytes (moved by anything but a
/// multiple of eight bytes), at the speed of an addition for every eight bytes. It is no protection against somebody
/// who wants a given sum.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::checksum::StreamSum;
///
/// let mut whole = StreamSum::default();
/// whole.add(0, b"reassembled");
/// let mut pieces = StreamSum::default();
/// pieces.add(3, b"ssembled");
/// pieces.add(0, b"rea");
/// assert_eq!(whole, pieces);
/// assert_eq!(whole.bytes(), 11);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StreamSum {
    sum: u64,
    bytes: u64,
}

impl StreamSum {
    /// Adds the bytes at stream offset `offset`.
    pub fn add(&mut self, offset: u64, piece: &[u8]) {
        // Up to the first word boundary of the stream, then whole words wherever they lie in memory, then the rest.
        let before = (offset % 8) as u32;
        let to_boundary = ((8 - before) % 8) as usize;
        let (head, aligned) = piece.split_at_checked(to_boundary).unwrap_or((piece, &[]));
        let (blocks, rest) = aligned.as_chunks::<BLOCK>();
        let (words, tail) = rest.as_chunks::<8>();
        let sum = sum_of(blocks).wrapping_add(sum_of_words(words));
        let ends = (zero_padded(head) << (8 * before)).wrapping_add(zero_padded(tail));
        self.sum = self.sum.wrapping_add(sum).wrapping_add(ends);
        self.bytes = self.bytes.wrapping_add(piece.len() as u64);
    }

    /// Adds what another sum counted, for example of another flow.
    pub fn merge(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    /// The sum.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.sum
    }

    /// Bytes added.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Bytes that are added at a time. A guest looks at its deadline in each turn of a loop, which takes longer than to add
/// two words.
const BLOCK: usize = 128;

/// The sum of whole blocks. One number goes from block to block: registers of vectors that live through the look at the
/// deadline are saved and loaded again in each turn.
fn sum_of(blocks: &[[u8; BLOCK]]) -> u64 {
    blocks.iter().fold(0, |sum, block| sum.wrapping_add(sum_of_block(block)))
}

/// Two words at a time: the compiler would not take it upon itself.
#[cfg(target_feature = "simd128")]
fn sum_of_block(block: &[u8; BLOCK]) -> u64 {
    use core::arch::wasm32::{u64x2, u64x2_add, u64x2_extract_lane, u64x2_splat};

    let (words, _) = block.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    let sum = pairs.iter().fold(u64x2_splat(0), |sum, [low, high]| {
        u64x2_add(sum, u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high)))
    });
    u64x2_extract_lane::<0>(sum).wrapping_add(u64x2_extract_lane::<1>(sum))
}

#[cfg(not(target_feature = "simd128"))]
fn sum_of_block(block: &[u8; BLOCK]) -> u64 {
    sum_of_words(block.as_chunks::<8>().0)
}

fn sum_of_words(words: &[[u8; 8]]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

/// At most seven bytes as the low end of a little-endian word.
fn zero_padded(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, byte by byte.
    fn definition(offset: u64, bytes: &[u8]) -> u64 {
        bytes
            .iter()
            .zip(offset..)
            .fold(0, |sum: u64, (&byte, offset)| sum.wrapping_add(u64::from(byte) << (8 * (offset % 8))))
    }

    fn stream(length: u8) -> Vec<u8> {
        (0..length).map(|n| n.wrapping_mul(151).wrapping_add(200)).collect()
    }

    #[test]
    fn every_piece_adds_what_the_definition_says() {
        let bytes = stream(200);
        for offset in 0..9 {
            for length in 0..bytes.len() {
                let mut sum = StreamSum::default();
                sum.add(offset, &bytes[..length]);
                assert_eq!(sum.value(), definition(offset, &bytes[..length]), "{length} bytes at {offset}");
            }
        }
    }

    #[test]
    fn any_cut_gives_the_same_sum() {
        let bytes = stream(64);
        let mut whole = StreamSum::default();
        whole.add(0, &bytes);
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let mut pieces = StreamSum::default();
                pieces.add(second as u64, &bytes[second..]);
                pieces.add(0, &bytes[..first]);
                pieces.add(first as u64, &bytes[first..second]);
                assert_eq!(pieces, whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_changed_lost_or_moved_byte_changes_the_sum() {
        let bytes = stream(30);
        let sum = |offset, bytes: &[u8]| {
            let mut sum = StreamSum::default();
            sum.add(offset, bytes);
            sum.value()
        };
        let mut changed = bytes.clone();
        changed[13] ^= 0x80;
        assert_ne!(sum(0, &changed), sum(0, &bytes));
        assert_ne!(sum(0, &bytes[..29]), sum(0, &bytes));
        assert_ne!(sum(1, &bytes), sum(0, &bytes));
    }

    #[test]
    fn offsets_at_the_end_of_their_range_do_no_harm() {
        let mut sum = StreamSum::default();
        sum.add(u64::MAX, &[1, 2]);
        assert_eq!(sum.value(), (1 << 56) + 2);
    }
}
