//! What it costs to go into a guest and back, and from a guest to the host and back.

use std::hint::black_box;
use std::sync::Arc;

use sluice_engine::event::{Definitions, EventCall, EventKind, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Refusal, View};

use crate::guest::{GuestError, Lane};
use crate::pipeline::{self, RunError};
use crate::process::cpu_time_ns;
use crate::samples::Samples;
use crate::traffic::{Mix, Traffic, generate};

/// A way across the border of the sandbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Crossing {
    /// A call of `callback` as the engine makes it, by a guest that returns at once.
    Export,
    /// An import with a number as its argument: `flow.set-user-context`.
    Scalar,
    /// `packet.getlastpkt`: sixteen numbers.
    GetLastPkt,
    /// `packet.bytes` of 64 bytes.
    Bytes64,
    /// `packet.bytes` of 1,460 bytes.
    Bytes1460,
    /// `stream.peek-at` of 1,460 bytes that lie in the packet.
    PeekAt1460,
}

impl Crossing {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Export, Self::Scalar, Self::GetLastPkt, Self::Bytes64, Self::Bytes1460, Self::PeekAt1460];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Export => "call of `callback`",
            Self::Scalar => "import, a number",
            Self::GetLastPkt => "import `getlastpkt`",
            Self::Bytes64 => "import, 64 bytes of the packet",
            Self::Bytes1460 => "import, 1,460 bytes of the packet",
            Self::PeekAt1460 => "import, 1,460 bytes of the stream",
        }
    }

    /// What it may take at most, in nanoseconds, where something was aimed at.
    #[must_use]
    pub const fn aim_ns(self) -> Option<f64> {
        match self {
            Self::Export => Some(25.0),
            Self::Scalar => Some(5.0),
            Self::GetLastPkt => Some(15.0),
            Self::Bytes64 => None,
            Self::Bytes1460 | Self::PeekAt1460 => Some(50.0),
        }
    }

    /// The guest's number for the import.
    const fn number(self) -> Option<u32> {
        match self {
            Self::Export => None,
            Self::Scalar => Some(0),
            Self::GetLastPkt => Some(1),
            Self::Bytes64 => Some(2),
            Self::Bytes1460 => Some(3),
            Self::PeekAt1460 => Some(4),
        }
    }
}

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub struct Often {
    /// Calls of an export in a run.
    pub calls: u32,
    /// Imports in each call of a handler, of which there are some 600 in a run; at most 2^24 - 1.
    pub imports: u32,
    /// Runs.
    pub rounds: usize,
}

impl Often {
    /// What the numbers in `benches/README.md` are of.
    pub const FULL: Self = Self { calls: 2_000_000, imports: 2_000, rounds: 9 };
    /// Enough to see whether all works.
    pub const QUICK: Self = Self { calls: 100_000, imports: 100, rounds: 3 };
}

/// What each crossing takes on each lane, in nanoseconds; the lanes take turns.
///
/// # Errors
///
/// [`GuestError`] if a guest was stopped: an import did not answer as it should have.
pub fn measure(lanes: &[Lane], often: Often) -> Result<Vec<(Crossing, Vec<Samples>)>, GuestError> {
    let traffic = Arc::new(generate(Mix::FullSize, 1, 1));
    let mut measured: Vec<(Crossing, Vec<Samples>)> =
        Crossing::ALL.map(|crossing| (crossing, vec![Samples::default(); lanes.len()])).to_vec();
    for _ in 0..often.rounds {
        for (crossing, samples) in &mut measured {
            for (lane, samples) in lanes.iter().zip(samples) {
                samples.push(match crossing.number() {
                    None => export_ns(lane, often.calls)?,
                    Some(number) => import_ns(lane, &traffic, number, often.imports)?,
                });
            }
        }
    }
    Ok(measured)
}

/// Nanoseconds of a call of `callback`: the handler is called as the engine calls it.
fn export_ns(lane: &Lane, calls: u32) -> Result<f64, GuestError> {
    let mut guests = lane.counting()?;
    let mut view = Box::<View>::default();
    let call = EventCall { kind: EventKind::PacketIn.number(), wire_length: 64, ..EventCall::default() };
    let begin_ns = cpu_time_ns();
    for _ in 0..calls {
        let verdict = guests.callback(TenantId(0), black_box(&call), &mut view);
        black_box(verdict).map_err(|_| RunError::Faulted)?;
    }
    Ok(per(cpu_time_ns().saturating_sub(begin_ns), u64::from(calls)))
}

/// Nanoseconds of an import: a run in which each handler calls it `imports` times, less one in which none does.
fn import_ns(lane: &Lane, traffic: &Arc<Traffic>, number: u32, imports: u32) -> Result<f64, GuestError> {
    let run = |times: u32| -> Result<(u64, u64), GuestError> {
        let mut guests = lane.crossing()?;
        let definitions = definitions(number | times << 8).map_err(RunError::from)?;
        let run = pipeline::run(traffic, Config::default(), definitions, &mut guests)?;
        Ok((run.cpu_ns, run.counters.callbacks))
    };
    let ((none_ns, _), (all_ns, calls)) = (run(0)?, run(imports)?);
    Ok(per(all_ns.saturating_sub(none_ns), calls.saturating_mul(u64::from(imports))))
}

/// One handler of new bytes, with this number.
fn definitions(handler: u32) -> Result<Definitions, Refusal> {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full)?;
    definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, handler)?;
    Ok(definitions)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people; 52 bits are enough")]
fn per(nanos: u64, count: u64) -> f64 {
    nanos as f64 / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_import_answers_and_is_called() {
        let lanes = Lane::all().unwrap();
        let measured = measure(&lanes, Often { calls: 10, imports: 3, rounds: 1 }).unwrap();
        assert_eq!(measured.len(), Crossing::ALL.len());
        for (crossing, samples) in measured {
            assert!(
                samples.len() == lanes.len() && samples.iter().all(|samples| !samples.is_empty()),
                "{crossing:?}"
            );
        }
    }
}
