//! The guests of one worker, and how the engine calls them.

use std::fmt;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::event::{Definitions, EventBurst, EventCall, EventFilter, Faulted, Handler, TenantId};
use sluice_engine::flow::ConnRecord;
use sluice_engine::{Grants, Nanos, View};
use wasmtime::Store;

use crate::budget;
use crate::fault::{self, CallReport, Export, FaultReport};
use crate::host::{FilterCompiler, Host, new_store};
use crate::limits::{REPORTED_CHARS, TENANTS_MAX, TimeLimit};
use crate::module::{Lane, Module};
use crate::output::GuestOutput;
use crate::runtime::Runtime;
use crate::text::excerpt;
use crate::world::{EitherLane, Lane as _};

/// A guest to be: its name and its configuration.
#[derive(Clone, Debug, Default)]
pub struct TenantSpec {
    /// Name in logs and reports.
    pub name: String,
    /// The `key=value` words for `start`.
    pub configuration: Vec<(String, String)>,
    /// What it may do; the engine enforces it.
    pub grants: Grants,
}

/// Why a guest did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It says so itself.
    #[error("guest {guest} refuses to start: {message}")]
    Refused {
        /// Name of the guest.
        guest: Arc<str>,
        /// Its words.
        message: String,
    },
    /// It was stopped.
    #[error("{0}")]
    Faulted(Box<FaultReport>),
    /// It defined something that only works with an export that it lacks.
    #[error("guest {guest} {defines} but exports no {export}")]
    MissingExport {
        /// Name of the guest.
        guest: Arc<str>,
        /// What it did in `start`.
        defines: &'static str,
        /// The export.
        export: &'static str,
    },
    /// The worker has as many guests as it takes.
    #[error("one worker takes up to {limit} guests")]
    TooMany {
        /// How many.
        limit: usize,
    },
}

/// What a guest has used so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GuestStatistics {
    /// Calls of its exports, `start` apart.
    pub calls: u64,
    /// Bytes of linear memory; 0 after a fault.
    pub memory_bytes: usize,
    /// Bytes that the host holds for it: compiled patterns, and where it stands in streams; 0 after a fault. They
    /// count towards its limit of memory.
    pub host_bytes: usize,
    /// Requests for memory or tables that were refused.
    pub memory_refused: u64,
    /// Log lines dropped beyond the limit.
    pub lines_dropped: u64,
    /// Structured events dropped beyond the limit.
    pub events_dropped: u64,
    /// Pieces of reports dropped beyond the limit.
    pub reports_dropped: u64,
    /// Whether it was stopped.
    pub faulted: bool,
}

/// The guests of one worker. Each has a store and an instance of its own, kept from `start` to `stop`.
///
/// A guest's number for the engine is its place in the order of [`Guests::add`].
pub struct Guests {
    runtime: Runtime,
    filters: Rc<dyn FilterCompiler>,
    output: Box<dyn GuestOutput>,
    tenants: Vec<Tenant>,
}

struct Tenant {
    name: Arc<str>,
    lane: Lane,
    grants: Grants,
    calls: u64,
    /// `None` after a fault: whatever an instance that trapped holds is half done.
    instance: Option<Instance>,
    /// As it was at the fault.
    last: GuestStatistics,
}

struct Instance {
    store: Store<Host>,
    lane: EitherLane,
}

impl Guests {
    /// No guests yet. `output` takes what they say.
    #[must_use]
    pub fn new(runtime: &Runtime, filters: Rc<dyn FilterCompiler>, output: Box<dyn GuestOutput>) -> Self {
        Self { runtime: runtime.clone(), filters, output, tenants: Vec::new() }
    }

    /// Makes an instance of a guest, runs its `start`, and gives what it defined, to be attached to the engine next.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the guest is not there then, and takes no number.
    pub fn add(&mut self, module: &Module, spec: &TenantSpec) -> Result<Definitions, StartError> {
        if self.tenants.len() >= TENANTS_MAX {
            return Err(StartError::TooMany { limit: TENANTS_MAX });
        }
        let name: Arc<str> = excerpt(&spec.name, REPORTED_CHARS).into();
        let mut store = new_store(&self.runtime, &name, Rc::clone(&self.filters));
        mem::swap(&mut store.data_mut().output, &mut self.output);
        let started = start(&self.runtime, module, &mut store, &spec.configuration);
        mem::swap(&mut store.data_mut().output, &mut self.output);
        let lane = started?;
        let mut definitions = store.data_mut().starting.take().unwrap_or_default();
        if lane.has_burst() {
            definitions.take_bursts();
        }
        check_definitions(&name, &definitions, &lane)?;
        self.tenants.push(Tenant {
            name,
            lane: module.contents().lane.clone(),
            grants: spec.grants,
            calls: 0,
            instance: Some(Instance { store, lane }),
            last: GuestStatistics::default(),
        });
        Ok(definitions)
    }

