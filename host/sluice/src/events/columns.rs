//! Tables whose cells may have several lines.

use std::fmt::Write;

/// Which way the cells of a column are pushed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under titles; widths are counted in characters.
#[derive(Debug)]
pub(super) struct Table {
    align: Vec<Align>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    cells: Vec<Vec<String>>,
    below: String,
}

impl Table {
    /// A table with these titles and no rows.
    pub(super) fn new(titles: &[(&str, Align)]) -> Self {
        let cells = titles.iter().map(|(title, _)| vec![(*title).to_owned()]).collect();
        let titles = titles.iter().map(|(_, align)| *align).collect();
        Self { align: titles, rows: vec![Row { cells, below: String::new() }] }
    }

    /// Adds a row of cells, each a list of lines. `below` stands in the first column where that has no more lines and
    /// others have.
    pub(super) fn row(&mut self, cells: Vec<Vec<String>>, below: String) {
        self.rows.push(Row { cells, below });
    }

    /// The table as text, without blanks at the ends of lines.
    pub(super) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.align.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
                cells.flatten().map(|line| line.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let height = row.cells.iter().map(Vec::len).max().unwrap_or(0);
            for number in 0..height {
                text.push_str(self.line(row, number, &widths).trim_end());
                text.push('\n');
            }
        }
        text
    }

    fn line(&self, row: &Row, number: usize, widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, (width, align))) in
            row.cells.iter().zip(widths.iter().zip(&self.align)).enumerate()
        {
            let rest = if column == 0 { row.below.as_str() } else { "" };
            let words = cell.get(number).map_or(rest, String::as_str);
            let gap = if column == 0 { "" } else { "  " };
            // Writing to a string cannot fail.
            let _ = match align {
                Align::Left => write!(line, "{gap}{words:<width$}"),
                Align::Right => write!(line, "{gap}{words:>width$}"),
            };
        }
        line
    }
}

/// A text in lines of at most `width` characters, broken at blanks; a longer word is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = width;
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        for (number, piece) in letters.chunks(width.max(1)).enumerate() {
            let fits = number == 0 && used.saturating_add(1).saturating_add(piece.len()) <= width;
            match lines.last_mut().filter(|_| fits) {
                Some(line) => {
                    line.push(' ');
                    line.extend(piece);
                    used = used.saturating_add(1).saturating_add(piece.len());
                }
                None => {
                    lines.push(piece.iter().collect());
                    used = piece.len();
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_at_blanks_and_cut_only_if_they_must_be() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 4), Vec::<String>::new());
    }

    #[test]
    fn lines_of_a_cell_stand_under_each_other() {
        let mut table = Table::new(&[("A", Align::Left), ("NUMBER", Align::Right), ("C", Align::Left)]);
        let cell = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        table.row(vec![cell(&["é"]), cell(&["7"]), cell(&["x", "y"])], "│".to_owned());
        assert_eq!(table.text(), "A  NUMBER  C\né       7  x\n│          y\n");
    }
}
