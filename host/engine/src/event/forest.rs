//! What a flow invokes: the events that have a handler, and the filters on the way to them.
//!
//! An [`IForest`] is a set of registrations. Flows share it by reference ([`Forests`](super::Forests)); it changes
//! only while one has it alone. What dispatch walks, a [`Forest`], is made of the set when it is needed first: each
//! tree laid out as a list in pre-order, where every node knows how far its subtree reaches, so that a false filter
//! skips to there.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use smallvec::SmallVec;

use super::{DefinedEvents, EventFilter, EventKind, HOOKS, Hook, KINDS, NativeFilter};

/// A handler of an event at a hook.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Registration {
    /// Number of the event.
    pub event: u32,
    /// The hook.
    pub hook: Hook,
    /// Number of the guest's handler.
    pub handler: u32,
}

/// The registrations of a monitor or a flow. Equal sets are one.
#[derive(Debug, Default)]
pub struct IForest {
    entries: Vec<Registration>,
    hash: u64,
    interest: u32,
    needs: Vec<(u64, u64)>,
    forest: OnceCell<Forest>,
}

impl IForest {
    /// A set of registrations in ascending order, given its order-independent hash.
    pub(super) fn new(entries: Vec<Registration>, hash: u64, events: &DefinedEvents) -> Self {
        let mut set = Self { entries, hash, ..Self::default() };
        set.learn_all(events);
        set
    }

    /// Changes a set that only one flow or monitor holds and nobody walks: `remove` is in it, `add` is not.
    pub(super) fn change(
        &mut self,
        (remove, add): (Option<Registration>, Option<Registration>),
        hash: u64,
        events: &DefinedEvents,
    ) {
        self.hash = hash;
        self.forest = OnceCell::new();
        if let Some(place) = remove.and_then(|entry| self.entries.binary_search(&entry).ok()) {
            self.entries.remove(place);
            (self.interest, self.needs) = (0, Vec::new());
            self.learn_all(events);
        }
        let Some(entry) = add else { return };
        if let Err(place) = self.entries.binary_search(&entry) {
            if self.entries.len() == self.entries.capacity() {
                self.entries.reserve_exact(ROOM);
            }
            self.entries.insert(place, entry);
            self.learn(entry, events);
        }
    }

    fn learn_all(&mut self, events: &DefinedEvents) {
        for place in 0..self.entries.len() {
            if let Some(entry) = self.entries.get(place) {
                self.learn(*entry, events);
            }
        }
    }

    /// Notes what a registration means for interest and needs.
    fn learn(&mut self, entry: Registration, events: &DefinedEvents) {
        if let Some(root) = events.root_of(entry.event) {
            self.interest |= interest_bit(root, entry.hook);
        }
        for event in path(events, entry.event).map_while(|number| events.get(number)) {
            if let EventFilter::Native(filter) = &event.filter
                && let Some(stretch) = filter.needs()
                && let Err(place) = self.needs.binary_search(&stretch)
            {
                self.needs.insert(place, stretch);
            }
        }
    }

    /// The registrations, in ascending order.
    #[must_use]
    pub fn entries(&self) -> &[Registration] {
        &self.entries
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Memory that the set takes with what dispatch walks, in bytes, without what an allocator adds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let forest = self.forest.get();
        let trees = forest.map_or(0, |forest| size_of_val(&*forest.nodes) + size_of_val(&*forest.handlers));
        let entries = self.entries.capacity() * size_of::<Registration>();
        size_of::<Self>() + entries + self.needs.capacity() * size_of::<(u64, u64)>() + trees
    }

    /// Which (kind, hook) pairs have a handler in their tree; see [`interest_bit`].
    #[must_use]
    pub const fn interest(&self) -> u32 {
        self.interest
    }

    /// Whether a filter looks at a stretch of a stream.
    #[must_use]
    pub(crate) const fn has_patterns(&self) -> bool {
        !self.needs.is_empty()
    }

    /// From where on a stream that stands at `next` must be kept for filters that look at a stretch of it: the first
    /// byte of the stretches that are not complete yet.
    #[must_use]
    pub(crate) fn needs_from(&self, next: u64) -> Option<u64> {
        self.needs.iter().find(|(offset, end)| *offset < next && next < *end).map(|(offset, _)| *offset)
    }

    /// What dispatch walks; `deferred` are the handlers that are called at the end of the burst.
    pub(super) fn forest(&self, events: &DefinedEvents, deferred: &BTreeSet<u32>) -> &Forest {
        self.forest.get_or_init(|| Forest::compile(&self.entries, events, deferred))
    }
}

