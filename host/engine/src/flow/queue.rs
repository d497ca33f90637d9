//! Who goes first when room is needed: flows in lists by class, oldest first.

use super::Flow;
use super::slab::Slab;

/// What a flow is worth when room is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Handshake not complete: a SYN flood is made of these.
    HalfOpen = 0,
    /// Ended, absorbs stragglers.
    Ended = 1,
    /// One direction seen, whether it began with a handshake or was picked up: two packets with a forged source make
    /// one.
    OneSided = 2,
    /// In no list, never pushed out.
    None = 3,
}

impl Class {
    /// What a flow is worth now.
    pub(crate) fn of(flow: &Flow) -> Self {
        if flow.end.is_some() {
            Self::Ended
        } else if flow.is_half_open() {
            Self::HalfOpen
        } else if !flow.marks.two_sided {
            Self::OneSided
        } else {
            Self::None
        }
    }
}

const END: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    len: usize,
}

/// The lists; links are in the flows.
#[derive(Debug)]
pub(crate) struct Queues {
    lists: [List; 3],
}

impl Default for Queues {
    fn default() -> Self {
        Self { lists: [List { first: END, last: END, len: 0 }; 3] }
    }
}

impl Queues {
    /// Flows in the list of `class`.
    pub(super) fn count(&self, class: Class) -> usize {
        self.lists.get(class as usize).map_or(0, |list| list.len)
    }

    /// The flow that has been in the list of `class` for longest.
    pub(super) fn oldest(&self, class: Class) -> Option<u32> {
        self.lists.get(class as usize).map(|list| list.first).filter(|first| *first != END)
    }

    /// Puts a flow at the end of the list of `class`, out of the one where it is.
    pub(super) fn assign(&mut self, flows: &mut Slab<Flow>, index: u32, class: Class) {
        if flows.get(index).is_none_or(|flow| flow.class == class) {
            return;
        }
        self.remove(flows, index);
        let Some(list) = self.lists.get_mut(class as usize) else { return };
        let last = std::mem::replace(&mut list.last, index);
        list.len = list.len.saturating_add(1);
        if list.first == END {
            list.first = index;
        }
        if let Some(last) = flows.get_mut(last) {
            last.next = index;
        }
        if let Some(flow) = flows.get_mut(index) {
            (flow.class, flow.previous, flow.next) = (class, last, END);
        }
    }

    /// Takes a flow out of its list.
    pub(super) fn remove(&mut self, flows: &mut Slab<Flow>, index: u32) {
        let Some(flow) = flows.get_mut(index) else { return };
        let (class, previous, next) = (flow.class, flow.previous, flow.next);
        (flow.class, flow.previous, flow.next) = (Class::None, END, END);
        let Some(list) = self.lists.get_mut(class as usize) else { return };
        list.len = list.len.saturating_sub(1);
        match flows.get_mut(previous) {
            Some(previous) => previous.next = next,
            None => list.first = next,
        }
        match flows.get_mut(next) {
            Some(next) => next.previous = previous,
            None => list.last = previous,
        }
    }
}
