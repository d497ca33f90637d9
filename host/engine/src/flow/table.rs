//! All flows of one engine: found by key, named by id.

use hashbrown::HashTable;

use super::queue::{Class, Queues};
use super::{Flow, FlowId, FlowKey};

/// What the index holds of a flow: its place, and the hash of its key, so that neither a search nor growing has to look
/// at flows that are not the one.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: u32,
    hash: u32,
}

/// The flow table: slots that stay where they are, and a keyed hash index over them.
#[derive(Debug)]
pub struct FlowTable {
    slots: Vec<Option<Flow>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    index: HashTable<Entry>,
    hasher: ahash::RandomState,
    queues: Queues,
}

impl FlowTable {
    /// An empty table. `seed` keys the hash; it must be secret where strangers choose tuples.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(
            seed,
            !seed,
            seed.rotate_left(23),
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d),
        );
        Self {
            slots: Vec::new(),
            generations: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher,
            queues: Queues::default(),
        }
    }

    /// Flows in the table, ended ones that absorb stragglers included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The hash of a key, under keys that must be secret: the tuple is chosen by strangers.
    #[must_use]
    pub fn hash(&self, key: &FlowKey) -> u32 {
        let hash = key.hash_with(&self.hasher);
        #[expect(clippy::cast_possible_truncation, reason = "both halves count")]
        let folded = (hash ^ hash >> 32) as u32;
        folded
    }

    /// The place of the flow with `key`, whose [hash](FlowTable::hash) is `hash`.
    #[must_use]
    pub fn find(&self, hash: u32, key: &FlowKey) -> Option<u32> {
        let is_it =
            |entry: &Entry| entry.hash == hash && self.get(entry.place).is_some_and(|flow| flow.key == *key);
        self.index.find(spread(hash), is_it).map(|entry| entry.place)
    }

    /// A place of a flow whose key has this hash, without a look at the flow.
    #[must_use]
    pub(crate) fn guess(&self, hash: u32) -> Option<u32> {
        self.index.find(spread(hash), |entry| entry.hash == hash).map(|entry| entry.place)
    }

    /// Brings a flow into the cache; gives something that depends on each of its cache lines.
    pub(crate) fn touch(&self, place: u32) -> u64 {
        self.get(place).map_or(0, Flow::touch)
    }

    /// The flow at a place.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Flow> {
        self.slots.get(index as usize)?.as_ref()
    }

    /// The flow at a place, to change.
    #[must_use]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Flow> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// The place of the flow with this name, if it is still tracked.
    #[must_use]
    pub fn resolve(&self, id: FlowId) -> Option<u32> {
        self.get(id.index).filter(|flow| flow.generation == id.generation).map(|_| id.index)
    }

    /// Puts a flow in whose key has this hash, made from the generation that it is to carry; gives its place. `None`
    /// when places run out.
    pub fn insert(&mut self, hash: u32, make: impl FnOnce(u32) -> Flow) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok().filter(|index| *index < u32::MAX)?;
                self.slots.push(None);
                self.generations.push(0);
                index
            }
        };
        let generation = &mut self.generations[index as usize];
        *generation = generation.wrapping_add(1).max(1);
        self.slots[index as usize] = Some(make(*generation));
        self.index.insert_unique(spread(hash), Entry { place: index, hash }, |entry| spread(entry.hash));
        Some(index)
    }

    /// Takes a flow out.
    pub fn remove(&mut self, index: u32) -> Option<Flow> {
        self.queues.remove(&mut self.slots, index);
        let flow = self.slots.get_mut(index as usize)?.take()?;
        let hash = self.hash(&flow.key);
        if let Ok(entry) = self.index.find_entry(spread(hash), |candidate| candidate.place == index) {
            entry.remove();
        }
        self.free.push(index);
        Some(flow)
    }

    /// Notes what a flow is worth when room is needed.
    pub(crate) fn classify(&mut self, index: u32) {
        let Some(flow) = self.get(index) else { return };
        let class = if flow.end.is_some() {
            Class::Ended
        } else if flow.is_half_open() {
            Class::HalfOpen
        } else if flow.marks.partial && !flow.marks.two_sided {
            Class::OneSided
        } else {
            Class::None
        };
        if class != flow.class {
            self.queues.assign(&mut self.slots, index, class);
        }
    }

    /// The flow to push out when room is needed: half-open ones first, then ended ones, then one-sided ones.
    #[must_use]
    pub(crate) fn expendable(&self) -> Option<u32> {
        self.queues.oldest()
    }

    /// Places of all flows, ascending.
    pub fn places(&self) -> impl Iterator<Item = u32> {
        let taken =
            |(index, slot): (usize, &Option<Flow>)| slot.as_ref().and_then(|_| u32::try_from(index).ok());
        self.slots.iter().enumerate().filter_map(taken)
    }
}

/// A hash for the index, which takes the place from the low bits and a tag from the high ones.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
