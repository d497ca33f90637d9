//! Tables and charts, printed, and written to where readers find them: numbers are never carried there by hand.

use std::io;
use std::path::{Path, PathBuf};

use crate::bars::Bars;

/// A table in Markdown.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new<S: AsRef<str>>(head: &[S]) -> Self {
        Self { head: head.iter().map(|title| title.as_ref().to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text; lines end with a line feed.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&self.head);
        text.push_str(&format!("|{}\n", "---|".repeat(self.head.len())));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }
}

/// Why a report is not where it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file cannot be read or written.
    #[error("{0}")]
    File(PathBuf, #[source] io::Error),
    /// The document has no such place.
    #[error("{0} has no lines `<!-- {1} -->` and `<!-- end of {1} -->`")]
    NoPlace(PathBuf, &'static str),
}

/// Where tables and charts go.
#[derive(Clone, Debug)]
pub struct Report {
    /// The document and the folder of the charts; `None` if all is only printed.
    places: Option<(PathBuf, PathBuf)>,
}

impl Report {
    /// What the words of the command line ask for: `--write` or printing only.
    #[must_use]
    pub fn of(words: &[String]) -> Self {
        if words.iter().any(|word| word == "--write") { Self::written() } else { Self::printed() }
    }

    /// Prints only.
    #[must_use]
    pub const fn printed() -> Self {
        Self { places: None }
    }

    /// Prints, and writes into `benches/README.md` and `benches/plots/`.
    #[must_use]
    pub fn written() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { places: Some((folder.join("README.md"), folder.join("plots"))) }
    }

    /// Adds a section: a line about it, its table, and its chart.
    ///
    /// # Errors
    ///
    /// [`ReportError`].
    pub fn add(
        &self,
        name: &'static str,
        about: &str,
        table: &Table,
        chart: Option<&Bars>,
    ) -> Result<(), ReportError> {
        let markdown = table.to_markdown();
        print(&format!("{about}\n\n{markdown}"));
        let Some((document, plots)) = &self.places else { return Ok(()) };
        let file = |path: &Path| {
            let path = path.to_owned();
            move |error| ReportError::File(path, error)
        };
        let mut section = format!("{about}\n\n{markdown}");
        if let Some(chart) = chart {
            std::fs::create_dir_all(plots).map_err(file(plots))?;
            let plot = plots.join(format!("{name}.svg"));
            std::fs::write(&plot, chart.to_svg()).map_err(file(&plot))?;
            section.push_str(&format!("\n![{}](plots/{name}.svg)\n", chart.title));
        }
        let text = std::fs::read_to_string(document).map_err(file(document))?;
        let text =
            replaced(&text, name, &section).ok_or_else(|| ReportError::NoPlace(document.clone(), name))?;
        std::fs::write(document, text).map_err(file(document))
    }
}

/// `document` with `section` between the two lines that mark the place of this name.
fn replaced(document: &str, name: &str, section: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{section}{end}{after}"))
}

/// The machine and how busy it is, as far as Linux says.
#[must_use]
pub fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let models = read("/proc/cpuinfo");
    let models = models.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let models: Vec<&str> = models.map(|(_, model)| model).collect();
    let model = models.first().copied().unwrap_or("unknown processor");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    format!("{} cores of {model}, load {load} at the end", models.len().max(1))
}

#[expect(clippy::print_stdout, reason = "the tables are what the programs are for")]
fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_head_and_its_rows() {
        let mut table = Table::new(&["a", "b"]);
        table.row(vec!["1".to_owned(), "2".to_owned()]);
        assert_eq!(table.to_markdown(), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }

    #[test]
    fn a_section_takes_the_place_of_the_one_before() {
        let document = "x\n<!-- t -->\nold\n<!-- end of t -->\ny\n";
        let once = replaced(document, "t", "new\n").unwrap();
        assert_eq!(once, "x\n<!-- t -->\nnew\n<!-- end of t -->\ny\n");
        assert_eq!(replaced(&once, "t", "new\n").as_deref(), Some(once.as_str()));
        assert_eq!(replaced(document, "u", "new\n"), None);
        assert_eq!(replaced("<!-- t -->\n", "t", "new\n"), None);
    }

    #[test]
    fn the_document_has_a_place_for_each_section() {
        let document =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
        for name in crate::SECTIONS {
            assert!(replaced(&document, name, "").is_some(), "{name}");
        }
    }
}
