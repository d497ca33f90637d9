//! What a guest costs more than its native twin, for each event.

use super::targets::against;
use super::task::Task;
use super::{CompareError, Entries, Extent};
use crate::bars::{Bars, Row};
use crate::report::{Report, Table};
use crate::samples::Samples;
use crate::traffic::Mix;
use crate::twin::Work;

/// What an event may cost more in a guest, in nanoseconds: one that reads nothing, and one that reads 1,460 bytes.
const BARE_NS: f64 = 25.0;
const READING_NS: f64 = 70.0;

/// What all may cost more with a guest that gets its events once a burst.
const BURSTS_RATIO: f64 = 1.1;

/// The rows: the event, what is done in it, and what that may cost; `None` for what is measured by all that it costs.
const ROWS: [(&str, Mix, Task, Option<f64>); 6] = [
    ("a packet, nothing read", Mix::Web, Task::Work(Work::PacketEvents), Some(BARE_NS)),
    ("a connection or state, nothing read", Mix::Web, Task::Work(Work::Connections), Some(BARE_NS)),
    ("new bytes, read and summed", Mix::Web, Task::Work(Work::AllBytes), Some(READING_NS)),
    ("new bytes, read and summed", Mix::FullSize, Task::Work(Work::AllBytes), Some(READING_NS)),
    ("new bytes, summed once a burst", Mix::Web, Task::Bursts, None),
    ("new bytes, summed once a burst", Mix::FullSize, Task::Bursts, None),
];

/// Reports the table of twins.
pub(super) fn report(
    entries: &Entries,
    lanes: &[&str],
    extent: Extent,
    report: &Report,
) -> Result<(), CompareError> {
    let mut head = vec!["event", "traffic", "events"];
    head.extend(lanes);
    head.extend(["aim", "reached"]);
    let mut table = Table::new(&head);
    let mut chart = Bars {
        title: "What an event costs more in a guest than in native code".to_owned(),
        axis: "CPU time of an event, ns (best runs)",
        ways: lanes.iter().map(|lane| (*lane).to_owned()).collect(),
        rows: Vec::new(),
        stacked: false,
    };
    for (name, mix, task, aim_ns) in ROWS {
        let Some(measured) = entries.of(mix, task) else { continue };
        let prices: Vec<Option<f64>> = (0..lanes.len()).map(|lane| measured.call_ns(lane)).collect();
        let least = prices.iter().flatten().copied().min_by(f64::total_cmp);
        let mut cells = vec![name.to_owned(), mix.name().to_owned(), measured.calls.to_string()];
        let cell = |price: &Option<f64>| price.map_or_else(|| "-".to_owned(), |price| format!("{price:.0}"));
        cells.extend(prices.iter().map(cell));
        let reached = match (least, aim_ns) {
            (None, _) => "not measured".to_owned(),
            (Some(price), Some(aim_ns)) => against(price, aim_ns),
            (Some(_), None) => {
                let guest = measured.guest().map_or(0.0, Samples::best);
                against(guest, measured.twin.best() * BURSTS_RATIO)
            }
        };
        let aim = aim_ns.map_or_else(|| "10 % of all".to_owned(), |aim_ns| format!("{aim_ns:.0}"));
        cells.extend([aim, reached]);
        table.row(cells);
        chart.rows.push(Row { name: format!("{name}, {}", mix.name()), values: prices, aim: aim_ns });
    }
    let about =
        format!("Nanoseconds for an event, guest less native twin, of the best runs. {}", extent.about());
    Ok(report.add("twins", &about, &table, Some(&chart))?)
}
