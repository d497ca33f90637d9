//! The bytes that streams carry, and the sum by which a reader of them is checked.

use super::random::Random;

/// Bytes in the pool. Larger than a cache, so that payload is not more compressible for memory than real payload is.
const POOL_BYTES: usize = 1 << 22;

/// Random printable bytes that all streams take their payload from, each from its own place on.
pub(super) struct Pool(Vec<u8>);

impl Pool {
    pub(super) fn of(random: &mut Random) -> Self {
        let mut bytes = Vec::with_capacity(POOL_BYTES);
        while bytes.len() < POOL_BYTES {
            // Six bits a byte give 0x30 to 0x6f: letters, digits and some punctuation, never zero.
            bytes.extend(random.next_u64().to_le_bytes().map(|byte| 0x30 + (byte & 0x3f)));
        }
        Self(bytes)
    }

    /// A place to start reading at.
    pub(super) fn start(&self, random: &mut Random) -> u64 {
        random.index(self.0.len()) as u64
    }

    /// Fills `out` with the bytes from `position` on, round and round.
    fn copy(&self, position: u64, out: &mut [u8]) {
        let mut position = usize::try_from(position % self.0.len() as u64).unwrap_or(0);
        let mut rest = out;
        while !rest.is_empty() {
            let count = rest.len().min(self.0.len() - position);
            let (head, tail) = rest.split_at_mut(count);
            head.copy_from_slice(&self.0[position..position + count]);
            rest = tail;
            position = 0;
        }
    }
}

/// Bytes of a stream that are not from the pool, such as the head of an HTTP message.
pub(super) struct Inset {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// What one direction of a flow carries: any part of it can be had again at any time.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) pool_start: u64,
    pub(super) insets: Vec<Inset>,
}

impl Stream {
    /// Fills `out` with the stream's bytes from `offset` on.
    pub(super) fn copy(&self, pool: &Pool, offset: u64, out: &mut [u8]) {
        pool.copy(self.pool_start + offset, out);
        for inset in &self.insets {
            // Distance from the start of one to the start of the other, whichever comes first.
            let into_out = usize::try_from(inset.offset.saturating_sub(offset)).unwrap_or(usize::MAX);
            let into_inset = usize::try_from(offset.saturating_sub(inset.offset)).unwrap_or(usize::MAX);
            let (Some(out), Some(bytes)) = (out.get_mut(into_out..), inset.bytes.get(into_inset..)) else {
                continue;
            };
            let count = out.len().min(bytes.len());
            out[..count].copy_from_slice(&bytes[..count]);
        }
    }
}

/// Wrapping sum of a stream's little-endian 64-bit words, zero where no byte is, and the number of bytes summed.
///
/// Each byte counts shifted left by eight times its stream offset modulo eight. So pieces can be added in any order and
/// any cut, and the sums of many streams can be added up; bytes that are lost, doubled, changed or moved show. The
/// guest SDK's `checksum::StreamSum` gives the same value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StreamSum {
    sum: u64,
    bytes: u64,
}

impl StreamSum {
    /// Adds the bytes `piece` at stream offset `offset`.
    pub fn add(&mut self, offset: u64, piece: &[u8]) {
        let place = usize::try_from(offset % 8).unwrap_or(0);
        let (head, aligned) = piece.split_at(piece.len().min((8 - place) % 8));
        let (words, tail) = aligned.as_chunks::<8>();
        let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
        let ends = word_at(place, head).wrapping_add(word_at(0, tail));
        self.sum = self.sum.wrapping_add(sum).wrapping_add(ends);
        self.bytes = self.bytes.wrapping_add(piece.len() as u64);
    }

    /// Adds what another sum counted, of other parts of the stream or of another stream.
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

/// The word that has `bytes`, fewer than eight, from its byte `place` on.
fn word_at(place: usize, bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (slot, byte) in word.iter_mut().skip(place).zip(bytes) {
        *slot = *byte;
    }
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_the_sum_of_its_bytes_in_their_places() {
        let stream: Vec<u8> = (0..=255).collect();
        for start in 0..16_usize {
            for end in start..48 {
                let mut sum = StreamSum::default();
                sum.add(start as u64, &stream[start..end]);
                let places = stream.iter().enumerate().take(end).skip(start);
                let naive =
                    places.fold(0_u64, |sum, (at, byte)| sum.wrapping_add(u64::from(*byte) << (at % 8 * 8)));
                assert_eq!((sum.value(), sum.bytes()), (naive, (end - start) as u64));
            }
        }
    }

    #[test]
    fn a_stream_reads_the_same_in_any_cut() {
        let mut random = Random::of(3);
        let pool = Pool::of(&mut random);
        let insets = vec![
            Inset { offset: 0, bytes: b"GET /".to_vec() },
            Inset { offset: 40, bytes: b"POST /".to_vec() },
        ];
        // The pool's end lies within the part that is read.
        let stream = Stream { pool_start: POOL_BYTES as u64 - 20, insets };
        let mut whole = vec![0; 100];
        stream.copy(&pool, 0, &mut whole);
        assert_eq!((&whole[..5], &whole[40..46]), (&b"GET /"[..], &b"POST /"[..]));
        for start in 0..100_usize {
            for end in start..=100 {
                let mut part = vec![0; end - start];
                stream.copy(&pool, start as u64, &mut part);
                assert_eq!(part, whole[start..end]);
            }
        }
    }
}
