//! Tenants that do at random what tenants may do.

use sluice_engine::event::{
    Change, EventCall, EventFilter, EventKind, FIRST_USER_EVENT, Faulted, Handler, Hook, NativeFilter,
    Registration, TenantId,
};
use sluice_engine::{Refusal, Sides, View};
use sluice_wire::TcpFlags;

use super::Act;
use crate::Random;

/// Numbers of handlers and of filters that a tenant has: few, so that sets are often the same.
const HANDLERS: usize = 5;
const FILTERS: usize = 6;

/// Names that a tenant gives, some of them twice.
const NAMES: usize = 48;

/// Definitions from which on a tenant takes more out than it adds.
const MANY_EVENTS: usize = 14;

/// Registrations that a tenant remembers having asked for.
const REMEMBERED: usize = 24;

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// What the filter said.
    Filtered(bool),
    /// The handler is done.
    Handled,
    /// The tenant could not go on.
    Faulted,
}

/// A call, what was asked for in it, and how that was answered.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who was called.
    pub tenant: TenantId,
    /// What with; how much is readable is left out.
    pub call: EventCall,
    /// What was asked for, in order.
    pub acts: Vec<(Act, Result<u32, Refusal>)>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What a tenant remembers of what it has done.
#[derive(Debug, Default)]
struct Memory {
    events: Vec<Known>,
    registered: Vec<Registration>,
}

/// An event that was defined once.
#[derive(Clone, Copy, Debug)]
struct Known {
    number: u32,
    root: EventKind,
    is_raised: bool,
}

/// Answers for all tenants but the last, which only keeps bytes. See the module.
#[derive(Debug)]
pub struct Actor {
    /// Calls that were not looked at yet.
    pub trace: Vec<Entry>,
    seed: u64,
    random: Random,
    memories: Vec<Memory>,
    /// Calls of a million in which a tenant faults.
    faults: u32,
}

impl Actor {
    /// The tenants that a seed makes; `faults` calls of a million are the last that a tenant gets.
    #[must_use]
    pub fn new(seed: u64, tenants: usize, faults: u32) -> Self {
        let memories = (0..tenants).map(|_| Memory::default()).collect();
        Self { trace: Vec::new(), seed, random: Random::new(seed), memories, faults }
    }

    /// What a filter says: a function of its number, the flow and the event, and nothing else.
    #[must_use]
    pub fn holds(seed: u64, call: &EventCall) -> bool {
        let place = call.place();
        let parts = [
            u64::from(call.id),
            call.flow,
            call.time,
            u64::from(call.kind),
            call.offset,
            place.hook() as u64,
            call.argument,
        ];
        let mixed = parts.into_iter().fold(seed, |mixed, part| Random::new(mixed ^ part).bits());
        !mixed.is_multiple_of(3)
    }

    /// What a tenant asks for before the first packet.
    pub fn choose_first(&mut self, tenant: TenantId) -> Act {
        match self.random.below(10) {
            0..4 => self.definition(tenant),
            4 => Act::Undefine(self.event(tenant).0),
            _ => Act::Monitor(self.monitor(), self.change(tenant)),
        }
    }

    /// What a tenant asks for in an event of this kind.
    fn choose(&mut self, tenant: TenantId, kind: u32) -> Act {
        let memory = self.memories.get(usize::from(tenant.0));
        let has_many = memory.is_some_and(|memory| memory.events.len() > MANY_EVENTS);
        match self.random.below(100) {
            0..20 if !has_many => self.definition(tenant),
            0..26 => Act::Undefine(self.event(tenant).0),
            26..38 => Act::Monitor(self.monitor(), self.change(tenant)),
            38..70 => Act::Flow(self.change(tenant)),
            70..93 => Act::Raise(self.raised(tenant, kind)),
            93 => Act::Stop([Sides::CLIENT, Sides::SERVER, Sides::BOTH][self.random.below(3)]),
            _ => Act::Context(self.random.bits()),
        }
    }

