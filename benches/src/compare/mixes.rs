//! Each mix of traffic with each kind of work.

use sluice_engine::Checksums;

use super::{CompareError, Entries, Extent, best, cell};
use crate::bars::{Bars, Row};
use crate::report::{Report, Table};

/// Reports the table of mixes.
pub(super) fn report(
    entries: &Entries,
    lanes: &[&str],
    extent: Extent,
    report: &Report,
) -> Result<(), CompareError> {
    let mut ways = vec!["engine alone".to_owned(), "native twin".to_owned()];
    ways.extend(lanes.iter().map(|lane| format!("guest, {lane}")));
    let mut head: Vec<String> = ["traffic", "work", "checksums"].map(str::to_owned).to_vec();
    for way in &ways {
        head.extend([way.clone(), "Gb/s".to_owned()]);
    }
    head.push("events".to_owned());
    let mut table = Table::new(&head);
    let mut chart = Bars {
        title: "Four mixes of traffic".to_owned(),
        axis: "CPU time of a packet, ns (best run)",
        ways,
        rows: Vec::new(),
        stacked: false,
    };
    for entry in &entries.0 {
        let measured = &entry.measured;
        let checksums = match entry.checksums {
            Checksums::Verify => "verified",
            Checksums::Ignore => "ignored",
        };
        let (mix, work) = (entry.mix.name(), entry.task.name());
        let mut cells = vec![mix.to_owned(), work.to_owned(), checksums.to_owned()];
        let samples: Vec<_> = [&measured.alone, &measured.twin].into_iter().chain(&measured.lanes).collect();
        for samples in &samples {
            let rate = best(samples).map(|packet_ns| measured.gigabits_per_second(packet_ns));
            cells.push(cell(samples));
            cells.push(rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}")));
        }
        cells.push(measured.calls.to_string());
        table.row(cells);
        if entry.checksums == Checksums::Verify {
            let values = samples.into_iter().map(best).collect();
            chart.rows.push(Row { name: format!("{mix}, {work}"), values, aim: None });
        }
    }
    let about = format!("Nanoseconds for a packet. {}", extent.about());
    Ok(report.add("mixes", &about, &table, Some(&chart))?)
}
