//! What a monitor's flows invoke: the events that have a handler, and the filters on the way to them.
//!
//! The definitions of a tenant are a forest: each built-in event is the root of a tree of user-defined events. Of that,
//! a flow needs only what ends in a handler. [`Forest::compile`] cuts the rest away and lays each tree out as a list in
//! pre-order, where every node knows how far its subtree reaches: a false filter skips to there. Dispatch is a walk
//! along the list without recursion.

use super::definitions::FIRST_USER_EVENT;
use super::{Definitions, EventKind, HOOKS, Hook, KINDS};

/// An event in a forest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Node {
    /// The guest's filter that must say yes; `None` for a built-in event.
    pub filter: Option<u32>,
    /// Argument of the definition.
    pub argument: u64,
    /// First of its handlers in [`Forest::handlers`].
    handlers_from: u32,
    /// Behind the last of them.
    handlers_until: u32,
    /// Behind the last node of its subtree.
    pub subtree_end: u32,
}

/// The events that flows of one monitor invoke.
#[derive(Debug)]
pub struct Forest {
    nodes: Vec<Node>,
    handlers: Vec<u32>,
    trees: [[(u32, u32); HOOKS]; KINDS],
    interest: u32,
}

impl Forest {
    /// The forest of `monitor` in `definitions`.
    #[must_use]
    pub fn compile(definitions: &Definitions, monitor: u32) -> Self {
        let mut forest =
            Self { nodes: Vec::new(), handlers: Vec::new(), trees: [[(0, 0); HOOKS]; KINDS], interest: 0 };
        for kind in EventKind::ALL {
            for hook in Hook::ALL {
                let from = len(&forest.nodes);
                forest.add(definitions, monitor, kind.number(), hook);
                let until = len(&forest.nodes);
                forest.trees[kind.index()][hook.index()] = (from, until);
                if from < until {
                    forest.interest |= interest_bit(kind, hook);
                }
            }
        }
        forest
    }

    /// Appends the subtree of `event` if a handler is in it.
    fn add(&mut self, definitions: &Definitions, monitor: u32, event: u32, hook: Hook) {
        // A parent's number is smaller than its children's, so walking the events in the order of their numbers and
        // cutting a subtree that turned out to be empty needs no recursion: `open` is the path to the current event.
        let mut open: Vec<(u32, u32)> = Vec::new();
        for event in std::iter::once(event).chain(descendants(definitions, event)) {
            let parent = definitions.user_event(event).map(|user| user.parent);
            while open.last().is_some_and(|(number, _)| Some(*number) != parent) {
                self.close(&mut open);
            }
            let handlers_from = len(&self.handlers);
            let mut handlers: Vec<u32> = definitions
                .registrations()
                .iter()
                .filter(|entry| (entry.monitor, entry.event, entry.hook) == (monitor, event, hook))
                .map(|entry| entry.handler)
                .collect();
            handlers.sort_unstable();
            self.handlers.append(&mut handlers);
            let user = definitions.user_event(event);
            open.push((event, len(&self.nodes)));
            self.nodes.push(Node {
                filter: user.map(|user| user.filter),
                argument: user.map_or(0, |user| user.argument),
                handlers_from,
                handlers_until: len(&self.handlers),
                subtree_end: 0,
            });
        }
        while !open.is_empty() {
            self.close(&mut open);
        }
    }

    /// Ends the subtree of the last open event; drops it if it holds no handler.
    fn close(&mut self, open: &mut Vec<(u32, u32)>) {
        let Some((_, position)) = open.pop() else { return };
        let index = position as usize;
        let end = len(&self.nodes);
        let Some(node) = self.nodes.get_mut(index) else { return };
        if node.handlers_from == node.handlers_until && end == position + 1 {
            self.nodes.truncate(index);
        } else {
            node.subtree_end = end;
        }
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
    pub fn handlers(&self, node: &Node) -> &[u32] {
        self.handlers.get(node.handlers_from as usize..node.handlers_until as usize).unwrap_or(&[])
    }

    /// Which (kind, hook) pairs have a tree; see [`interest_bit`].
    #[must_use]
    pub const fn interest(&self) -> u32 {
        self.interest
    }
}

/// The bit of a (kind, hook) pair in a set of such pairs.
#[must_use]
pub const fn interest_bit(kind: EventKind, hook: Hook) -> u32 {
    // Kinds are numbered from 1.
    1 << ((kind.index() - 1) * HOOKS + hook.index())
}

const _: () = assert!((KINDS - 1) * HOOKS <= u32::BITS as usize, "an interest has a bit for each pair");

/// User-defined events under `root`, in pre-order; siblings in the order of definition.
fn descendants(definitions: &Definitions, root: u32) -> Vec<u32> {
    let mut ordered = Vec::new();
    let mut pending = vec![root];
    while let Some(event) = pending.pop() {
        if event != root {
            ordered.push(event);
        }
        let numbered = definitions.user_events().iter().zip(FIRST_USER_EVENT..);
        let mut children: Vec<u32> =
            numbered.filter(|(user, _)| user.parent == event).map(|(_, number)| number).collect();
        children.reverse();
        pending.append(&mut children);
    }
    ordered
}

fn len<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reassembly::Level;

    /// The nodes of a tree as (filter, subtree end relative to the tree, handlers).
    fn shape(forest: &Forest, kind: EventKind, hook: Hook) -> Vec<(Option<u32>, u32, Vec<u32>)> {
        let (from, until) = forest.tree(kind, hook);
        let nodes = (from..until).filter_map(|number| forest.node(number));
        nodes.map(|node| (node.filter, node.subtree_end - from, forest.handlers(node).to_vec())).collect()
    }

    #[test]
    fn only_what_leads_to_a_handler_is_kept_in_pre_order() {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full).unwrap();
        let data = EventKind::NewData.number();
        let first = definitions.define("first", data, 10, 0).unwrap();
        let second = definitions.define("second", data, 20, 0).unwrap();
        let under_first = definitions.define("under-first", first, 11, 0).unwrap();
        definitions.define("unused", second, 21, 0).unwrap();
        definitions.define("also-unused", data, 30, 0).unwrap();
        definitions.register(monitor, second, Hook::Receiver, 7).unwrap();
        definitions.register(monitor, second, Hook::Receiver, 5).unwrap();
        definitions.register(monitor, under_first, Hook::Receiver, 9).unwrap();
        let forest = Forest::compile(&definitions, monitor);
        assert_eq!(
            shape(&forest, EventKind::NewData, Hook::Receiver),
            [(None, 4, vec![]), (Some(10), 3, vec![]), (Some(11), 3, vec![9]), (Some(20), 4, vec![5, 7]),]
        );
        assert_eq!(forest.interest(), interest_bit(EventKind::NewData, Hook::Receiver));
        assert!(shape(&forest, EventKind::PacketIn, Hook::Sender).is_empty());
    }
}
