//! Where in a text a pattern may begin, without a look at each byte.
//!
//! Of any pattern with at least `stride + 3` bytes, four neighbouring bytes of its beginning lie at a multiple of
//! `stride`, wherever it is. So looking at four bytes out of each `stride` finds every occurrence, if all that may
//! lie there is known: `stride` runs of four bytes of each pattern. A bitmap of hashes says no for nearly all
//! places, without waiting for the place before; where it says yes, the first eight bytes of the patterns in
//! question are compared.

/// Bytes that are looked at together.
const GRAM: usize = 4;

/// Bytes of the shortest pattern with which the sieve leaves anything out.
const SIEVED_BYTES: usize = GRAM + 1;

/// Bytes between two looks, at most: more would make the bitmap larger than a first-level cache.
const STRIDE_MAX: usize = 8;

/// Beginnings that are compared at one place; where there are more, every place counts. Else a thousand patterns that
/// have four bytes in common and differ around them would make a place as dear as a thousand comparisons.
const COMPARED_MAX: usize = 8;

/// Bits of the bitmap for each run of four bytes: of places where nothing is, one in 32 is looked at twice.
const BITS_EACH: usize = 32;

/// Makes letters of both cases equal, and some other bytes too.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// See the module.
#[derive(Debug)]
pub(super) struct Sieve {
    stride: usize,
    ignore_case: bool,
    bitmap: Vec<u64>,
    /// How far a hash is shifted to number a bit.
    bit_shift: u32,
    /// How far a hash is shifted to number a bucket.
    bucket_shift: u32,
    /// Where the beginnings of each bucket begin, and where the last one's end.
    buckets: Vec<u32>,
    beginnings: Vec<Beginning>,
}

/// The beginning of one or more patterns, as four bytes at a place tell of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Beginning {
    /// The first eight bytes, zeros where the mask has some.
    bytes: u64,
    /// Which of the eight count: those that the shortest pattern has, or none.
    mask: u64,
    /// Bytes between the beginning and the place.
    before: usize,
}

impl Beginning {
    /// Stands for too many to compare.
    const ANY: Self = Self { bytes: 0, mask: 0, before: 0 };
}

impl Sieve {
    /// A sieve for patterns; `None` where one is too short for anything to be left out.
    pub(super) fn new(patterns: &[(u32, &[u8])], ignore_case: bool) -> Option<Self> {
        let shortest = patterns.iter().map(|(_, bytes)| bytes.len()).min()?;
        if shortest < SIEVED_BYTES {
            return None;
        }
        let stride = (shortest - (GRAM - 1)).min(STRIDE_MAX);
        let mask = u64::MAX >> (64 - 8 * shortest.min(8));
        let fold = if ignore_case { FOLD } else { 0 };
        let mut known: Vec<(u32, Beginning)> = Vec::new();
        for (_, pattern) in patterns {
            let bytes = (first_eight(pattern) | fold) & mask;
            for (before, gram) in pattern.windows(GRAM).take(stride).enumerate() {
                let hash = gram.first_chunk().map_or(0, |gram| hash(gram, fold));
                known.push((hash, Beginning { bytes, mask, before }));
            }
        }
        known.sort_unstable();
        known.dedup();
        let bits = known.len().saturating_mul(BITS_EACH).next_power_of_two().clamp(1 << 10, 1 << 22);
        let count = known.len().next_power_of_two().clamp(1 << 6, 1 << 18);
        let (bit_shift, bucket_shift) = (32 - bits.ilog2(), 32 - count.ilog2());
        let mut bitmap = vec![0u64; bits / 64];
        for (hash, _) in &known {
            let bit = (hash >> bit_shift) as usize;
            bitmap[bit / 64] |= 1 << (bit % 64);
        }
        let (mut buckets, mut beginnings) = (vec![0], Vec::new());
        let mut rest = &*known;
        for bucket in 0..count {
            let len = rest.partition_point(|(hash, _)| (hash >> bucket_shift) as usize <= bucket);
            let (here, behind) = rest.split_at(len);
            rest = behind;
            if len > COMPARED_MAX {
                beginnings.push(Beginning::ANY);
            } else {
                beginnings.extend(here.iter().map(|(_, beginning)| *beginning));
            }
            buckets.push(u32::try_from(beginnings.len()).unwrap_or(u32::MAX));
        }
        Some(Self { stride, ignore_case, bitmap, bit_shift, bucket_shift, buckets, beginnings })
    }

    /// How far before a place a pattern may begin that the place tells of.
    pub(super) const fn reach(&self) -> usize {
        self.stride - 1
    }

