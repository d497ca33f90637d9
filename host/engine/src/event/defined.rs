//! The d-forest of one tenant: its user-defined events, trees below the built-in ones.
//!
//! An event's number is its place and how often the place was used, so that a number that was given back never means
//! another event. Each event knows its parent, the built-in event at its root and its place among its siblings; what
//! flows invoke of all this is in [`Forest`](super::Forest).

use std::rc::Rc;

use super::{EventKind, NativeFilter};
use crate::Refusal;
use crate::limits::{ARGUMENT_BYTES, EVENT_DEPTH, EVENTS_PER_TENANT, NAME_BYTES};

/// Number of the first user-defined event; smaller ones are built-in kinds.
pub const FIRST_USER_EVENT: u32 = 1 << PLACE_BITS;

const PLACE_BITS: u32 = 12;
const PLACE_MASK: u32 = FIRST_USER_EVENT - 1;
const GENERATION_MAX: u32 = u32::MAX >> PLACE_BITS;

const _: () = assert!(EVENTS_PER_TENANT <= FIRST_USER_EVENT as usize, "each event has a place");

/// What decides whether a user-defined event happens when its parent does.
#[derive(Clone, Debug)]
pub enum EventFilter {
    /// The guest's filter with this number.
    Guest(u32),
    /// A filter that is evaluated without the guest.
    Native(Rc<NativeFilter>),
    /// It does not happen by itself: a filter or handler raises it.
    Raised,
}

impl PartialEq for EventFilter {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Guest(own), Self::Guest(others)) => own == others,
            (Self::Native(own), Self::Native(others)) => own == others,
            // Two that are raised have nothing in common but their parent: their names tell them apart.
            _ => false,
        }
    }
}

impl From<NativeFilter> for EventFilter {
    fn from(filter: NativeFilter) -> Self {
        Self::Native(Rc::new(filter))
    }
}

/// An event that the tenant defined.
#[derive(Clone, Debug)]
pub struct UserEvent {
    /// Name in reports.
    pub name: Rc<str>,
    /// Number of the parent: a built-in kind or a user-defined event.
    pub parent: u32,
    /// The built-in event at the root of its tree.
    pub root: EventKind,
    /// Whether it happens when its parent does.
    pub filter: EventFilter,
    /// Given to the filter and the handlers.
    pub argument: Rc<[u8]>,
    /// Steps from the root: 1 below a built-in event.
    depth: usize,
    /// Which definition it was: siblings come in this order.
    sequence: u64,
    children: Vec<u32>,
}

impl UserEvent {
    /// The first eight bytes of the argument as a little-endian number: what comes with every call.
    #[must_use]
    pub fn argument_number(&self) -> u64 {
        let mut first = [0; 8];
        first.iter_mut().zip(self.argument.iter()).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(first)
    }

    /// Which definition of the tenant it was, from 0; siblings come in this order.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }
}

#[derive(Debug, Default)]
struct Place {
    /// How often it was used.
    generation: u32,
    event: Option<UserEvent>,
}

/// The user-defined events of one tenant.
#[derive(Debug, Default)]
pub struct DefinedEvents {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Children of the built-in events, by [`EventKind::index`].
    roots: [Vec<u32>; super::KINDS],
    len: usize,
    definitions: u64,
}

impl DefinedEvents {
    /// Defines an event and gives its number; the same definition twice gives the same number.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown parent, [`Refusal::Exists`] if `name` means something else,
    /// [`Refusal::BadFilter`] for one that can never hold below this parent, [`Refusal::TooLong`] for the name or the
    /// argument, [`Refusal::TooMany`] for the number of events or the depth of the tree.
    pub fn define(
        &mut self,
        name: &str,
        parent: u32,
        filter: EventFilter,
        argument: &[u8],
    ) -> Result<u32, Refusal> {
        if name.len() > NAME_BYTES || argument.len() > ARGUMENT_BYTES {
            return Err(Refusal::TooLong);
        }
        let root = self.root_of(parent).ok_or(Refusal::BadId)?;
        if let EventFilter::Native(filter) = &filter
            && !filter.suits(root)
        {
            return Err(Refusal::BadFilter);
        }
        let is_same = |event: &UserEvent| match filter {
            EventFilter::Raised => matches!(event.filter, EventFilter::Raised) && *event.name == *name,
            EventFilter::Guest(_) | EventFilter::Native(_) => {
                event.filter == filter && *event.argument == *argument
            }
        };
        let same = |number: &&u32| self.get(**number).is_some_and(is_same);
        if let Some(number) = self.children(parent).iter().find(same) {
            return Ok(*number);
        }
        let depth = self.get(parent).map_or(0, |event| event.depth).saturating_add(1);
        if self.len >= EVENTS_PER_TENANT || depth > EVENT_DEPTH {
            return Err(Refusal::TooMany);
        }
        if self.iter().any(|(_, event)| *event.name == *name) {
            return Err(Refusal::Exists);
        }
        let sequence = self.definitions;
        let (name, argument) = (name.into(), argument.into());
        let event = UserEvent { name, parent, root, filter, argument, depth, sequence, children: Vec::new() };
        self.insert(event)
    }

