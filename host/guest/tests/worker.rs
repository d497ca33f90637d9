//! A worker with guests and no engine: events come from the test, the view is empty.
//!
//! Behind it stands a twin with the same guests on the component lane. It is called whenever the worker is, and must
//! answer, say and count the same: each test of a guest is a test that the lanes agree.

use std::cell::RefCell;
use std::rc::Rc;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Predicate, TenantId};
use sluice_engine::{Nanos, View};
use sluice_guest::{
    EventContext, FaultReport, FilterCompiler, GuestOutput, Guests, LaneChoice, Module, Runtime,
    RuntimeOptions, Severity, StartError, TenantSpec, TimeLimit,
};

/// What the guests said.
#[derive(Clone, Default)]
pub(crate) struct Said {
    pub(crate) lines: Rc<RefCell<Vec<String>>>,
    pub(crate) faults: Rc<RefCell<Vec<FaultReport>>>,
}

impl GuestOutput for Said {
    fn line(&mut self, guest: &str, severity: Severity, text: &str) {
        self.lines.borrow_mut().push(format!("{guest} {}: {text}", severity.name()));
    }

    fn event(&mut self, guest: &str, event_type: &str, body: &str, _context: &EventContext) {
        self.lines.borrow_mut().push(format!("{guest} event {event_type}: {body}"));
    }

    fn report(&mut self, guest: &str, text: &str) {
        self.lines.borrow_mut().push(format!("{guest} report: {text}"));
    }

    fn fault(&mut self, report: &FaultReport) {
        self.faults.borrow_mut().push(report.clone());
    }
}

/// Knows one expression.
struct TcpOnly;

struct Always;

impl Predicate for Always {
    fn matches(&mut self, _datagram: &[u8]) -> bool {
        true
    }
}

impl FilterCompiler for TcpOnly {
    fn compile(&self, expression: &str) -> Result<Box<dyn Predicate>, String> {
        if expression == "tcp" { Ok(Box::new(Always)) } else { Err("syntax error".to_owned()) }
    }
}

pub(crate) struct Worker {
    pub(crate) runtime: Runtime,
    pub(crate) guests: Guests,
    pub(crate) said: Said,
    view: Box<View>,
    /// On the other lane; it has none itself.
    twin: Option<Box<Worker>>,
}

impl Worker {
    /// Limits by fuel, scant enough for quick tests.
    pub(crate) fn new() -> Self {
        let time = TimeLimit::Fuel { call: 10_000_000, lifecycle: 20_000_000 };
        Self::with_options(RuntimeOptions { time, ..RuntimeOptions::default() })
    }

    pub(crate) fn with_options(options: RuntimeOptions) -> Self {
        let twin = Self::alone(RuntimeOptions { lane: LaneChoice::Component, ..options });
        Self { twin: Some(Box::new(twin)), ..Self::alone(options) }
    }

    fn alone(options: RuntimeOptions) -> Self {
        let runtime = Runtime::new(options).unwrap();
        let said = Said::default();
        let guests = Guests::new(&runtime, Rc::new(TcpOnly), Box::new(said.clone()));
        Self { runtime, guests, said, view: Box::default(), twin: None }
    }

    /// Does the same on both lanes, and gives the answer on which they agree.
    fn both<T>(&mut self, mut act: impl FnMut(&mut Self) -> T, shown: impl Fn(&T) -> String) -> T {
        let answer = act(self);
        if let Some(mut twin) = self.twin.take() {
            assert_eq!(shown(&answer), shown(&act(&mut twin)), "the lanes answer differently");
            assert_eq!(self.state(), twin.state(), "the lanes leave other things behind");
            self.twin = Some(twin);
        }
        answer
    }

    /// All that is known of the guests.
    fn state(&self) -> (Vec<String>, Vec<String>, Vec<String>) {
        let faults = self.said.faults.borrow();
        let faults = faults.iter().map(|fault| {
            let frames: Vec<&str> = fault.backtrace.iter().map(|frame| frame.function.as_str()).collect();
            format!("{fault} in {frames:?}")
        });
        let tenants = (0..self.guests.len()).map(|tenant| TenantId(u16::try_from(tenant).unwrap()));
        let statistics = tenants.map(|tenant| format!("{:?}", self.guests.statistics(tenant)));
        (self.lines(), faults.collect(), statistics.collect())
    }

    pub(crate) fn start(&mut self, component: &[u8]) -> Result<Definitions, StartError> {
        self.start_with(component, &[("key", "value")])
    }

    pub(crate) fn start_with(
        &mut self,
        component: &[u8],
        configuration: &[(&str, &str)],
    ) -> Result<Definitions, StartError> {
        let configuration: Vec<_> =
            configuration.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let start = |worker: &mut Self| {
            let module = Module::load(&worker.runtime, component).unwrap();
            let name = format!("g{}", worker.guests.len());
            let configuration = configuration.clone();
            worker.guests.add(&module, &TenantSpec { name, configuration, ..TenantSpec::default() })
        };
        self.both(start, |started| match started {
            Ok(definitions) => format!("{:?}", definitions.events()),
            Err(error) => error.to_string(),
        })
    }

    /// The reason why a guest does not start.
    pub(crate) fn start_error(&mut self, component: &[u8]) -> String {
        self.start(component).unwrap_err().to_string()
    }

    /// Starts a guest that must start.
    pub(crate) fn add(&mut self, component: &[u8]) -> TenantId {
        self.start(component).unwrap();
        TenantId(u16::try_from(self.guests.len() - 1).unwrap())
    }

    /// Raises `new-data` for handler 3 of a guest.
    pub(crate) fn callback(&mut self, tenant: TenantId) -> Result<u32, Faulted> {
        let call = EventCall { id: 3, kind: EventKind::NewData.number(), time: 7, ..EventCall::default() };
        self.both(
            |worker| worker.guests.callback(tenant, &call, &mut worker.view),
            |answer| format!("{answer:?}"),
        )
    }

    /// Asks filter 4 of a guest about `new-data`.
    pub(crate) fn filter(&mut self, tenant: TenantId) -> Result<bool, Faulted> {
        let call = EventCall { id: 4, kind: EventKind::NewData.number(), time: 7, ..EventCall::default() };
        self.both(
            |worker| worker.guests.filter(tenant, &call, &mut worker.view),
            |answer| format!("{answer:?}"),
        )
    }

    /// Timer 5 of a guest runs out.
    pub(crate) fn timer(&mut self, tenant: TenantId) -> Result<(), Faulted> {
        let timer = |worker: &mut Self| worker.guests.timer(tenant, 5, 1, Nanos(9), &mut worker.view);
        self.both(timer, |answer| format!("{answer:?}"))
    }

    pub(crate) fn stop(&mut self, tenant: TenantId) -> Result<(), Faulted> {
        self.both(|worker| worker.guests.stop(tenant, &mut worker.view), |answer| format!("{answer:?}"))
    }

    /// The text of the only fault so far.
    pub(crate) fn fault(&self) -> String {
        let faults = self.said.faults.borrow();
        assert_eq!(faults.len(), 1);
        faults[0].to_string()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.said.lines.borrow().clone()
    }
}
