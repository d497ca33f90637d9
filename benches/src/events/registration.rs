//! Flows that change what they invoke, against flows that do not: throughput and memory.

use std::sync::Arc;

use sluice_engine::event::TenantId;
use sluice_engine::packet::Burst;
use sluice_engine::{Config, Engine, Grants, Refusal};

use super::registrar::{Case, Registrar, Way};
use crate::burst::{ArenaBurst, BURST_PACKETS};
use crate::process;
use crate::traffic::Traffic;

/// Packets at the end of each connection of [`concurrent`](crate::traffic::concurrent) that end it.
const LAST_PACKETS: usize = 3;

/// What one run took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// CPU time for all packets, in nanoseconds.
    pub cpu_ns: u64,
    /// Packets.
    pub packets: u64,
    /// Different sets while all flows were open and had registered, those of monitors included.
    pub sets: usize,
    /// What the engine's sets took then, in bytes: registrations and trees, without what an allocator adds.
    pub sets_bytes: usize,
}

impl Run {
    /// CPU time of one packet, in nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people; 52 bits are enough")]
    pub fn packet_ns(&self) -> f64 {
        self.cpu_ns as f64 / self.packets.max(1) as f64
    }
}

/// Why a run proves nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The engine did not take a tenant.
    #[error("the engine refused the definitions")]
    Definitions(#[from] Refusal),
    /// A tenant was stopped on the way: a registration was refused.
    #[error("{0:?}: a handler faulted")]
    Faulted(Case),
    /// Something else happened than should.
    #[error("{case:?}: {what} are {found:?}, not {expected:?}")]
    Differs {
        /// Where.
        case: Case,
        /// What.
        what: &'static str,
        /// What it was.
        found: (u64, u64),
        /// What it should have been.
        expected: (u64, u64),
    },
}

/// Runs the connections of `traffic`, `live` of them open at a time, through a fresh engine, and checks that each has
/// invoked its set, that there were as many sets as there should be, and that only those of monitors are left.
///
/// # Errors
///
/// [`RunError`].
pub fn run(case: Case, traffic: &Arc<Traffic>, live: u32) -> Result<Run, RunError> {
    let mut handler = Registrar::new(case)?;
    let mut engine = Engine::new(Config::default());
    let tenants = case.tenants(live);
    for number in 0..tenants {
        engine.attach(case.definitions(number, tenants)?, Grants::NONE)?;
    }
    let packets = traffic.packets.len();
    let open_until = packets.saturating_sub((live as usize).saturating_mul(LAST_PACKETS));
    let (mut done, mut cpu_ns, mut begin_ns) = (0_usize, 0_u64, process::cpu_time_ns());
    let mut held = None;
    let mut burst: Option<Box<dyn Burst>> =
        ArenaBurst::next(Box::new(ArenaBurst::before(Arc::clone(traffic))));
    while let Some(packets) = burst {
        burst = ArenaBurst::next(engine.receive(packets, &mut handler));
        done = done.saturating_add(BURST_PACKETS);
        if held.is_none() && done >= open_until {
            cpu_ns = cpu_ns.saturating_add(process::cpu_time_ns().saturating_sub(begin_ns));
            held = Some(count(&engine, tenants));
            begin_ns = process::cpu_time_ns();
        }
    }
    cpu_ns = cpu_ns.saturating_add(process::cpu_time_ns().saturating_sub(begin_ns));
    let (sets, sets_bytes) = held.unwrap_or_default();

    engine.finish(&mut handler);
    let is_alive =
        (0..tenants).all(|number| u16::try_from(number).is_ok_and(|n| engine.is_alive(TenantId(n))));
    if !is_alive {
        return Err(RunError::Faulted(case));
    }
    let check = |what, found, expected| match found == expected {
        true => Ok(()),
        false => Err(RunError::Differs { case, what, found, expected }),
    };
    check("packets", (engine.counters().packets.tracked, 0), (packets as u64, 0))?;
    check("calls", handler.called, case.expected(traffic.flows))?;
    check("sets", (sets as u64, 0), (case.sets_held(live) as u64, 0))?;
    let left = if case.way == Way::Static { case.sets } else { tenants };
    check("sets left", (count(&engine, tenants).0 as u64, 0), (u64::from(left), 0))?;
    Ok(Run { cpu_ns, packets: packets as u64, sets, sets_bytes })
}

/// Different sets of all tenants, and the bytes that they take.
fn count(engine: &Engine, tenants: u32) -> (usize, usize) {
    let forests = (0..tenants).filter_map(|number| engine.events(TenantId(u16::try_from(number).ok()?)));
    forests.fold((0, 0), |(sets, bytes), events| {
        (sets + events.forests().len(), bytes + events.forests().bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::registrar::Moment;
    use crate::traffic::concurrent;

    #[test]
    fn each_flow_invokes_its_set_in_every_way_and_memory_follows_the_sets() {
        let traffic = Arc::new(concurrent(300, 2, 1));
        let run = |way, sets, moment| run(Case { way, sets, moment }, &traffic, 300).unwrap();
        for moment in [Moment::Start, Moment::FourthPacket] {
            for sets in [1, 10, 100] {
                let (beforehand, shared) = (run(Way::Static, sets, moment), run(Way::Shared, sets, moment));
                assert_eq!(shared.sets, beforehand.sets + 1);
                let copied = run(Way::Copied, sets, moment);
                assert_eq!(copied.sets, 301);
                assert!(copied.sets_bytes > shared.sets_bytes * 2);
            }
        }
    }
}
