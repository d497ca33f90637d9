//! What tenants have defined and registered, each flow and monitor with a full copy of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sluice_engine::event::{
    Audience, Change, EventCall, EventFilter, EventKind, Hook, Registration, TenantEvents, TenantId,
};
use sluice_engine::limits::RAISED_PER_EVENT;
use sluice_engine::reassembly::Level;
use sluice_engine::{Direction, Engine, Refusal, Side, Sides};

use super::{Act, Entry, NaiveEvents};

/// Flows or packets that a monitor takes: those whose larger port leaves this remainder when divided by that number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Takes {
    /// Divided by.
    pub modulus: u16,
    /// What is left.
    pub remainder: u16,
}

impl Takes {
    /// All of them.
    pub const ALL: Self = Self { modulus: 1, remainder: 0 };

    /// Whether it takes what has these two ports.
    #[must_use]
    pub fn takes(self, ports: [u16; 2]) -> bool {
        ports.into_iter().max().unwrap_or(0).checked_rem(self.modulus) == Some(self.remainder)
    }
}

/// A monitor.
#[derive(Clone, Debug)]
pub struct ModelMonitor {
    /// What it listens to.
    pub audience: Audience,
    /// How much it wants.
    pub level: Level,
    /// Which flows, or which packets if it is one of packets.
    pub takes: Takes,
    /// Which orphans.
    pub takes_orphans: Takes,
    /// What its flows begin with.
    pub registrations: Vec<Registration>,
}

/// A tenant.
#[derive(Clone, Debug, Default)]
pub struct ModelTenant {
    /// What it has defined.
    pub events: NaiveEvents,
    /// Its monitors by their numbers.
    pub monitors: Vec<ModelMonitor>,
    pub(super) used: BTreeSet<u32>,
}

/// A monitor that watches a flow.
#[derive(Clone, Debug)]
pub(super) struct ModelAttachment {
    pub(super) tenant: usize,
    pub(super) level: Level,
    pub(super) registrations: Vec<Registration>,
    pub(super) stopped: Sides,
    pub(super) context: u64,
}

/// Where a call is made: the flow's monitor, the event at hand, and what was raised for it.
#[derive(Debug)]
pub(super) struct Spot<'w> {
    pub(super) tenant: usize,
    pub(super) flow: Option<(u64, usize)>,
    pub(super) event: u32,
    pub(super) is_filter: bool,
    pub(super) raised: &'w mut Vec<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Model {
    /// Seed of the filters.
    pub seed: u64,
    /// Those that have not faulted; what others had is gone.
    pub tenants: Vec<Option<ModelTenant>>,
    pub(super) flows: BTreeMap<u64, Vec<ModelAttachment>>,
    /// What the engine did and nothing was compared with yet.
    pub(super) trace: VecDeque<Entry>,
    pub(super) ending: Option<u64>,
    /// Calls that were compared.
    pub calls: u64,
    /// What was asked for in them and done, by [`Act::index`].
    pub done: [u64; Act::KINDS],
    /// What was asked for and refused.
    pub refused: u64,
}

