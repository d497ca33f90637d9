//! What one tenant defines: monitors, user-defined events and handlers.
//!
//! A guest fills it in `start`, checked call by call; [`Engine::attach`](crate::Engine::attach) makes forests of it.

use std::fmt;

use crate::Refusal;
use crate::event::{EventKind, Hook};
use crate::flow::Want;
use crate::limits::{
    EVENTS_PER_TENANT, MONITORS_PER_TENANT, NAME_BYTES, REGISTRATIONS_PER_TENANT, TIMERS_PER_TENANT,
};
use crate::reassembly::Level;

/// Number of the first user-defined event; smaller ones are built-in kinds.
pub const FIRST_USER_EVENT: u32 = 4096;

/// Decides about a flow from its first packet.
pub trait Predicate {
    /// Whether the IP datagram, from its IP header on, matches.
    fn matches(&mut self, datagram: &[u8]) -> bool;
}

/// An event that the tenant defined: it happens when its parent does and the guest's filter says yes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserEvent {
    /// Name in reports.
    pub name: String,
    /// Number of the parent: a built-in kind or a user-defined event defined before.
    pub parent: u32,
    /// Number of the guest's filter.
    pub filter: u32,
    /// Given to the filter and the handlers.
    pub argument: u64,
}

/// A monitor of TCP streams.
pub struct MonitorSpec {
    /// Which flows; `None` for all.
    pub filter: Option<Box<dyn Predicate>>,
    /// What it wants of each direction, by [`Direction::index`](crate::Direction::index).
    pub wants: [Want; 2],
    /// Whether its flows keep what [`View::observables`](crate::View::observables) tells.
    pub observes: bool,
}

impl fmt::Debug for MonitorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorSpec")
            .field("filtered", &self.filter.is_some())
            .field("wants", &self.wants)
            .finish()
    }
}

/// A handler of an event at a hook in the flows of a monitor.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Registration {
    /// Number of the monitor.
    pub monitor: u32,
    /// Number of the event.
    pub event: u32,
    /// The hook.
    pub hook: Hook,
    /// Number of the guest's handler.
    pub handler: u32,
}

/// A timer set before the first packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimerSpec {
    /// Nanoseconds from the first packet.
    pub delay: u64,
    /// Given back when it runs out.
    pub argument: u64,
}

/// What one tenant defines. See the module.
#[derive(Debug, Default)]
pub struct Definitions {
    monitors: Vec<MonitorSpec>,
    events: Vec<UserEvent>,
    registrations: Vec<Registration>,
    timers: Vec<TimerSpec>,
}

impl Definitions {
    /// Nothing defined.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a monitor and gives its number.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] when the tenant has its share.
    pub fn open_stream(&mut self, filter: Option<Box<dyn Predicate>>, level: Level) -> Result<u32, Refusal> {
        let number = next_number(self.monitors.len(), MONITORS_PER_TENANT)?;
        self.monitors.push(MonitorSpec { filter, wants: [Want::of(level); 2], observes: false });
        Ok(number)
    }

    /// Asks for the observables of a monitor's flows; twice is as good as once.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor.
    pub fn observe(&mut self, monitor: u32) -> Result<(), Refusal> {
        let place = usize::try_from(monitor).map_err(|_| Refusal::BadId)?;
        self.monitors.get_mut(place).ok_or(Refusal::BadId)?.observes = true;
        Ok(())
    }

    /// What a monitor wants of each direction, to change.
    pub(super) fn wants_of(&mut self, monitor: u32) -> Option<&mut [Want; 2]> {
        let place = usize::try_from(monitor).ok()?;
        self.monitors.get_mut(place).map(|monitor| &mut monitor.wants)
    }

    /// Defines an event and gives its number; the same definition twice gives the same number.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown parent, [`Refusal::Exists`] if `name` means something else,
    /// [`Refusal::TooLong`] for the name, [`Refusal::TooMany`].
    pub fn define(&mut self, name: &str, parent: u32, filter: u32, argument: u64) -> Result<u32, Refusal> {
        if name.len() > NAME_BYTES {
            return Err(Refusal::TooLong);
        }
        self.root_of(parent).ok_or(Refusal::BadId)?;
        let same =
            |event: &UserEvent| (event.parent, event.filter, event.argument) == (parent, filter, argument);
        if let Some(position) = self.events.iter().position(same) {
            return user_event_number(position);
        }
        if self.events.iter().any(|event| event.name == name) {
            return Err(Refusal::Exists);
        }
        next_number(self.events.len(), EVENTS_PER_TENANT)?;
        let number = user_event_number(self.events.len())?;
        self.events.push(UserEvent { name: name.to_owned(), parent, filter, argument });
        Ok(number)
    }

