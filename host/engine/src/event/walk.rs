//! The walk along one tree of a forest.
//!
//! A node's handlers run before its children are asked; a filter that says no skips the subtree. Events that a filter
//! or handler raises run as the last children of their parent, once in a walk, in the order in which they were raised:
//! the way from the root to who raises them leads through their parent, so it always comes to them.

use super::{EventCall, Faulted, Forest, Handler, Node, NodeFilter, NodeHandler, TenantId, Wishes};
use crate::view::{Mode, View};

/// Verdict bit that drops the packet.
pub(crate) const VERDICT_DROP: u32 = 1;

/// See the module.
pub(super) struct Walk<'a> {
    pub(super) forest: &'a Forest,
    pub(super) tenant: TenantId,
    pub(super) view: &'a mut Box<View>,
    pub(super) handler: &'a mut dyn Handler,
    pub(super) wishes: &'a mut Wishes,
}

impl Walk<'_> {
    /// Walks the tree whose root is this node.
    pub(super) fn run(&mut self, root: u32, call: &mut EventCall) -> Result<(), Faulted> {
        self.view.forget_raised();
        self.visit(root, call)
    }

    /// As deep as trees are: `EVENT_DEPTH` and the root.
    fn visit(&mut self, number: u32, call: &mut EventCall) -> Result<(), Faulted> {
        let forest = self.forest;
        let Some(node) = forest.node(number) else { return Ok(()) };
        (call.event, call.argument) = (node.event, node.argument);
        if !self.happens(node, call)? {
            return Ok(());
        }
        for handler in forest.handlers(node) {
            self.call(*handler, call)?;
        }
        let first = number.saturating_add(1);
        if first == node.subtree_end {
            return Ok(());
        }
        let mut child = first;
        while let Some(below) = (child < node.subtree_end).then(|| forest.node(child)).flatten() {
            if !matches!(below.filter, NodeFilter::Raised) {
                self.visit(child, call)?;
            }
            child = below.subtree_end;
        }
        let mut next = 0;
        while let Some(event) = self.view.raised(next) {
            next += 1;
            if let Some(child) = raised_child(forest, first, node.subtree_end, event) {
                self.visit(child, call)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn happens(&mut self, node: &Node, call: &mut EventCall) -> Result<bool, Faulted> {
        if matches!(node.filter, NodeFilter::Always) && self.view.profile.is_none() {
            return Ok(true);
        }
        self.ask(node, call)
    }

    fn ask(&mut self, node: &Node, call: &mut EventCall) -> Result<bool, Faulted> {
        let started = self.view.profile.is_some().then(|| self.handler.ticks());
        let happens = match &node.filter {
            NodeFilter::Always | NodeFilter::Raised => true,
            NodeFilter::Native(filter) => filter.holds(self.view, call),
            NodeFilter::Guest(id) => {
                call.id = *id;
                self.view.refresh(Mode::Filter, call);
                self.handler.filter(self.tenant, call, self.view)?
            }
        };
        if let (Some(started), Some(profile)) = (started, self.view.profile.as_mut()) {
            let node = profile.node(self.tenant, node.event);
            node.asked += 1;
            node.happened += u64::from(happens);
            node.filter_ticks =
                node.filter_ticks.saturating_add(self.handler.ticks().saturating_sub(started));
        }
        Ok(happens)
    }

    fn call(&mut self, handler: NodeHandler, call: &mut EventCall) -> Result<(), Faulted> {
        call.id = handler.id;
        if handler.is_deferred {
            self.view.put_off(self.tenant, call);
            return Ok(());
        }
        self.view.refresh(Mode::Callback, call);
        self.wishes.callbacks += 1;
        let verdict = call_handler(self.tenant, call, self.view, self.handler)?;
        if verdict & VERDICT_DROP != 0 {
            self.wishes.drop.get_or_insert(self.tenant);
        }
        Ok(())
    }
}

/// Calls a handler, and notes what it took if somebody asked for that.
#[inline]
pub(crate) fn call_handler(
    tenant: TenantId,
    call: &EventCall,
    view: &mut Box<View>,
    handler: &mut dyn Handler,
) -> Result<u32, Faulted> {
    let started = view.profile.is_some().then(|| handler.ticks());
    let verdict = handler.callback(tenant, call, view)?;
    if let (Some(started), Some(profile)) = (started, view.profile.as_mut()) {
        profile.called(tenant, call.event, handler.ticks().saturating_sub(started));
    }
    Ok(verdict)
}

/// The node of an event that is raised, if it is one of the children that lie between `first` and `end`.
fn raised_child(forest: &Forest, first: u32, end: u32, event: u32) -> Option<u32> {
    let mut child = first;
    while let Some(node) = (child < end).then(|| forest.node(child)).flatten() {
        if node.event == event && matches!(node.filter, NodeFilter::Raised) {
            return Some(child);
        }
        child = node.subtree_end;
    }
    None
}
