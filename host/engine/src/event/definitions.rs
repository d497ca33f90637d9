//! What one tenant asks for before the first packet: monitors, user-defined events, handlers, timers.
//!
//! A guest fills it in `start`, checked call by call; [`Engine::attach`](crate::Engine::attach) takes it in.

use std::fmt;

use super::{Audience, Change, EventFilter, Hook, TenantEvents};
use crate::Refusal;
use crate::flow::Want;
use crate::limits::{MONITORS_PER_TENANT, TIMERS_PER_TENANT};
use crate::reassembly::Level;

/// Decides about a packet, or about a flow from its first packet.
pub trait Predicate {
    /// Whether the IP datagram, from its IP header on, matches.
    fn matches(&mut self, datagram: &[u8]) -> bool;
}

/// A monitor: of TCP streams, or of raw packets.
pub struct MonitorSpec {
    /// What it listens to.
    pub audience: Audience,
    /// Which flows, by their first packets, or which packets; `None` for all.
    pub filter: Option<Box<dyn Predicate>>,
    /// Which orphans; `None` for all.
    pub orphan_filter: Option<Box<dyn Predicate>>,
    /// What it wants of each direction, by [`Direction::index`](crate::Direction::index).
    pub wants: [Want; 2],
    /// Whether its flows keep what [`View::observables`](crate::View::observables) tells.
    pub observes: bool,
    /// Whether the tenant is told once a burst which of its flows can be read, began and ended.
    pub polls: bool,
}

impl fmt::Debug for MonitorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorSpec")
            .field("audience", &self.audience)
            .field("filtered", &self.filter.is_some())
            .field("wants", &self.wants)
            .finish_non_exhaustive()
    }
}

/// A timer set before the first packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimerSpec {
    /// Nanoseconds from the first packet.
    pub delay: u64,
    /// Given back when it runs out.
    pub argument: u64,
}

/// What one tenant asks for. See the module.
#[derive(Debug, Default)]
pub struct Definitions {
    monitors: Vec<MonitorSpec>,
    events: TenantEvents,
    timers: Vec<TimerSpec>,
}

impl Definitions {
    /// Nothing asked for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a monitor of TCP streams and gives its number.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] when the tenant has its share.
    pub fn open_stream(&mut self, filter: Option<Box<dyn Predicate>>, level: Level) -> Result<u32, Refusal> {
        self.open(Audience::Stream, filter, level)
    }

    /// Opens a monitor of packets and gives its number: each packet that matches raises
    /// [`PacketIn`](super::EventKind::PacketIn) at hook [`Hook::None`], whatever it carries.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] when the tenant has its share.
    pub fn open_raw(&mut self, filter: Option<Box<dyn Predicate>>) -> Result<u32, Refusal> {
        self.open(Audience::Raw, filter, Level::State)
    }

    fn open(
        &mut self,
        audience: Audience,
        filter: Option<Box<dyn Predicate>>,
        level: Level,
    ) -> Result<u32, Refusal> {
        let number = next_number(self.monitors.len(), MONITORS_PER_TENANT)?;
        self.events.add_monitor(audience)?;
        self.monitors.push(MonitorSpec {
            audience,
            filter,
            orphan_filter: None,
            wants: [Want::of(level); 2],
            observes: false,
            polls: false,
        });
        Ok(number)
    }

    /// Shows a monitor of streams only the orphans that match.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor, or one of packets.
    pub fn filter_orphans(
        &mut self,
        monitor: u32,
        filter: Option<Box<dyn Predicate>>,
    ) -> Result<(), Refusal> {
        self.stream_monitor(monitor)?.orphan_filter = filter;
        Ok(())
    }

    /// Asks for the observables of a monitor's flows; twice is as good as once.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor, or one of packets.
    pub fn observe(&mut self, monitor: u32) -> Result<(), Refusal> {
        self.stream_monitor(monitor)?.observes = true;
        Ok(())
    }

    /// What a monitor wants of each direction, to change.
    pub(super) fn wants_of(&mut self, monitor: u32) -> Option<&mut [Want; 2]> {
        self.stream_monitor(monitor).ok().map(|monitor| &mut monitor.wants)
    }

    /// Asks to be told once a burst which flows of a monitor can be read, began and ended.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor, or one of packets.
    pub fn poll(&mut self, monitor: u32) -> Result<(), Refusal> {
        self.stream_monitor(monitor)?.polls = true;
        Ok(())
    }

    fn stream_monitor(&mut self, monitor: u32) -> Result<&mut MonitorSpec, Refusal> {
        let place = usize::try_from(monitor).map_err(|_| Refusal::BadId)?;
        let spec = self.monitors.get_mut(place).ok_or(Refusal::BadId)?;
        if spec.audience == Audience::Stream { Ok(spec) } else { Err(Refusal::BadId) }
    }