impl Model {
    /// Does what a tenant asked for before the first packet.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn prepare(&mut self, tenant: usize, act: &Act, answer: Result<u32, Refusal>) -> Result<(), String> {
        let mut raised = Vec::new();
        let spot = Spot { tenant, flow: None, event: 0, is_filter: false, raised: &mut raised };
        self.apply(spot, act, answer)
    }

    /// Does what was asked for, if the answer is the right one.
    pub(super) fn apply(
        &mut self,
        spot: Spot<'_>,
        act: &Act,
        answer: Result<u32, Refusal>,
    ) -> Result<(), String> {
        let of_record = matches!(act, Act::Stop(_) | Act::Context(_));
        let own = if of_record && spot.flow.is_none() {
            // Refused for the flow first.
            Err(Refusal::NoFlow)
        } else if spot.is_filter && !matches!(act, Act::Raise(_)) {
            Err(Refusal::NotAllowed)
        } else {
            self.change(spot, act, answer)
        };
        if own != answer {
            return Err(format!("{act:?}: {answer:?} instead of {own:?}"));
        }
        match own {
            Ok(_) => self.done[act.index()] += 1,
            Err(_) => self.refused += 1,
        }
        Ok(())
    }

    fn change(&mut self, spot: Spot<'_>, act: &Act, answer: Result<u32, Refusal>) -> Result<u32, Refusal> {
        let ending = self.ending;
        let Self { tenants, flows, .. } = self;
        let tenant = tenants.get_mut(spot.tenant).and_then(Option::as_mut).ok_or(Refusal::NotAllowed)?;
        match act {
            Act::Define { name, parent, filter, argument } => {
                return tenant.define(name, *parent, filter, argument, answer);
            }
            Act::Undefine(event) => {
                let gone = tenant.events.undefine(*event)?;
                let is_left = |entry: &Registration| !gone.contains(&entry.event);
                tenant.monitors.iter_mut().for_each(|monitor| monitor.registrations.retain(is_left));
                let own = flows.values_mut().flatten().filter(|attachment| attachment.tenant == spot.tenant);
                own.for_each(|attachment| attachment.registrations.retain(is_left));
            }
            Act::Monitor(number, change) => {
                let number = usize::try_from(*number).unwrap_or(usize::MAX);
                let audience = tenant.monitors.get(number).ok_or(Refusal::BadId)?.audience;
                tenant.check(audience, change)?;
                let monitor = tenant.monitors.get_mut(number).ok_or(Refusal::BadId)?;
                alter(&mut monitor.registrations, change)?;
            }
            Act::Flow(change) => {
                let attachment = watching(flows, spot.flow)?;
                if attachment.stopped == Sides::BOTH || ending == spot.flow.map(|(flow, _)| flow) {
                    return Err(Refusal::NoFlow);
                }
                tenant.check(Audience::Stream, change)?;
                alter(&mut attachment.registrations, change)?;
            }
            Act::Raise(event) => {
                let own = tenant.events.get(*event).filter(|own| own.is_raised()).ok_or(Refusal::BadId)?;
                if !tenant.events.leads_to(own.parent, spot.event) {
                    return Err(Refusal::BadId);
                }
                if !spot.raised.contains(event) {
                    if spot.raised.len() >= RAISED_PER_EVENT {
                        return Err(Refusal::TooMany);
                    }
                    spot.raised.push(*event);
                }
            }
            Act::Stop(sides) => watching(flows, spot.flow)?.stopped.insert(*sides),
            Act::Context(value) => watching(flows, spot.flow)?.context = *value,
        }
        Ok(0)
    }

    /// A flow begins: each monitor that takes it gives it a copy of what is registered there.
    pub(super) fn open(&mut self, flow: u64, ports: [u16; 2]) {
        let mut attachments = Vec::new();
        for (number, tenant) in self.tenants.iter().enumerate() {
            let monitors = tenant.iter().flat_map(|tenant| &tenant.monitors);
            let takers =
                monitors.filter(|monitor| monitor.audience == Audience::Stream && monitor.takes.takes(ports));
            attachments.extend(takers.map(|monitor| ModelAttachment {
                tenant: number,
                level: monitor.level,
                registrations: monitor.registrations.clone(),
                stopped: Sides::NONE,
                context: 0,
            }));
        }
        self.flows.insert(flow, attachments);
    }

    /// A tenant is gone.
    pub(super) fn detach(&mut self, tenant: usize) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            *tenant = None;
        }
        self.flows.values_mut().for_each(|flow| {
            for attachment in flow.iter_mut().filter(|attachment| attachment.tenant == tenant) {
                attachment.stopped = Sides::BOTH;
                attachment.registrations.clear();
            }
        });
    }

    /// Flows that have not ended.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Compares what the engine holds with what monitors and flows have: each different set once, with as many holders
    /// as there are monitors and flows that have it.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn audit(&self, engine: &Engine) -> Result<(), String> {
        for (number, tenant) in self.tenants.iter().enumerate() {
            let id = u16::try_from(number).map(TenantId).map_err(|error| error.to_string())?;
            let held = engine.events(id).ok_or("no such tenant")?;
            let mut own: BTreeMap<Vec<Registration>, u64> = BTreeMap::new();
            let Some(tenant) = tenant else {
                if !held.forests().is_empty() || !held.events().is_empty() {
                    return Err(format!("tenant {number} is gone, and holds {}", held.forests().len()));
                }
                continue;
            };
            let monitors = tenant.monitors.iter().map(|monitor| &monitor.registrations);
            let flows = self.flows.values().flatten().filter(|attachment| attachment.tenant == number);
            for set in monitors.chain(flows.map(|attachment| &attachment.registrations)) {
                let mut set = set.clone();
                set.sort_unstable();
                *own.entry(set).or_default() += 1;
            }
            compare(number, held, &own)?;
            let defined: BTreeSet<u32> = tenant.events.0.iter().map(|event| event.number).collect();
            let events: BTreeSet<u32> = held.events().iter().map(|(event, _)| event).collect();
            if events != defined {
                return Err(format!("tenant {number} has {events:?} instead of {defined:?}"));
            }
        }
        Ok(())
    }
}

