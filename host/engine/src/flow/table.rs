//! All flows of one engine: found by key, named by id.

use hashbrown::HashTable;

use super::queue::{Class, Queues};
use super::{Flow, FlowId, FlowKey};

/// The flow table: slots that stay where they are, and a keyed hash index over them.
#[derive(Debug)]
pub struct FlowTable {
    slots: Vec<Option<Flow>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    index: HashTable<u32>,
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

    /// The place of the flow with `key`.
    #[must_use]
    pub fn find(&self, key: &FlowKey) -> Option<u32> {
        let matches = |index: &u32| self.get(*index).is_some_and(|flow| flow.key == *key);
        self.index.find(key.hash_with(&self.hasher), matches).copied()
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

    /// Puts a flow in, made from the generation that it is to carry; gives its place. `None` when places run out.
    pub fn insert(&mut self, make: impl FnOnce(u32) -> Flow) -> Option<u32> {
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
        let flow = make(*generation);
        let hash = flow.key.hash_with(&self.hasher);
        self.slots[index as usize] = Some(flow);
        let Self { slots, index: table, hasher, .. } = self;
        table.insert_unique(hash, index, |index| rehash(slots, hasher, *index));
        Some(index)
    }

    /// Takes a flow out.
    pub fn remove(&mut self, index: u32) -> Option<Flow> {
        self.queues.remove(&mut self.slots, index);
        let flow = self.slots.get_mut(index as usize)?.take()?;
        let hash = flow.key.hash_with(&self.hasher);
        if let Ok(entry) = self.index.find_entry(hash, |candidate| *candidate == index) {
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

fn rehash(slots: &[Option<Flow>], hasher: &ahash::RandomState, index: u32) -> u64 {
    slots.get(index as usize).and_then(Option::as_ref).map_or(0, |flow| flow.key.hash_with(hasher))
}
