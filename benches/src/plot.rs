//! Line charts as SVG, written by the program that measured what they show.

use std::fmt::Write as _;

/// Width of a chart in pixels, the legend included.
const WIDTH: f64 = 900.0;
/// Height in pixels.
const HEIGHT: f64 = 440.0;
/// Where the area of the lines begins and ends.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 380.0;

/// Colours that are told apart with red-green blindness too (Okabe and Ito, "Color Universal Design", 2008).
pub(crate) const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b5b5b", "#8c6d1f"];

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// From zero on.
    Linear,
    /// Powers of ten at equal distances; values must be above zero.
    Logarithmic,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: &'static str,
    /// How values are laid out.
    pub scale: Scale,
}

/// The stroke of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stroke {
    /// Unbroken.
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Its colour, as a number; lines with equal numbers look alike.
    pub colour: usize,
    /// Its stroke.
    pub stroke: Stroke,
    /// Its points, in the order of x.
    pub points: Vec<(f64, f64)>,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it is about.
    pub title: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Chart {
    /// The chart as an SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (x, y) = (self.x_scale(), self.y_scale());
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222222\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{}</text>\n",
            escaped(self.title)
        );
        for tick in x.ticks() {
            let at = x.place(tick);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{BOTTOM}\" stroke=\"#e2e2e2\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                BOTTOM + 20.0,
                short(tick)
            );
        }
        for tick in y.ticks() {
            let at = y.place(tick);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{RIGHT}\" stroke=\"#e2e2e2\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.5,
                short(tick)
            );
        }
        self.write_axes(&mut svg);
        for (number, line) in self.lines.iter().enumerate() {
            line.write(&mut svg, &x, &y);
            line.write_legend(&mut svg, number);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn write_axes(&self, svg: &mut String) {
        let middle = f64::midpoint(TOP, BOTTOM);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"#222222\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"22\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 22 {middle})\">{}</text>",
            f64::midpoint(LEFT, RIGHT),
            BOTTOM + 46.0,
            escaped(self.x.label),
            escaped(self.y.label)
        );
    }

    fn x_scale(&self) -> Range {
        let values = self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.0));
        Range::of(self.x.scale, values, LEFT, RIGHT)
    }

    fn y_scale(&self) -> Range {
        let values = self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
        Range::of(self.y.scale, values, BOTTOM, TOP)
    }
}

impl Line {
    fn colour(&self) -> &'static str {
        COLOURS.get(self.colour % COLOURS.len()).copied().unwrap_or("#000000")
    }

    const fn dashes(&self) -> &'static str {
        match self.stroke {
            Stroke::Solid => "",
            Stroke::Dashed => " stroke-dasharray=\"8 5\"",
            Stroke::Dotted => " stroke-dasharray=\"2 4\"",
        }
    }

    fn write(&self, svg: &mut String, x: &Range, y: &Range) {
        let (colour, dashes) = (self.colour(), self.dashes());
        let places: Vec<(f64, f64)> =
            self.points.iter().map(|point| (x.place(point.0), y.place(point.1))).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
            path.join(" ")
        );
        for (x, y) in places {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>");
        }
    }

    fn write_legend(&self, svg: &mut String, number: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a chart has few lines")]
        let y = TOP + 10.0 + 22.0 * number as f64;
        let (from, until) = (RIGHT + 20.0, RIGHT + 52.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{from} {y}H{until}\" stroke=\"{}\" stroke-width=\"2\"{}/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            self.colour(),
            self.dashes(),
            until + 8.0,
            y + 4.5,
            escaped(&self.name)
        );
    }
}

/// Values along an axis, and the pixels from which to which they lie.
struct Range {
    scale: Scale,
    least: f64,
    most: f64,
    step: f64,
    from: f64,
    until: f64,
}

impl Range {
    fn of(scale: Scale, values: impl Iterator<Item = f64> + Clone, from: f64, until: f64) -> Self {
        let most = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        let least = values.filter(|value| *value > 0.0).fold(most, f64::min);
        match scale {
            Scale::Linear => {
                let step = step_for(most);
                Self { scale, least: 0.0, most: (most / step).ceil() * step, step, from, until }
            }
            Scale::Logarithmic => {
                let (least, most) = (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil()));
                Self { scale, least, most: most.max(least * 10.0), step: 10.0, from, until }
            }
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => value / self.most,
            Scale::Logarithmic => {
                (value.max(self.least) / self.least).log10() / (self.most / self.least).log10()
            }
        };
        self.from + share * (self.until - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        let next = |tick: &f64| match self.scale {
            Scale::Linear => Some(tick + self.step),
            Scale::Logarithmic => Some(tick * self.step),
        };
        std::iter::successors(Some(self.least), next).take_while(|tick| *tick <= self.most * 1.001).collect()
    }
}

/// One, two or five times a power of ten, four to ten of which reach `most`.
pub(crate) fn step_for(most: f64) -> f64 {
    let power = 10_f64.powf((most / 10.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| most / step <= 10.0).unwrap_or(power * 10.0)
}

/// A value with the letter of its power of a thousand.
pub(crate) fn short(value: f64) -> String {
    for (factor, letter) in [(1e9, " G"), (1e6, " M"), (1e3, " k")] {
        if value >= factor {
            return format!("{}{letter}", trimmed(value / factor));
        }
    }
    trimmed(value)
}

/// A value with at most two digits behind the point.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(scale: Scale) -> Chart {
        let line =
            |name: &str, points| Line { name: name.to_owned(), colour: 0, stroke: Stroke::Dashed, points };
        Chart {
            title: "a < b",
            x: Axis { label: "flows", scale },
            y: Axis { label: "ns", scale: Scale::Linear },
            lines: vec![
                line("first", vec![(1_000.0, 0.0), (200_000.0, 47.0)]),
                line("second", vec![(1_000.0, 9.0)]),
            ],
        }
    }

    #[test]
    fn the_least_and_the_most_lie_at_the_ends_of_the_axes() {
        let range = Range::of(Scale::Logarithmic, [1_000.0, 200_000.0].into_iter(), LEFT, RIGHT);
        assert_eq!(range.ticks(), [1e3, 1e4, 1e5, 1e6]);
        assert!((range.place(1e3) - LEFT).abs() < 1e-6 && (range.place(1e6) - RIGHT).abs() < 1e-6);
        let range = Range::of(Scale::Linear, [3.0, 47.0].into_iter(), BOTTOM, TOP);
        assert_eq!(range.ticks(), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0]);
        assert!((range.place(0.0) - BOTTOM).abs() < 1e-6 && (range.place(50.0) - TOP).abs() < 1e-6);
    }

    #[test]
    fn charts_name_their_lines_and_axes_and_escape_what_they_say() {
        let svg = chart(Scale::Logarithmic).to_svg();
        for part in ["a &lt; b", ">first<", ">second<", ">flows<", ">ns<", ">200 k<", ">10 k<"] {
            assert_eq!(svg.contains(part), part != ">200 k<", "{part}");
        }
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(chart(Scale::Linear).to_svg().matches("<polyline").count(), 2);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.5, 250.0, 1_500.0, 2e6, 3e9].map(short),
            ["0", "0.5", "250", "1.5 k", "2 M", "3 G"]
        );
    }
}