    fn insert(&mut self, event: UserEvent) -> Result<u32, Refusal> {
        let position = match self.free.pop() {
            Some(position) => position,
            None => {
                let position = u32::try_from(self.places.len()).map_err(|_| Refusal::TooMany)?;
                if position > PLACE_MASK {
                    return Err(Refusal::TooMany);
                }
                self.places.push(Place::default());
                position
            }
        };
        let place = self.places.get_mut(position as usize).ok_or(Refusal::TooMany)?;
        place.generation += 1;
        let number = place.generation << PLACE_BITS | position;
        let parent = event.parent;
        place.event = Some(event);
        self.len += 1;
        self.definitions = self.definitions.saturating_add(1);
        if let Some(siblings) = self.children_mut(parent) {
            siblings.push(number);
        }
        Ok(number)
    }

    /// Takes an event out with its whole subtree, and gives the numbers of what went.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown event or a built-in one.
    pub fn undefine(&mut self, event: u32) -> Result<Vec<u32>, Refusal> {
        let parent = self.get(event).ok_or(Refusal::BadId)?.parent;
        if let Some(siblings) = self.children_mut(parent) {
            siblings.retain(|sibling| *sibling != event);
        }
        let (mut gone, mut next) = (vec![event], 0);
        while let Some(number) = gone.get(next).copied() {
            next += 1;
            let Some(place) = self.places.get_mut((number & PLACE_MASK) as usize) else { continue };
            let Some(event) = place.event.take() else { continue };
            gone.extend(event.children);
            self.len = self.len.saturating_sub(1);
            // A place whose numbers are used up stays empty: a number must not come back.
            if place.generation < GENERATION_MAX {
                self.free.push(number & PLACE_MASK);
            }
        }
        Ok(gone)
    }

    /// An event by its number.
    #[must_use]
    pub fn get(&self, event: u32) -> Option<&UserEvent> {
        let place = self.places.get((event & PLACE_MASK) as usize)?;
        place.event.as_ref().filter(|_| place.generation == event >> PLACE_BITS)
    }

    /// The built-in kind at the root of an event's tree; `None` for an unknown event.
    #[must_use]
    pub fn root_of(&self, event: u32) -> Option<EventKind> {
        match self.get(event) {
            Some(user) => Some(user.root),
            None => EventKind::from_number(event),
        }
    }

    /// Whether `ancestor` is the event itself or lies between it and its root, which counts too.
    pub(crate) fn descends(&self, event: u32, ancestor: u32) -> bool {
        let mut event = event;
        while event != ancestor {
            match self.get(event) {
                Some(user) => event = user.parent,
                None => return false,
            }
        }
        true
    }

    /// Events whose parent is this one, in the order of their definition.
    #[must_use]
    pub fn children(&self, parent: u32) -> &[u32] {
        match self.get(parent) {
            Some(event) => &event.children,
            None => EventKind::from_number(parent).map_or(&[], |kind| &self.roots[kind.index()]),
        }
    }

    fn children_mut(&mut self, parent: u32) -> Option<&mut Vec<u32>> {
        if let Some(kind) = EventKind::from_number(parent) {
            return Some(&mut self.roots[kind.index()]);
        }
        let place = self.places.get_mut((parent & PLACE_MASK) as usize)?;
        place.event.as_mut().map(|event| &mut event.children)
    }

    /// Events with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &UserEvent)> {
        (0..).zip(&self.places).filter_map(|(position, place)| {
            Some((place.generation << PLACE_BITS | position, place.event.as_ref()?))
        })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u32 = EventKind::NewData as u32;

