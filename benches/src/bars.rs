//! Bar charts as SVG: what several ways take for the same work.

use std::fmt::Write as _;

use crate::plot::{COLOURS, escaped, short, step_for};

/// Width of a chart in pixels.
const WIDTH: f64 = 900.0;
/// Where the bars begin and end.
const LEFT: f64 = 270.0;
const RIGHT: f64 = 850.0;
/// Where the first row begins: below the title and the legend.
const TOP: f64 = 72.0;
/// Height of a bar, and what lies between two rows.
const BAR: f64 = 15.0;
const BETWEEN: f64 = 14.0;

/// A row of bars.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// A value for each way; `None` where that was not measured.
    pub values: Vec<Option<f64>>,
    /// What it should have been at most, drawn as a line across the bars.
    pub aim: Option<f64>,
}

/// A chart of horizontal bars that begin at zero.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it is about.
    pub title: String,
    /// What the axis shows, with its unit.
    pub axis: &'static str,
    /// The ways, in the order of the values of each row.
    pub ways: Vec<String>,
    /// The rows, from above.
    pub rows: Vec<Row>,
    /// Whether the values of a row follow one another in one bar: parts of a whole. Else each has a bar of its own.
    pub stacked: bool,
}

impl Bars {
    /// The chart as an SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let most = self.rows.iter().map(|row| self.length(row)).fold(1.0, f64::max);
        let step = step_for(most);
        let scale = (RIGHT - LEFT) / ((most / step).ceil() * step);
        let mut rows = String::new();
        let mut y = TOP;
        for row in &self.rows {
            y = self.write_row(&mut rows, row, y, scale);
        }
        let (bottom, height) = (y, y + 52.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
             height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222222\">\n\
             <rect width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"#ffffff\"/>\n\
             <text x=\"16\" y=\"24\" font-size=\"16\" font-weight=\"bold\">{}</text>\n",
            escaped(&self.title)
        );
        self.write_legend(&mut svg);
        let ticks = std::iter::successors(Some(0.0), |tick| Some(tick + step));
        for tick in ticks.take_while(|tick| LEFT + tick * scale <= RIGHT + 0.5) {
            let x = LEFT + tick * scale;
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {TOP}V{bottom:.1}\" stroke=\"#e2e2e2\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                short(tick)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, RIGHT),
            bottom + 40.0,
            escaped(self.axis)
        );
        svg.push_str(&rows);
        svg.push_str("</svg>\n");
        svg
    }

    /// How far the bars of a row reach.
    fn length(&self, row: &Row) -> f64 {
        let values = row.values.iter().flatten().copied();
        let reached = if self.stacked { values.sum() } else { values.fold(0.0, f64::max) };
        reached.max(row.aim.unwrap_or_default())
    }

    /// Writes a row from `y` on; gives where the next one begins.
    fn write_row(&self, svg: &mut String, row: &Row, y: f64, scale: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a row has few bars")]
        let bars = if self.stacked { 1.0 } else { row.values.len() as f64 };
        let end = y + bars * BAR;
        let mut from = (LEFT, y);
        for (way, value) in row.values.iter().enumerate() {
            let width = value.unwrap_or_default().max(0.0) * scale;
            if let Some(value) = value {
                self.write_bar(svg, way, from, width, *value);
            }
            from = if self.stacked { (from.0 + width, from.1) } else { (LEFT, from.1 + BAR) };
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            f64::midpoint(y, end) + 4.5,
            escaped(&row.name)
        );
        if let Some(aim) = row.aim {
            let x = LEFT + aim * scale;
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#000000\" stroke-width=\"2\"/>",
                y - 4.0,
                end + 4.0
            );
        }
        end + BETWEEN
    }

    fn write_bar(&self, svg: &mut String, way: usize, (x, y): (f64, f64), width: f64, value: f64) {
        let colour = COLOURS.get(way % COLOURS.len()).copied().unwrap_or("#000000");
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
            BAR - 1.0
        );
        if !self.stacked {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{}</text>",
                x + width + 5.0,
                y + BAR - 4.0,
                short(value.round())
            );
        }
        svg.push('\n');
    }

    fn write_legend(&self, svg: &mut String) {
        let mut x = 16.0;
        let mut entry = |svg: &mut String, mark: String, name: &str| {
            let _ = writeln!(
                svg,
                "<g transform=\"translate({x:.0} 0)\">{mark}<text x=\"18\" y=\"50\">{}</text></g>",
                escaped(name)
            );
            #[expect(clippy::cast_precision_loss, reason = "a name is short")]
            let letters = name.chars().count() as f64;
            x += 38.0 + letters * 7.4;
        };
        for (way, name) in self.ways.iter().enumerate() {
            let colour = COLOURS.get(way % COLOURS.len()).copied().unwrap_or("#000000");
            let mark = format!("<rect y=\"39\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
            entry(svg, mark, name);
        }
        if self.rows.iter().any(|row| row.aim.is_some()) {
            let mark = "<path d=\"M6 38V52\" stroke=\"#000000\" stroke-width=\"2\"/>".to_owned();
            entry(svg, mark, "aim: at most");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(stacked: bool) -> Bars {
        let row = |name: &str, values: &[Option<f64>], aim| Row {
            name: name.to_owned(),
            values: values.to_vec(),
            aim,
        };
        Bars {
            title: "a < b".to_owned(),
            axis: "ns",
            ways: vec!["native".to_owned(), "guest".to_owned()],
            rows: vec![
                row("web", &[Some(100.0), Some(200.0)], Some(120.0)),
                row("long", &[Some(50.0), None], None),
            ],
            stacked,
        }
    }

    #[test]
    fn each_value_has_a_bar_as_long_as_it_is_large() {
        let svg = bars(false).to_svg();
        // The axis ends at the longest bar, 200.
        let width = |value: f64| format!("width=\"{:.1}\" height=\"14.0\"", value / 200.0 * (RIGHT - LEFT));
        for value in [100.0, 200.0, 50.0] {
            assert!(svg.contains(&width(value)), "{value}: {svg}");
        }
        assert_eq!(svg.matches("height=\"14.0\"").count(), 3);
        for part in ["a &lt; b", ">web<", ">guest<", ">aim: at most<", ">ns<"] {
            assert!(svg.contains(part), "{part}");
        }
    }

    #[test]
    fn parts_of_a_whole_follow_one_another() {
        let svg = bars(true).to_svg();
        // 100 and 200 together reach the end of the axis, at 300.
        let third = (RIGHT - LEFT) / 3.0;
        assert!(svg.contains(&format!(
            "<rect x=\"{:.1}\" y=\"{TOP:.1}\" width=\"{:.1}\"",
            LEFT + third,
            2.0 * third
        )));
    }
}
