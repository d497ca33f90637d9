//! Flows that each register one of some number of sets, in one of four ways.

use sluice_engine::event::{
    Change, Definitions, EventCall, EventFilter, EventKind, Faulted, Handler, Hook, NativeFilter, Predicate,
    TenantId,
};
use sluice_engine::reassembly::Level;
use sluice_engine::{Refusal, View};
use sluice_wire::IpAddress;

use crate::traffic::serial_of;

/// Registrations in one set.
pub const REGISTRATIONS: usize = 8;

/// The most different sets that there are.
pub const SETS_MAX: u32 = 1_000;

/// Events that happen with each packet that has payload. Each set has one of them.
const HITS: u32 = 40;

/// Events that never happen: their filters ask for payload longer than any. Each set has seven of them.
const MISSES: u32 = 56;

/// The handler that registers a flow's set.
const LEARN: u32 = 1;
/// Handler of the first event that happens.
const HIT: u32 = 1_000;
/// Handler of the first event that does not.
const MISS: u32 = 2_000;
/// Where each flow is to have a set of its own, one of its handlers has this number plus the flow's.
const OWN: u32 = 1_000_000;

/// Monitors of one tenant where sets are registered beforehand, one for each set.
const MONITORS: u32 = 60;

/// Flows of one tenant where each has a set of its own: below
/// [`FORESTS_PER_TENANT`](sluice_engine::limits::FORESTS_PER_TENANT).
const OWN_SETS: u32 = 40_000;

/// Who registers what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// Nobody registers while packets flow: for each set there is a monitor whose filter takes the set's flows.
    Static,
    /// Each flow registers its set, and flows with equal sets share one.
    Shared,
    /// Each flow registers its set with a handler that no other flow has, so that nothing can be shared.
    Copied,
}

impl Way {
    /// The name in tables and plots.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Shared => "shared",
            Self::Copied => "naive copies",
        }
    }
}

/// When a flow registers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// In `conn-start`.
    Start,
    /// In the fourth packet of one of its hosts, by an event that it unregisters then.
    FourthPacket,
}

impl Moment {
    /// The name in tables and plots.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::FourthPacket => "4th packet",
        }
    }

    /// Packets with payload that a connection of [`concurrent`](crate::traffic::concurrent) still sends then.
    const fn segments_left(self) -> u64 {
        match self {
            Self::Start => 20,
            // The client's fourth packet is the third segment with payload; what changes in it shows in the next.
            Self::FourthPacket => 17,
        }
    }
}

/// One way with one number of sets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Case {
    /// Who registers what.
    pub way: Way,
    /// Different sets, at most [`SETS_MAX`]; flow `n` has set `n` modulo this.
    pub sets: u32,
    /// When, unless it is [`Way::Static`].
    pub moment: Moment,
}

impl Case {
    /// Tenants that it takes: one that has a set for each flow, or a monitor for each set, would meet its limits.
    #[must_use]
    pub const fn tenants(self, live_flows: u32) -> u32 {
        match self.way {
            Way::Shared => 1,
            Way::Static => self.sets.div_ceil(MONITORS),
            Way::Copied => live_flows.div_ceil(OWN_SETS),
        }
    }

    /// What the tenants define: tenant `n` of `tenants` in all.
    ///
    /// # Errors
    ///
    /// [`Refusal`] for what a tenant may not have.
    pub fn definitions(self, number: u32, tenants: u32) -> Result<Definitions, Refusal> {
        let mut definitions = Definitions::new();
        let events = Events::define(&mut definitions)?;
        if self.way == Way::Static {
            for set in (number..self.sets).step_by(tenants as usize) {
                let of_set = BySerial { divisor: self.sets, remainder: set };
                let filter = (self.sets > 1).then(|| Box::new(of_set) as Box<dyn Predicate>);
                let monitor = definitions.open_stream(filter, Level::State)?;
                for (event, handler) in events.set(set) {
                    definitions.register(monitor, event, Hook::Sender, handler)?;
                }
            }
            return Ok(definitions);
        }
        let of_tenant = BySerial { divisor: tenants, remainder: number };
        let filter = (tenants > 1).then(|| Box::new(of_tenant) as Box<dyn Predicate>);
        let monitor = definitions.open_stream(filter, Level::State)?;
        match self.moment {
            Moment::Start => {
                definitions.register(monitor, EventKind::ConnStart.number(), Hook::Sender, LEARN)?;
            }
            Moment::FourthPacket => definitions.register(monitor, events.fourth, Hook::Sender, LEARN)?,
        }
        Ok(definitions)
    }

    /// Different sets that there are in all while `live_flows` have registered, those of monitors included.
    #[must_use]
    pub fn sets_held(self, live_flows: u32) -> usize {
        let held = match self.way {
            Way::Static => self.sets,
            Way::Shared => self.sets.saturating_add(1),
            Way::Copied => live_flows.saturating_add(self.tenants(live_flows)),
        };
        held as usize
    }

