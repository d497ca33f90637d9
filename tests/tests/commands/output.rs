//! Input and output that are no plain files, and what `-w` writes.

use std::fs;
use std::io::{self, Write};
use std::process::Stdio;

use sluice_pktio::{Burst, CaptureReader, PacketIo, Received};

use super::program::{Folder, Outcome, SAMPLE, project};
use super::reports::expected;

/// A packet of a capture: time, length on the wire, bytes.
type Packet = (u64, u32, Vec<u8>);

fn packets(capture: &str) -> Vec<Packet> {
    let mut reader = CaptureReader::open(capture).unwrap();
    let mut burst = Burst::new();
    let mut packets = Vec::new();
    while !matches!(reader.receive(&mut burst).unwrap(), Received::End) {
        let seen = burst.packets().map(|packet| (packet.time_ns, packet.wire_len, packet.bytes.to_vec()));
        packets.extend(seen);
    }
    packets
}

/// Calls the program with these bytes in a pipe on its standard input.
fn piped(here: &Folder, words: &str, bytes: &[u8]) -> Outcome {
    let mut command = here.command(words);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).unwrap());
        child.wait_with_output().unwrap().into()
    })
}

#[test]
fn a_capture_that_is_written_holds_the_packets_that_were_read() {
    let here = Folder::new("written");
    let sample = project().join(SAMPLE);
    let outcome = here.sluice("run -q -r SAMPLE -w copy.pcap @byte-reader").well();
    assert_eq!(outcome.out, expected("byte-reader"));
    let copied = packets(here.path("copy.pcap").to_str().unwrap());
    assert_eq!(copied.len(), 5096);
    assert!(copied == packets(sample.to_str().unwrap()), "packets differ");
    here.sluice("streams -q -r SAMPLE -o sample").well();
    here.sluice("streams -q -r copy.pcap -o copy").well();
    assert!(here.read("sample/streams.jsonl") == here.read("copy/streams.jsonl"), "streams differ");
}

#[test]
fn a_filter_chooses_what_is_written() {
    let here = Folder::new("written-part");
    here.sluice("run -q -r SAMPLE -w part.pcap @byte-reader port 8080").well();
    let part = here.sluice("run -q -r part.pcap @midstat").well();
    assert_eq!(part.out, here.sluice("run -q -r SAMPLE @midstat port 8080").well().out);
    assert!(part.out.lines().skip(1).all(|line| line.contains(":8080 ") || line.starts_with("total: ")));
    here.sluice("run -q -r SAMPLE -w none.pcap @byte-reader port 22").well();
    assert!(packets(here.path("none.pcap").to_str().unwrap()).is_empty());
}

#[test]
fn captures_come_from_pipes_and_go_into_pipes() {
    let here = Folder::new("pipes");
    let packed = fs::read(project().join(SAMPLE)).unwrap();
    let run = "run -q -r - @byte-reader";
    assert_eq!(piped(&here, run, &packed).well().out, expected("byte-reader"));
    // With packets on standard output, words go to standard error.
    let output = here.command("run -q -r SAMPLE -w - @byte-reader").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected("byte-reader"));
    assert_eq!(piped(&here, run, &output.stdout).well().out, expected("byte-reader"));
    let nothing = piped(&here, run, b"");
    assert_eq!(
        (nothing.code, nothing.complaint()),
        (Some(5), "sluice: standard input: is empty, not a capture file")
    );
}

#[test]
fn a_count_ends_the_run() {
    let here = Folder::new("count");
    for (words, read, summary) in [
        ("-c 0", 0, "-- 0 packets, 0 bytes, 0 flows"),
        ("-c 10", 10, "-- 10 packets, 656 bytes, 4 flows"),
        ("-c 99999", 5096, "-- 5096 packets, 2767165 bytes, 125 flows"),
    ] {
        let outcome = here.sluice(&format!("run -r SAMPLE {words} -w counted.pcap @midstat")).well();
        assert!(outcome.err.starts_with(summary), "{words}: {}", outcome.err);
        assert_eq!(packets(here.path("counted.pcap").to_str().unwrap()).len(), read, "{words}");
    }
    // The count is of packets that match.
    let outcome = here.sluice("run -r SAMPLE -c 10 @midstat port 8080").well();
    assert!(outcome.err.starts_with("-- 10 packets, "), "{}", outcome.err);
}

#[test]
fn output_that_nobody_takes_is_a_failure() {
    let here = Folder::new("closed");
    for words in ["@http-log", "-j @http-log", "@midstat", "-w - @midstat"] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = here.command(&format!("run -q -r SAMPLE {words}"));
        let outcome = Outcome::from(command.stdout(writer).output().unwrap());
        let closed = outcome.complaint()
            == "sluice: standard output: cannot be written: Broken pipe (os error 32)"
            || outcome.complaint() == "sluice: standard output: the reading end of the pipe was closed";
        assert!(closed && outcome.code == Some(1), "{words}: {:?} {}", outcome.code, outcome.err);
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let outcome = Outcome::from(here.command("run -q -r SAMPLE @midstat").stdout(full).output().unwrap());
    let said = "sluice: standard output: cannot be written: No space left on device (os error 28)";
    assert_eq!((outcome.complaint(), outcome.code), (said, Some(1)));
}
