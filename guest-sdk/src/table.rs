//! Tables for people.

use core::fmt::Write as _;

/// Rows of cells as lines of text, each column as wide as its widest cell and two spaces from the next one. The first
/// row is usually the headings. Cells of columns for which `is_number` says yes end at the same place, those of others
/// begin there.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// let rows = [["NAME", "BYTES"], ["a", "5"], ["long", "12"]].map(|row| row.map(String::from));
/// assert_eq!(sluice::table::aligned(&rows, |column| column == 1), "NAME  BYTES\na         5\nlong     12\n");
/// ```
pub fn aligned<R: AsRef<[String]>>(rows: &[R], is_number: impl Fn(usize) -> bool) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.as_ref().len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let begin = text.len();
        for (column, (cell, width)) in row.as_ref().iter().zip(widths.iter().copied()).enumerate() {
            let gap = if text.len() == begin { "" } else { "  " };
            // A string takes everything.
            let _never_fails = if is_number(column) {
                write!(text, "{gap}{cell:>width$}")
            } else {
                write!(text, "{gap}{cell:<width$}")
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
