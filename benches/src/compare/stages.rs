//! What each stage of a packet's path takes on the web mix.

use std::sync::Arc;

use super::{CompareError, Extent, SEED};
use crate::bars::{Bars, Row};
use crate::guest::{GuestError, Lane};
use crate::report::{Report, Table};
use crate::samples::Samples;
use crate::stages::{Child, Cut, instructions};
use crate::traffic::{Mix, Traffic, generate};
use crate::twin::Work;

/// Connections for counting instructions: valgrind takes fifty times as long.
const COUNTED_FLOWS: u32 = 500;

/// Runs a cut for valgrind, and says nothing.
///
/// # Errors
///
/// [`CompareError`] if a run fails.
pub fn run_child(child: &Child) -> Result<(), CompareError> {
    let lanes = Lane::all()?;
    let traffic = Arc::new(generate(Mix::Web, COUNTED_FLOWS, SEED));
    let Some(lane) = lanes.iter().find(|lane| lane.name == child.lane) else { return Ok(()) };
    for _ in 0..child.rounds {
        child.cut.run(&traffic, lane)?;
    }
    Ok(())
}

/// Measures the stages and reports their table.
///
/// # Errors
///
/// [`CompareError`].
pub fn report(extent: Extent, report: &Report) -> Result<(), CompareError> {
    let lanes: Vec<Lane> = Lane::all()?.into_iter().filter(|lane| lane.does(Work::AllBytes)).collect();
    if lanes.is_empty() {
        eprintln!("the stages need byte-reader.wasm; `make guests` makes it");
        return Ok(());
    }
    let traffic = Arc::new(generate(Mix::Web, Mix::Web.flows() / extent.one_in, SEED));
    let times = Path::timed(&lanes, &traffic, extent.rounds)?;
    let counted = Path::counted(&lanes);
    let mut table = Table::new(&[
        "stage",
        "packet events, ns",
        "all bytes, ns",
        "packet events, instructions",
        "all bytes, instructions",
    ]);
    let none = vec![None; STAGES.len()];
    for (lane, name) in lanes.iter().map(|lane| lane.name).enumerate() {
        let [packets, bytes] = times.stages(lane);
        let [packets_counted, bytes_counted] =
            counted.as_ref().map_or_else(|| [none.clone(), none.clone()], |counted| counted.stages(lane));
        for (stage, what) in STAGES.iter().enumerate() {
            // What comes before the guest is the same on each lane.
            if lane > 0 && stage < CROSS {
                continue;
            }
            let what = if stage < CROSS { (*what).to_owned() } else { format!("{what}, {name} lane") };
            let cells =
                [&packets, &bytes, &packets_counted, &bytes_counted].map(|column| cell(column[stage]));
            table.row(std::iter::once(what).chain(cells).collect());
        }
        let sums = [&packets, &bytes, &packets_counted, &bytes_counted].map(|column| cell(sum(column)));
        table.row(std::iter::once(format!("all, {name} lane")).chain(sums).collect());
    }
    let about = format!(
        "Of a packet of the web mix; packet events are handled by a guest that does nothing, all bytes read by one \
         that sums them up. {}{}",
        extent.about(),
        if counted.is_some() { " Instructions by valgrind, of 500 connections." } else { "" }
    );
    Ok(report.add("stages", &about, &table, Some(&chart(&lanes, &times)))?)
}

/// The stages in the order of the path; from [`CROSS`] on they are a lane's.
const STAGES: [&str; 7] = ["parse, checksums", "flow", "track", "dispatch", "reassemble", "cross", "guest"];

/// Where the lanes part.
const CROSS: usize = 5;

/// What a packet takes up to each cut.
struct Path {
    /// Up to the cuts without guests, in the order of [`Cut::ALL`]; with the first lane for the others.
    cuts: Vec<Vec<f64>>,
    /// Handlers called for each packet: of packet events, of all bytes.
    calls: [f64; 2],
}

impl Path {
    /// In nanoseconds, the best of so many runs that take turns.
    fn timed(lanes: &[Lane], traffic: &Arc<Traffic>, rounds: usize) -> Result<Self, GuestError> {
        let mut samples = vec![vec![Samples::default(); Cut::ALL.len()]; lanes.len()];
        let mut calls = [0.0; 2];
        for _ in 0..rounds {
            for (number, (lane, samples)) in lanes.iter().zip(&mut samples).enumerate() {
                for (cut, samples) in Cut::ALL.into_iter().zip(samples) {
                    if number > 0 && !cut.has_guest() {
                        continue;
                    }
                    let took = cut.run(traffic, lane)?;
                    samples.push(ratio(took.cpu_ns, took.packets));
                    match cut {
                        Cut::Dispatched => calls[0] = ratio(took.calls, took.packets),
                        Cut::Reassembled => calls[1] = ratio(took.calls, took.packets),
                        Cut::Parsed | Cut::Found | Cut::Tracked => {}
                        Cut::Crossed | Cut::ReadInGuest | Cut::Summed => {}
                    }
                }
            }
        }
        let best = |samples: &Vec<Samples>| samples.iter().map(Samples::best).collect();
        Ok(Self { cuts: samples.iter().map(best).collect(), calls })
    }

