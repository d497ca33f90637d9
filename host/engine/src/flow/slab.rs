//! Places that never move.
//!
//! A table that grows by doubling copies all it holds, stands still for as long as that takes, and needs three times
//! its memory meanwhile: during a flood, when there is neither. Here all of the room is asked for once, before the
//! first value; memory that was never written is no memory yet, so a table costs what it has held at most.

/// Values at places from 0 on. See the module.
#[derive(Debug)]
pub(super) struct Slab<T> {
    values: Vec<Option<T>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    /// Values that there are to be at most.
    room: usize,
}

impl<T> Slab<T> {
    /// Room for so many values. More find a place too, at the price of growing.
    pub(super) const fn new(room: usize) -> Self {
        Self { values: Vec::new(), generations: Vec::new(), free: Vec::new(), room }
    }

    /// The value at a place.
    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.values.get(place as usize)?.as_ref()
    }

    /// The value at a place, to change.
    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.values.get_mut(place as usize)?.as_mut()
    }

    /// Puts a value in, made from the generation of its place, which no earlier value there had; gives the place.
    /// `None` when places run out.
    pub(super) fn insert(&mut self, make: impl FnOnce(u32) -> T) -> Option<u32> {
        let place = match self.free.pop() {
            Some(place) => place,
            None => self.add_place()?,
        };
        let generation = self.generations.get_mut(place as usize)?;
        *generation = generation.wrapping_add(1).max(1);
        *self.values.get_mut(place as usize)? = Some(make(*generation));
        Some(place)
    }

    /// Takes the value at a place out.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.values.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(value)
    }

    /// Places of all values, ascending.
    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        let places = (0..=u32::MAX).zip(&self.values);
        places.filter_map(|(place, value)| value.as_ref().map(|_| place))
    }

    /// How far places go: none is as high.
    pub(super) const fn span(&self) -> usize {
        self.values.len()
    }

    /// Memory that was ever written, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        let each = size_of::<Option<T>>().saturating_add(size_of::<[u32; 2]>());
        self.span().saturating_mul(each)
    }

    fn add_place(&mut self) -> Option<u32> {
        if self.values.is_empty() {
            // Where the system promises no memory that it does not have, growing is left to the vectors.
            let _ = self.values.try_reserve_exact(self.room);
            let _ = self.generations.try_reserve_exact(self.room);
            let _ = self.free.try_reserve_exact(self.room);
        }
        // The highest number names no place: lists end with it.
        let place = u32::try_from(self.values.len()).ok().filter(|place| *place < u32::MAX)?;
        self.values.push(None);
        self.generations.push(0);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;

    #[test]
    fn it_holds_what_a_map_holds_and_never_names_two_values_alike() {
        let (mut slab, mut map, mut random) = (Slab::new(1_000), BTreeMap::new(), 7u64);
        let mut named = HashSet::new();
        for round in 0..60_000u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // More is added than taken out, then the other way round, down to nothing.
            let is_added = (random >> 60) < if round % 20_000 < 8_000 { 12 } else { 3 };
            if is_added {
                let mut given = 0;
                let place = slab.insert(|generation| {
                    given = generation;
                    round
                });
                let place = place.unwrap();
                assert!(named.insert((place, given)), "{place} was {given} before");
                assert_eq!(map.insert(place, round), None);
            } else {
                let from = u32::try_from(random >> 40).unwrap() % 4096;
                let found = map.range(from..).next().or_else(|| map.iter().next()).map(|(place, _)| *place);
                let Some(place) = found else { continue };
                assert_eq!(slab.remove(place), map.remove(&place));
                assert_eq!(slab.get(place), None);
            }
        }
        assert!(slab.places().eq(map.keys().copied()));
        assert!(map.iter().all(|(place, value)| slab.get(*place) == Some(value)));
    }

    #[test]
    fn values_stay_where_they_are_and_room_is_used_again() {
        let mut slab = Slab::new(1_000);
        let place = slab.insert(|_| 0).unwrap();
        let address = std::ptr::from_ref(slab.get(place).unwrap());
        for value in 1..1_000 {
            slab.insert(|_| value).unwrap();
        }
        assert_eq!(std::ptr::from_ref(slab.get(place).unwrap()), address);
        let full = slab.bytes();
        for _ in 0..3 {
            let places: Vec<u32> = slab.places().collect();
            assert!(places.into_iter().all(|place| slab.remove(place).is_some()));
            assert!((0..1_000).all(|value| slab.insert(|_| value).is_some()));
        }
        assert_eq!(slab.bytes(), full);
    }
}
