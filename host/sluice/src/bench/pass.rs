//! One pass over the capture: a fresh engine, fresh instances of the guests.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::Engine;
use sluice_engine::counters::Counters;
use sluice_engine::event::{Handler, TenantId};
use sluice_guest::{
    EventContext, FaultReport, GuestOutput, GuestStatistics, Guests, Module, Runtime, Severity, TenantSpec,
};

use super::capture::{Capture, MemoryBurst};
use super::clock::{Nobody, Timed, cpu_time_ns};
use crate::exit::{Exit, Failure};
use crate::input::{EnginePlan, Input};
use crate::run::{MonitorFilters, add, attach, say_fault};

/// A guest, compiled once for all passes.
pub(super) struct Loaded {
    pub(super) file: PathBuf,
    pub(super) module: Module,
    pub(super) spec: TenantSpec,
}

impl Loaded {
    /// Name of the lane by which it is called.
    pub(super) fn lane(&self) -> &'static str {
        self.module.contents().lane.name()
    }
}

/// What all passes share.
pub(super) struct Course {
    pub(super) capture: Arc<Capture>,
    pub(super) plan: EnginePlan,
    pub(super) runtime: Runtime,
    pub(super) guests: Vec<Loaded>,
}

/// What a pass has in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// No guest: connections are followed, and nobody is told.
    Alone,
    /// The guests.
    Guests,
    /// The guests, and a clock that is looked at twice for each call.
    Timed,
}

/// What a pass took and did.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// CPU time from the first packet to the last verdict, in nanoseconds.
    pub(super) cpu_ns: u64,
    /// Of a timed pass, time in guests until then, in nanoseconds, with a look at the clock for each call.
    pub(super) in_guests_ns: u64,
    /// Of a timed pass, calls of guests until then.
    pub(super) timed_calls: u64,
    /// Flows in the table, the most at a time, ended ones that absorb stragglers included.
    pub(super) flows_most: usize,
    /// The most that flow table and stream buffers took, in bytes.
    pub(super) memory_bytes: usize,
    /// Everything that the engine counted, the end of input included.
    pub(super) counters: Counters,
    /// Bytes that guests read.
    pub(super) bytes_read: u64,
    /// Guests by their numbers.
    pub(super) guests: Vec<GuestStatistics>,
}

impl Course {
    /// Runs a pass; `None` if it was interrupted.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if a guest does not start, or is stopped on the way: what the rest then takes says nothing.
    pub(super) fn run(&self, kind: Kind, input: &Input) -> Result<Option<Pass>, Failure> {
        let mut engine = self.plan.engine()?;
        let output = Unheard::default();
        let fault = Rc::clone(&output.fault);
        let mut guests = Guests::new(&self.runtime, Rc::new(MonitorFilters), Box::new(output));
        if kind != Kind::Alone {
            for guest in &self.guests {
                let definitions = add(&guest.module, &guest.spec, &mut guests)?;
                attach(&guest.file, definitions, guest.spec.grants, &mut engine)?;
            }
        }
        let mut pass = match kind {
            Kind::Alone => self.drive(&mut engine, &mut Nobody, input),
            Kind::Guests => self.drive(&mut engine, &mut guests, input),
            Kind::Timed => {
                let mut timed = Timed::new(&mut guests);
                let pass = self.drive(&mut engine, &mut timed, input);
                let (in_guests_ns, timed_calls) = (timed.spent_ns, timed.calls);
                pass.map(|pass| Pass { in_guests_ns, timed_calls, ..pass })
            }
        };
        engine.finish(&mut guests);
        engine.stop(&mut guests);
        if let Some(name) = fault.take() {
            let words = format!("guest {name} was stopped, so nothing was measured");
            return Err(Failure::say(Exit::Failed, words));
        }
        if let Some(pass) = &mut pass {
            pass.counters = *engine.counters();
            pass.bytes_read = engine.bytes_read();
            let tenants = (0..u16::try_from(guests.len()).unwrap_or(u16::MAX)).map(TenantId);
            pass.guests = tenants.filter_map(|tenant| guests.statistics(tenant)).collect();
        }
        Ok(pass)
    }

    /// Gives the engine all packets; `None` if that was interrupted.
    fn drive(&self, engine: &mut Engine, handler: &mut dyn Handler, input: &Input) -> Option<Pass> {
        let mut burst = MemoryBurst::first(&self.capture);
        let mut flows_most = 0;
        let begin_ns = cpu_time_ns();
        while let Some(packets) = burst {
            if input.is_interrupted() {
                return None;
            }
            burst = MemoryBurst::following(engine.receive(packets, handler));
            flows_most = flows_most.max(engine.flows());
        }
        Some(Pass {
            cpu_ns: cpu_time_ns().saturating_sub(begin_ns),
            in_guests_ns: 0,
            timed_calls: 0,
            flows_most,
            memory_bytes: engine.table_bytes().saturating_add(engine.budget().peak()),
            counters: Counters::default(),
            bytes_read: 0,
            guests: Vec::new(),
        })
    }
}

/// Drops what guests say. Who was stopped is remembered, and why goes where the host's log goes.
#[derive(Debug, Default)]
struct Unheard {
    fault: Rc<RefCell<Option<String>>>,
}

impl GuestOutput for Unheard {
    fn line(&mut self, _guest: &str, _severity: Severity, _text: &str) {}

    fn event(&mut self, _guest: &str, _event_type: &str, _body: &str, _context: &EventContext) {}

    fn report(&mut self, _guest: &str, _text: &str) {}

    fn fault(&mut self, report: &FaultReport) {
        *self.fault.borrow_mut() = Some(report.guest.to_string());
        say_fault(report);
    }
}