    /// In instructions; `None` without valgrind.
    fn counted(lanes: &[Lane]) -> Option<Self> {
        let traffic = Arc::new(generate(Mix::Web, COUNTED_FLOWS, SEED));
        let packets = traffic.packets.len() as u64;
        let mut cuts = Vec::new();
        for (number, lane) in lanes.iter().enumerate() {
            let count = |cut: Cut| {
                if number > 0 && !cut.has_guest() { Some(0.0) } else { instructions(cut, lane, packets) }
            };
            cuts.push(Cut::ALL.into_iter().map(count).collect::<Option<Vec<f64>>>()?);
        }
        let calls =
            |cut: Cut| cut.run(&traffic, lanes.first()?).ok().map(|took| ratio(took.calls, took.packets));
        Some(Self { cuts, calls: [calls(Cut::Dispatched)?, calls(Cut::Reassembled)?] })
    }

    /// What each stage takes of packet events and of all bytes; `None` where there is no such stage.
    fn stages(&self, lane: usize) -> [Vec<Option<f64>>; 2] {
        let [parsed, found, tracked, dispatched, _, reassembled, ..] = self.cuts[0][..] else {
            return [vec![None; STAGES.len()], vec![None; STAGES.len()]];
        };
        let of_lane = &self.cuts[lane];
        let [crossed, read, summed] = [of_lane[4], of_lane[6], of_lane[7]];
        let first = [parsed, found - parsed, tracked - found].map(Some);
        let dispatch = dispatched - tracked;
        // There are fewer events of new bytes than packets, each as dear as one of a packet.
        let dispatch_of_bytes = dispatch * self.calls[1] / self.calls[0].max(f64::MIN_POSITIVE);
        let packets = [Some(dispatch), None, Some(crossed - dispatched), None];
        let bytes = [
            Some(dispatch_of_bytes),
            Some(reassembled - tracked - dispatch_of_bytes),
            Some(read - reassembled),
            Some(summed - read),
        ];
        [packets, bytes].map(|rest| first.into_iter().chain(rest).collect())
    }
}

fn chart(lanes: &[Lane], times: &Path) -> Bars {
    let mut rows = Vec::new();
    for (lane, name) in lanes.iter().map(|lane| lane.name).enumerate() {
        for (what, values) in ["packet events", "all bytes"].into_iter().zip(times.stages(lane)) {
            rows.push(Row { name: format!("{what}, {name} lane"), values, aim: None });
        }
    }
    Bars {
        title: "What each stage of a packet's path takes".to_owned(),
        axis: "CPU time of a packet of the web mix, ns (best runs)",
        ways: STAGES.map(str::to_owned).to_vec(),
        rows,
        stacked: true,
    }
}

fn sum(column: &[Option<f64>]) -> Option<f64> {
    column.iter().any(Option::is_some).then(|| column.iter().flatten().sum())
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

#[expect(clippy::cast_precision_loss, reason = "ratios for people; 52 bits are enough")]
fn ratio(dividend: u64, divisor: u64) -> f64 {
    dividend as f64 / divisor.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_of_a_path_add_up_to_its_last_cut() {
        let first = vec![55.0, 90.0, 150.0, 170.0, 300.0, 260.0, 420.0, 500.0];
        let mut second = first.clone();
        (second[4], second[6], second[7]) = (190.0, 300.0, 380.0);
        let path = Path { cuts: vec![first, second], calls: [1.0, 0.5] };
        for (lane, ends) in [(0, [300.0, 500.0]), (1, [190.0, 380.0])] {
            for (stages, end) in path.stages(lane).iter().zip(ends) {
                assert_eq!(stages.len(), STAGES.len());
                assert!((sum(stages).unwrap() - end).abs() < 1e-6, "{stages:?}");
            }
        }
        // Half as many events of bytes as packets: dispatching them takes half of 20 ns.
        let [_, bytes] = path.stages(0);
        assert_eq!((cell(bytes[3]), cell(bytes[4])), ("10".to_owned(), "100".to_owned()));
        assert_eq!(cell(sum(&[None, None])), "-");
    }
}