    /// Mostly one of the first two.
    fn monitor(&mut self) -> u32 {
        let bound = if self.random.below(8) == 0 { 5 } else { 2 };
        u32::try_from(self.random.below(bound)).unwrap_or(0)
    }

    /// Mostly an event that happens when it is raised in an event of this kind.
    fn raised(&mut self, tenant: TenantId, kind: u32) -> u32 {
        let memory = self.memories.get(usize::from(tenant.0));
        let fitting = memory.into_iter().flat_map(|memory| &memory.events);
        let fitting: Vec<u32> = fitting
            .filter(|known| known.is_raised && known.root.number() == kind)
            .map(|known| known.number)
            .collect();
        let place = self.random.below(fitting.len() + 1);
        fitting.get(place).copied().unwrap_or_else(|| self.event(tenant).0)
    }

    /// Keeps in mind what an act led to.
    pub fn remember(&mut self, tenant: TenantId, act: &Act, answer: Result<u32, Refusal>) {
        let defined = if let Act::Define { parent, filter, .. } = act {
            self.root(tenant, *parent).map(|root| (root, matches!(filter, EventFilter::Raised)))
        } else {
            None
        };
        let forgets = self.random.below(3) > 0;
        let place = self.random.below(REMEMBERED);
        let Some(memory) = self.memories.get_mut(usize::from(tenant.0)) else { return };
        match (act, answer) {
            (Act::Define { .. }, Ok(number)) => {
                let is_known = memory.events.iter().any(|known| known.number == number);
                let known = defined.map(|(root, is_raised)| Known { number, root, is_raised });
                memory.events.extend(known.filter(|_| !is_known));
            }
            // Some numbers are used on although nothing has them any more.
            (Act::Undefine(number), Ok(_)) if forgets => {
                memory.events.retain(|known| known.number != *number);
            }
            (Act::Monitor(_, change) | Act::Flow(change), Ok(_)) => {
                if memory.registered.len() >= REMEMBERED {
                    memory.registered.swap_remove(place);
                }
                memory.registered.extend(change.add);
            }
            _ => {}
        }
    }

    fn root(&self, tenant: TenantId, event: u32) -> Option<EventKind> {
        let known = &self.memories.get(usize::from(tenant.0))?.events;
        let known = known.iter().find(|known| known.number == event).map(|known| known.root);
        known.or_else(|| EventKind::from_number(event))
    }

    /// Mostly an event that the tenant has defined or a built-in one that happens often, and what it takes to be its
    /// root.
    fn event(&mut self, tenant: TenantId) -> (u32, EventKind) {
        let own = usize::from(tenant.0);
        let owner = match self.random.below(30) {
            0 => self.random.below(self.memories.len()),
            1 => {
                let number = u32::try_from(self.random.below(4)).unwrap_or(0);
                return (FIRST_USER_EVENT * number, EventKind::NewData);
            }
            2 => return (u32::try_from(self.random.bits() >> 32).unwrap_or(0), EventKind::PacketIn),
            _ => own,
        };
        let known = self.memories.get(owner).map_or(&[][..], |memory| &memory.events);
        let place = self.random.below(known.len() + 6);
        let known = known.get(place).map(|known| (known.number, known.root));
        known.unwrap_or_else(|| {
            let often = [EventKind::PacketIn, EventKind::NewData, EventKind::Rexmit, EventKind::StateChange];
            let kinds: &[EventKind] = if place & 1 == 0 { &often } else { &EventKind::ALL };
            let kind = kinds.get(self.random.below(kinds.len())).copied().unwrap_or(EventKind::PacketIn);
            (kind.number(), kind)
        })
    }

