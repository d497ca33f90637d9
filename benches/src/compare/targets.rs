//! What was aimed at, and what is reached.

use super::measure::Measured;
use super::task::{Matcher, Task};
use super::{CompareError, Entries, Extent, best, cell};
use crate::bars::{Bars, Row};
use crate::report::{Report, Table};
use crate::traffic::Mix;
use crate::twin::Work;

/// What one kind of work may take.
struct Target {
    mix: Mix,
    task: Task,
    /// What native mOS takes for it, in nanoseconds for a packet, where that was measured.
    mos_ns: f64,
    /// What a packet may take with a guest in each event, in nanoseconds.
    aim_ns: f64,
}

const fn target(mix: Mix, task: Task, mos_ns: f64, aim_ns: f64) -> Target {
    Target { mix, task, mos_ns, aim_ns }
}

/// mOS 0.3 was measured on one core of a 2.6-3.5 GHz Xeon, on the same kinds of traffic from memory.
///
/// For the host's matcher it is not mOS but Hyperscan alone, without any TCP.
const TARGETS: [Target; 7] = [
    target(Mix::Web, Task::Work(Work::PacketEvents), 210.0, 120.0),
    target(Mix::LongFlows, Task::Work(Work::PacketEvents), 122.0, 80.0),
    target(Mix::ShortFlows, Task::Work(Work::PacketEvents), 360.0, 180.0),
    target(Mix::Web, Task::Work(Work::Connections), 221.0, 90.0),
    target(Mix::Web, Task::Work(Work::AllBytes), 660.0, 330.0),
    target(Mix::Web, Task::Patterns(Matcher::Guest), 2_559.0, 2_300.0),
    target(Mix::Web, Task::Patterns(Matcher::Host), 289.0, 700.0),
];

/// Reports the table of targets.
pub(super) fn report(
    entries: &Entries,
    lanes: &[&str],
    extent: Extent,
    report: &Report,
) -> Result<(), CompareError> {
    let mut ways = vec!["mOS, native".to_owned(), "engine alone".to_owned(), "native twin".to_owned()];
    ways.extend(lanes.iter().map(|lane| format!("guest, {lane}")));
    let mut head = vec!["work".to_owned(), "traffic".to_owned()];
    head.extend(ways.iter().cloned());
    head.extend(["aim".to_owned(), "reached".to_owned()]);
    let mut table = Table::new(&head);
    let mut chart = Bars {
        title: "What a packet takes with a sandboxed guest in each event".to_owned(),
        axis: "CPU time of a packet, ns (best run)",
        ways,
        rows: Vec::new(),
        stacked: false,
    };
    for target in &TARGETS {
        let Some(measured) = entries.of(target.mix, target.task) else { continue };
        let mut cells = vec![target.task.name().to_owned(), target.mix.name().to_owned()];
        cells.push(format!("{:.0}", target.mos_ns));
        cells.extend([&measured.alone, &measured.twin].map(cell));
        cells.extend(measured.lanes.iter().map(cell));
        cells.extend([format!("{:.0}", target.aim_ns), verdict(measured, target.aim_ns)]);
        table.row(cells);
        let values = [Some(target.mos_ns), best(&measured.alone), best(&measured.twin)];
        chart.rows.push(Row {
            name: format!("{}, {}", target.task.name(), target.mix.name()),
            values: values.into_iter().chain(measured.lanes.iter().map(best)).collect(),
            aim: Some(target.aim_ns),
        });
    }
    let about = format!("Nanoseconds for a packet. {}", extent.about());
    Ok(report.add("targets", &about, &table, Some(&chart))?)
}

/// Whether the guest's best lane is within the aim, or by how much it is not.
fn verdict(measured: &Measured, aim_ns: f64) -> String {
    measured.guest().map_or_else(|| "not measured".to_owned(), |guest| against(guest.best(), aim_ns))
}

/// Whether a figure is at most what was aimed at, or by how much it is above.
#[must_use]
pub fn against(reached: f64, aim: f64) -> String {
    if reached <= aim {
        return "yes".to_owned();
    }
    format!("no: {:.0} % above", (reached / aim - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_the_aim_is_told_by_how_much() {
        assert_eq!(against(120.0, 120.0), "yes");
        assert_eq!(against(150.0, 120.0), "no: 25 % above");
        assert_eq!(verdict(&Measured::default(), 1.0), "not measured");
    }
}
