//! The four mixes of traffic through the whole path, by native handlers and by guests. Time is CPU time.

mod cpu_time;

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use sluice_benches::guest::Lane;
use sluice_benches::pipeline::run_native;
use sluice_benches::traffic::{Mix, generate};
use sluice_benches::twin::Work;
use sluice_engine::Config;

use cpu_time::CpuTime;

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10)
        .configure_from_args();
    let lanes = Lane::all().inspect_err(|error| eprintln!("without guests: {error}")).unwrap_or_default();
    for mix in Mix::ALL {
        run_mix(&mut criterion, mix, &lanes);
    }
    criterion.final_summary();
}

fn run_mix(criterion: &mut Criterion<CpuTime>, mix: Mix, lanes: &[Lane]) {
    let traffic = Arc::new(generate(mix, mix.flows(), 1));
    let mut group = criterion.benchmark_group(mix.name());
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(traffic.packets.len() as u64));
    for work in Work::ALL {
        group.bench_function(BenchmarkId::new("native", work.name()), |bencher| {
            bencher.iter_custom(|runs| {
                let run = || run_native(&traffic, Config::default(), work).map_or(0, |run| run.cpu_ns);
                (0..runs).map(|_| run()).sum()
            });
        });
        for lane in lanes.iter().filter(|lane| lane.does(work)) {
            group.bench_function(BenchmarkId::new(format!("guest, {}", lane.name), work.name()), |bencher| {
                bencher.iter_custom(|runs| {
                    let run = || lane.run(&traffic, Config::default(), work).ok().flatten();
                    (0..runs).map(|_| run().map_or(0, |run| run.cpu_ns)).sum()
                });
            });
        }
    }
    group.finish();
}
