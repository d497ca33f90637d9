//! What a guest costs more than its native twin, for each event.

use super::targets::against;
use super::task::Task;
use super::{CompareError, Entries, Extent};
use crate::bars::{Bars, Row};
use crate::report::{Report, Table};
use crate::traffic::Mix;
use crate::twin::Work;

/// What an event may cost more in a guest, in nanoseconds: one that reads nothing, and one that reads 1,460 bytes.
const BARE_NS: f64 = 25.0;
const READING_NS: f64 = 70.0;

/// The rows: what is done in the event, and what that may cost.
const ROWS: [(Mix, Work, f64); 4] = [
    (Mix::Web, Work::PacketEvents, BARE_NS),
    (Mix::Web, Work::Connections, BARE_NS),
    (Mix::Web, Work::AllBytes, READING_NS),
    (Mix::FullSize, Work::AllBytes, READING_NS),
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
    for (mix, work, aim_ns) in ROWS {
        let Some(measured) = entries.of(mix, Task::Work(work)) else { continue };
        let prices: Vec<Option<f64>> = (0..lanes.len()).map(|lane| measured.call_ns(lane)).collect();
        let least = prices.iter().flatten().copied().min_by(f64::total_cmp);
        let name = match work {
            Work::PacketEvents => "a packet, nothing read",
            Work::Connections => "a connection or state, nothing read",
            Work::AllBytes => "new bytes, read and summed",
        };
        let mut cells = vec![name.to_owned(), mix.name().to_owned(), measured.calls.to_string()];
        let cell = |price: &Option<f64>| price.map_or_else(|| "-".to_owned(), |price| format!("{price:.0}"));
        cells.extend(prices.iter().map(cell));
        let reached = least.map_or_else(|| "not measured".to_owned(), |price| against(price, aim_ns));
        cells.extend([format!("{aim_ns:.0}"), reached]);
        table.row(cells);
        chart.rows.push(Row { name: format!("{name}, {}", mix.name()), values: prices, aim: Some(aim_ns) });
    }
    let about =
        format!("Nanoseconds for an event, guest less native twin, of the best runs. {}", extent.about());
    Ok(report.add("twins", &about, &table, Some(&chart))?)
}
