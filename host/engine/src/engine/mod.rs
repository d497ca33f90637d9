//! The engine: packets in, events and verdicts out.

mod backlog;
mod burst;
mod deadlines;
mod egress;
mod ending;
mod fragments;
mod later;
mod lent;
mod levels;
mod opening;
mod passes;
mod predict;
mod pressure;
mod raw;
mod receive;
mod records;
mod reopening;
mod segment;
mod sight;
mod strays;
mod streams;
mod systems;

use std::fmt;

use sluice_wire::IpAddress;

use self::reopening::Reopenings;
use self::sight::Sight;
use self::strays::Strays;
pub use self::systems::System;
use crate::counters::{Counters, TenantCounters};
use crate::defrag::Defragmenter;
use crate::event::{Definitions, EventProfile, Monitors, TenantEvents, TenantId, TimerSpec};
use crate::flow::Wheel;
use crate::limits::{EXCUSED_HOSTS, Limits, Timeouts};
use crate::packet::{Burst, Verdict};
use crate::reassembly::{Budget, OverlapPolicy, Rules, Urgent};
use crate::view::View;
use crate::{Direction, Grants, Nanos, Refusal};
use pressure::Pressure;

/// What the operator decides.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bounds.
    pub limits: Limits,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Timeouts in an emergency.
    pub emergency: Timeouts,
    /// Whether segments with a wrong checksum are refused. Turned off for captures made on a host that leaves checksums
    /// to its network card.
    pub checksums: Checksums,
    /// Whether flows without a handshake are followed.
    pub pick_up: PickUp,
    /// Which copy of a byte is read where several came, by [`Direction::index`](crate::Direction::index): the way of
    /// the hosts that receive.
    pub overlap: [OverlapPolicy; 2],
    /// What becomes of urgent bytes.
    pub urgent: Urgent,
    /// Whether VLANs and tunnels tell flows apart.
    pub networks: Networks,
    /// Whether the handler gets a record of each connection.
    pub records: Records,
    /// Keys the flow table's hash; secret where strangers choose tuples, fixed where a run must be repeatable.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            emergency: Timeouts::emergency(),
            checksums: Checksums::Verify,
            pick_up: PickUp::MidStream,
            overlap: [OverlapPolicy::First; 2],
            urgent: Urgent::Inline,
            networks: Networks::Apart,
            records: Records::None,
            seed: 0,
        }
    }
}

impl Config {
    /// How a direction of a flow is read.
    #[must_use]
    pub const fn rules(&self, direction: Direction) -> Rules {
        Rules { overlap: self.overlap[direction.index()], urgent: self.urgent }
    }
}

/// What is done about checksums.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksums {
    /// A wrong one makes the segment count for nothing.
    Verify,
    /// They are not looked at.
    Ignore,
}

/// What is done about flows whose beginning was not seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PickUp {
    /// They are followed from where they are, marked as partial.
    MidStream,
    /// Their packets are orphans.
    HandshakeOnly,
}

/// What the encapsulation of packets says about their flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Networks {
    /// Equal addresses and ports in two VLANs or tunnels are two flows.
    Apart,
    /// They are one: for taps that see each direction in a VLAN or tunnel of its own.
    One,
}

/// Which connections are recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Records {
    /// None: nothing is spent on them.
    None,
    /// Each: [`Handler::conn_record`](crate::event::Handler::conn_record) gets its record when its place in the table
    /// is given up.
    Each,
}

struct Tenant {
    is_alive: bool,
    counters: TenantCounters,
}

/// A host whose wrong checksums are not held against it, and its segments by their checksums.
struct Excused {
    host: IpAddress,
    right: u64,
    wrong: u64,
}

impl Excused {
    /// Whether so many are right that the wrong ones are no accident. Hosts that offload still send some right ones:
    /// the ACKs of TIME-WAIT do not take the way of other segments.
    const fn is_revoked(&self) -> bool {
        self.right > 2 && self.right.saturating_mul(4) > self.wrong
    }
}