    fn definition(&mut self, tenant: TenantId) -> Act {
        let (parent, _) = self.event(tenant);
        let name = format!("e{}", self.random.below(NAMES));
        let number = self.random.byte();
        let (native, argument) = match self.random.below(9) {
            0 => (NativeFilter::length(u32::from(number & 7), 40), Vec::new()),
            1 => (NativeFilter::tcp_flags(TcpFlags::PSH, TcpFlags::PSH), Vec::new()),
            2 => {
                let first = 40_000 + u16::from(number & 3);
                (
                    NativeFilter::ports(sluice_engine::event::End::Client, &[(first, first + 2)]),
                    vec![number & 1],
                )
            }
            3 => (NativeFilter::every_bytes(u64::from(number & 31)), Vec::new()),
            // Not a filter at all: the event is raised.
            4 | 5 => (Err(Refusal::BadFilter), Vec::new()),
            other => {
                let filter = u32::try_from(self.random.below(FILTERS)).unwrap_or(0);
                let argument = vec![number & 3; (other & 1) + usize::from(number & 8) + 1];
                return Act::Define { name, parent, filter: EventFilter::Guest(filter), argument };
            }
        };
        Act::Define { name, parent, filter: native.map_or(EventFilter::Raised, EventFilter::from), argument }
    }

    fn change(&mut self, tenant: TenantId) -> Change {
        let registered = self.registration(tenant);
        let by = self.handler();
        match self.random.below(10) {
            0..6 => {
                let (event, root) = self.event(tenant);
                let allowed: Vec<Hook> = Hook::ALL
                    .into_iter()
                    .filter(|hook| {
                        root.allows(*hook) || root == EventKind::PacketIn || self.random.below(20) == 0
                    })
                    .collect();
                let hook = allowed.get(self.random.below(allowed.len())).copied().unwrap_or(Hook::None);
                Change::register(event, hook, by)
            }
            6..8 => Change::unregister(registered.event, registered.hook, registered.handler),
            _ => Change::replace(registered.event, registered.hook, registered.handler, by),
        }
    }

    /// Mostly one that was asked for before.
    fn registration(&mut self, tenant: TenantId) -> Registration {
        let place = self.random.below(REMEMBERED);
        let memory = self.memories.get(usize::from(tenant.0));
        let known = memory.and_then(|memory| {
            memory.registered.get(place.checked_rem(memory.registered.len()).unwrap_or(0)).copied()
        });
        let made_up = Registration { event: 1, hook: Hook::Sender, handler: self.handler() };
        known.unwrap_or(made_up)
    }

    fn handler(&mut self) -> u32 {
        u32::try_from(self.random.below(HANDLERS)).unwrap_or(0)
    }

    /// Does some of what may be done in a call, and writes it down.
    fn act(
        &mut self,
        tenant: TenantId,
        call: &EventCall,
        many: usize,
        outcome: Outcome,
        view: &mut View,
    ) -> Result<(), Faulted> {
        let mut acts = Vec::with_capacity(many);
        for _ in 0..many {
            let act = self.choose(tenant, call.kind);
            let answer = act.perform(view);
            self.remember(tenant, &act, answer);
            acts.push((act, answer));
        }
        let has_faulted = self.random.in_a_million(self.faults);
        let outcome = if has_faulted { Outcome::Faulted } else { outcome };
        self.trace.push(Entry { tenant, call: EventCall { readable: 0, ..*call }, acts, outcome });
        if has_faulted { Err(Faulted) } else { Ok(()) }
    }

    fn is_keeper(&self, tenant: TenantId) -> bool {
        usize::from(tenant.0) >= self.memories.len()
    }
}

impl Handler for Actor {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        let holds = Self::holds(self.seed, call);
        let many = usize::from(self.random.below(12) == 0);
        self.act(tenant, call, many, Outcome::Filtered(holds), view)?;
        Ok(holds)
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if self.is_keeper(tenant) {
            return Ok(0);
        }
        let many = [0, 0, 0, 0, 1, 1, 2, 4][self.random.below(8)];
        self.act(tenant, call, many, Outcome::Handled, view)?;
        Ok(0)
    }
}