    /// Registers a handler; the same registration twice changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor or event, [`Refusal::BadHook`] if the event is never raised there,
    /// [`Refusal::TooMany`].
    pub fn register(&mut self, monitor: u32, event: u32, hook: Hook, handler: u32) -> Result<(), Refusal> {
        let known = usize::try_from(monitor).is_ok_and(|monitor| monitor < self.monitors.len());
        let root = self.root_of(event).filter(|_| known).ok_or(Refusal::BadId)?;
        if !root.allows(hook) {
            return Err(Refusal::BadHook);
        }
        let registration = Registration { monitor, event, hook, handler };
        if self.registrations.contains(&registration) {
            return Ok(());
        }
        next_number(self.registrations.len(), REGISTRATIONS_PER_TENANT)?;
        self.registrations.push(registration);
        Ok(())
    }

    /// Sets a timer that counts from the first packet and gives its number.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`].
    pub fn set_timer(&mut self, delay: u64, argument: u64) -> Result<u32, Refusal> {
        let number = next_number(self.timers.len(), TIMERS_PER_TENANT)?;
        self.timers.push(TimerSpec { delay, argument });
        Ok(number)
    }

    /// The built-in kind at the root of an event's tree; `None` for an unknown event.
    #[must_use]
    pub fn root_of(&self, event: u32) -> Option<EventKind> {
        // A parent is always defined before its child, so each step goes to a smaller number.
        let mut event = event;
        loop {
            match self.user_event(event) {
                Some(user) => event = user.parent,
                None => return EventKind::from_number(event),
            }
        }
    }

    /// A user-defined event by its number.
    #[must_use]
    pub fn user_event(&self, event: u32) -> Option<&UserEvent> {
        let position = usize::try_from(event.checked_sub(FIRST_USER_EVENT)?).ok()?;
        self.events.get(position)
    }

    /// User-defined events in the order of their numbers, which begin at [`FIRST_USER_EVENT`].
    #[must_use]
    pub fn user_events(&self) -> &[UserEvent] {
        &self.events
    }

    /// Monitors in the order of their numbers.
    #[must_use]
    pub fn monitors(&self) -> &[MonitorSpec] {
        &self.monitors
    }

    /// Registrations in the order in which they were made.
    #[must_use]
    pub fn registrations(&self) -> &[Registration] {
        &self.registrations
    }

    /// Timers set before the first packet.
    #[must_use]
    pub fn timers(&self) -> &[TimerSpec] {
        &self.timers
    }

    /// The monitors, taken out: their filters have state.
    pub(crate) fn into_monitors(self) -> Vec<MonitorSpec> {
        self.monitors
    }
}

fn next_number(len: usize, limit: usize) -> Result<u32, Refusal> {
    if len >= limit {
        return Err(Refusal::TooMany);
    }
    u32::try_from(len).map_err(|_| Refusal::TooMany)
}

fn user_event_number(position: usize) -> Result<u32, Refusal> {
    let position = u32::try_from(position).map_err(|_| Refusal::TooMany)?;
    FIRST_USER_EVENT.checked_add(position).ok_or(Refusal::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_monitor() -> Definitions {
        let mut definitions = Definitions::new();
        definitions.open_stream(None, Level::Full).unwrap();
        definitions
    }

    #[test]
    fn the_same_definition_twice_gives_the_same_number() {
        let mut definitions = with_monitor();
        let first = definitions.define("get", 6, 1, 7).unwrap();
        assert_eq!(definitions.define("get", 6, 1, 7), Ok(first));
        assert_eq!(definitions.define("get", 6, 1, 8), Err(Refusal::Exists));
        assert_eq!(definitions.define("put", 6, 1, 8), Ok(first + 1));
    }

    #[test]
    fn hooks_are_those_of_the_root_event() {
        let mut definitions = with_monitor();
        let child = definitions.define("a", EventKind::NewData.number(), 1, 0).unwrap();
        let grandchild = definitions.define("b", child, 2, 0).unwrap();
        assert_eq!(definitions.root_of(grandchild), Some(EventKind::NewData));
        assert_eq!(definitions.register(0, grandchild, Hook::Sender, 1), Err(Refusal::BadHook));
        assert_eq!(definitions.register(0, grandchild, Hook::Receiver, 1), Ok(()));
        assert_eq!(definitions.register(0, grandchild, Hook::Receiver, 1), Ok(()));
        assert_eq!(definitions.registrations().len(), 1);
    }

    #[test]
    fn unknown_numbers_are_refused() {
        let mut definitions = with_monitor();
        assert_eq!(definitions.define("x", 77, 1, 0), Err(Refusal::BadId));
        assert_eq!(definitions.define("x", FIRST_USER_EVENT, 1, 0), Err(Refusal::BadId));
        assert_eq!(definitions.register(1, 6, Hook::Receiver, 1), Err(Refusal::BadId));
        assert_eq!(definitions.register(0, u32::MAX, Hook::Receiver, 1), Err(Refusal::BadId));
    }

    #[test]
    fn definitions_are_bounded() {
        let mut definitions = with_monitor();
        let refused = (0..).find(|n| definitions.define(&format!("e{n}"), 1, *n, 0).is_err());
        assert_eq!(refused, u32::try_from(EVENTS_PER_TENANT).ok());
        assert_eq!(definitions.define(&"n".repeat(NAME_BYTES + 1), 1, 0, 0), Err(Refusal::TooLong));
    }
}