/// Whether an event happens when its parent does, as dispatch asks it.
#[derive(Clone, Debug)]
pub enum NodeFilter {
    /// It is a built-in event.
    Always,
    /// The guest's filter with this number.
    Guest(u32),
    /// A filter that is evaluated without the guest.
    Native(Rc<NativeFilter>),
    /// If it was raised.
    Raised,
}

/// A handler of a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NodeHandler {
    /// The guest's number.
    pub id: u32,
    /// It is called at the end of the burst.
    pub is_deferred: bool,
}

/// An event in a forest.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its number.
    pub event: u32,
    /// Whether it happens.
    pub filter: NodeFilter,
    /// Argument of the definition.
    pub argument: u64,
    /// First of its handlers in [`Forest::handlers`].
    handlers_from: u32,
    /// Behind the last of them.
    handlers_until: u32,
    /// Behind the last node of its subtree.
    pub subtree_end: u32,
}

/// The trees of one set of registrations.
#[derive(Debug)]
pub struct Forest {
    nodes: Box<[Node]>,
    handlers: Box<[NodeHandler]>,
    trees: [[(u32, u32); HOOKS]; KINDS],
    /// By kind and hook: the handler of a tree that is its root alone, with one handler.
    soles: [[Option<NodeHandler>; HOOKS]; KINDS],
}

impl Forest {
    fn compile(entries: &[Registration], events: &DefinedEvents, deferred: &BTreeSet<u32>) -> Self {
        let (mut nodes, mut handlers) = (Vec::new(), Vec::new());
        let mut trees = [[(0, 0); HOOKS]; KINDS];
        for hook in Hook::ALL {
            // In the order of their paths, which is pre-order: a parent comes right before what is below it.
            let mut paths: Vec<Path> = Vec::new();
            for entry in entries.iter().filter(|entry| entry.hook == hook) {
                paths.extend(path(events, entry.event).map(|event| Path::of(events, event)));
            }
            paths.sort_unstable();
            paths.dedup();
            for tree in paths.chunk_by(|first, second| first.root == second.root) {
                let Some(kind) = tree.first().and_then(|path| EventKind::from_number(path.root)) else {
                    continue;
                };
                let from = len(&nodes);
                // The way to the last node, by place.
                let mut open: SmallVec<[usize; 8]> = SmallVec::new();
                for path in tree {
                    close(&mut nodes, &mut open, path.steps.len());
                    open.push(nodes.len());
                    let handlers_from = len(&handlers);
                    handlers.extend(of_event(entries, path.event, hook).iter().map(|entry| NodeHandler {
                        id: entry.handler,
                        is_deferred: deferred.contains(&entry.handler),
                    }));
                    let user = events.get(path.event);
                    nodes.push(Node {
                        event: path.event,
                        filter: user.map_or(NodeFilter::Always, |user| match &user.filter {
                            EventFilter::Guest(number) => NodeFilter::Guest(*number),
                            EventFilter::Native(filter) => NodeFilter::Native(Rc::clone(filter)),
                            EventFilter::Raised => NodeFilter::Raised,
                        }),
                        argument: user.map_or(0, super::UserEvent::argument_number),
                        handlers_from,
                        handlers_until: len(&handlers),
                        subtree_end: 0,
                    });
                }
                close(&mut nodes, &mut open, 0);
                trees[kind.index()][hook.index()] = (from, len(&nodes));
            }
        }
        let mut forest =
            Self { nodes: nodes.into(), handlers: handlers.into(), trees, soles: [[None; HOOKS]; KINDS] };
        forest.find_soles();
        forest
    }

    fn find_soles(&mut self) {
        for (kind, hook) in EventKind::ALL.into_iter().flat_map(|kind| Hook::ALL.map(|hook| (kind, hook))) {
            let (from, until) = self.tree(kind, hook);
            let root = self.node(from).filter(|_| until.saturating_sub(from) == 1);
            self.soles[kind.index()][hook.index()] = root.and_then(|root| match self.handlers(root) {
                [only] => Some(*only),
                _ => None,
            });
        }
    }

    /// The handler of a built-in event at a hook if it is the only one there, at the event itself.
    #[must_use]
    pub fn sole_handler(&self, kind: EventKind, hook: Hook) -> Option<NodeHandler> {
        self.soles[kind.index()][hook.index()]
    }

    /// The tree of a built-in event at a hook, as a range of [`Forest::node`] numbers.
    #[must_use]
    pub fn tree(&self, kind: EventKind, hook: Hook) -> (u32, u32) {
        self.trees[kind.index()][hook.index()]
    }

    /// A node by its number.
    #[must_use]
    pub fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)
    }

    /// Handlers of a node, in the order in which they run.
    #[must_use]
    pub fn handlers(&self, node: &Node) -> &[NodeHandler] {
        self.handlers.get(node.handlers_from as usize..node.handlers_until as usize).unwrap_or(&[])
    }
}

