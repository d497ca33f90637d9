//! Definitions as a list.

use sluice_engine::Refusal;
use sluice_engine::event::{EventFilter, EventKind};
use sluice_engine::limits::{ARGUMENT_BYTES, EVENT_DEPTH, EVENTS_PER_TENANT, NAME_BYTES};

/// An event that a tenant defined.
#[derive(Clone, Debug)]
pub struct Defined {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Number of its parent.
    pub parent: u32,
    /// What decides whether it happens.
    pub filter: EventFilter,
    /// Given to filter and handlers.
    pub argument: Vec<u8>,
}

impl Defined {
    /// The first eight bytes of the argument, the lowest first.
    #[must_use]
    pub fn argument_number(&self) -> u64 {
        self.argument.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Whether it happens only when it is raised.
    #[must_use]
    pub const fn is_raised(&self) -> bool {
        matches!(self.filter, EventFilter::Raised)
    }
}

/// What one tenant has defined, in the order of definition.
#[derive(Clone, Debug, Default)]
pub struct NaiveEvents(pub Vec<Defined>);

impl NaiveEvents {
    /// An event by its number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Defined> {
        self.0.iter().find(|event| event.number == number)
    }

    /// The built-in event at the root.
    #[must_use]
    pub fn root(&self, number: u32) -> Option<EventKind> {
        match self.get(number) {
            Some(event) => self.root(event.parent),
            None => EventKind::from_number(number),
        }
    }

    /// Steps from the root.
    #[must_use]
    pub fn depth(&self, number: u32) -> usize {
        self.get(number).map_or(0, |event| self.depth(event.parent) + 1)
    }

    /// Whether `ancestor` is the event or lies above it.
    #[must_use]
    pub fn leads_to(&self, ancestor: u32, event: u32) -> bool {
        ancestor == event || self.get(event).is_some_and(|event| self.leads_to(ancestor, event.parent))
    }

    /// Events below this one, in the order of definition.
    pub fn children(&self, parent: u32) -> impl Iterator<Item = &Defined> {
        self.0.iter().filter(move |event| event.parent == parent)
    }

    /// What defining an event must give: the number of the same definition, or `None` for one that was never used.
    ///
    /// # Errors
    ///
    /// As the WIT says.
    pub fn definition(
        &self,
        name: &str,
        parent: u32,
        filter: &EventFilter,
        argument: &[u8],
    ) -> Result<Option<u32>, Refusal> {
        if name.len() > NAME_BYTES || argument.len() > ARGUMENT_BYTES {
            return Err(Refusal::TooLong);
        }
        let root = self.root(parent).ok_or(Refusal::BadId)?;
        if let EventFilter::Native(native) = filter
            && !native.suits(root)
        {
            return Err(Refusal::BadFilter);
        }
        let is_same = |event: &&Defined| match (&event.filter, filter) {
            (EventFilter::Raised, EventFilter::Raised) => event.name == name,
            (own, other) => own == other && event.argument == argument,
        };
        if let Some(same) = self.children(parent).find(is_same) {
            return Ok(Some(same.number));
        }
        if self.0.len() >= EVENTS_PER_TENANT || self.depth(parent) >= EVENT_DEPTH {
            return Err(Refusal::TooMany);
        }
        if self.0.iter().any(|event| event.name == name) { Err(Refusal::Exists) } else { Ok(None) }
    }

    /// Takes an event out with all below it; gives the numbers of what went.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`].
    pub fn undefine(&mut self, number: u32) -> Result<Vec<u32>, Refusal> {
        self.get(number).ok_or(Refusal::BadId)?;
        let gone: Vec<u32> =
            self.0.iter().map(|event| event.number).filter(|event| self.leads_to(number, *event)).collect();
        self.0.retain(|event| !gone.contains(&event.number));
        Ok(gone)
    }
}