    /// How many guests there are, those included that were stopped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tenants.len()
    }

    /// Whether there is no guest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// What a guest may do; nothing for an unknown one.
    #[must_use]
    pub fn grants(&self, tenant: TenantId) -> Grants {
        self.tenant(tenant).map_or_else(Grants::default, |tenant| tenant.grants)
    }

    /// The name of a guest.
    #[must_use]
    pub fn name(&self, tenant: TenantId) -> Option<&str> {
        self.tenant(tenant).map(|tenant| &*tenant.name)
    }

    /// By which lane a guest is called.
    #[must_use]
    pub fn lane(&self, tenant: TenantId) -> Option<&Lane> {
        self.tenant(tenant).map(|tenant| &tenant.lane)
    }

    /// What a guest has used so far.
    #[must_use]
    pub fn statistics(&self, tenant: TenantId) -> Option<GuestStatistics> {
        self.tenant(tenant).map(Tenant::statistics)
    }

    /// The output, back from its guests.
    #[must_use]
    pub fn into_output(self) -> Box<dyn GuestOutput> {
        self.output
    }

    fn tenant(&self, tenant: TenantId) -> Option<&Tenant> {
        self.tenants.get(usize::from(tenant.0))
    }

    /// Calls a guest: lends it view and output, starts its time, and takes both back on every path.
    fn enter<R>(
        &mut self,
        tenant: TenantId,
        export: Export,
        view: &mut Box<View>,
        report: impl FnOnce(&View) -> CallReport,
        call: impl FnOnce(&mut Store<Host>, &EitherLane) -> wasmtime::Result<R>,
    ) -> Result<R, Faulted> {
        let time = self.runtime.options().time;
        let tenant = self.tenants.get_mut(usize::from(tenant.0)).ok_or(Faulted)?;
        let Some(Instance { store, lane }) = tenant.instance.as_mut() else { return Err(Faulted) };
        tenant.calls = tenant.calls.wrapping_add(1);
        swap(store.data_mut(), view, &mut self.output);
        let result = budget::arm(store, time, export.entry()).and_then(|()| call(store, lane));
        swap(store.data_mut(), view, &mut self.output);
        match result {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let fault = fault_report(&tenant.name, &error, report(view), time, store.data());
                tenant.stop_calling();
                self.output.fault(&fault);
                Err(Faulted)
            }
        }
    }
}

/// Calls `filter` or `callback` of a lane with the sixteen numbers of an event, in the order of the WIT.
macro_rules! with_scalars {
    ($lane:ident, $export:ident, $store:ident, $call:ident) => {
        $lane.$export(
            $store,
            $call.id,
            $call.kind,
            $call.place,
            $call.flow,
            $call.time,
            $call.user_context,
            $call.argument,
            $call.offset,
            $call.readable,
            $call.length,
            $call.wire_length,
            $call.sequence,
            $call.acknowledgment,
            $call.window,
            $call.ports,
            $call.states,
        )
    };
}

impl Handler for Guests {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        let report = |view: &View| CallReport::event(Export::Filter, call, view);
        self.enter(tenant, Export::Filter, view, report, |store, lane| {
            with_scalars!(lane, filter, store, call)
        })
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let report = |view: &View| CallReport::event(Export::Callback, call, view);
        self.enter(tenant, Export::Callback, view, report, |store, lane| {
            with_scalars!(lane, callback, store, call)
        })
    }

    fn burst(
        &mut self,
        tenant: TenantId,
        burst: &mut EventBurst,
        view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        let report = |view: &View| CallReport::lifecycle(Export::Burst, view);
        self.enter(tenant, Export::Burst, view, report, |store, lane| lane.burst(store, &burst.words, burst))
    }

    fn timer(
        &mut self,
        tenant: TenantId,
        timer: u32,
        argument: u64,
        deadline: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        let report = |view: &View| CallReport::timer(timer, deadline, view);
        self.enter(tenant, Export::OnTimer, view, report, |store, lane| {
            lane.on_timer(store, timer, argument, deadline.0)
        })
    }

    fn ready(&mut self, tenant: TenantId, flows: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        let report = |view: &View| CallReport::lifecycle(Export::OnReady, view);
        self.enter(tenant, Export::OnReady, view, report, |store, lane| lane.on_ready(store, flows))
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.output.conn_record(record);
    }

    fn stop(&mut self, tenant: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
        let report = |view: &View| CallReport::lifecycle(Export::Stop, view);
        self.enter(tenant, Export::Stop, view, report, |store, lane| lane.stop(store))
    }
}