/// Compares the sets that a tenant's monitors and flows hold.
fn compare(tenant: usize, held: &TenantEvents, own: &BTreeMap<Vec<Registration>, u64>) -> Result<(), String> {
    let mut found: BTreeMap<Vec<Registration>, u64> = BTreeMap::new();
    for (holders, forest) in held.forests().iter() {
        *found.entry(forest.entries().to_vec()).or_default() += holders;
    }
    if found != *own {
        return Err(format!("tenant {tenant} holds {found:?} instead of {own:?}"));
    }
    if held.forests().len() != own.len() {
        return Err(format!("tenant {tenant} has {} sets instead of {}", held.forests().len(), own.len()));
    }
    Ok(())
}

impl ModelTenant {
    fn define(
        &mut self,
        name: &str,
        parent: u32,
        filter: &EventFilter,
        argument: &[u8],
        answer: Result<u32, Refusal>,
    ) -> Result<u32, Refusal> {
        if let Some(known) = self.events.definition(name, parent, filter, argument)? {
            return Ok(known);
        }
        // Any number will do that is no built-in event's and was never used.
        let number = answer.ok().filter(|number| *number >= 4_096 && !self.used.contains(number));
        let number = number.ok_or(Refusal::NoCapability)?;
        self.used.insert(number);
        self.events.0.push(super::Defined {
            number,
            name: name.to_owned(),
            parent,
            filter: filter.clone(),
            argument: argument.to_vec(),
        });
        Ok(number)
    }

    /// Whether events and hooks of a change are right for a monitor of an audience.
    fn check(&self, audience: Audience, change: &Change) -> Result<(), Refusal> {
        for entry in [change.add, change.remove].into_iter().flatten() {
            let root = self.events.root(entry.event).ok_or(Refusal::BadId)?;
            let is_right = match audience {
                Audience::Stream => root.allows(entry.hook),
                Audience::Raw => root == EventKind::PacketIn && entry.hook == Hook::None,
            };
            if !is_right {
                return Err(Refusal::BadHook);
            }
        }
        Ok(())
    }
}

fn alter(registrations: &mut Vec<Registration>, change: &Change) -> Result<(), Refusal> {
    if let Some(gone) = change.remove {
        let place = registrations.iter().position(|entry| *entry == gone).ok_or(Refusal::BadId)?;
        registrations.remove(place);
    }
    registrations.extend(change.add.filter(|entry| !registrations.contains(entry)));
    Ok(())
}

fn watching(
    flows: &mut BTreeMap<u64, Vec<ModelAttachment>>,
    flow: Option<(u64, usize)>,
) -> Result<&mut ModelAttachment, Refusal> {
    let (flow, position) = flow.ok_or(Refusal::NoFlow)?;
    flows.get_mut(&flow).and_then(|flow| flow.get_mut(position)).ok_or(Refusal::NoFlow)
}

impl ModelAttachment {
    /// Whether it wants to know of what happens at a side.
    pub(super) fn hears(&self, side: Option<Side>) -> bool {
        side.map_or(self.stopped != Sides::BOTH, |side| !self.stopped.contains(side))
    }

    /// Whether an event exists for it: what is about bytes is for who reads the direction.
    pub(super) fn sees(&self, call: &EventCall) -> bool {
        let needs_bytes = match call.event_kind() {
            Some(EventKind::Conflict | EventKind::NewData | EventKind::Gap | EventKind::Error) => true,
            Some(EventKind::Rexmit) => call.length > 0,
            _ => false,
        };
        let direction: Direction = call.place().direction();
        let is_stopped = self.stopped.contains(direction.receiver());
        !needs_bytes || self.level == Level::Full && !is_stopped
    }
}
