//! Who goes first when the table is full: flows in lists by class, oldest first.

use super::Flow;

/// What a flow is worth when room is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Handshake not complete: a SYN flood is made of these.
    HalfOpen = 0,
    /// Ended, absorbs stragglers.
    Ended = 1,
    /// Picked up in mid-stream, one direction seen.
    OneSided = 2,
    /// In no list, never pushed out.
    None = 3,
}

/// Lists, in the order in which flows are pushed out.
const EVICTABLE: [Class; 3] = [Class::HalfOpen, Class::Ended, Class::OneSided];

const END: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

/// The lists; links are in the flows.
#[derive(Debug)]
pub(crate) struct Queues {
    lists: [List; 3],
}

impl Default for Queues {
    fn default() -> Self {
        Self { lists: [List { first: END, last: END }; 3] }
    }
}

impl Queues {
    /// The flow that goes first, if any may go.
    pub(crate) fn oldest(&self) -> Option<u32> {
        EVICTABLE.into_iter().map(|class| self.lists[class as usize].first).find(|first| *first != END)
    }

    /// Puts a flow at the end of the list of `class`, out of the one where it is.
    pub(crate) fn assign(&mut self, flows: &mut [Option<Flow>], index: u32, class: Class) {
        let Some(Some(flow)) = flows.get(index as usize) else { return };
        if flow.class == class {
            return;
        }
        self.remove(flows, index);
        let Some(list) = self.lists.get_mut(class as usize) else { return };
        let last = std::mem::replace(&mut list.last, index);
        if list.first == END {
            list.first = index;
        }
        if let Some(Some(last)) = flows.get_mut(last as usize) {
            last.next = index;
        }
        if let Some(Some(flow)) = flows.get_mut(index as usize) {
            (flow.class, flow.previous, flow.next) = (class, last, END);
        }
    }

    /// Takes a flow out of its list.
    pub(crate) fn remove(&mut self, flows: &mut [Option<Flow>], index: u32) {
        let Some(Some(flow)) = flows.get_mut(index as usize) else { return };
        let (class, previous, next) = (flow.class, flow.previous, flow.next);
        (flow.class, flow.previous, flow.next) = (Class::None, END, END);
        let Some(list) = self.lists.get_mut(class as usize) else { return };
        match flows.get_mut(previous as usize) {
            Some(Some(previous)) => previous.next = next,
            _ => list.first = next,
        }
        match flows.get_mut(next as usize) {
            Some(Some(next)) => next.previous = previous,
            _ => list.last = previous,
        }
    }
}