impl Tenant {
    fn statistics(&self) -> GuestStatistics {
        let Some(instance) = &self.instance else { return self.last };
        let host = instance.store.data();
        GuestStatistics {
            calls: self.calls,
            memory_bytes: host.memory.memory_bytes,
            host_bytes: host.memory.held_bytes(),
            memory_refused: host.memory.refused,
            lines_dropped: host.log.lines.dropped,
            events_dropped: host.log.events.dropped,
            reports_dropped: host.log.reports.dropped,
            faulted: false,
        }
    }

    /// Gives the instance up, with its memory.
    fn stop_calling(&mut self) {
        self.last = GuestStatistics { memory_bytes: 0, host_bytes: 0, faulted: true, ..self.statistics() };
        self.instance = None;
    }
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.tenants.iter().map(|tenant| &*tenant.name);
        f.debug_list().entries(names).finish()
    }
}

/// Lends view and output, or takes them back: two pointers each.
fn swap(host: &mut Host, view: &mut Box<View>, output: &mut Box<dyn GuestOutput>) {
    mem::swap(&mut host.view, view);
    mem::swap(&mut host.output, output);
}

/// Makes the instance and calls `start`.
fn start(
    runtime: &Runtime,
    module: &Module,
    store: &mut Store<Host>,
    configuration: &[(String, String)],
) -> Result<EitherLane, StartError> {
    let time = runtime.options().time;
    let faulted = |error: wasmtime::Error, export, store: &Store<Host>| {
        let host = store.data();
        let call = CallReport::lifecycle(export, &host.view);
        StartError::Faulted(Box::new(fault_report(&host.name, &error, call, time, host)))
    };
    // Armed before the instance is made: code of the guest may run there.
    let made =
        budget::arm(store, time, Export::Instantiation.entry()).and_then(|()| module.instantiate(store));
    let lane = made.map_err(|error| faulted(error, Export::Instantiation, store))?;
    let answer =
        budget::arm(store, time, Export::Start.entry()).and_then(|()| lane.start(store, configuration));
    match answer {
        Ok(Ok(())) => Ok(lane),
        Ok(Err(message)) => {
            let guest = Arc::clone(&store.data().name);
            Err(StartError::Refused { guest, message: excerpt(&message, REPORTED_CHARS) })
        }
        Err(error) => Err(faulted(error, Export::Start, store)),
    }
}

/// A guest that waits for calls which cannot come has a bug that its author wants to hear of at once.
fn check_definitions(
    guest: &Arc<str>,
    definitions: &Definitions,
    lane: &EitherLane,
) -> Result<(), StartError> {
    let missing = |defines, export| StartError::MissingExport { guest: Arc::clone(guest), defines, export };
    let events = definitions.events();
    let by_callback = |handler: u32| !lane.has_burst() || !events.deferred().contains(&handler);
    let mut sets = events.forests().iter();
    let registers = sets.any(|(_, set)| set.entries().iter().any(|entry| by_callback(entry.handler)));
    if registers && !lane.has_callback() {
        return Err(missing("registers handlers", "callback"));
    }
    let filters = events.events().iter().any(|(_, event)| matches!(event.filter, EventFilter::Guest(_)));
    if filters && !lane.has_filter() {
        return Err(missing("defines events", "filter"));
    }
    if definitions.monitors().iter().any(|monitor| monitor.polls) && !lane.has_on_ready() {
        return Err(missing("polls a monitor", "on-ready"));
    }
    if !definitions.timers().is_empty() && !lane.has_on_timer() {
        return Err(missing("sets timers", "on-timer"));
    }
    Ok(())
}

fn fault_report(
    guest: &Arc<str>,
    error: &wasmtime::Error,
    call: CallReport,
    time: TimeLimit,
    host: &Host,
) -> FaultReport {
    let reason = fault::reason(error, call.export, time, &host.memory);
    FaultReport { guest: Arc::clone(guest), call, reason, backtrace: fault::backtrace(error) }
}
