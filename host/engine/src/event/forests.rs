//! The i-forests of one tenant: each set of registrations once, however many flows invoke it.
//!
//! Flows and monitors hold a number and are counted. A change looks for the set that it leads to by a hash that does
//! not depend on the order of the registrations, compares it in full, and makes a new one only if there is none; what
//! nobody holds any more is forgotten. A million flows that all have registered one of ten sets hold ten.

mod changed;

use std::rc::Rc;

use ahash::RandomState;
use hashbrown::HashTable;

use self::changed::{Merged, is_changed};
use super::{DefinedEvents, IForest, Registration};
use crate::Refusal;
use crate::limits::{FORESTS_PER_TENANT, REGISTRATIONS_PER_FOREST, REGISTRATIONS_PER_TENANT};

/// What a set of registrations is changed by: one goes, one comes, or one comes for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Change {
    /// What goes.
    pub remove: Option<Registration>,
    /// What comes.
    pub add: Option<Registration>,
}

/// What was done with the i-forests of a tenant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ForestCounters {
    /// I-forests that were made.
    pub made: u64,
    /// Changes that led to one that was there.
    pub shared: u64,
    /// Times that a flow began with its monitor's.
    pub inherited: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// The most that there were at once.
    pub peak: u64,
    /// Flows and monitors that hold one.
    pub held: u64,
    /// The most that there were of those at once.
    pub held_peak: u64,
}

#[derive(Debug, Default)]
struct Place {
    /// Flows and monitors that hold it.
    holders: u64,
    forest: Rc<IForest>,
    /// Whether the index leads here: of two places whose sets became equal, only to one.
    is_indexed: bool,
}

/// The i-forests of one tenant.
#[derive(Debug)]
pub struct Forests {
    places: Vec<Place>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    registrations: usize,
    /// Whether two places may hold one set.
    has_twins: bool,
    /// What is in the places that are free.
    nothing: Rc<IForest>,
    counters: ForestCounters,
}

impl Default for Forests {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::with_seeds(0, 0, 0, 0),
            registrations: 0,
            has_twins: false,
            nothing: Rc::default(),
            counters: ForestCounters::default(),
        }
    }
}

impl Forests {
    /// Uses another hash: one with a secret, since guests could choose registrations whose hashes collide.
    pub fn rekey(&mut self, hasher: RandomState, events: &DefinedEvents) {
        self.hasher = hasher;
        self.index.clear();
        for number in (0..).take(self.places.len()) {
            let Some(place) = self.places.get(number as usize) else { return };
            let entries = place.forest.entries();
            let hash = entries.iter().fold(0, |hash, entry| hash ^ self.mix(*entry));
            let (forest, is_indexed) = (IForest::new(entries.into(), hash, events), place.is_indexed);
            if let Some(place) = self.places.get_mut(number as usize) {
                place.forest = Rc::new(forest);
            }
            if is_indexed {
                self.add_to_index(number, hash);
            }
        }
    }

    /// The set without registrations, held once more.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] when there are as many sets as a tenant may have.
    pub fn hold_empty(&mut self, events: &DefinedEvents) -> Result<u32, Refusal> {
        let number = match self.find(0, |forest| forest.entries().is_empty()) {
            Some(number) => number,
            None => self.insert(IForest::new(Vec::new(), 0, events))?,
        };
        self.hold(number);
        self.counters.held_peak = self.counters.held_peak.max(self.counters.held);
        Ok(number)
    }

    /// Holds a set once more: what a flow does when it begins.
    pub fn inherit(&mut self, number: u32) {
        self.counters.inherited += 1;
        self.hold(number);
        self.counters.held_peak = self.counters.held_peak.max(self.counters.held);
    }

    fn hold(&mut self, number: u32) {
        if let Some(place) = self.places.get_mut(number as usize) {
            place.holders += 1;
            self.counters.held += 1;
        }
    }

    /// Lets a set go; it is forgotten when nobody holds it.
    pub fn release(&mut self, number: u32) {
        let Some(place) = self.places.get_mut(number as usize).filter(|place| place.holders > 0) else {
            return;
        };
        place.holders -= 1;
        self.counters.held = self.counters.held.saturating_sub(1);
        if place.holders > 0 {
            return;
        }
        let forest = std::mem::replace(&mut place.forest, Rc::clone(&self.nothing));
        let was_indexed = std::mem::take(&mut place.is_indexed);
        self.free.push(number);
        if was_indexed {
            self.unindex(number, forest.hash());
            self.registrations = self.registrations.saturating_sub(forest.entries().len());
            self.index_twin(&forest);
        }
    }

