//! The sample in the eyes of tshark, which puts streams together in its own way.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use super::program::{Folder, SAMPLE, has, project};

/// Ends of a stream, from and to, as text.
type Ends = (String, String);

/// Streams that the client reset while data was under way to it: tshark shows that data too, no program got it.
const CUT_OFF: [&str; 3] = ["192.0.2.10:40709", "192.0.2.12:48805", "[2001:db8:1::12]:36357"];

fn tshark(options: &[String]) -> String {
    let sample = project().join(SAMPLE);
    let output = Command::new("tshark").arg("-q").arg("-r").arg(sample).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Bytes as tshark prints them: two digits each.
fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The streams of `tshark -z follow,tcp,raw,N`: what the second node sent is indented by a tabulator.
fn followed(text: &str) -> BTreeMap<Ends, Vec<u8>> {
    let mut streams: BTreeMap<Ends, Vec<u8>> = BTreeMap::new();
    let (mut first, mut second) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(node) = line.strip_prefix("Node 0: ") {
            node.clone_into(&mut first);
        } else if let Some(node) = line.strip_prefix("Node 1: ") {
            node.clone_into(&mut second);
            streams.insert((first.clone(), second.clone()), Vec::new());
            streams.insert((second.clone(), first.clone()), Vec::new());
        } else if let Some(digits) = line.strip_prefix('\t') {
            streams.get_mut(&(second.clone(), first.clone())).unwrap().extend(bytes(digits));
        } else if !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            streams.get_mut(&(first.clone(), second.clone())).unwrap().extend(bytes(line));
        }
    }
    streams
}

#[test]
fn streams_of_the_sample_are_those_that_tshark_follows() {
    if !has("tshark") {
        return;
    }
    let here = Folder::new("tshark");
    here.sluice("streams -q -r SAMPLE -o streams").well();
    let ours = here.streams("streams");
    let conversations = tshark(&["-z".to_owned(), "conv,tcp".to_owned()]);
    let connections = conversations.lines().filter(|line| line.contains(" <-> ")).count();
    assert_eq!((connections, ours.len()), (125, 250));
    let follow = (0..connections).flat_map(|number| ["-z".to_owned(), format!("follow,tcp,raw,{number}")]);
    let theirs = followed(&tshark(&follow.collect::<Vec<String>>()));
    assert_eq!(theirs.len(), ours.len());
    let mut report = String::new();
    let mut cut_off = Vec::new();
    for stream in &ours {
        let [source, destination, file] =
            ["src", "dst", "file"].map(|field| stream[field].as_str().unwrap().to_owned());
        let bytes = here.read(&format!("streams/{file}"));
        let other = &theirs[&(source.clone(), destination.clone())];
        if CUT_OFF.contains(&destination.as_str()) && stream["end"] == "reset-by-client" {
            assert!(bytes.len() < other.len() && other.starts_with(&bytes), "{source} to {destination}");
            cut_off.push(destination);
        } else if bytes != *other {
            writeln!(report, "{source} to {destination}: {} bytes, tshark {}", bytes.len(), other.len())
                .unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
    assert_eq!(cut_off.len(), CUT_OFF.len(), "{cut_off:?}");
}
