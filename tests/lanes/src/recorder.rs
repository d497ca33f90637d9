//! Between engine and guests: writes down what each call is answered with, and what guests say.

use std::cell::RefCell;
use std::rc::Rc;

use sluice_engine::event::{EventBurst, EventCall, Faulted, Handler, TenantId};
use sluice_engine::flow::ConnRecord;
use sluice_engine::{Nanos, View};
use sluice_guest::{EventContext, FaultReason, FaultReport, GuestOutput, Guests, Severity};

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, entry: String) {
        self.0.borrow_mut().push(entry);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

impl GuestOutput for Log {
    fn line(&mut self, guest: &str, severity: Severity, text: &str) {
        self.push(format!("{guest} {}: {text}", severity.name()));
    }

    fn event(&mut self, guest: &str, event_type: &str, body: &str, context: &EventContext) {
        self.push(format!("{guest} event {event_type}: {body} {context:?}"));
    }

    fn report(&mut self, guest: &str, text: &str) {
        self.push(format!("{guest} report {text}"));
    }

    fn fault(&mut self, report: &FaultReport) {
        self.push(fault(report));
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.push(format!("{record:?}"));
    }
}

/// A fault with the functions on the guest's stack. Offsets differ between the lanes: they count from the beginning of
/// the component or of its module. Where a stack ends depends on what the host has on it, so the function in which a
/// recursion is caught may be another.
pub(crate) fn fault(report: &FaultReport) -> String {
    let innermost = usize::from(matches!(report.reason, FaultReason::OutOfStack { .. }));
    let frames = report.backtrace.iter().skip(innermost);
    let functions: Vec<&str> = frames.map(|frame| frame.function.as_str()).collect();
    format!("fault: {report} at {:?} in {functions:?}", report.call.time)
}

/// The guests of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) guests: Guests,
    pub(crate) log: Log,
    /// Counts how often it is asked: a clock that is the same in every run.
    pub(crate) ticks: u64,
}

impl Recorder {
    fn answered<T: std::fmt::Debug>(&self, tenant: TenantId, what: &str, answer: T) -> T {
        self.log.push(format!("guest {} {what} -> {answer:?}", tenant.0));
        answer
    }
}

impl Handler for Recorder {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        let answer = self.guests.filter(tenant, call, view);
        self.answered(tenant, &format!("filter {call:?}"), answer)
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let answer = self.guests.callback(tenant, call, view);
        self.answered(tenant, &format!("callback {call:?}"), answer)
    }

    fn burst(
        &mut self,
        tenant: TenantId,
        burst: &mut EventBurst,
        view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        let arena: Vec<&[u8]> = view.arena(burst).collect();
        let told = format!("burst {:?} {:?}", burst.words, arena.concat());
        let answer = self.guests.burst(tenant, burst, view);
        self.answered(tenant, &told, answer)
    }

    fn timer(
        &mut self,
        tenant: TenantId,
        timer: u32,
        argument: u64,
        deadline: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        let answer = self.guests.timer(tenant, timer, argument, deadline, view);
        self.answered(tenant, &format!("timer {timer} {argument} {deadline:?}"), answer)
    }

    fn ready(&mut self, tenant: TenantId, flows: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        let answer = self.guests.ready(tenant, flows, view);
        self.answered(tenant, &format!("ready {flows:?}"), answer)
    }

    fn ticks(&mut self) -> u64 {
        self.ticks = self.ticks.saturating_add(1);
        self.ticks
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.guests.conn_record(record);
    }

    fn stop(&mut self, tenant: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
        let answer = self.guests.stop(tenant, view);
        self.answered(tenant, "stop", answer)
    }
}
