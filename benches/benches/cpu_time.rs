//! Criterion's measurement by CPU time of the thread: what other programs do on the machine counts less than it does in
//! wall-clock time.

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use sluice_benches::process::cpu_time_ns;

/// CPU time in nanoseconds.
#[derive(Debug)]
pub(crate) struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        cpu_time_ns()
    }

    fn end(&self, start: u64) -> u64 {
        cpu_time_ns().saturating_sub(start)
    }

    fn add(&self, left: &u64, right: &u64) -> u64 {
        left.saturating_add(*right)
    }

    fn zero(&self) -> u64 {
        0
    }

    #[expect(clippy::cast_precision_loss, reason = "52 bits of nanoseconds are 52 days")]
    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        // Wall-clock time is formatted from nanoseconds, too.
        &Nanoseconds
    }
}

/// Formats nanoseconds as criterion does for wall-clock time.
struct Nanoseconds;

impl ValueFormatter for Nanoseconds {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(&self, typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_throughputs(typical, throughput, values)
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}
