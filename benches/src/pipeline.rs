//! A mix of traffic through an engine, measured.

use std::sync::Arc;

use sluice_engine::counters::Counters;
use sluice_engine::event::{Definitions, Handler};
use sluice_engine::packet::Burst;
use sluice_engine::{Config, Engine, Grants, Refusal};

use crate::burst::ArenaBurst;
use crate::process;
use crate::traffic::{Expected, Traffic};
use crate::twin::{Idle, Twin, Work};

/// What one run took and did.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// CPU time from the first packet to the last verdict, in nanoseconds.
    pub cpu_ns: u64,
    /// Packets in the traffic.
    pub packets: u64,
    /// Bytes of all frames, without FCS.
    pub frame_bytes: u64,
    /// Everything that the engine counted.
    pub counters: Counters,
    /// Bytes of streams that were read.
    pub bytes_read: u64,
    /// Flows in the table at the end, ended ones included.
    pub flows: usize,
    /// The most that all stream buffers took at a time, in bytes.
    pub buffered_peak_bytes: usize,
    /// Resident memory that the run added, in bytes. Memory that an earlier run gave back, but the allocator kept, is
    /// not in it: only the first run of a process tells the truth.
    pub resident_bytes: u64,
}

impl Run {
    /// CPU time of one packet, in nanoseconds.
    #[must_use]
    pub fn packet_ns(&self) -> f64 {
        ratio(self.cpu_ns, self.packets)
    }

    /// Frames of how many gigabits one core does in a second of CPU time.
    #[must_use]
    pub fn gigabits_per_second(&self) -> f64 {
        ratio(self.frame_bytes.saturating_mul(8), self.cpu_ns)
    }

    /// Checks that every byte of all streams was read once, without looking at any.
    ///
    /// # Errors
    ///
    /// [`RunError::Read`].
    pub const fn check_read(&self, traffic: &Traffic) -> Result<(), RunError> {
        if self.bytes_read == traffic.stream_bytes {
            return Ok(());
        }
        Err(RunError::Read { read: self.bytes_read, sent: traffic.stream_bytes })
    }

    /// Resident memory that one flow added, in bytes.
    #[must_use]
    pub fn flow_bytes(&self) -> u64 {
        self.resident_bytes / (self.flows as u64).max(1)
    }
}

/// Why a run proves nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The engine did not take the tenant.
    #[error("the engine refused the definitions")]
    Definitions(#[from] Refusal),
    /// The tenant was stopped on the way.
    #[error("the handler faulted")]
    Faulted,
    /// Packets that no flow took, although each belongs to one.
    #[error("{tracked} of {packets} packets were tracked")]
    Untracked {
        /// Packets that a flow took.
        tracked: u64,
        /// All packets.
        packets: u64,
    },
    /// Filters or handlers were called more or less often than they should have been.
    #[error("{found} calls, not {expected}")]
    Calls {
        /// Calls that there were.
        found: u64,
        /// Calls that there should have been.
        expected: u64,
    },
    /// More or fewer bytes were read than there were.
    #[error("{read} bytes were read of {sent}")]
    Read {
        /// Bytes that were read.
        read: u64,
        /// Bytes that were sent, each counted once.
        sent: u64,
    },
    /// The streams read are not the streams sent.
    #[error("read {read:?}, sent were {sent:?}")]
    Bytes {
        /// What was read.
        read: Box<Expected>,
        /// What was sent.
        sent: Box<Expected>,
    },
}

impl RunError {
    /// Compares what was read of all streams with what they carried.
    ///
    /// # Errors
    ///
    /// [`RunError::Bytes`] if a byte is missing, twice there or another one.
    pub fn check_bytes(read: &Expected, traffic: &Traffic) -> Result<(), Self> {
        if *read == traffic.expected {
            return Ok(());
        }
        Err(Self::Bytes { read: Box::new(*read), sent: Box::new(traffic.expected) })
    }
}

