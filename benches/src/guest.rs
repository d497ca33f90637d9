//! The same work done by guests.
//!
//! For events the guest is one that this module makes of WebAssembly text and that only counts: what remains between it
//! and the native handler is the price of the call. For bytes it is the shipped `byte-reader`, whose report says
//! whether it had every byte.

mod component;
mod source;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::Config;
use sluice_engine::event::Predicate;
use sluice_guest::{
    EventContext, FaultReport, FilterCompiler, GuestOutput, Guests, LaneChoice, LoadError, Runtime,
    RuntimeError, RuntimeOptions, Severity, StartError, TenantSpec,
};

use crate::compare::task::Matcher;
use crate::events::dispatch::Shape;
use crate::patterns;
use crate::pipeline::{self, Run, RunError};
use crate::traffic::Traffic;
use crate::twin::Work;
use source::Source;

/// Where `make guests` leaves the guest that reads all bytes, from the project's folder on.
pub const BYTE_READER: &str = "target/guests/byte-reader.wasm";

/// Where it leaves the one that looks for patterns.
pub const SIGNATURES: &str = "target/guests/signatures.wasm";

/// A guest that adds up the wire lengths of its events.
const COUNTER: &str = include_str!("guest/counter.wat");

/// A guest that reads and looks at nothing.
const PEEKER: &str = include_str!("guest/peeker.wat");

/// A guest that calls one import over and over.
const CROSSINGS: &str = include_str!("guest/crossings.wat");

