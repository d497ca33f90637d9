//! The operations on the sets of registrations that flows share, alone.

use std::hint::black_box;

use sluice_engine::Refusal;
use sluice_engine::event::{Change, DefinedEvents, EventKind, Forests, Hook};

use crate::process;
use crate::samples::Samples;

/// Operations in one run.
const OPERATIONS: u32 = 1_000_000;

/// Runs of each kind.
const ROUNDS: usize = 9;

/// What one operation took in nanoseconds.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What.
    pub name: String,
    /// Nanoseconds.
    pub time_ns: Samples,
}

/// Sets of one tenant, each held by one monitor.
struct Sets {
    forests: Forests,
    events: DefinedEvents,
    /// The set without its last registration, the set, and that registration.
    members: Vec<(u32, u32, Change)>,
}

impl Sets {
    /// `count` sets of `size` registrations; each begins with a handler of its own.
    fn of(count: u32, size: u32) -> Result<Self, Refusal> {
        let (mut forests, events) = (Forests::default(), DefinedEvents::default());
        let mut members = Vec::new();
        for set in 0..count {
            let mut target = forests.hold_empty(&events)?;
            for last in 0..size {
                let kind = if last % 2 == 0 { EventKind::PacketIn } else { EventKind::StateChange };
                let change = Change::register(kind.number(), Hook::Sender, set.saturating_add(last << 16));
                let base = target;
                forests.inherit(base);
                target = forests.change(base, change, &events)?;
                if last + 1 == size {
                    members.push((base, target, change));
                } else {
                    forests.release(base);
                }
            }
        }
        Ok(Self { forests, events, members })
    }

    /// The time of an operation on one set after the other, in nanoseconds.
    fn time(
        &mut self,
        name: String,
        operation: impl Fn(&mut Forests, &DefinedEvents, &(u32, u32, Change)) -> Result<(), Refusal>,
    ) -> Result<Operation, Refusal> {
        let mut time_ns = Samples::default();
        for _ in 0..ROUNDS {
            let begin_ns = process::cpu_time_ns();
            for member in self.members.iter().cycle().take(OPERATIONS as usize) {
                operation(&mut self.forests, &self.events, black_box(member))?;
            }
            let took_ns = process::cpu_time_ns().saturating_sub(begin_ns);
            #[expect(clippy::cast_precision_loss, reason = "a time for people; 52 bits are enough")]
            time_ns.push(took_ns as f64 / f64::from(OPERATIONS));
        }
        Ok(Operation { name, time_ns })
    }
}

/// Measures what a flow does when it begins and ends, and when it registers what others have registered.
///
/// # Errors
///
/// [`Refusal`] if the sets are more than a tenant may have.
pub fn measure() -> Result<Vec<Operation>, Refusal> {
    let mut operations = Vec::new();
    for count in [1, 1_000] {
        let mut sets = Sets::of(count, 8)?;
        let plural = if count == 1 { "1 set".to_owned() } else { format!("{count} sets") };
        let name = format!("a flow begins with its monitor's set and ends, {plural}");
        operations.push(sets.time(name, |forests, _, (_, set, _)| {
            forests.inherit(*set);
            forests.release(*set);
            Ok(())
        })?);
        for size in [1, 8, 64] {
            let mut sets = Sets::of(count, size)?;
            let name = format!("it begins, registers what makes a known set of {size}, and ends, {plural}");
            operations.push(sets.time(name, |forests, events, (base, set, change)| {
                forests.inherit(*base);
                let found = forests.change(*base, *change, events)?;
                if found != *set {
                    return Err(Refusal::BadId);
                }
                forests.release(found);
                Ok(())
            })?);
        }
    }
    Ok(operations)
}