    /// Defines an event and gives its number; see [`DefinedEvents::define`](super::DefinedEvents::define).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn define(
        &mut self,
        name: &str,
        parent: u32,
        filter: EventFilter,
        argument: &[u8],
    ) -> Result<u32, Refusal> {
        self.events.events_mut().define(name, parent, filter, argument)
    }

    /// Takes an event out, with its subtree and all registrations for it.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`].
    pub fn undefine(&mut self, event: u32) -> Result<(), Refusal> {
        self.events.undefine(event)
    }

    /// Has a handler called at the end of the burst.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`].
    pub fn defer(&mut self, handler: u32) -> Result<(), Refusal> {
        self.events.defer(handler)
    }

    /// Has the bytes that became readable come with the events of a deferred handler in
    /// [`Handler::burst`](super::Handler::burst).
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] if the handler is not deferred.
    pub fn bring(&mut self, handler: u32) -> Result<(), Refusal> {
        self.events.bring(handler)
    }

    /// Has what is deferred told by [`Handler::burst`](super::Handler::burst), many events in one call, in the place of
    /// a [`callback`](super::Handler::callback) for each.
    pub const fn take_bursts(&mut self) {
        self.events.take_bursts();
    }

    /// Registers a handler; the same registration twice changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Definitions::change`].
    pub fn register(&mut self, monitor: u32, event: u32, hook: Hook, handler: u32) -> Result<(), Refusal> {
        self.change(monitor, Change::register(event, hook, handler))
    }

    /// Changes what the flows of a monitor invoke.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor or event, or if what is to go is not there, [`Refusal::BadHook`] if
    /// the event is never raised there, [`Refusal::TooMany`].
    pub fn change(&mut self, monitor: u32, change: Change) -> Result<(), Refusal> {
        self.events.change_monitor(monitor, change)
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

    /// Events and registrations.
    #[must_use]
    pub const fn events(&self) -> &TenantEvents {
        &self.events
    }

    /// Monitors in the order of their numbers.
    #[must_use]
    pub fn monitors(&self) -> &[MonitorSpec] {
        &self.monitors
    }

    /// Timers set before the first packet.
    #[must_use]
    pub fn timers(&self) -> &[TimerSpec] {
        &self.timers
    }

    /// All parts, taken out.
    pub(crate) fn into_parts(self) -> (Vec<MonitorSpec>, TenantEvents, Vec<TimerSpec>) {
        (self.monitors, self.events, self.timers)
    }
}

fn next_number(len: usize, limit: usize) -> Result<u32, Refusal> {
    if len >= limit {
        return Err(Refusal::TooMany);
    }
    u32::try_from(len).map_err(|_| Refusal::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, FIRST_USER_EVENT};

    fn with_monitor() -> Definitions {
        let mut definitions = Definitions::new();
        definitions.open_stream(None, Level::Full).unwrap();
        definitions
    }

    fn registered(definitions: &Definitions, monitor: u32) -> usize {
        definitions.events().of_monitor(monitor).map_or(0, |set| set.entries().len())
    }

    #[test]
    fn hooks_are_those_of_the_root_event_however_deep_the_event_lies() {
        let mut definitions = with_monitor();
        let data = EventKind::NewData.number();
        let child = definitions.define("a", data, EventFilter::Guest(1), b"").unwrap();
        let grandchild = definitions.define("b", child, EventFilter::Guest(2), b"").unwrap();
        assert_eq!(definitions.register(0, grandchild, Hook::Sender, 1), Err(Refusal::BadHook));
        assert_eq!(definitions.register(0, grandchild, Hook::Receiver, 1), Ok(()));
        assert_eq!(definitions.register(0, grandchild, Hook::Receiver, 1), Ok(()));
        assert_eq!(registered(&definitions, 0), 1);
    }

    #[test]
    fn unknown_numbers_are_refused() {
        let mut definitions = with_monitor();
        let guest = || EventFilter::Guest(1);
        assert_eq!(definitions.define("x", 77, guest(), b""), Err(Refusal::BadId));
        assert_eq!(definitions.define("x", FIRST_USER_EVENT, guest(), b""), Err(Refusal::BadId));
        assert_eq!(definitions.register(1, 6, Hook::Receiver, 1), Err(Refusal::BadId));
        assert_eq!(definitions.register(0, u32::MAX, Hook::Receiver, 1), Err(Refusal::BadId));
        assert_eq!(definitions.observe(1), Err(Refusal::BadId));
    }

    #[test]
    fn a_monitor_of_packets_hears_of_packets_only() {
        let mut definitions = with_monitor();
        let raw = definitions.open_raw(None).unwrap();
        let packet = EventKind::PacketIn.number();
        assert_eq!(definitions.register(raw, packet, Hook::None, 1), Ok(()));
        assert_eq!(definitions.register(raw, packet, Hook::Sender, 1), Err(Refusal::BadHook));
        assert_eq!(
            definitions.register(raw, EventKind::Orphan.number(), Hook::None, 1),
            Err(Refusal::BadHook)
        );
        assert_eq!(definitions.register(0, packet, Hook::None, 1), Err(Refusal::BadHook));
        assert_eq!(definitions.observe(raw), Err(Refusal::BadId));
        assert_eq!(definitions.poll(raw), Err(Refusal::BadId));
        assert_eq!(definitions.filter_orphans(raw, None), Err(Refusal::BadId));
    }

    #[test]
    fn undefining_takes_registrations_along() {
        let mut definitions = with_monitor();
        let data = EventKind::NewData.number();
        let child = definitions.define("a", data, EventFilter::Guest(1), b"").unwrap();
        let grandchild = definitions.define("b", child, EventFilter::Guest(2), b"").unwrap();
        for event in [data, child, grandchild] {
            definitions.register(0, event, Hook::Receiver, 1).unwrap();
        }
        definitions.undefine(child).unwrap();
        assert_eq!(registered(&definitions, 0), 1);
        assert_eq!(definitions.register(0, grandchild, Hook::Receiver, 1), Err(Refusal::BadId));
    }
}