/// Why a guest was not measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The runtime is not there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The text is no component.
    #[error("a guest in text: {0}")]
    Text(#[from] wat::Error),
    /// The text does not fit the world.
    #[error("a guest in text does not fit the world: {0}")]
    World(String),
    /// The guest's file cannot be read.
    #[error("{0}")]
    File(&'static str, #[source] std::io::Error),
    /// The host does not take the component.
    #[error("the guest {0}")]
    Load(#[from] LoadError),
    /// The guest does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The patterns of the native twin are too many.
    #[error(transparent)]
    Patterns(#[from] aho_corasick::BuildError),
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

/// A way into guests, and the guests.
#[derive(Debug)]
pub struct Lane {
    /// Its name in tables.
    pub name: &'static str,
    runtime: Runtime,
    counter: Source,
    peeker: Source,
    crossings: Source,
    byte_reader: Option<Source>,
    signatures: Option<Source>,
}

impl Lane {
    /// Every way into guests that there is.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for guests that cannot be read.
    pub fn all() -> Result<Vec<Self>, GuestError> {
        Ok(vec![Self::open(LaneChoice::Component)?, Self::open(LaneChoice::Direct)?])
    }

    /// A way into guests. Those that `make guests` makes are left out if it has not made them; all are compiled when
    /// they are first needed.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for guests that cannot be read.
    pub fn open(lane: LaneChoice) -> Result<Self, GuestError> {
        let in_text = |text| -> Result<Source, GuestError> {
            Ok(Source::of(component::component(text, &["start", "callback"])?))
        };
        Ok(Self {
            name: match lane {
                LaneChoice::Fitting => "fitting",
                LaneChoice::Component => "component",
                LaneChoice::Direct => "direct",
            },
            runtime: Runtime::new(RuntimeOptions { lane, ..RuntimeOptions::default() })?,
            counter: Source::of(wat::parse_str(COUNTER)?),
            peeker: in_text(PEEKER)?,
            crossings: in_text(CROSSINGS)?,
            byte_reader: Source::shipped(BYTE_READER)?,
            signatures: Source::shipped(SIGNATURES)?,
        })
    }

    /// Files of guests that are not there.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        let guests = [(BYTE_READER, &self.byte_reader), (SIGNATURES, &self.signatures)];
        guests.into_iter().filter(|(_, guest)| guest.is_none()).map(|(file, _)| file)
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
        let own = guests.add(module.module(&self.runtime)?, &spec)?;
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
    /// Runs `traffic` with the guest that reads all bytes once a burst, and checks that it had every byte. `None` if
    /// there is no such guest.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn run_bursts(&self, traffic: &Arc<Traffic>, config: Config) -> Result<Option<Run>, GuestError> {
        let Some(module) = &self.byte_reader else { return Ok(None) };
        let said = Said::default();
        let mut guests = Guests::new(&self.runtime, Rc::new(NoFilters), Box::new(said.clone()));
        let configuration = vec![("mode".to_owned(), "burst".to_owned())];
        let spec = TenantSpec { name: "bursts".to_owned(), configuration, ..TenantSpec::default() };
        let definitions = guests.add(module.module(&self.runtime)?, &spec)?;
        let run = pipeline::run(traffic, config, definitions, &mut guests)?;
        said.check(traffic)?;
        Ok(Some(run))
    }

    /// Runs `traffic` with a guest that does nothing in the handlers of `work`, or for bytes nothing but read.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn run_idle(&self, traffic: &Arc<Traffic>, config: Config, work: Work) -> Result<Run, GuestError> {
        let module = if work == Work::AllBytes { &self.peeker } else { &self.counter };
        let mut guests = self.started(module)?;
        let definitions = work.definitions().map_err(RunError::from)?;
        let run = pipeline::run(traffic, config, definitions, &mut guests)?;
        if work == Work::AllBytes {
            run.check_read(traffic)?;
        }
        Ok(run)
    }

    /// The guest that adds up the wire lengths of its events, as tenant 0.
    ///
    /// # Errors
    ///
    /// [`GuestError`] if it does not start.
    pub fn counting(&self) -> Result<Guests, GuestError> {
        self.started(&self.counter)
    }

    /// The guest that calls imports, as tenant 0.
    pub(crate) fn crossing(&self) -> Result<Guests, GuestError> {
        self.started(&self.crossings)
    }

    /// A guest that defines nothing itself: it is called for whatever is attached for it.
    fn started(&self, guest: &Source) -> Result<Guests, GuestError> {
        let mut guests = Guests::new(&self.runtime, Rc::new(NoFilters), Box::new(Said::default()));
        guests.add(
            guest.module(&self.runtime)?,
            &TenantSpec { name: "in text".to_owned(), ..TenantSpec::default() },
        )?;
        Ok(guests)
    }

    /// Runs `traffic` with the guest that looks for patterns, and checks that it looked at every byte and found as many
    /// matches as there are. `None` if there is no such guest.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn run_patterns(
        &self,
        traffic: &Arc<Traffic>,
        config: Config,
        matcher: Matcher,
        matches: u64,
    ) -> Result<Option<Run>, GuestError> {
        let Some(module) = &self.signatures else { return Ok(None) };
        let said = Said::default();
        let mut guests = Guests::new(&self.runtime, Rc::new(NoFilters), Box::new(said.clone()));
        let whose = match matcher {
            Matcher::Guest => "guest",
            Matcher::Host => "host",
        };
        let configuration = [("patterns", patterns::list()), ("matcher", whose.to_owned())];
        let spec = TenantSpec {
            name: "signatures".to_owned(),
            configuration: configuration.map(|(key, value)| (key.to_owned(), value)).to_vec(),
            ..TenantSpec::default()
        };
        let definitions = guests.add(module.module(&self.runtime)?, &spec)?;
        let run = pipeline::run(traffic, config, definitions, &mut guests)?;
        said.check_lines(vec![format!("{} bytes, {matches} matches", traffic.stream_bytes)])?;
        Ok(Some(run))
    }

    /// Runs all packets of `traffic` with a guest that answers each filter with no.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn run_shape(&self, traffic: &Arc<Traffic>, shape: Shape) -> Result<Run, GuestError> {
        let mut guests = self.counting()?;
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
        self.check_lines(sent)
    }

    /// Checks that the report has each of these lines.
    fn check_lines(&self, sent: Vec<String>) -> Result<(), GuestError> {
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
        let lanes = Lane::all().unwrap();
        let traffic = Arc::new(generate(Mix::Web, 20, 1));
        let works = lanes.iter().flat_map(|lane| Work::ALL.map(|work| (lane, work)));
        for (lane, work) in works.filter(|(lane, work)| lane.does(*work)) {
            let native = pipeline::run_native(&traffic, Config::default(), work).unwrap();
            let guest = lane.run(&traffic, Config::default(), work).unwrap().unwrap();
            let idle = lane.run_idle(&traffic, Config::default(), work).unwrap();
            let alone = pipeline::run_alone(&traffic, Config::default(), work).unwrap();
            for run in [guest, idle, alone] {
                assert_eq!(run.counters, native.counters, "{}", work.name());
                assert_eq!(run.bytes_read, native.bytes_read, "{}", work.name());
            }
        }
    }
}