    /// Calls of the sets' handlers that `flows` make, and the sum of the handlers' numbers.
    #[must_use]
    pub fn expected(self, flows: u32) -> (u64, u64) {
        let moment = if self.way == Way::Static { Moment::Start } else { self.moment };
        let numbers = (0..flows).map(|flow| u64::from(HIT + (flow % self.sets) % HITS));
        let segments = moment.segments_left();
        (u64::from(flows).saturating_mul(segments), numbers.sum::<u64>().saturating_mul(segments))
    }
}

/// Numbers of what each tenant defines; the same for all, since they define alike.
#[derive(Clone, Debug, Default)]
struct Events {
    hits: Vec<u32>,
    misses: Vec<u32>,
    fourth: u32,
}

impl Events {
    fn define(definitions: &mut Definitions) -> Result<Self, Refusal> {
        let packet = EventKind::PacketIn.number();
        let mut lengths = |count, name, least: u32| -> Result<Vec<u32>, Refusal> {
            let define = |number: u32| {
                let filter: EventFilter = NativeFilter::length(least, 2_000 + number)?.into();
                definitions.define(&format!("{name}-{number}"), packet, filter, b"")
            };
            (0..count).map(define).collect()
        };
        let (hits, misses) = (lengths(HITS, "hit", 1)?, lengths(MISSES, "miss", 1_900)?);
        let fourth = NativeFilter::every_packets(4)?.into();
        Ok(Self { hits, misses, fourth: definitions.define("fourth", packet, fourth, b"")? })
    }

    /// The registrations of a set. No two sets below [`SETS_MAX`] have the same.
    fn set(&self, set: u32) -> [(u32, u32); REGISTRATIONS] {
        let (hit, group) = (set % HITS, set / HITS);
        // One of eight in each of seven blocks.
        let miss = |block: u32| 8 * block + (group + block * (1 + group / 8)) % 8;
        std::array::from_fn(|place| match u32::try_from(place).unwrap_or(0).checked_sub(1) {
            None => (number_at(&self.hits, hit), HIT + hit),
            Some(block) => (number_at(&self.misses, miss(block)), MISS + miss(block)),
        })
    }
}

fn number_at(numbers: &[u32], place: u32) -> u32 {
    numbers.get(place as usize).copied().unwrap_or_default()
}

/// Takes flows by the number of their connection, as their first packet tells it.
struct BySerial {
    divisor: u32,
    remainder: u32,
}

impl Predicate for BySerial {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        let address = datagram.get(12..16).and_then(|bytes| bytes.try_into().ok());
        let port = datagram.get(20..22).and_then(|bytes| bytes.try_into().ok());
        let (Some(address), Some(port)) = (address, port) else { return false };
        serial_of(address, u16::from_be_bytes(port)) % self.divisor == self.remainder
    }
}

/// The handler of all ways.
#[derive(Debug)]
pub struct Registrar {
    case: Case,
    fourth: u32,
    sets: Vec<[(u32, u32); REGISTRATIONS]>,
    /// Calls of the sets' handlers, and the sum of the handlers' numbers.
    pub called: (u64, u64),
}

impl Registrar {
    /// The handler of a case.
    ///
    /// # Errors
    ///
    /// [`Refusal`] for what a tenant may not define.
    pub fn new(case: Case) -> Result<Self, Refusal> {
        let events = Events::define(&mut Definitions::new())?;
        let sets = (0..case.sets).map(|set| events.set(set)).collect();
        Ok(Self { case, fourth: events.fourth, sets, called: (0, 0) })
    }

    fn register(&self, view: &mut View) -> Result<(), Refusal> {
        let client = view.endpoints()?;
        let address = IpAddress(client.client_address).to_v4().ok_or(Refusal::BadId)?;
        let serial = serial_of(address, client.client_port);
        let set = self.sets.get((serial % self.case.sets) as usize).ok_or(Refusal::BadId)?;
        if self.case.moment == Moment::FourthPacket {
            view.change_flow(Change::unregister(self.fourth, Hook::Sender, LEARN))?;
        }
        let [shared @ .., (event, handler)] = set;
        for (event, handler) in shared {
            view.change_flow(Change::register(*event, Hook::Sender, *handler))?;
        }
        // Last, so that a flow's own set is made once, not once for each of its registrations.
        let handler = if self.case.way == Way::Copied { OWN.saturating_add(serial) } else { *handler };
        view.change_flow(Change::register(*event, Hook::Sender, handler))
    }
}

impl Handler for Registrar {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if call.id == LEARN {
            self.register(view).map_err(|_| Faulted)?;
        } else {
            self.called = (self.called.0 + 1, self.called.1.wrapping_add(u64::from(call.id)));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_sets_differ_and_have_as_many_registrations() {
        let events = Events::define(&mut Definitions::new()).unwrap();
        let sets: BTreeSet<BTreeSet<(u32, u32)>> =
            (0..SETS_MAX).map(|set| events.set(set).into_iter().collect()).collect();
        assert_eq!(sets.len(), SETS_MAX as usize);
        assert!(sets.iter().all(|set| set.len() == REGISTRATIONS));
    }
}
