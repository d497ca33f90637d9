//! An engine with random tenants, one that observes, and the model between them.

use sluice_engine::event::{Audience, Definitions, EventKind, Hook, Predicate, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Engine, Grants, Refusal};

use super::model::ModelTenant;
use super::{Actor, Model, ModelMonitor, Observer, Takes, Traffic};
use crate::{Frame, Frames, Random, balance};

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Which of all.
    pub seed: u64,
    /// Tenants that do at random what they may.
    pub tenants: usize,
    /// Flows at once.
    pub flows: usize,
    /// Flows that the table has room for.
    pub room: usize,
    /// Things that each tenant asks for before the first packet.
    pub prepared: usize,
    /// Calls of a million in which a tenant faults.
    pub faults: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Scene {
    /// What is tried.
    pub engine: Engine,
    /// What it is compared with.
    pub model: Model,
    observed: Engine,
    observer: Observer,
    actor: Actor,
    traffic: Traffic,
    random: Random,
    /// Packets so far.
    pub packets: u64,
}

impl Predicate for Takes {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        // Of a datagram without options.
        match datagram.get(20..24) {
            Some(&[a, b, c, d]) => self.takes([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]),
            _ => false,
        }
    }
}

impl Scene {
    /// The engine with its tenants, each with two monitors of streams and perhaps one of packets; and behind them a
    /// tenant that has all bytes kept, so that no level changes what happens.
    ///
    /// # Errors
    ///
    /// What differs from the model, or a [`Refusal`] that nothing explains.
    pub fn new(plan: Plan) -> Result<Self, String> {
        let mut config = Config { seed: plan.seed, ..Config::default() };
        config.limits = config.limits.with_flows(plan.room);
        let mut scene = Self {
            engine: Engine::new(config),
            model: Model { seed: plan.seed, ..Model::default() },
            observed: Observer::engine(config).map_err(|refusal| refusal.to_string())?,
            observer: Observer::default(),
            actor: Actor::new(plan.seed, plan.tenants, plan.faults),
            traffic: Traffic::new(plan.seed, plan.flows),
            random: Random::new(plan.seed ^ 0x7363_656e),
            packets: 0,
        };
        for tenant in 0..plan.tenants {
            scene.attach(tenant, plan.prepared)?;
        }
        scene.attach_keeper().map_err(|refusal| refusal.to_string())?;
        Ok(scene)
    }

    fn attach(&mut self, tenant: usize, prepared: usize) -> Result<(), String> {
        let id = u16::try_from(tenant).map(TenantId).map_err(|error| error.to_string())?;
        let mut definitions = Definitions::new();
        let mut monitors = Vec::new();
        for number in 0..2 + self.random.below(2) {
            let monitor = self.monitor(number);
            Self::open(&mut definitions, &monitor).map_err(|refusal| refusal.to_string())?;
            monitors.push(monitor);
        }
        self.model.tenants.push(Some(ModelTenant { monitors, ..ModelTenant::default() }));
        for _ in 0..prepared {
            let act = self.actor.choose_first(id);
            let answer = act.prepare(&mut definitions);
            self.actor.remember(id, &act, answer);
            self.model.prepare(tenant, &act, answer)?;
        }
        self.engine.attach(definitions, Grants::NONE).map_err(|refusal| refusal.to_string())?;
        Ok(())
    }

    fn monitor(&mut self, number: usize) -> ModelMonitor {
        let mut takes = || match self.random.below(3) {
            0 => Takes { modulus: 2, remainder: 1 },
            _ => Takes::ALL,
        };
        ModelMonitor {
            audience: if number < 2 { Audience::Stream } else { Audience::Raw },
            takes: takes(),
            takes_orphans: takes(),
            level: if self.random.below(8) == 0 { Level::Count } else { Level::Full },
            registrations: Vec::new(),
        }
    }

    fn open(definitions: &mut Definitions, monitor: &ModelMonitor) -> Result<(), Refusal> {
        let filter: Option<Box<dyn Predicate>> =
            if monitor.takes == Takes::ALL { None } else { Some(Box::new(monitor.takes)) };
        match monitor.audience {
            Audience::Stream => {
                let number = definitions.open_stream(filter, monitor.level)?;
                definitions.filter_orphans(number, Some(Box::new(monitor.takes_orphans)))
            }
            Audience::Raw => definitions.open_raw(filter).map(|_| ()),
        }
    }

    fn attach_keeper(&mut self) -> Result<(), Refusal> {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full)?;
        for kind in [EventKind::Rexmit, EventKind::Conflict] {
            definitions.register(monitor, kind.number(), Hook::Receiver, 0)?;
        }
        self.engine.attach(definitions, Grants::NONE)?;
        Ok(())
    }

    /// Gives both engines a burst of so many packets, and compares.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn step(&mut self, packets: usize) -> Result<(), String> {
        let frames: Option<Vec<Frame>> = (0..packets).map(|_| self.traffic.next_frame()).collect();
        let frames = frames.ok_or("no frame")?;
        self.packets += packets as u64;
        let _ = self.observed.receive(Box::new(Frames(frames.clone())), &mut self.observer);
        let _ = self.engine.receive(Box::new(Frames(frames)), &mut self.actor);
        self.compare()
    }

    /// Ends the input, and compares.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn finish(&mut self) -> Result<(), String> {
        self.observed.finish(&mut self.observer);
        self.engine.finish(&mut self.actor);
        self.compare()?;
        if self.model.flows() > 0 {
            return Err(format!("{} flows have not ended", self.model.flows()));
        }
        self.audit()
    }

    /// Compares what the engine holds.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn audit(&self) -> Result<(), String> {
        self.model.audit(&self.engine)
    }

    fn compare(&mut self) -> Result<(), String> {
        balance(&self.engine).map_err(|imbalance| imbalance.to_string())?;
        let raised = std::mem::take(&mut self.observer.calls);
        self.model.follow(&raised, std::mem::take(&mut self.actor.trace))
    }
}
