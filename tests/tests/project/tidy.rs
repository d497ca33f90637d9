//! The rules of style that a program can check.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file at most.
const FILE_LINES: usize = 600;

/// Characters of a line at most; longer ones do not fit beside a capture.
const LINE_CHARACTERS: usize = 120;

/// Folders that hold no sources of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "corpus"];

/// What no comment holds, in two parts each, so that this file does not hold it.
const MARKERS: [(&str, &str); 3] = [("TO", "DO"), ("FIX", "ME"), ("XX", "X")];

/// What no line holds.
const LEFT_BEHIND: [(&str, &str); 3] = [("#[ig", "nore"), ("db", "g!("), ("\u{9}", "")];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "wit") {
            found.push(path);
        }
    }
}

#[test]
fn sources_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty());
    let mut report = String::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().display();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > FILE_LINES {
            writeln!(report, "{name}: {lines} lines").unwrap();
        }
        for (line, number) in text.lines().zip(1..) {
            let characters = line.chars().count();
            if characters > LINE_CHARACTERS {
                writeln!(report, "{name}:{number}: {characters} characters").unwrap();
            }
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            let markers = MARKERS.into_iter().map(|marker| (comment, marker));
            for (text, (front, back)) in markers.chain(LEFT_BEHIND.into_iter().map(|left| (line, left))) {
                if text.contains(&[front, back].concat()) {
                    writeln!(report, "{name}:{number}: {:?}", [front, back].concat()).unwrap();
                }
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