/// Registrations that a set makes room for when it grows: flows register a few, and then most find an equal set.
const ROOM: usize = 4;

/// Ends the subtrees of the open nodes that lie `depth` steps from the root or more.
fn close(nodes: &mut [Node], open: &mut SmallVec<[usize; 8]>, depth: usize) {
    let end = len(nodes);
    while open.len() > depth {
        let Some(node) = open.pop().and_then(|place| nodes.get_mut(place)) else { continue };
        node.subtree_end = end;
    }
}

/// The registrations of an event at a hook, of a list in ascending order.
fn of_event(entries: &[Registration], event: u32, hook: Hook) -> &[Registration] {
    let from = entries.partition_point(|entry| (entry.event, entry.hook) < (event, hook));
    let until = entries.partition_point(|entry| (entry.event, entry.hook) <= (event, hook));
    entries.get(from..until).unwrap_or(&[])
}

/// The way from a root to an event.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Path {
    root: u32,
    steps: SmallVec<[u64; 8]>,
    event: u32,
}

impl Path {
    fn of(events: &DefinedEvents, event: u32) -> Self {
        let mut steps: SmallVec<[u64; 8]> = path(events, event)
            .filter_map(|number| events.get(number).map(super::UserEvent::sequence))
            .collect();
        steps.reverse();
        let root = events.root_of(event).map_or(0, EventKind::number);
        Self { root, steps, event }
    }
}

/// An event and those that it depends on, up to the root.
fn path(events: &DefinedEvents, event: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(event), |event| events.get(*event).map(|user| user.parent))
}

/// The bit of a (kind, hook) pair in a set of such pairs.
#[must_use]
pub const fn interest_bit(kind: EventKind, hook: Hook) -> u32 {
    // Kinds are numbered from 1.
    1 << ((kind.index() - 1) * HOOKS + hook.index())
}

const _: () = assert!((KINDS - 1) * HOOKS <= u32::BITS as usize, "an interest has a bit for each pair");

fn len<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes of a tree as (event, subtree end relative to the tree, handlers).
    fn shape(forest: &Forest, kind: EventKind, hook: Hook) -> Vec<(u32, u32, Vec<u32>)> {
        let (from, until) = forest.tree(kind, hook);
        let nodes = (from..until).filter_map(|number| forest.node(number));
        nodes
            .map(|node| {
                let handlers = forest.handlers(node).iter().map(|handler| handler.id).collect();
                (node.event, node.subtree_end - from, handlers)
            })
            .collect()
    }

    #[test]
    fn only_what_leads_to_a_handler_is_kept_in_pre_order() {
        let mut events = DefinedEvents::default();
        let data = EventKind::NewData.number();
        let mut define =
            |name, parent, filter| events.define(name, parent, EventFilter::Guest(filter), b"").unwrap();
        let first = define("first", data, 10);
        let second = define("second", data, 20);
        let under_first = define("under-first", first, 11);
        define("unused", second, 21);
        define("also-unused", data, 30);
        let receiver = |event, handler| Registration { event, hook: Hook::Receiver, handler };
        let mut entries =
            [receiver(second, 7), receiver(second, 5), receiver(under_first, 9), receiver(10, 1)];
        entries[3] = Registration { event: EventKind::PacketIn.number(), hook: Hook::Sender, handler: 1 };
        entries.sort_unstable();
        let set = IForest::new(entries.into(), 0, &events);
        let forest = set.forest(&events, &BTreeSet::from([7]));
        assert_eq!(
            shape(forest, EventKind::NewData, Hook::Receiver),
            [(data, 4, vec![]), (first, 3, vec![]), (under_first, 3, vec![9]), (second, 4, vec![5, 7])]
        );
        assert_eq!(shape(forest, EventKind::PacketIn, Hook::Sender), [(1, 1, vec![1])]);
        assert!(shape(forest, EventKind::PacketIn, Hook::Receiver).is_empty());
        let sole = |kind, hook| forest.sole_handler(kind, hook).map(|handler| handler.id);
        assert_eq!(sole(EventKind::PacketIn, Hook::Sender), Some(1));
        assert_eq!([Hook::Receiver, Hook::None].map(|hook| sole(EventKind::PacketIn, hook)), [None; 2]);
        assert_eq!(sole(EventKind::NewData, Hook::Receiver), None);
        let last = forest.node(4).map(|node| forest.handlers(node).to_vec());
        assert_eq!(
            last.map(|handlers| handlers.iter().map(|one| one.is_deferred).collect()),
            Some(vec![false, true])
        );
        let bits = interest_bit(EventKind::NewData, Hook::Receiver)
            | interest_bit(EventKind::PacketIn, Hook::Sender);
        assert_eq!(set.interest(), bits);
    }
}
