//! The runs, which take turns.

use std::sync::Arc;

use sluice_engine::Config;

use super::task::Task;
use crate::guest::{GuestError, Lane};
use crate::pipeline::Run;
use crate::samples::Samples;
use crate::traffic::Traffic;

/// What one kind of work took, in nanoseconds of CPU time for a packet.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The engine, with handlers that do nothing, or nothing but read.
    pub alone: Samples,
    /// The work as native code in the same program.
    pub twin: Samples,
    /// The work as a guest, by lane; empty where there is no guest for it.
    pub lanes: Vec<Samples>,
    /// Handlers called.
    pub calls: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes of all frames, without FCS.
    pub frame_bytes: u64,
}

impl Measured {
    /// The guest on the lane on which it was quickest.
    #[must_use]
    pub fn guest(&self) -> Option<&Samples> {
        let measured = self.lanes.iter().filter(|samples| !samples.is_empty());
        measured.min_by(|one, other| one.best().total_cmp(&other.best()))
    }

    /// What the guest of a lane costs more than its native twin, for each call of a handler, in nanoseconds.
    #[must_use]
    pub fn call_ns(&self, lane: usize) -> Option<f64> {
        let guest = self.lanes.get(lane).filter(|samples| !samples.is_empty())?;
        Some((guest.best() - self.twin.best()) * number(self.packets) / number(self.calls.max(1)))
    }

    /// Frames of how many gigabits one core does in a second when a packet takes `packet_ns`.
    #[must_use]
    pub fn gigabits_per_second(&self, packet_ns: f64) -> f64 {
        if packet_ns > 0.0 {
            number(self.frame_bytes) * 8.0 / number(self.packets.max(1)) / packet_ns
        } else {
            0.0
        }
    }

    fn count(&mut self, run: &Run) {
        self.calls = run.counters.callbacks;
        self.packets = run.packets;
        self.frame_bytes = run.frame_bytes;
    }
}

/// Measures a task: each way once in each round.
///
/// # Errors
///
/// [`GuestError`] if a run fails or proves nothing.
pub fn measure(
    lanes: &[Lane],
    traffic: &Arc<Traffic>,
    config: Config,
    task: Task,
    rounds: usize,
) -> Result<Measured, GuestError> {
    let mut measured = Measured { lanes: vec![Samples::default(); lanes.len()], ..Measured::default() };
    for _ in 0..rounds {
        measured.alone.push(task.alone(traffic, config)?.packet_ns());
        let (native, matches) = task.twin(traffic, config)?;
        measured.twin.push(native.packet_ns());
        measured.count(&native);
        for (lane, samples) in lanes.iter().zip(&mut measured.lanes) {
            if let Some(run) = task.guest(lane, traffic, config, matches)? {
                samples.push(run.packet_ns());
            }
        }
    }
    Ok(measured)
}

#[expect(clippy::cast_precision_loss, reason = "ratios for people; 52 bits are enough")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(best: f64) -> Samples {
        let mut samples = Samples::default();
        samples.push(best);
        samples
    }

    #[test]
    fn a_call_costs_what_the_guest_takes_more_than_its_twin() {
        let measured = Measured {
            twin: samples(200.0),
            lanes: vec![samples(350.0), Samples::default(), samples(250.0)],
            calls: 50,
            packets: 100,
            frame_bytes: 100_000,
            ..Measured::default()
        };
        // 150 ns for each of 100 packets, for 50 calls.
        assert!((measured.call_ns(0).unwrap() - 300.0).abs() < 1e-6);
        assert_eq!(measured.call_ns(1), None);
        assert_eq!(measured.call_ns(3), None);
        assert!((measured.guest().unwrap().best() - 250.0).abs() < 1e-6);
        // A thousand bytes in 200 ns.
        assert!((measured.gigabits_per_second(200.0) - 40.0).abs() < 1e-6);
    }
}