/// Runs all packets of `traffic` through a fresh engine with one tenant.
///
/// # Errors
///
/// [`RunError`] if the tenant faulted or packets were not tracked.
pub fn run(
    traffic: &Arc<Traffic>,
    config: Config,
    definitions: Definitions,
    handler: &mut dyn Handler,
) -> Result<Run, RunError> {
    let mut engine = Engine::new(config);
    let tenant = engine.attach(definitions, Grants::NONE)?;
    let resident_before = process::resident_bytes();
    let mut burst: Option<Box<dyn Burst>> =
        ArenaBurst::next(Box::new(ArenaBurst::before(Arc::clone(traffic))));

    let begin_ns = process::cpu_time_ns();
    while let Some(packets) = burst {
        burst = ArenaBurst::next(engine.receive(packets, handler));
    }
    let cpu_ns = process::cpu_time_ns().saturating_sub(begin_ns);

    let resident_bytes = process::resident_bytes().saturating_sub(resident_before);
    let flows = engine.flows();
    engine.finish(handler);
    engine.stop(handler);
    if !engine.is_alive(tenant) {
        return Err(RunError::Faulted);
    }
    let (tracked, packets) = (engine.counters().packets.tracked, traffic.packets.len() as u64);
    if tracked != packets {
        return Err(RunError::Untracked { tracked, packets });
    }
    Ok(Run {
        cpu_ns,
        packets,
        frame_bytes: traffic.bytes.len() as u64,
        counters: *engine.counters(),
        bytes_read: engine.bytes_read(),
        flows,
        buffered_peak_bytes: engine.budget().peak(),
        resident_bytes,
    })
}

/// Runs `traffic` with the native handler of `work`, and checks that it had every byte if it reads them.
///
/// # Errors
///
/// [`RunError`].
pub fn run_native(traffic: &Arc<Traffic>, config: Config, work: Work) -> Result<Run, RunError> {
    let mut twin = Twin::default();
    let run = run(traffic, config, work.definitions()?, &mut twin)?;
    if work == Work::AllBytes {
        RunError::check_bytes(&twin.read, traffic)?;
    }
    Ok(run)
}

/// Runs `traffic` through an engine that calls handlers of `work` which do nothing, or for bytes nothing but read: what
/// the engine takes, without what is done with its events.
///
/// # Errors
///
/// [`RunError`].
pub fn run_alone(traffic: &Arc<Traffic>, config: Config, work: Work) -> Result<Run, RunError> {
    let run = run(traffic, config, work.definitions()?, &mut Idle::default())?;
    if work == Work::AllBytes {
        run.check_read(traffic)?;
    }
    Ok(run)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people; 52 bits are enough")]
fn ratio(dividend: u64, divisor: u64) -> f64 {
    dividend as f64 / divisor.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Mix, generate};

    #[test]
    fn every_byte_of_every_mix_is_read() {
        for (mix, flows) in [(Mix::Web, 300), (Mix::FullSize, 8), (Mix::ShortFlows, 500), (Mix::LongFlows, 5)]
        {
            let traffic = Arc::new(generate(mix, flows, 3));
            let run = run_native(&traffic, Config::default(), Work::AllBytes).unwrap();
            assert_eq!(run.counters.bytes.delivered, traffic.stream_bytes, "{}", traffic.name);
            assert_eq!(run.counters.bytes.seen, run.counters.bytes.accounted());
        }
    }

    #[test]
    fn handlers_are_called_for_what_they_registered() {
        let traffic = Arc::new(generate(Mix::ShortFlows, 50, 3));
        let calls = |work| run_native(&traffic, Config::default(), work).unwrap().counters.callbacks;
        assert_eq!(calls(Work::PacketEvents), 500);
        // Begin, end, and nine changes of state: the client goes from FIN-WAIT-1 to TIME-WAIT at once.
        assert_eq!(calls(Work::Connections), 50 * 11);
        // The begin and four segments with data.
        assert_eq!(calls(Work::AllBytes), 50 * 5);
    }

    #[test]
    fn a_byte_that_is_not_the_one_sent_is_found() {
        let mut traffic = generate(Mix::Web, 5, 3);
        traffic.expected.to_client.add(0, &[1]);
        let result = run_native(&Arc::new(traffic), Config::default(), Work::AllBytes);
        assert!(matches!(result, Err(RunError::Bytes { .. })), "{result:?}");
    }
}
