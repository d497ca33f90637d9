//! The stages of a packet's path, each on its own. Time is CPU time for one packet, or for one lookup.

mod cpu_time;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use sluice_benches::pipeline::run_native;
use sluice_benches::traffic::{Mix, Traffic, generate};
use sluice_benches::twin::Work;
use sluice_engine::flow::{Flow, FlowKey, FlowTable};
use sluice_engine::{Config, Nanos};
use sluice_wire::{Headers, LinkType, parse, transport_valid};

use cpu_time::CpuTime;

/// Flows in the table that is searched.
const FLOWS: u32 = 200_000;

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    headers(&mut criterion);
    checksums(&mut criterion);
    flow_lookup(&mut criterion);
    engine(&mut criterion);
    criterion.final_summary();
}

fn parsed(frame: &[u8]) -> Option<Headers> {
    parse(LinkType::Ethernet, frame, u32::try_from(frame.len()).unwrap_or(0)).ok()
}

/// Parsing, of frames that lie in a cache.
fn headers(criterion: &mut Criterion<CpuTime>) {
    let traffic = generate(Mix::Web, 10, 1);
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(traffic.packets.len() as u64));
    group.bench_function("web", |bencher| {
        bencher.iter(|| traffic.frames().filter(|(_, frame)| black_box(parsed(frame)).is_some()).count());
    });
    group.finish();
}

/// Verifying TCP checksums, by length of the frame.
fn checksums(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("checksum");
    for (mix, name) in [(Mix::ShortFlows, "64 bytes"), (Mix::FullSize, "1514 bytes")] {
        let traffic = generate(mix, 1, 1);
        let longest = traffic.frames().map(|(_, frame)| frame).max_by_key(|frame| frame.len());
        let Some((frame, headers)) = longest.and_then(|frame| Some((frame, parsed(frame)?))) else {
            continue;
        };
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| transport_valid(black_box(&headers), black_box(frame)));
        });
    }
    group.finish();
}

/// Finding flows in a table that is larger than a cache, in an order that no prefetcher knows.
fn flow_lookup(criterion: &mut Criterion<CpuTime>) {
    let traffic = generate(Mix::ShortFlows, FLOWS, 1);
    let mut table = FlowTable::new(1, 200_000);
    let mut keys = Vec::new();
    for (time_ns, frame) in traffic.frames() {
        let Some(headers) = parsed(frame) else { continue };
        let Some(tcp) = headers.tcp() else { continue };
        let (key, sender_is_low) = FlowKey::of(&headers, tcp);
        let hash = table.hash(&key);
        if table.find(hash, &key).is_none() {
            table.insert(hash, |generation| Flow::open(key, sender_is_low, tcp, generation, Nanos(time_ns)));
        }
        keys.push(key);
    }
    let mut group = criterion.benchmark_group("flow lookup");
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.sample_size(10);
    group.bench_function("200000 flows", |bencher| {
        bencher
            .iter(|| keys.iter().filter(|key| black_box(table.find(table.hash(key), key)).is_some()).count());
    });
    group.finish();
}

/// The engine on traffic that fits into a cache: what is computed, without what memory adds.
fn engine(criterion: &mut Criterion<CpuTime>) {
    let traffic: [Arc<Traffic>; 2] =
        [Arc::new(generate(Mix::Web, 20, 1)), Arc::new(generate(Mix::LongFlows, 1, 1))];
    let mut group = criterion.benchmark_group("engine in cache");
    for traffic in &traffic {
        group.throughput(Throughput::Elements(traffic.packets.len() as u64));
        for (work, stage) in [
            (Work::PacketEvents, "packet events"),
            (Work::Connections, "tracking"),
            (Work::AllBytes, "reassembly"),
        ] {
            group.bench_with_input(BenchmarkId::new(stage, traffic.name), traffic, |bencher, traffic| {
                bencher.iter_custom(|runs| {
                    let run = || run_native(traffic, Config::default(), work).map_or(0, |run| run.cpu_ns);
                    (0..runs).map(|_| run()).sum()
                });
            });
        }
    }
    group.finish();
}