    /// The set with this number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Rc<IForest>> {
        self.places.get(number as usize).filter(|place| place.holders > 0).map(|place| &place.forest)
    }

    /// Exchanges a held set for what a change makes of it, and gives the number of that. A registration that is there
    /// already changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] if what is to go is not there, [`Refusal::TooMany`]; the set stays held then.
    pub fn change(&mut self, number: u32, change: Change, events: &DefinedEvents) -> Result<u32, Refusal> {
        let changed = self.changed(number, change, events);
        self.counters.refused += u64::from(changed.is_err());
        changed
    }

    fn changed(&mut self, number: u32, change: Change, events: &DefinedEvents) -> Result<u32, Refusal> {
        let base = self.get(number).ok_or(Refusal::BadId)?;
        let has = |entry: &Registration| base.entries().binary_search(entry).is_ok();
        if change.remove.is_some_and(|entry| !has(&entry)) {
            return Err(Refusal::BadId);
        }
        let add = change.add.filter(|entry| !has(entry) && change.remove != change.add);
        let remove = change.remove.filter(|_| change.remove != change.add);
        if add.is_none() && remove.is_none() {
            return Ok(number);
        }
        let hash =
            [remove, add].into_iter().flatten().fold(base.hash(), |hash, entry| hash ^ self.mix(entry));
        let found = self.find(hash, |forest| is_changed(forest.entries(), base.entries(), remove, add));
        if let Some(target) = found {
            self.counters.shared += 1;
            self.hold(target);
            self.release(number);
            return Ok(target);
        }
        let before = base.entries().len();
        let after = (before + usize::from(add.is_some())).saturating_sub(usize::from(remove.is_some()));
        let held = self.registrations.saturating_add(after);
        if after > REGISTRATIONS_PER_FOREST || held > REGISTRATIONS_PER_TENANT {
            return Err(Refusal::TooMany);
        }
        if self.change_in_place(number, (remove, add), hash, events) {
            self.registrations = held.saturating_sub(before);
            return Ok(number);
        }
        let base = self.get(number).ok_or(Refusal::BadId)?;
        let entries: Vec<Registration> = Merged::of(base.entries(), remove, add).collect();
        let target = self.insert(IForest::new(entries, hash, events))?;
        self.hold(target);
        self.release(number);
        Ok(target)
    }

    /// Changes a set that nobody else has, instead of making another and forgetting it: what a flow comes by that
    /// registers several handlers one after the other. False if somebody has it, or a pass is under way with it.
    fn change_in_place(
        &mut self,
        number: u32,
        change: (Option<Registration>, Option<Registration>),
        hash: u64,
        events: &DefinedEvents,
    ) -> bool {
        let Some(place) = self.places.get_mut(number as usize) else { return false };
        if place.holders != 1 || !place.is_indexed {
            return false;
        }
        let Some(forest) = Rc::get_mut(&mut place.forest) else { return false };
        let before = forest.hash();
        forest.change(change, hash, events);
        self.unindex(number, before);
        self.add_to_index(number, hash);
        true
    }

    /// Takes events out of every set.
    pub fn forget(&mut self, gone: &[u32], events: &DefinedEvents) {
        let mut gone = gone.to_vec();
        gone.sort_unstable();
        let is_gone = |entry: &Registration| gone.binary_search(&entry.event).is_ok();
        let concerned: Vec<u32> = (0..)
            .zip(&self.places)
            .filter(|(_, place)| place.forest.entries().iter().any(is_gone))
            .map(|(number, _)| number)
            .collect();
        for number in &concerned {
            let Some(place) = self.places.get_mut(*number as usize) else { continue };
            if std::mem::take(&mut place.is_indexed) {
                let forest = Rc::clone(&place.forest);
                self.unindex(*number, forest.hash());
                self.registrations = self.registrations.saturating_sub(forest.entries().len());
            }
        }
        for number in concerned {
            let Some(place) = self.places.get(number as usize) else { continue };
            let left: Vec<Registration> =
                place.forest.entries().iter().copied().filter(|entry| !is_gone(entry)).collect();
            let hash = left.iter().fold(0, |hash, entry| hash ^ self.mix(*entry));
            let twin = self.find(hash, |forest| *forest.entries() == *left);
            let twin =
                twin.and_then(|twin| self.places.get(twin as usize)).map(|place| Rc::clone(&place.forest));
            self.has_twins |= twin.is_some();
            let is_indexed = twin.is_none();
            let forest = twin.unwrap_or_else(|| Rc::new(IForest::new(left, hash, events)));
            if is_indexed {
                self.registrations = self.registrations.saturating_add(forest.entries().len());
                self.add_to_index(number, hash);
            }
            if let Some(place) = self.places.get_mut(number as usize) {
                (place.forest, place.is_indexed) = (forest, is_indexed);
            }
        }
    }

    /// How many different sets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Memory that all sets take, in bytes, without what an allocator adds. Looks at each of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let places = self.places.capacity().saturating_mul(size_of::<Place>());
        let numbers = self.free.capacity().saturating_mul(size_of::<u32>()) + self.index.allocation_size();
        // Twins share one set: it counts where the index leads to it.
        let indexed = self.places.iter().filter(|place| place.is_indexed);
        indexed.fold(places + numbers, |bytes, place| bytes.saturating_add(place.forest.bytes()))
    }

    /// Sets with how many flows and monitors hold them; two that became equal are listed apart.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &IForest)> {
        self.places.iter().filter(|place| place.holders > 0).map(|place| (place.holders, &*place.forest))
    }

    /// What was done.
    #[must_use]
    pub const fn counters(&self) -> &ForestCounters {
        &self.counters
    }

    fn mix(&self, entry: Registration) -> u64 {
        self.hasher.hash_one(entry)
    }

    fn find(&self, hash: u64, is_equal: impl Fn(&IForest) -> bool) -> Option<u32> {
        let forest = |number: &u32| self.places.get(*number as usize).map(|place| &*place.forest);
        let found = self.index.find(hash, |number| {
            forest(number).is_some_and(|forest| forest.hash() == hash && is_equal(forest))
        });
        found.copied()
    }

    fn insert(&mut self, forest: IForest) -> Result<u32, Refusal> {
        if self.index.len() >= FORESTS_PER_TENANT {
            return Err(Refusal::TooMany);
        }
        let (hash, entries) = (forest.hash(), forest.entries().len());
        let place = Place { holders: 0, forest: Rc::new(forest), is_indexed: true };
        let number = match self.free.pop() {
            Some(number) => {
                if let Some(free) = self.places.get_mut(number as usize) {
                    *free = place;
                }
                number
            }
            None => {
                let number = u32::try_from(self.places.len()).map_err(|_| Refusal::TooMany)?;
                self.places.push(place);
                number
            }
        };
        self.add_to_index(number, hash);
        self.registrations = self.registrations.saturating_add(entries);
        self.counters.made += 1;
        self.counters.peak = self.counters.peak.max(self.index.len() as u64);
        Ok(number)
    }

    fn add_to_index(&mut self, number: u32, hash: u64) {
        let places = &self.places;
        let rehash = |number: &u32| places.get(*number as usize).map_or(0, |place| place.forest.hash());
        self.index.insert_unique(hash, number, rehash);
    }

    fn unindex(&mut self, number: u32, hash: u64) {
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == number) {
            entry.remove();
        }
    }

    /// The index leads to another place with the set that it led to, if there is one.
    fn index_twin(&mut self, forest: &Rc<IForest>) {
        // A pass may have it, too; who looks through all places then does so once.
        if !self.has_twins || Rc::strong_count(forest) == 1 {
            return;
        }
        let is_twin = |place: &Place| place.holders > 0 && Rc::ptr_eq(&place.forest, forest);
        let Some(position) = self.places.iter().position(is_twin) else { return };
        let Ok(number) = u32::try_from(position) else { return };
        self.add_to_index(number, forest.hash());
        self.registrations = self.registrations.saturating_add(forest.entries().len());
        if let Some(place) = self.places.get_mut(position) {
            place.is_indexed = true;
        }
    }
}

#[cfg(test)]
mod tests;
