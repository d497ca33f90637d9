//! The same work done by guests.
//!
//! For events the guest is one that this module makes of WebAssembly text and that only counts: what remains between it
//! and the native handler is the price of the call. For bytes it is the shipped `byte-reader`, whose report says
//! whether it had every byte.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::Config;
use sluice_engine::event::Predicate;
use sluice_guest::{
    EventContext, FaultReport, FilterCompiler, GuestOutput, Guests, LoadError, Module, Runtime, RuntimeError,
    RuntimeOptions, Severity, StartError, TenantSpec,
};

use crate::events::dispatch::Shape;
use crate::pipeline::{self, Run, RunError};
use crate::traffic::Traffic;
use crate::twin::Work;

/// Where `make guests` leaves the guest that reads all bytes, from the project's folder on.
pub const BYTE_READER: &str = "target/guests/byte-reader.wasm";

/// A guest that adds up the wire lengths of its events.
const COUNTER: &str = include_str!("guest/counter.wat");

/// Why a guest was not measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The runtime is not there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The text is no component.
    #[error("the counting guest: {0}")]
    Text(#[from] wat::Error),
    /// The guest's file cannot be read.
    #[error("{BYTE_READER}")]
    File(#[from] std::io::Error),
    /// The host does not take the component.
    #[error("the guest {0}")]
    Load(#[from] LoadError),
    /// The guest does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It defined something, or ran, in a way that proves nothing.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The report of the guest that reads bytes differs from what was sent.
    #[error("the guest reports {report:?}, sent was {sent:?}")]
    Bytes {
        /// Its words.
        report: String,
        /// What it should have said among others.
        sent: Vec<String>,
    },
}

/// Guests, compiled.
#[derive(Debug)]
pub struct Lane {
    runtime: Runtime,
    counter: Module,
    byte_reader: Option<Module>,
}

impl Lane {
    /// Compiles the guests. The one that reads bytes is left out if `make guests` has not made it.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for guests that do not load.
    pub fn compile() -> Result<Self, GuestError> {
        let runtime = Runtime::new(RuntimeOptions::default())?;
        let counter = Module::load(&runtime, &wat::parse_str(COUNTER)?)?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(BYTE_READER);
        let byte_reader = match std::fs::read(file) {
            Ok(bytes) => Some(Module::load(&runtime, &bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { runtime, counter, byte_reader })
    }

    /// Whether there is a guest for the work.
    #[must_use]
    pub const fn does(&self, work: Work) -> bool {
        !matches!(work, Work::AllBytes) || self.byte_reader.is_some()
    }

    /// Runs `traffic` with the guest of `work`, and checks that it had every byte if it reads them. `None` if there
    /// is no such guest.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn run(&self, traffic: &Arc<Traffic>, config: Config, work: Work) -> Result<Option<Run>, GuestError> {
        let said = Said::default();
        let mut guests = Guests::new(&self.runtime, Rc::new(NoFilters), Box::new(said.clone()));
        let module = match (work, &self.byte_reader) {
            (Work::PacketEvents | Work::Connections, _) => &self.counter,
            (Work::AllBytes, Some(byte_reader)) => byte_reader,
            (Work::AllBytes, None) => return Ok(None),
        };
        let spec = TenantSpec { name: work.name().to_owned(), ..TenantSpec::default() };
        let own = guests.add(module, &spec)?;
        // The counter defines nothing itself: it is called for whatever the work asks for.
        let definitions =
            if work == Work::AllBytes { own } else { work.definitions().map_err(RunError::from)? };
        let run = pipeline::run(traffic, config, definitions, &mut guests)?;
        if work == Work::AllBytes {
            said.check(traffic)?;
        }
        Ok(Some(run))
    }
}

impl Lane {
    /// Runs all packets of `traffic` with a guest that answers each filter with no.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn run_shape(&self, traffic: &Arc<Traffic>, shape: Shape) -> Result<Run, GuestError> {
        let mut guests = Guests::new(&self.runtime, Rc::new(NoFilters), Box::new(Said::default()));
        guests.add(&self.counter, &TenantSpec { name: "events".to_owned(), ..TenantSpec::default() })?;
        let definitions = shape.definitions().map_err(RunError::from)?;
        Ok(shape.check(pipeline::run(traffic, Config::default(), definitions, &mut guests)?)?)
    }
}

/// The reports of a guest.
#[derive(Clone, Debug, Default)]
struct Said(Rc<RefCell<String>>);

impl Said {
    fn check(&self, traffic: &Traffic) -> Result<(), GuestError> {
        let line = |name, sum: &crate::traffic::StreamSum| {
            format!("to {name} {} bytes, sum {:016x}", sum.bytes(), sum.value())
        };
        let sent =
            vec![line("server", &traffic.expected.to_server), line("client", &traffic.expected.to_client)];
        let report = self.0.borrow();
        if sent.iter().all(|sent| report.lines().any(|line| line == sent)) {
            return Ok(());
        }
        Err(GuestError::Bytes { report: report.clone(), sent })
    }
}

impl GuestOutput for Said {
    fn line(&mut self, guest: &str, severity: Severity, text: &str) {
        eprintln!("{guest} {}: {text}", severity.name());
    }

    fn event(&mut self, _: &str, _: &str, _: &str, _: &EventContext) {}

    fn report(&mut self, _: &str, text: &str) {
        self.0.borrow_mut().push_str(text);
    }

    fn fault(&mut self, report: &FaultReport) {
        eprintln!("{report}");
    }
}

/// The guests measured take every flow.
struct NoFilters;

impl FilterCompiler for NoFilters {
    fn compile(&self, expression: &str) -> Result<Box<dyn Predicate>, String> {
        Err(format!("filters such as `{expression}` are not measured"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Mix, generate};

    #[test]
    fn guests_are_called_as_often_as_their_native_twins() {
        let lane = Lane::compile().unwrap();
        let traffic = Arc::new(generate(Mix::Web, 20, 1));
        for work in Work::ALL.into_iter().filter(|work| lane.does(*work)) {
            let native = pipeline::run_native(&traffic, Config::default(), work).unwrap();
            let guest = lane.run(&traffic, Config::default(), work).unwrap().unwrap();
            assert_eq!(guest.counters, native.counters, "{}", work.name());
        }
    }
}