    /// Bytes at the end of a text in which a pattern may begin that no place tells of.
    pub(super) const fn tail(&self) -> usize {
        self.stride + GRAM - 2
    }

    /// Bytes that the sieve takes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.bitmap) + size_of_val(&*self.buckets) + size_of_val(&*self.beginnings)
    }

    /// Calls `candidate` with the places, ascending, of which a pattern may begin at most [`Sieve::reach`] bytes
    /// before. All that begin in `text` before its tail are among those.
    pub(super) fn sift(&self, text: &[u8], candidate: impl FnMut(usize)) {
        if self.ignore_case { self.go::<FOLD>(text, candidate) } else { self.go::<0>(text, candidate) }
    }

    #[inline(always)]
    fn go<const FOLDED: u64>(&self, text: &[u8], mut candidate: impl FnMut(usize)) {
        let (stride, shift) = (self.stride, self.bit_shift);
        let mut rest = text;
        let mut place = 0usize;
        while let Some(gram) = rest.first_chunk::<GRAM>() {
            let hash = hash(gram, FOLDED);
            let bit = (hash >> shift) as usize;
            let word = self.bitmap.get(bit / 64).copied().unwrap_or(0);
            if word >> (bit % 64) & 1 != 0 && self.compare(hash, text, place, FOLDED) {
                candidate(place);
            }
            rest = rest.get(stride..).unwrap_or_default();
            place = place.wrapping_add(stride);
        }
    }

    /// Whether a pattern may begin before `place`, whose four bytes have this hash.
    fn compare(&self, hash: u32, text: &[u8], place: usize, fold: u64) -> bool {
        let bucket = (hash >> self.bucket_shift) as usize;
        let Some([from, until]) = self.buckets.get(bucket..).and_then(|rest| rest.first_chunk()) else {
            return true;
        };
        let beginnings = self.beginnings.get(*from as usize..*until as usize).unwrap_or_default();
        beginnings.iter().any(|beginning| {
            // What begins before the text is under way already.
            let Some(begin) = place.checked_sub(beginning.before) else { return false };
            match text.get(begin..).and_then(|text| text.first_chunk()) {
                Some(bytes) => (u64::from_le_bytes(*bytes) | fold) & beginning.mask == beginning.bytes,
                None => true,
            }
        })
    }
}

/// Hash of four bytes, good in its upper bits.
#[expect(clippy::cast_possible_truncation, reason = "all bytes of the fold are the same")]
fn hash(gram: &[u8; GRAM], fold: u64) -> u32 {
    (u32::from_le_bytes(*gram) | fold as u32).wrapping_mul(0x9e37_79b1)
}

/// The first eight bytes of a pattern, zeros behind its end.
fn first_eight(pattern: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(pattern).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(patterns: &[&str], ignore_case: bool, text: &str) -> Option<Vec<usize>> {
        let patterns: Vec<(u32, &[u8])> = patterns.iter().map(|text| (0, text.as_bytes())).collect();
        let mut places = Vec::new();
        Sieve::new(&patterns, ignore_case)?.sift(text.as_bytes(), |place| places.push(place));
        Some(places)
    }

    #[test]
    fn short_patterns_have_no_sieve() {
        assert_eq!(candidates(&["abcdefgh", "abcd"], false, ""), None);
        assert_eq!(candidates(&["abcdefgh", "abcde"], false, ""), Some(vec![]));
    }

    #[test]
    fn a_pattern_is_found_wherever_it_begins() {
        for before in 0..20 {
            for (pattern, written) in [("abcdefgh", "abcdefgh"), ("AbC-e", "aBc-E")] {
                let text = format!("{}{written}xxxxxxxxxx", "x".repeat(before));
                let places = candidates(&[pattern], pattern != written, &text).unwrap();
                let [place] = places[..] else { panic!("{places:?} of {text}") };
                assert!((before..before + pattern.len()).contains(&place), "{place} of {text}");
            }
        }
    }

    #[test]
    fn what_begins_before_the_text_is_none() {
        assert_eq!(candidates(&["abcdefgh"], false, "defghxxxxxxxx"), Some(vec![]));
    }

    #[test]
    fn four_bytes_in_common_are_not_compared_with_each_pattern() {
        let texts: Vec<Vec<u8>> = (0..100u8).map(|n| [&[n; 2][..], b"same", &[n; 2]].concat()).collect();
        let patterns: Vec<(u32, &[u8])> = texts.iter().map(|text| (0, &**text)).collect();
        let sieve = Sieve::new(&patterns, false).unwrap();
        assert!(sieve.beginnings.contains(&Beginning::ANY));
        let most = sieve.buckets.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(most.unwrap() as usize <= COMPARED_MAX);
    }
}
