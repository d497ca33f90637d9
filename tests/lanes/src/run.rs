//! The same packets through the same guests, on one lane and on the other.

use std::rc::Rc;

use sluice_engine::event::TenantId;
use sluice_engine::packet::Verdict;
use sluice_engine::{Checksums, Config, Engine, Grants, Nanos, Records};
use sluice_guest::{
    Guests, LaneChoice, LoadError, LogLimit, MemoryLimit, Module, Runtime, RuntimeOptions, StartError,
    TenantSpec, TimeLimit,
};
use sluice_tests::{Frame, Frames, balance};

use crate::filters::Filters;
use crate::recorder::{Log, Recorder, fault};

/// Bytes of memory that a guest may have: enough for the project's guests, and made guests come to the limit.
const MEMORY_BYTES: usize = 16 << 20;

/// What a made guest may say: few come to the limit.
const SAID_BYTES: u64 = 1 << 20;

/// A guest to be run.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its name.
    pub name: String,
    /// The component.
    pub component: Vec<u8>,
    /// The `key=value` words for `start`.
    pub configuration: Vec<(String, String)>,
}

impl Guest {
    /// A guest with a few words of configuration.
    #[must_use]
    pub fn new(name: &str, component: Vec<u8>) -> Self {
        Self { name: name.to_owned(), component, configuration: Vec::new() }
    }
}

/// A guest that both lanes have compiled, to be run any number of times.
#[derive(Debug)]
pub struct Loaded {
    guest: Guest,
    /// Why it is not loaded is part of what is compared.
    fitting: Result<Module, String>,
    component: Result<Module, String>,
}

impl Loaded {
    /// The guest's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.guest.name
    }
}

/// How packets come in.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Packets of a burst.
    pub burst: usize,
}

/// All that came out of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    /// In order: answers of guests, their words and faults, what became of packets, and counters in the end.
    pub entries: Vec<String>,
    /// Names of the lanes on which the guests ran; not compared.
    pub lanes: Vec<&'static str>,
}

impl Trace {
    /// The first thing that another trace has otherwise.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let pairs = self.entries.iter().zip(&other.entries).enumerate();
        if let Some((number, (mine, theirs))) = pairs.into_iter().find(|(_, (mine, theirs))| mine != theirs) {
            return Some(format!(
                "entry {number} after {:?}:\n{mine}\n{theirs}",
                number.checked_sub(1).and_then(|before| self.entries.get(before))
            ));
        }
        let (mine, theirs) = (self.entries.len(), other.entries.len());
        (mine != theirs).then(|| format!("{mine} entries and {theirs}"))
    }

    /// Calls of guests that came back.
    pub fn answers(&self) -> impl Iterator<Item = &str> {
        let answered = |entry: &&String| entry.starts_with("guest ") && entry.contains(" -> Ok");
        self.entries.iter().filter(answered).map(String::as_str)
    }

    /// Faults of guests.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|entry| entry.starts_with("fault: ")).map(String::as_str)
    }
}

/// Both lanes, ready to run guests.
#[derive(Debug)]
pub struct Lanes {
    fitting: Runtime,
    component: Runtime,
}

impl Lanes {
    /// Sets both up.
    ///
    /// # Errors
    ///
    /// What the runtime says.
    pub fn new() -> Result<Self, String> {
        // The shim of the component lane burns fuel, too: so much that none comes to its end.
        let options = |lane| RuntimeOptions {
            time: TimeLimit::Fuel { call: 1 << 40, lifecycle: 1 << 40 },
            memory: MemoryLimit { memory_bytes: MEMORY_BYTES, ..MemoryLimit::default() },
            log: LogLimit { line_bytes: SAID_BYTES, event_bytes: SAID_BYTES, report_bytes: SAID_BYTES },
            lane,
        };
        let runtime = |lane| Runtime::new(options(lane)).map_err(|error| error.to_string());
        Ok(Self { fitting: runtime(LaneChoice::Fitting)?, component: runtime(LaneChoice::Component)? })
    }

    /// Compiles a guest for both.
    #[must_use]
    pub fn load(&self, guest: Guest) -> Loaded {
        let load =
            |runtime| Module::load(runtime, &guest.component).map_err(|error: LoadError| error.to_string());
        let (fitting, component) = (load(&self.fitting), load(&self.component));
        Loaded { guest, fitting, component }
    }

    /// Runs guests over packets on the lanes that fit them.
    ///
    /// # Errors
    ///
    /// That the engine's books do not balance.
    pub fn on_fitting(&self, guests: &[Loaded], frames: &[Frame], plan: Plan) -> Result<Trace, String> {
        run(&self.fitting, guests.iter().map(|guest| (&guest.guest, &guest.fitting)), frames, plan)
    }

