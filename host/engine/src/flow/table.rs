//! All flows of one engine: found by key, named by id.

use super::index::Index;
use super::queue::{Class, Queues};
use super::slab::Slab;
use super::{Flow, FlowId, FlowKey};

/// The flow table: places that stay where they are, and a keyed hash index over them.
#[derive(Debug)]
pub struct FlowTable {
    flows: Slab<Flow>,
    index: Index,
    hasher: ahash::RandomState,
    queues: Queues,
}

impl FlowTable {
    /// An empty table with room for `flows`. `seed` keys the hash; it must be secret where strangers choose tuples.
    #[must_use]
    pub fn new(seed: u64, flows: usize) -> Self {
        let hasher = ahash::RandomState::with_seeds(
            seed,
            !seed,
            seed.rotate_left(23),
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d),
        );
        Self { flows: Slab::new(flows), index: Index::default(), hasher, queues: Queues::default() }
    }

    /// Flows in the table, ended ones that absorb stragglers included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory of the table in bytes, as far as it was ever used: flows, their bookkeeping and the index; not the
    /// buffers of the flows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.flows.bytes().saturating_add(self.index.bytes())
    }

    /// The hash of a key, under keys that must be secret: the tuple is chosen by strangers.
    #[inline]
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
        self.index.find(hash, |place| self.get(place).is_some_and(|flow| flow.key == *key))
    }

    /// A place of a flow whose key has this hash, without a look at the flow.
    #[must_use]
    pub(crate) fn guess(&self, hash: u32) -> Option<u32> {
        self.index.find(hash, |_| true)
    }

    /// Brings a flow into the cache; gives something that depends on each of its cache lines.
    pub(crate) fn touch(&self, place: u32) -> u64 {
        self.get(place).map_or(0, Flow::touch)
    }

    /// The flow at a place.
    #[inline]
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Flow> {
        self.flows.get(index)
    }

    /// The flow at a place, to change.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Flow> {
        self.flows.get_mut(index)
    }

    /// The place of the flow with this name, if it is still tracked.
    #[must_use]
    pub fn resolve(&self, id: FlowId) -> Option<u32> {
        self.get(id.index).filter(|flow| flow.generation == id.generation).map(|_| id.index)
    }

    /// Puts a flow in whose key has this hash, made from the generation that it is to carry; gives its place. `None`
    /// when places run out.
    pub fn insert(&mut self, hash: u32, make: impl FnOnce(u32) -> Flow) -> Option<u32> {
        let place = self.flows.insert(make)?;
        self.index.insert(hash, place);
        Some(place)
    }

    /// Takes a flow out.
    pub fn remove(&mut self, index: u32) -> Option<Flow> {
        self.queues.remove(&mut self.flows, index);
        let flow = self.flows.remove(index)?;
        self.index.remove(self.hash(&flow.key), index);
        Some(flow)
    }

    /// Notes what a flow is worth when room is needed.
    pub(crate) fn classify(&mut self, index: u32) {
        let Some(flow) = self.get(index) else { return };
        let class = Class::of(flow);
        if class != flow.class {
            self.queues.assign(&mut self.flows, index, class);
        }
    }

    /// Flows of a class.
    #[must_use]
    pub(crate) fn count(&self, class: Class) -> usize {
        self.queues.count(class)
    }

    /// The flow that has been of a class for longest.
    #[must_use]
    pub(crate) fn oldest(&self, class: Class) -> Option<u32> {
        self.queues.oldest(class)
    }

    /// Places of all flows, ascending.
    pub fn places(&self) -> impl Iterator<Item = u32> {
        self.flows.places()
    }

    /// How far places go: none is as high.
    #[must_use]
    pub(crate) fn span(&self) -> u32 {
        u32::try_from(self.flows.span()).unwrap_or(u32::MAX)
    }
}
