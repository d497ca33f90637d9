//! The capture through the engine with a clock beside the guest.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use sluice_engine::event::{EventBurst, EventCall, Faulted, Handler, NodeProfile, TenantId};
use sluice_engine::flow::ConnRecord;
use sluice_engine::{Grants, Nanos, Records, View};
use sluice_guest::{EventContext, FaultReport, GuestOutput, Guests, Severity};

use super::Start;
use super::sharing::Sharing;
use super::tree::Tree;
use crate::cli::InputArgs;
use crate::exit::Failure;
use crate::input::{Ending, Input, engine_for};
use crate::run::{attach, log_line, say_fault};

/// Looks at the clock to find out what one takes.
const CLOCK_LOOKS: usize = 10_000;

/// What a replay showed.
#[derive(Debug)]
pub(super) struct Replay {
    /// How reading ended.
    pub(super) ending: Ending,
    /// Packets that the engine got.
    pub(super) packets: u64,
    /// Flows that they were.
    pub(super) flows: u64,
    /// What was counted, by number of the event; times in nanoseconds.
    pub(super) profile: BTreeMap<u32, NodeProfile>,
    /// The i-forests when the last packet had been read.
    pub(super) sharing: Sharing,
    /// What a look at the clock takes, nanoseconds.
    pub(super) clock_ns: u64,
}

/// Replays the capture for a guest that has started. The tree is that of the end of input, so it has what the guest
/// defined on the way; of a guest that was stopped it is that of its start.
pub(super) fn replay(
    start: Start,
    options: &InputArgs,
    input: &mut Input,
    guests: &mut Guests,
) -> Result<(Tree, Replay), Failure> {
    let at_start = start.tree();
    let file = start.file().to_owned();
    let mut engine = engine_for(options, Records::None)?;
    let tenant = attach(&file, start.definitions, Grants::default(), &mut engine)?;
    engine.profile_events();
    let made_at_start = engine.events(tenant).map(|events| *events.forests().counters()).unwrap_or_default();
    let mut handler = Timed { guests, started: start_clock() };
    let ending = input.feed(&mut engine, &mut handler, |_, _| Ok(()))?;
    let sharing = match engine.events(tenant).filter(|_| engine.is_alive(tenant)) {
        Some(events) => Sharing::new(events, made_at_start),
        None => Sharing::stopped(),
    };
    let tree = |engine: &sluice_engine::Engine, is_wanted: &dyn Fn(u32) -> bool| {
        let events = engine.events(tenant).filter(|_| engine.is_alive(tenant))?;
        Some(Tree::new(&at_start.guest, at_start.monitors.clone(), events, is_wanted))
    };
    let counted = |engine: &sluice_engine::Engine| -> BTreeMap<u32, NodeProfile> {
        let profile = engine.event_profile().into_iter().flat_map(|profile| profile.of_tenant(tenant));
        profile.map(|(event, profile)| (event, *profile)).collect()
    };
    let before = counted(&engine);
    let at_end = tree(&engine, &|event| before.contains_key(&event));
    engine.finish(&mut handler);
    let profile = counted(&engine);
    engine.stop(&mut handler);
    let clock_ns = handler.look_ns();
    let replay = Replay {
        ending,
        packets: engine.counters().packets.seen,
        flows: engine.counters().flows,
        profile,
        sharing,
        clock_ns,
    };
    Ok((at_end.unwrap_or(at_start), replay))
}

/// The guests, and a clock that counts nanoseconds.
struct Timed<'g> {
    guests: &'g mut Guests,
    started: Instant,
}

#[expect(clippy::disallowed_methods, reason = "what a guest takes is measured, nothing depends on it")]
fn start_clock() -> Instant {
    Instant::now()
}

impl Timed<'_> {
    /// The least that lies between two looks at the clock, nanoseconds.
    fn look_ns(&mut self) -> u64 {
        let looks = (0..CLOCK_LOOKS).map(|_| {
            let first = self.ticks();
            self.ticks().saturating_sub(first)
        });
        looks.min().unwrap_or(0)
    }
}

impl Handler for Timed<'_> {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        self.guests.filter(tenant, call, view)
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.guests.callback(tenant, call, view)
    }

    fn burst(
        &mut self,
        tenant: TenantId,
        burst: &mut EventBurst,
        view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        self.guests.burst(tenant, burst, view)
    }

    fn timer(
        &mut self,
        tenant: TenantId,
        timer: u32,
        argument: u64,
        deadline: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        self.guests.timer(tenant, timer, argument, deadline, view)
    }

    fn ready(&mut self, tenant: TenantId, flows: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        self.guests.ready(tenant, flows, view)
    }

    fn ticks(&mut self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.guests.conn_record(record);
    }

    fn stop(&mut self, tenant: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
        self.guests.stop(tenant, view)
    }
}

/// Drops what a guest reports; its log lines and its fault go where those of the host do.
#[derive(Debug, Default)]
pub(super) struct QuietOutput {
    faults: Rc<Cell<u64>>,
}

impl QuietOutput {
    /// How many guests were stopped, as it changes.
    pub(super) fn faults(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.faults)
    }
}

impl GuestOutput for QuietOutput {
    fn line(&mut self, guest: &str, severity: Severity, text: &str) {
        log_line(guest, severity, text);
    }

    fn event(&mut self, _guest: &str, _event_type: &str, _body: &str, _context: &EventContext) {}

    fn report(&mut self, _guest: &str, _text: &str) {}

    fn fault(&mut self, report: &FaultReport) {
        self.faults.set(self.faults.get().saturating_add(1));
        say_fault(report);
    }
}
