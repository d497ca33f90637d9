//! A red-black tree of ranges that balances itself as the kernel's does (`lib/rbtree.c`), so that a walk from the root
//! meets the same nodes.

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A range in the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Its key, of which there is one.
    pub(super) begin: u64,
    pub(super) end: u64,
    /// The furthest end in the subtree below and at this node.
    furthest: u64,
    parent: u32,
    children: [u32; 2],
    is_red: bool,
}

/// Nodes by `begin`, in an array: places are reused, and all of them are given back once the tree is empty.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<u32>,
    root: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NONE }
    }
}

/// The places below a node: what begins before it, what begins behind it.
pub(super) const LEFT: usize = 0;
pub(super) const RIGHT: usize = 1;

impl Tree {
    /// Memory in use.
    pub(super) fn cost(&self) -> usize {
        let nodes = self.nodes.capacity().saturating_mul(size_of::<Node>());
        nodes.saturating_add(self.free.capacity().saturating_mul(size_of::<u32>()))
    }

    /// Nodes in it.
    pub(super) const fn len(&self) -> usize {
        self.nodes.len().saturating_sub(self.free.len())
    }

    pub(super) const fn root(&self) -> u32 {
        self.root
    }

    /// A node, by a place that the tree gave.
    pub(super) fn node(&self, place: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(place).ok()?)
    }

    fn node_mut(&mut self, place: u32) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(place).ok()?)
    }

    pub(super) fn child(&self, place: u32, side: usize) -> u32 {
        self.node(place).map_or(NONE, |node| node.children[side])
    }

    fn parent(&self, place: u32) -> u32 {
        self.node(place).map_or(NONE, |node| node.parent)
    }

    fn is_red(&self, place: u32) -> bool {
        self.node(place).is_some_and(|node| node.is_red)
    }

    fn paint(&mut self, place: u32, is_red: bool) {
        if let Some(node) = self.node_mut(place) {
            node.is_red = is_red;
        }
    }

    /// On which side of its parent a node is.
    fn side(&self, parent: u32, place: u32) -> usize {
        usize::from(self.child(parent, RIGHT) == place)
    }

    /// The outermost node on a side.
    pub(super) fn outermost(&self, side: usize) -> u32 {
        self.descend(self.root, side)
    }

    fn descend(&self, from: u32, side: usize) -> u32 {
        let mut place = from;
        while self.child(place, side) != NONE {
            place = self.child(place, side);
        }
        place
    }

    /// The node that follows.
    pub(super) fn following(&self, place: u32) -> u32 {
        if self.child(place, RIGHT) != NONE {
            return self.descend(self.child(place, RIGHT), LEFT);
        }
        let (mut place, mut parent) = (place, self.parent(place));
        while parent != NONE && self.child(parent, RIGHT) == place {
            (place, parent) = (parent, self.parent(parent));
        }
        parent
    }

    /// The node that begins last among those that begin at or before `offset`.
    pub(super) fn at_or_before(&self, offset: u64) -> Option<&Node> {
        let (mut place, mut found) = (self.root, None);
        while let Some(node) = self.node(place) {
            if node.begin <= offset {
                found = Some(node);
            }
            place = node.children[usize::from(node.begin <= offset)];
        }
        found
    }

    /// The furthest end among nodes that begin before `offset`; 0 if none does.
    pub(super) fn furthest_before(&self, offset: u64) -> u64 {
        let (mut place, mut furthest) = (self.root, 0);
        while let Some(node) = self.node(place) {
            if node.begin < offset {
                let left = self.node(node.children[LEFT]).map_or(0, |left| left.furthest);
                furthest = furthest.max(node.end).max(left);
            }
            place = node.children[usize::from(node.begin < offset)];
        }
        furthest
    }

    /// Moves the end of a node.
    pub(super) fn set_end(&mut self, place: u32, end: u64) {
        if let Some(node) = self.node_mut(place) {
            node.end = end;
        }
        self.measure_up(place);
    }

    /// Finds the furthest end below a node and all nodes above it anew.
    fn measure_up(&mut self, from: u32) {
        let mut place = from;
        while place != NONE {
            self.measure(place);
            place = self.parent(place);
        }
    }

    fn measure(&mut self, place: u32) {
        let below = [LEFT, RIGHT].map(|side| {
            let child = self.node(self.child(place, side));
            child.map_or(0, |child| child.furthest)
        });
        if let Some(node) = self.node_mut(place) {
            node.furthest = node.end.max(below[LEFT]).max(below[RIGHT]);
        }
    }

    /// Puts `place` where `old` is below `parent`, or at the root.
    fn relink(&mut self, parent: u32, old: u32, place: u32) {
        let side = self.side(parent, old);
        match self.node_mut(parent) {
            Some(node) => node.children[side] = place,
            None => self.root = place,
        }
        if let Some(node) = self.node_mut(place) {
            node.parent = parent;
        }
    }

    fn set_child(&mut self, place: u32, side: usize, child: u32) {
        if let Some(node) = self.node_mut(place) {
            node.children[side] = child;
        }
        if let Some(node) = self.node_mut(child) {
            node.parent = place;
        }
    }

    /// Moves a node down on `side`; its child on the other side takes its place.
    fn rotate(&mut self, place: u32, side: usize) {
        let (parent, child) = (self.parent(place), self.child(place, 1 - side));
        let inner = self.child(child, side);
        self.relink(parent, place, child);
        self.set_child(place, 1 - side, inner);
        self.set_child(child, side, place);
        self.measure(place);
        self.measure(child);
    }

    /// Adds a node below `parent`, where a walk for `begin` ended; gives its place.
    pub(super) fn insert(&mut self, begin: u64, end: u64, parent: u32) -> u32 {
        let node = Node { begin, end, furthest: end, parent, children: [NONE; 2], is_red: true };
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).unwrap_or(NONE)
            }
        };
        if let Some(slot) = self.node_mut(place) {
            *slot = node;
        }
        match self.node_mut(parent) {
            Some(parent) => parent.children[usize::from(parent.begin < begin)] = place,
            None => self.root = place,
        }
        self.measure_up(parent);
        self.balance_inserted(place);
        place
    }

    fn balance_inserted(&mut self, inserted: u32) {
        let mut place = inserted;
        while self.is_red(self.parent(place)) {
            let parent = self.parent(place);
            let grand = self.parent(parent);
            let side = self.side(grand, parent);
            let uncle = self.child(grand, 1 - side);
            if self.is_red(uncle) {
                self.paint(parent, false);
                self.paint(uncle, false);
                self.paint(grand, true);
                place = grand;
                continue;
            }
            if self.child(parent, 1 - side) == place {
                self.rotate(parent, side);
            }
            let top = self.child(grand, side);
            self.paint(top, false);
            self.paint(grand, true);
            self.rotate(grand, 1 - side);
            break;
        }
        self.paint(self.root, false);
    }

    /// Takes a node out.
    pub(super) fn erase(&mut self, place: u32) {
        let [left, right] = [LEFT, RIGHT].map(|side| self.child(place, side));
        let parent = self.parent(place);
        let (child, above, was_red);
        if left == NONE || right == NONE {
            child = if left == NONE { right } else { left };
            (above, was_red) = (parent, self.is_red(place));
            self.relink(parent, place, child);
        } else {
            let next = self.descend(right, LEFT);
            child = self.child(next, RIGHT);
            was_red = self.is_red(next);
            if self.parent(next) == place {
                above = next;
            } else {
                above = self.parent(next);
                self.relink(above, next, child);
                self.set_child(next, RIGHT, right);
            }
            self.relink(parent, place, next);
            self.set_child(next, LEFT, left);
            self.paint(next, self.is_red(place));
        }
        self.measure_up(above);
        if !was_red {
            self.balance_erased(child, above);
        }
        self.free.push(place);
        if self.root == NONE {
            (self.nodes, self.free) = (Vec::new(), Vec::new());
        }
    }

    fn balance_erased(&mut self, child: u32, above: u32) {
        let (mut place, mut parent) = (child, above);
        while parent != NONE && !self.is_red(place) {
            let side = usize::from(self.child(parent, LEFT) != place);
            let mut sibling = self.child(parent, 1 - side);
            if self.is_red(sibling) {
                self.paint(sibling, false);
                self.paint(parent, true);
                self.rotate(parent, side);
                sibling = self.child(parent, 1 - side);
            }
            let near = self.is_red(self.child(sibling, side));
            let far = self.is_red(self.child(sibling, 1 - side));
            if !near && !far {
                self.paint(sibling, true);
                (place, parent) = (parent, self.parent(parent));
                continue;
            }
            if !far {
                self.paint(self.child(sibling, side), false);
                self.paint(sibling, true);
                self.rotate(sibling, 1 - side);
                sibling = self.child(parent, 1 - side);
            }
            self.paint(sibling, self.is_red(parent));
            self.paint(parent, false);
            self.paint(self.child(sibling, 1 - side), false);
            self.rotate(parent, side);
            place = self.root;
            break;
        }
        self.paint(place, false);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Checks a subtree; gives how many black nodes each way down has, and the furthest end.
    fn check(tree: &Tree, place: u32, parent: u32) -> (usize, u64) {
        let Some(node) = tree.node(place) else { return (1, 0) };
        assert_eq!(node.parent, parent);
        assert!(!(node.is_red && tree.is_red(parent)), "a red node has no red child");
        let [left, right] = node.children.map(|child| check(tree, child, place));
        assert_eq!(left.0, right.0, "every way down has as many black nodes");
        assert_eq!(node.furthest, node.end.max(left.1).max(right.1));
        (left.0 + usize::from(!node.is_red), node.furthest)
    }

    fn place_for(tree: &Tree, begin: u64) -> u32 {
        let (mut place, mut parent) = (tree.root(), NONE);
        while let Some(node) = tree.node(place) {
            parent = place;
            place = node.children[usize::from(node.begin < begin)];
        }
        parent
    }

    #[test]
    fn it_stays_balanced_and_holds_what_a_sorted_map_holds() {
        let (mut tree, mut map, mut random) = (Tree::default(), BTreeMap::new(), 1u64);
        for round in 0..20_000u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (begin, length) = ((random >> 33) % 300, (random >> 50) % 40);
            // More is added than taken out, then the other way round.
            let is_added = (random >> 60) < if round % 4_000 < 2_000 { 12 } else { 4 };
            let found = map.get(&begin).copied();
            match found {
                None if is_added => {
                    let parent = place_for(&tree, begin);
                    map.insert(begin, tree.insert(begin, begin + length, parent));
                }
                Some(place) if is_added => tree.set_end(place, begin + length),
                Some(place) => {
                    tree.erase(place);
                    map.remove(&begin);
                }
                None => {}
            }
            check(&tree, tree.root(), NONE);
            let begins =
                std::iter::successors(tree.node(tree.outermost(LEFT)).map(|_| tree.outermost(LEFT)), |at| {
                    Some(tree.following(*at)).filter(|next| *next != NONE)
                });
            assert!(begins.map(|place| tree.node(place).unwrap().begin).eq(map.keys().copied()));
            let before = map.range(..begin).map(|(_, place)| tree.node(*place).unwrap().end).max();
            assert_eq!(tree.furthest_before(begin), before.unwrap_or(0));
        }
        assert_eq!(tree.len(), map.len());
        for place in map.into_values() {
            tree.erase(place);
        }
        assert_eq!((tree.root(), tree.cost()), (NONE, 0));
    }
}