    #[test]
    fn the_same_definition_twice_gives_the_same_number() {
        let mut events = DefinedEvents::default();
        let filter = || EventFilter::Guest(1);
        let first = events.define("get", DATA, filter(), b"7").unwrap();
        assert_eq!(first, FIRST_USER_EVENT);
        assert_eq!(events.define("get", DATA, filter(), b"7"), Ok(first));
        assert_eq!(events.define("another name", DATA, filter(), b"7"), Ok(first));
        assert_eq!(events.define("get", DATA, filter(), b"8"), Err(Refusal::Exists));
        assert_eq!(events.define("put", DATA, filter(), b"8"), Ok(first + 1));
        let floating = events.define("found", DATA, EventFilter::Raised, b"").unwrap();
        assert_eq!(events.define("found", DATA, EventFilter::Raised, b""), Ok(floating));
        assert_ne!(events.define("found too", DATA, EventFilter::Raised, b""), Ok(floating));
    }

    #[test]
    fn what_is_undefined_takes_its_subtree_along_and_its_number_does_not_come_back() {
        let mut events = DefinedEvents::default();
        let first = events.define("a", DATA, EventFilter::Guest(1), b"").unwrap();
        let child = events.define("b", first, EventFilter::Guest(2), b"").unwrap();
        let grandchild = events.define("c", child, EventFilter::Guest(3), b"").unwrap();
        let other = events.define("d", DATA, EventFilter::Guest(4), b"").unwrap();
        assert_eq!(events.root_of(grandchild), Some(EventKind::NewData));
        assert!(events.descends(grandchild, first) && events.descends(grandchild, DATA));
        assert!(!events.descends(grandchild, other));
        assert_eq!(events.undefine(first), Ok(vec![first, child, grandchild]));
        assert_eq!(events.undefine(first), Err(Refusal::BadId));
        assert_eq!(events.undefine(DATA), Err(Refusal::BadId));
        assert_eq!(events.children(DATA), [other]);
        assert_eq!(events.len(), 1);
        let again = events.define("a", DATA, EventFilter::Guest(1), b"").unwrap();
        assert!(![first, child, grandchild].contains(&again));
        assert_eq!(events.root_of(grandchild), None);
        assert_eq!(events.children(DATA), [other, again], "siblings come in the order of definition");
    }

    #[test]
    fn definitions_are_bounded_in_number_depth_and_length() {
        let mut events = DefinedEvents::default();
        let define = |events: &mut DefinedEvents, number: u32, parent| {
            events.define(&format!("e{number}"), parent, EventFilter::Guest(number), b"")
        };
        let mut parent = DATA;
        for depth in 0..u32::try_from(EVENT_DEPTH).unwrap() {
            parent = define(&mut events, depth, parent).unwrap();
        }
        assert_eq!(define(&mut events, 999_999, parent), Err(Refusal::TooMany));
        let refused = (10_000..1_010_000).find(|number| define(&mut events, *number, DATA).is_err());
        assert_eq!(refused, u32::try_from(10_000 + EVENTS_PER_TENANT - EVENT_DEPTH).ok());
        assert_eq!(define(&mut events, 1_010_000, DATA), Err(Refusal::TooMany));
        let long = "n".repeat(NAME_BYTES + 1);
        assert_eq!(events.define(&long, DATA, EventFilter::Guest(0), b""), Err(Refusal::TooLong));
        let long = vec![0; ARGUMENT_BYTES + 1];
        assert_eq!(events.define("x", DATA, EventFilter::Guest(0), &long), Err(Refusal::TooLong));
    }

    #[test]
    fn a_number_of_a_place_that_was_used_up_stays_unknown() {
        let mut events = DefinedEvents::default();
        let mut numbers = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let number = events.define("e", DATA, EventFilter::Guest(1), b"").unwrap();
            assert!(numbers.insert(number));
            assert!(events.undefine(number).is_ok());
            assert!(events.get(number).is_none());
        }
        assert!(events.is_empty());
    }

    #[test]
    fn an_argument_is_also_a_number() {
        let mut events = DefinedEvents::default();
        let number = events.define("e", DATA, EventFilter::Guest(1), &[1, 2]).unwrap();
        assert_eq!(events.get(number).map(UserEvent::argument_number), Some(0x0201));
        let number = events.define("f", DATA, EventFilter::Guest(1), &[9; 20]).unwrap();
        assert_eq!(events.get(number).map(UserEvent::argument_number), Some(0x0909_0909_0909_0909));
    }
}