    /// Runs guests over packets on the component lane.
    ///
    /// # Errors
    ///
    /// As [`Lanes::on_fitting`].
    pub fn on_component(&self, guests: &[Loaded], frames: &[Frame], plan: Plan) -> Result<Trace, String> {
        run(&self.component, guests.iter().map(|guest| (&guest.guest, &guest.component)), frames, plan)
    }

    /// Runs guests over packets on both lanes, and gives what both did.
    ///
    /// # Errors
    ///
    /// What one lane does otherwise, first the one that fits, then the component lane.
    pub fn compare(&self, guests: &[Loaded], frames: &[Frame], plan: Plan) -> Result<Trace, String> {
        let fitting = self.on_fitting(guests, frames, plan)?;
        let component = self.on_component(guests, frames, plan)?;
        match fitting.first_difference(&component) {
            Some(difference) => Err(format!("the lanes differ: {difference}")),
            None => Ok(fitting),
        }
    }
}

/// Runs guests over packets, each guest behind the one before.
fn run<'a>(
    runtime: &Runtime,
    guests: impl Iterator<Item = (&'a Guest, &'a Result<Module, String>)>,
    frames: &[Frame],
    plan: Plan,
) -> Result<Trace, String> {
    let log = Log::default();
    let mut recorder = Recorder {
        guests: Guests::new(runtime, Rc::new(Filters), Box::new(log.clone())),
        log: log.clone(),
        ticks: 0,
    };
    let mut engine =
        Engine::new(Config { checksums: Checksums::Ignore, records: Records::Each, ..Config::default() });
    engine.profile_events();
    let mut lanes = Vec::new();
    for (guest, module) in guests {
        match module {
            Ok(module) => lanes.push(start(guest, module, &mut engine, &mut recorder)?),
            Err(error) => log.push(format!("not loaded: {} {error}", guest.name)),
        }
    }
    for burst in frames.chunks(plan.burst.max(1)) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut recorder);
        leave(&engine, &log);
    }
    let last = frames.iter().map(|frame| frame.time).max().unwrap_or(Nanos(0));
    engine.expire(last.after(1_000_000_000), &mut recorder);
    injected(&engine, &log);
    engine.finish(&mut recorder);
    injected(&engine, &log);
    engine.stop(&mut recorder);
    balance(&engine).map_err(|imbalance| imbalance.to_string())?;
    log.push(format!("{:?}", engine.counters()));
    log.push(format!("{:?}", engine.event_profile()));
    for number in 0..recorder.guests.len() {
        let tenant = TenantId(u16::try_from(number).unwrap_or(u16::MAX));
        log.push(format!("{:?}", recorder.guests.statistics(tenant)));
        log.push(format!("{:?}", engine.tenant_counters(tenant)));
    }
    Ok(Trace { entries: log.take(), lanes })
}

/// Starts a guest, and gives the name of its lane. One that does not start is not called; why is part of the trace.
fn start(
    guest: &Guest,
    module: &Module,
    engine: &mut Engine,
    recorder: &mut Recorder,
) -> Result<&'static str, String> {
    let contents = module.contents();
    recorder.log.push(format!("{:?} {:?} {:?}", contents.imports, contents.exports, contents.memory_bytes));
    let spec = TenantSpec {
        name: guest.name.clone(),
        configuration: guest.configuration.clone(),
        grants: Grants::ALL,
    };
    match recorder.guests.add(module, &spec) {
        Ok(definitions) => {
            recorder.log.push(format!("started: {:?}", definitions.events()));
            engine.attach(definitions, Grants::ALL).map_err(|refusal| refusal.to_string())?;
        }
        Err(StartError::Faulted(report)) => recorder.log.push(fault(&report)),
        Err(error) => recorder.log.push(format!("not started: {error}")),
    }
    Ok(contents.lane.name())
}

/// Writes down what becomes of the packets of a burst.
fn leave(engine: &Engine, log: &Log) {
    for (slot, verdict) in engine.verdicts().iter().enumerate() {
        if *verdict != Verdict::Pass || engine.edited(slot).is_some() {
            log.push(format!("packet {slot} leaves: {verdict:?} {:?}", engine.edited(slot)));
        }
    }
    injected(engine, log);
}

fn injected(engine: &Engine, log: &Log) {
    for sent in engine.injected() {
        log.push(format!("sent: {sent:?}"));
    }
}