/// Follows every TCP connection of its packets and calls the handlers of what happens.
///
/// Sans-IO: time comes with the packets, randomness is `Config::seed`, and the same packets give the same events in any
/// burst size, on any machine.
///
/// [`Engine::attach`] takes what tenants defined. Then [`Engine::receive`] for each burst, [`Engine::expire`] whenever
/// time passes without packets, and [`Engine::finish`] at the end of input.
pub struct Engine {
    config: Config,
    view: Box<View>,
    monitors: Monitors,
    tenants: Vec<Tenant>,
    wheel: Wheel,
    budget: Budget,
    counters: Counters,
    defrag: Defragmenter,
    /// The burst, while a datagram put together is in the place of one of its fragments.
    covered: Option<Box<dyn Burst>>,
    verdicts: Vec<Verdict>,
    sights: Vec<Sight>,
    waiting_timers: Vec<(TenantId, TimerSpec)>,
    due: Vec<u32>,
    pressure: Pressure,
    has_begun: bool,
    excused: Vec<Excused>,
    reopenings: Reopenings,
    strays: Strays,
    /// By the length of the prefix, the longest first.
    systems: Vec<System>,
    /// For a comparison: every segment is treated as an unexpected one.
    #[cfg(test)]
    takes_long_way: bool,
    /// Segments that were expected.
    #[cfg(test)]
    short_segments: u64,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("flows", &self.view.flows.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine without tenants or flows.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            view: Box::new(View::new(config.seed, config.limits)),
            monitors: Monitors::default(),
            tenants: Vec::new(),
            wheel: Wheel::with_room(config.limits.flows),
            budget: Budget::new(config.limits.total_bytes).with_segments(config.limits.total_segments),
            counters: Counters::default(),
            defrag: Defragmenter::new(
                config.limits.fragment_datagrams,
                config.timeouts.fragments,
                config.seed,
            ),
            covered: None,
            verdicts: Vec::new(),
            sights: Vec::new(),
            waiting_timers: Vec::new(),
            due: Vec::new(),
            pressure: Pressure::default(),
            has_begun: false,
            excused: Vec::new(),
            reopenings: Reopenings::default(),
            strays: Strays::default(),
            systems: Vec::new(),
            #[cfg(test)]
            takes_long_way: false,
            #[cfg(test)]
            short_segments: 0,
        }
    }

    /// Takes a tenant in, with what it defined and what it may do. Tenants are numbered from 0.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] when numbers of tenants or monitors run out.
    pub fn attach(&mut self, definitions: Definitions, grants: Grants) -> Result<TenantId, Refusal> {
        let tenant = u16::try_from(self.tenants.len()).map(TenantId).map_err(|_| Refusal::TooMany)?;
        let (monitors, mut events, timers) = definitions.into_parts();
        if !self.monitors.add(tenant, monitors) {
            return Err(Refusal::TooMany);
        }
        events.rekey(ahash::RandomState::with_seeds(self.config.seed, u64::from(tenant.0), 0, 1));
        self.view.tenants.push(events);
        self.view.egress.add_tenant(grants);
        self.tenants.push(Tenant { is_alive: true, counters: TenantCounters::default() });
        self.waiting_timers.extend(timers.into_iter().map(|timer| (tenant, timer)));
        if self.has_begun {
            self.start_timers();
        }
        Ok(tenant)
    }

    /// Takes it that these hosts leave checksums to their network card, so that what was captured of them on the host
    /// itself holds wrong ones: theirs are not held against them.
    ///
    /// A host that sends many right ones may mean the wrong ones for the observer alone; it is verified from then on.
    pub fn excuse_checksums(&mut self, hosts: &[IpAddress]) {
        let excused = |host: &IpAddress| Excused { host: *host, right: 0, wrong: 0 };
        self.excused = hosts.iter().map(excused).take(EXCUSED_HOSTS).collect();
    }

    /// Everything counted so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What was counted for a tenant.
    #[must_use]
    pub fn tenant_counters(&self, tenant: TenantId) -> Option<&TenantCounters> {
        self.tenants.get(usize::from(tenant.0)).map(|tenant| &tenant.counters)
    }

    /// What a tenant has defined, and what its monitors and flows invoke of it.
    #[must_use]
    pub fn events(&self, tenant: TenantId) -> Option<&TenantEvents> {
        self.view.tenants.get(usize::from(tenant.0))
    }

    /// From now on counts how often events are asked for and happen, and what that costs by the handler's clock.
    pub fn profile_events(&mut self) {
        self.view.profile = Some(Box::default());
    }

    /// What was counted since [`Engine::profile_events`].
    #[must_use]
    pub fn event_profile(&self) -> Option<&EventProfile> {
        self.view.profile.as_deref()
    }

    /// Flows in the table, ended ones that absorb stragglers included.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.view.flows.len()
    }

    /// Memory of the flow table in bytes, as far as it was ever used, without the buffers of the flows.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.view.flows.bytes().saturating_add(self.wheel.bytes())
    }

    /// Datagrams of which fragments are held.
    #[must_use]
    pub fn datagrams(&self) -> usize {
        self.defrag.datagrams()
    }

    /// Memory of all stream buffers and fragments.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What became of the packets of the last burst, by slot.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Bytes of streams that all tenants have read in order by `peek`; what two of them read counts twice, what a
    /// filter looks at does not count.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.view.bytes_read
    }

    /// The time of the latest packet.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.view.clock
    }

    /// Whether the tenant has not faulted.
    #[must_use]
    pub fn is_alive(&self, tenant: TenantId) -> bool {
        self.tenants.get(usize::from(tenant.0)).is_some_and(|tenant| tenant.is_alive)
    }

    /// A tenant could not go on: it sees nothing any more, and nothing is done for it.
    fn detach(&mut self, tenant: TenantId) {
        if let Some(tenant) = self.tenants.get_mut(usize::from(tenant.0)) {
            tenant.is_alive = false;
        }
        self.monitors.detach(tenant);
        if let Some(events) = self.view.tenants.get_mut(usize::from(tenant.0)) {
            *events = TenantEvents::default();
        }
        self.view.timers.detach(tenant);
        for place in self.view.flows.places().collect::<Vec<u32>>() {
            self.view.stop_tenant(place, tenant);
        }
    }

    /// Sets the timers that wait for the first packet.
    fn start_timers(&mut self) {
        for (tenant, timer) in std::mem::take(&mut self.waiting_timers) {
            // The definitions hold no more timers than a tenant may set, so none is refused.
            let _ = self.view.timers.set(tenant, self.view.clock.after(timer.delay), timer.argument);
        }
    }
}
