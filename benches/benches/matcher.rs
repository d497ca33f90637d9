//! A thousand literals looked for in the payloads of the web mix: by the host's matcher, and by the crate
//! `aho-corasick` alone, which the matcher is built on. Time is CPU time; throughput is bytes of payload.

mod cpu_time;

use std::hint::black_box;
use std::time::Duration;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use criterion::{Criterion, Throughput};
use sluice_benches::patterns::patterns;
use sluice_benches::traffic::{Mix, Traffic, generate};
use sluice_guest::matcher::{Found, Matcher, Pattern, Patterns};
use sluice_wire::{LinkType, parse};

use cpu_time::CpuTime;

/// Connections whose payloads are searched: eight megabytes, more than the caches nearest to a core hold.
const FLOWS: u32 = 500;

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    let traffic = generate(Mix::Web, FLOWS, 1);
    let payloads = payloads(&traffic);
    match Searches::new() {
        Ok(searches) => compare(&mut criterion, &searches, &payloads),
        Err(problem) => eprintln!("nothing is measured: {problem}"),
    }
    criterion.final_summary();
}

/// The payload of each segment that has one.
fn payloads(traffic: &Traffic) -> Vec<&[u8]> {
    let payload = |frame| {
        let headers = parse(LinkType::Ethernet, frame, u32::try_from(frame.len()).unwrap_or(0)).ok()?;
        Some(headers.tcp()?.payload(frame))
    };
    let payloads = traffic.frames().filter_map(|(_, frame)| payload(frame));
    payloads.filter(|payload| !payload.is_empty()).collect()
}

/// The same patterns, compiled for each way to look for them.
struct Searches {
    host: Matcher,
    /// The crate's choice for as many patterns, and its fastest automaton.
    baselines: [(&'static str, AhoCorasick); 2],
}

impl Searches {
    fn new() -> Result<Self, String> {
        let literals = patterns();
        let host = Patterns::new(literals.iter().map(|bytes| Pattern::literal(bytes)).collect());
        let host = Matcher::new(&host.map_err(|refusal| refusal.to_string())?);
        let baseline = |name, kind| {
            let built: Result<AhoCorasick, BuildError> = AhoCorasick::builder().kind(kind).build(&literals);
            built.map(|built| (name, built)).map_err(|error| error.to_string())
        };
        Ok(Self {
            host: host.map_err(|error| error.to_string())?,
            baselines: [
                baseline("aho-corasick", None)?,
                baseline("aho-corasick, table", Some(AhoCorasickKind::DFA))?,
            ],
        })
    }

    fn by_host(&self, payloads: &[&[u8]], found: &mut Found) -> usize {
        let count = |payload: &&[u8]| {
            found.clear();
            self.host.scan(payload, found);
            found.matches().len()
        };
        payloads.iter().map(count).sum()
    }

    /// All payloads as pieces of one stream: matches may lie across their borders.
    fn in_a_stream(&self, payloads: &[&[u8]], found: &mut Found) -> usize {
        let mut carry = self.host.begin();
        let count = |payload: &&[u8]| {
            found.clear();
            self.host.scan_stream(&mut carry, &[payload], found);
            found.matches().len()
        };
        payloads.iter().map(count).sum()
    }
}

fn by_crate(automaton: &AhoCorasick, payloads: &[&[u8]]) -> usize {
    payloads.iter().map(|payload| automaton.find_overlapping_iter(payload).count()).sum()
}

fn compare(criterion: &mut Criterion<CpuTime>, searches: &Searches, payloads: &[&[u8]]) {
    let mut found = Found::default();
    let expected = searches.by_host(payloads, &mut found);
    assert!(expected > 0, "a matcher that finds nothing would not show");
    for (name, automaton) in &searches.baselines {
        assert_eq!(by_crate(automaton, payloads), expected, "{name} finds something else");
    }
    let mut group = criterion.benchmark_group("1,000 literals in web payloads");
    group.throughput(Throughput::Bytes(payloads.iter().map(|payload| payload.len() as u64).sum()));
    for (name, automaton) in &searches.baselines {
        group.bench_function(*name, |bencher| bencher.iter(|| by_crate(automaton, black_box(payloads))));
    }
    group.bench_function("host", |bencher| {
        bencher.iter(|| searches.by_host(black_box(payloads), &mut found));
    });
    group.bench_function("host, a stream", |bencher| {
        bencher.iter(|| searches.in_a_stream(black_box(payloads), &mut found));
    });
    group.finish();
}
