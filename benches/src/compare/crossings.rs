//! What it costs to go into a guest and out of it, on each lane.

use super::{CompareError, Extent, against};
use crate::bars::{Bars, Row};
use crate::crossings::{Often, measure};
use crate::guest::Lane;
use crate::report::{Report, Table, machine};

/// Measures the crossings and reports their table.
///
/// # Errors
///
/// [`CompareError`].
pub fn report(extent: Extent, report: &Report) -> Result<(), CompareError> {
    let often = if extent.one_in > 1 { Often::QUICK } else { Often::FULL };
    let lanes = Lane::all()?;
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name).collect();
    let mut head = vec!["crossing"];
    head.extend(&names);
    head.extend(["aim", "reached"]);
    let mut table = Table::new(&head);
    let mut chart = Bars {
        title: "Into a guest and out of it".to_owned(),
        axis: "CPU time, ns (best run)",
        ways: names.iter().map(|name| (*name).to_owned()).collect(),
        rows: Vec::new(),
        stacked: false,
    };
    for (crossing, samples) in measure(&lanes, often)? {
        let least = samples.iter().map(|samples| samples.best()).fold(f64::MAX, f64::min);
        let mut cells = vec![crossing.name().to_owned()];
        cells
            .extend(samples.iter().map(|samples| format!("{:.1} ({:.1})", samples.best(), samples.median())));
        let aim = crossing.aim_ns();
        cells.push(aim.map_or_else(|| "-".to_owned(), |aim| format!("{aim:.0}")));
        cells.push(aim.map_or_else(|| "-".to_owned(), |aim| against(least, aim)));
        table.row(cells);
        let name = crossing.name().replace('`', "");
        let values = samples.iter().map(|samples| Some(samples.best())).collect();
        chart.rows.push(Row { name, values, aim });
    }
    let about = format!(
        "Nanoseconds of CPU time, best of {} runs that took turns (median in brackets). {}.",
        often.rounds,
        machine()
    );
    Ok(report.add("crossings", &about, &table, Some(&chart))?)
}
