//! Datagrams by key and by age.

use hashbrown::HashTable;

use super::datagram::Datagram;
use super::key::Key;
use crate::Nanos;

const NONE: u32 = u32::MAX;

/// Datagrams in slots that stay where they are, a keyed hash index over them, and a list by age.
///
/// All datagrams wait equally long, so the list by age is also the list by deadline: finding, taking out and expiring
/// the oldest one costs the same however many there are.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Option<Datagram>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: ahash::RandomState,
    oldest: u32,
    youngest: u32,
    bytes: usize,
}

impl Table {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(
            seed.rotate_left(41),
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            !seed,
            seed,
        );
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher,
            oldest: NONE,
            youngest: NONE,
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Memory that all datagrams take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        let matches = |place: &u32| self.get(*place).is_some_and(|datagram| datagram.key == *key);
        self.index.find(key.hash_with(&self.hasher), matches).copied()
    }

    pub(super) fn get(&self, place: u32) -> Option<&Datagram> {
        self.slots.get(place as usize)?.as_ref()
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut Datagram> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    /// Place and deadline of the oldest datagram.
    pub(super) fn oldest(&self) -> Option<(u32, Nanos)> {
        self.get(self.oldest).map(|datagram| (self.oldest, datagram.deadline))
    }

    /// Changes a datagram and keeps account of its memory.
    pub(super) fn change<T>(&mut self, place: u32, change: impl FnOnce(&mut Datagram) -> T) -> Option<T> {
        let datagram = self.slots.get_mut(place as usize)?.as_mut()?;
        let before = datagram.cost();
        let result = change(datagram);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(datagram.cost());
        Some(result)
    }

    /// Puts the youngest datagram in. `None` when places run out.
    pub(super) fn insert(&mut self, mut datagram: Datagram) -> Option<u32> {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.slots.len()).ok().filter(|place| *place < NONE)?;
                self.slots.push(None);
                place
            }
        };
        let hash = datagram.key.hash_with(&self.hasher);
        self.bytes = self.bytes.saturating_add(datagram.cost());
        datagram.previous = self.youngest;
        datagram.next = NONE;
        let previous = std::mem::replace(&mut self.youngest, place);
        match self.get_mut(previous) {
            Some(previous) => previous.next = place,
            None => self.oldest = place,
        }
        self.slots[place as usize] = Some(datagram);
        let Self { slots, index, hasher, .. } = self;
        index.insert_unique(hash, place, |place| rehash(slots, hasher, *place));
        Some(place)
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<Datagram> {
        let datagram = self.slots.get_mut(place as usize)?.take()?;
        match self.get_mut(datagram.previous) {
            Some(previous) => previous.next = datagram.next,
            None => self.oldest = datagram.next,
        }
        match self.get_mut(datagram.next) {
            Some(next) => next.previous = datagram.previous,
            None => self.youngest = datagram.previous,
        }
        let hash = datagram.key.hash_with(&self.hasher);
        if let Ok(entry) = self.index.find_entry(hash, |candidate| *candidate == place) {
            entry.remove();
        }
        self.bytes = self.bytes.saturating_sub(datagram.cost());
        self.free.push(place);
        Some(datagram)
    }
}

fn rehash(slots: &[Option<Datagram>], hasher: &ahash::RandomState, place: u32) -> u64 {
    let datagram = slots.get(place as usize).and_then(Option::as_ref);
    datagram.map_or(0, |datagram| datagram.key.hash_with(hasher))
}
