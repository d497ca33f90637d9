//! Places by the hash of their key: a hash table in parts.

use hashbrown::HashTable;

/// Parts of the index. Each grows and shrinks on its own, so that no packet waits for more than the 64th part of all
/// flows to be sorted in anew: far below a millisecond with a million flows.
const PARTS: usize = 64;

/// Room of a part that is never given back. Above, one that holds less than an eighth of its room is made smaller.
const SHRINK_ABOVE: usize = 64;

/// What the index holds of a flow: its place, and the hash of its key, so that neither a search nor growing has to look
/// at flows that are not the one.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: u32,
    hash: u32,
}

/// Places in the flow table, found by hash.
#[derive(Debug)]
pub(super) struct Index {
    parts: Box<[HashTable<Entry>; PARTS]>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { parts: Box::new(std::array::from_fn(|_| HashTable::new())), len: 0 }
    }
}

impl Index {
    /// Places in it.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Memory in use, in bytes: an entry and a byte of its hash for each bucket, of which an eighth stays empty.
    pub(super) fn bytes(&self) -> usize {
        let buckets = self.parts.iter().map(|part| part.capacity().saturating_mul(8) / 7);
        buckets.map(|buckets| buckets.saturating_mul(size_of::<Entry>().saturating_add(1))).sum()
    }

    /// The place with this hash that is the one.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let spread = spread(hash);
        let entry = self.parts[part(spread)].find(spread, |entry| entry.hash == hash && is_it(entry.place));
        entry.map(|entry| entry.place)
    }

    /// Adds a place that is not there.
    pub(super) fn insert(&mut self, hash: u32, place: u32) {
        let spread = spread(hash);
        self.parts[part(spread)].insert_unique(spread, Entry { place, hash }, rehash);
        self.len = self.len.saturating_add(1);
    }

    /// Takes a place out.
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let spread = spread(hash);
        let part = &mut self.parts[part(spread)];
        let Ok(entry) = part.find_entry(spread, |entry| entry.place == place) else { return };
        entry.remove();
        self.len = self.len.saturating_sub(1);
        if part.capacity() > SHRINK_ABOVE && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len().saturating_mul(2), rehash);
        }
    }
}

/// A hash for the parts, which take the place from the low bits and a tag from the high ones.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const fn rehash(entry: &Entry) -> u64 {
    spread(entry.hash)
}

/// The part for a hash: by bits that the parts themselves look at neither for the place nor for the tag.
const fn part(spread: u64) -> usize {
    (spread >> 32) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_is_found_until_it_is_taken_out_and_memory_is_given_back() {
        // Some have a hash in common.
        let hash = |place: u32| (place / 2).wrapping_mul(0x9e37_79b9);
        let mut index = Index::default();
        let found = |index: &Index, place: u32| index.find(hash(place), |known| known == place);
        for place in 0..100_000 {
            index.insert(hash(place), place);
        }
        let full = index.bytes();
        assert!((0..100_000).all(|place| found(&index, place) == Some(place)));
        for place in 1_000..100_000 {
            index.remove(hash(place), place);
        }
        assert_eq!(index.len(), 1_000);
        assert!((0..100_000).all(|place| found(&index, place).is_some() == (place < 1_000)));
        assert!(index.bytes() < full / 10, "{} of {full}", index.bytes());
    }
}
