//! The charts in `benches/plots/`.

use std::path::Path;

use super::dispatch::{Filters, Shape};
use super::registrar::{Case, Moment, Way};
use crate::plot::{Axis, Chart, Line, Scale, Stroke};

/// What was measured of one case with one number of open flows.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The case.
    pub case: Case,
    /// Flows open at a time.
    pub live: u32,
    /// CPU time of a packet in nanoseconds, of the best run.
    pub packet_ns: f64,
    /// What the engine's sets took, in bytes.
    pub bytes: usize,
}

/// Draws throughput and memory of flows that register while they run.
///
/// # Errors
///
/// If a file cannot be written.
pub fn draw_registration(points: &[Point]) -> std::io::Result<()> {
    let flows = Axis { label: "flows open at the same time", scale: Scale::Logarithmic };
    write(
        "registration-time.svg",
        &Chart {
            title: "Eight registrations on each flow of 26 packets of 64 bytes",
            x: flows.clone(),
            y: Axis { label: "CPU time of a packet, ns (best run)", scale: Scale::Linear },
            lines: lines(points, is_shown, |point| point.packet_ns),
        },
    )?;
    write(
        "registration-memory.svg",
        &Chart {
            title: "Memory of all sets of registrations while all flows are open",
            x: flows,
            y: Axis { label: "bytes", scale: Scale::Logarithmic },
            lines: lines(
                points,
                |case| case.way != Way::Static && case.moment == Moment::Start,
                #[expect(clippy::cast_precision_loss, reason = "a chart for people")]
                |point| point.bytes as f64,
            ),
        },
    )
}

/// Draws what an event costs by what is called and asked.
///
/// # Errors
///
/// If a file cannot be written.
pub fn draw_dispatch(measured: &[(Shape, f64)]) -> std::io::Result<()> {
    let chart = |title, of: &[(Filters, Stroke)]| {
        let mut lines: Vec<Line> = Vec::new();
        for (shape, event_ns) in measured {
            let Some((_, stroke)) = of.iter().find(|(filters, _)| *filters == shape.filters) else {
                continue;
            };
            let name = format!("{} events, {}", shape.events, shape.filters.name());
            let colour = (shape.events / 5) as usize;
            add(&mut lines, name, colour, *stroke, (f64::from(shape.callbacks), *event_ns));
        }
        Chart {
            title,
            x: Axis { label: "handlers of packet-in", scale: Scale::Linear },
            y: Axis { label: "CPU time of an event, ns (best run)", scale: Scale::Linear },
            lines,
        }
    };
    let native = [(Filters::Native, Stroke::Solid), (Filters::Code, Stroke::Dashed)];
    write("dispatch-native.svg", &chart("Native handlers, and user-defined events that are asked", &native))?;
    let guest = [(Filters::Guest, Stroke::Solid)];
    write("dispatch-guest.svg", &chart("A guest's handlers and filters (component lane)", &guest))
}

/// Whether a line of the chart of times is about the case: of the static ones, the fewest sets.
fn is_shown(case: Case) -> bool {
    match case.way {
        Way::Static => case.sets == 1,
        Way::Shared => case.moment == Moment::Start || case.sets == 1_000,
        Way::Copied => true,
    }
}

fn lines(points: &[Point], is_shown: impl Fn(Case) -> bool, value: impl Fn(&Point) -> f64) -> Vec<Line> {
    let mut lines = Vec::new();
    for point in points.iter().filter(|point| is_shown(point.case)) {
        let Case { way, sets, moment } = point.case;
        let (mut name, colour) = match (way, sets) {
            (Way::Static, 1) => ("static, 1 set".to_owned(), 6),
            (Way::Static, _) => (format!("static, {sets} sets"), 6),
            (Way::Copied, _) => ("naive copies".to_owned(), 1),
            (Way::Shared, 1) => ("shared, 1 set".to_owned(), 5),
            (Way::Shared, 10) => ("shared, 10 sets".to_owned(), 2),
            (Way::Shared, 100) => ("shared, 100 sets".to_owned(), 3),
            (Way::Shared, _) => (format!("shared, {sets} sets"), 0),
        };
        let stroke = match moment {
            Moment::Start => Stroke::Solid,
            Moment::FourthPacket => Stroke::Dashed,
        };
        if moment != Moment::Start {
            name = format!("{name}, {}", moment.name());
        }
        add(&mut lines, name, colour, stroke, (f64::from(point.live), value(point)));
    }
    lines
}

/// Adds a point to the line of this name.
fn add(lines: &mut Vec<Line>, name: String, colour: usize, stroke: Stroke, point: (f64, f64)) {
    match lines.iter_mut().find(|line| line.name == name) {
        Some(line) => line.points.push(point),
        None => lines.push(Line { name, colour, stroke, points: vec![point] }),
    }
}

fn write(name: &str, chart: &Chart) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plots");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), chart.to_svg())
}
