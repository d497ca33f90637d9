//! What `abacus` charges: each byte of a stream once, retransmissions only where they carry other bytes.

use std::path::{Path, PathBuf};

use sluice_pktio::{CaptureWriter, Packet};
use sluice_tests::script::Script;

use super::program::{Folder, shared};
use super::reports::expected;

/// LINKTYPE_ETHERNET: what the frames of scripts begin with.
const ETHERNET: u32 = 1;

/// Client 192.0.2.1, server 192.0.2.2.
const HANDSHAKE: &str = "0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001\n";

/// What the guest reports, without the rows that text makes of structured events.
struct Report {
    /// The columns behind the subscriber: flows, uplink, downlink, fake, rexmit, unverifiable, missed, ignored.
    rows: Vec<(String, [u64; 8])>,
    /// Uplink and downlink of all.
    charged: [u64; 2],
    /// Lines about fake retransmissions.
    fakes: Vec<String>,
    /// The last line.
    sum: String,
}

impl Report {
    fn of(text: &str) -> Self {
        let (mut rows, mut charged, mut fakes, mut sum) = (Vec::new(), None, Vec::new(), String::new());
        let mut in_table = false;
        for line in text.lines().filter(|line| !line.contains("  abacus       anomaly  ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some(fake) = line.strip_prefix("fake retransmission ") {
                fakes.push(fake.to_owned());
            } else if line.starts_with("SUBSCRIBER ") {
                in_table = true;
            } else if line.starts_with("charged: ") {
                charged = Some([words[1], words[4]].map(|word| word.parse().unwrap()));
                in_table = false;
            } else if in_table {
                let numbers: Vec<u64> = words[1..].iter().map(|word| word.parse().unwrap()).collect();
                rows.push((words[0].to_owned(), numbers.try_into().unwrap()));
            } else if charged.is_some() && sum.is_empty() {
                sum = line.to_owned();
            }
        }
        Self { rows, charged: charged.unwrap(), fakes, sum }
    }

    /// Runs it with these settings over a capture.
    fn run(here: &Folder, settings: &str, capture: &Path) -> Self {
        Self::of(&here.sluice_with(&format!("run -q --guest @abacus{settings} -r"), capture).well().out)
    }

    fn all(&self, column: usize) -> u64 {
        self.rows.iter().map(|(_, numbers)| numbers[column]).sum()
    }
}

/// A capture of a script's packets.
pub(crate) fn capture(here: &Folder, packets: &str) -> PathBuf {
    let path = here.path("script.pcap");
    let mut writer = CaptureWriter::create(&path, ETHERNET).unwrap();
    for frame in Script::parse(&format!("{packets}\nwant\n")).unwrap().frames().unwrap() {
        let packet = Packet {
            time_ns: frame.time.0,
            wire_len: frame.wire_len,
            bytes: &frame.bytes,
            link: ETHERNET,
            interface: 0,
            index: 0,
        };
        writer.write(&packet).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// The only row of the report about packets behind a handshake, without the subscriber and the flow.
#[track_caller]
fn row(packets: &str, settings: &str) -> [u64; 7] {
    let here = Folder::new(&format!("abacus-{}", packets.len() * 31 + settings.len()));
    let report = Report::run(&here, settings, &capture(&here, &[HANDSHAKE, packets].concat()));
    let [(subscriber, [flows, numbers @ ..])] = &report.rows[..] else { panic!("{:?}", report.rows) };
    assert_eq!((subscriber.as_str(), *flows), ("192.0.2.1", 1));
    *numbers
}

#[test]
fn retransmitted_bytes_are_free_and_new_ones_behind_them_are_not() {
    let packets =
        "3ms c P. 1001:1011(10)\n4ms c P. 1001:1011(10)\n5ms c P. 1006:1016(10)\n6ms s P. 5001:5004(3)";
    assert_eq!(row(packets, ""), [15, 3, 0, 15, 0, 0, 0]);
}

#[test]
fn a_fake_retransmission_is_charged_in_full_and_its_new_bytes_once() {
    let packets = "3ms c P. 1001:1011(10) \"0123456789\"\n4ms c P. 1006:1016(10) \"56X89abcde\"";
    assert_eq!(row(packets, ""), [20, 0, 5, 0, 0, 0, 0]);
}

#[test]
fn bytes_that_wait_behind_a_hole_are_compared_too() {
    let wait = "3ms c P. 1011:1021(10) \"abcdefghij\"\n";
    let fill = "\n5ms c P. 1001:1011(10)";
    let same = format!("{wait}4ms c P. 1016:1026(10) \"fghijklmno\"{fill}");
    assert_eq!(row(&same, ""), [25, 0, 0, 5, 0, 0, 0]);
    let other = format!("{wait}4ms c P. 1016:1026(10) \"fghiJklmno\"{fill}");
    assert_eq!(row(&other, ""), [30, 0, 5, 0, 0, 0, 0]);
}

#[test]
fn what_the_snap_length_cut_off_is_charged_as_the_operator_says() {
    // The first copy as it was cut, and a second one that is cut more.
    let packets = "3ms c P. 1001:1011(10) captured 8\n4ms c P. 1001:1011(10) captured 5";
    assert_eq!(row(packets, ""), [8, 0, 0, 5, 5, 2, 0]);
    assert_eq!(row(packets, ",unverifiable=charge"), [13, 0, 0, 5, 5, 2, 0]);
    assert_eq!(row(packets, ",missed=charge"), [10, 0, 0, 5, 5, 2, 0]);
    assert_eq!(row(packets, ",missed=charge,unverifiable=charge"), [15, 0, 0, 5, 5, 2, 0]);
}

#[test]
fn bytes_that_the_tap_missed_are_counted_apart() {
    let packets = "3ms c P. 1011:1021(10)\n4ms s . 5001 ack 1021\n900ms s P. 5001:5002(1)";
    assert_eq!(row(packets, ""), [10, 1, 0, 0, 0, 10, 0]);
}

#[test]
fn retransmissions_of_what_is_not_held_any_more_cannot_be_verified() {
    let mut packets = String::new();
    for (index, begin) in (1_001..301_001_u32).step_by(1_000).enumerate() {
        let (ms, end) = (index + 3, begin + 1_000);
        packets.push_str(&format!("{ms}ms c P. {begin}:{end}(1000)\n{ms}ms s . 5001 ack {end}\n"));
    }
    // 256 KiB are held: of the last two copies, the second is of what came before, and nobody sees that it lies.
    packets.push_str("400ms c P. 300001:301001(1000)\n401ms c P. 50001:51001(1000)\n");
    packets.push_str("402ms c P. 20001:20011(10) \"XXXXXXXXXX\"");
    assert_eq!(row(&packets, ""), [300_000, 0, 0, 2_000, 10, 0, 0]);
    assert_eq!(row(&packets, ",unverifiable=charge"), [300_010, 0, 0, 2_000, 10, 0, 0]);
}

#[test]
fn a_payload_that_begins_before_a_stream_picked_up_in_its_middle_cannot_be_verified() {
    let here = Folder::new("abacus-mid-stream");
    // Five bytes of the second one came before, but where they begin is not known; the third one lies wholly in it.
    let packets = "0ms c P. 2000:2010(10) ack 5001\n1ms c P. 1995:2005(10)\n2ms c P. 2000:2010(10)";
    let report = Report::run(&here, "", &capture(&here, packets));
    assert_eq!(report.rows, [("192.0.2.1".to_owned(), [1, 10, 0, 0, 10, 5, 0, 0])]);
}

#[test]
fn a_fake_is_reported_once_for_each_flow_and_direction() {
    let here = Folder::new("abacus-once");
    let packets = "3ms c P. 1001:1003(2) \"ab\"\n4ms c P. 1001:1003(2) \"aX\"\n5ms c P. 1001:1003(2) \"Yb\"
6ms s P. 5001:5003(2) \"cd\"\n7ms s P. 5001:5003(2) \"cZ\"";
    let capture = capture(&here, &[HANDSHAKE, packets].concat());
    let report = Report::run(&here, "", &capture);
    let ends = ["192.0.2.1:40000", "192.0.2.2:80"];
    let line = |from: &str, to: &str, what: &str| format!("{from} > {to}, 2 bytes charged, {what}");
    assert_eq!(
        report.fakes,
        [
            line(ends[0], ends[1], "offset 1 length 1: 62 \"b\" came again as 58 \"X\""),
            line(ends[1], ends[0], "offset 1 length 1: 64 \"d\" came again as 5a \"Z\""),
        ]
    );
    assert_eq!(report.sum, "3 fake retransmissions in 2 streams");
    assert_eq!(report.rows, [("192.0.2.1".to_owned(), [1, 6, 4, 6, 0, 0, 0, 0])]);

    let events = here.sluice_with("run -q -j --guest @abacus -r", &capture).well().json();
    let anomalies: Vec<_> = events.iter().filter(|event| event["event_type"] == "anomaly").collect();
    assert_eq!(anomalies.len(), 2);
    assert_eq!(anomalies[0]["anomaly"]["direction"], "to_server");
    assert_eq!(anomalies[1]["anomaly"]["charged_bytes"], 2);
}

#[test]
fn the_server_may_be_the_subscriber_and_others_are_not_charged() {
    let here = Folder::new("abacus-server");
    let packets = [HANDSHAKE, "3ms c P. 1001:1011(10)\n4ms s P. 5001:5004(3)"].concat();
    let capture = capture(&here, &packets);
    let rows = |settings: &str| Report::run(&here, settings, &capture).rows;
    let row = |address: &str, up: u64, down: u64| (address.to_owned(), [1, up, down, 0, 0, 0, 0, 0]);
    assert_eq!(rows(",subscribers=192.0.2.2"), [row("192.0.2.2", 3, 10)]);
    assert_eq!(
        rows(",subscribers=2001:db8::/32+192.0.2.0/24"),
        [row("192.0.2.1", 10, 3), row("192.0.2.2", 3, 10)]
    );
    assert_eq!(rows(",subscribers=10.0.0.0/8"), []);
    assert_eq!(rows(",subscribers=192.0.2.0/24,filter=tcp[2:2]=81"), []);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let here = Folder::new("abacus-settings");
    for (setting, complaint) in [
        ("subscribers=10.0.0.1/8", "\"10.0.0.1/8\" has bits behind its prefix"),
        ("unverifiable=perhaps", "charge or free"),
        ("missed=", "charge or free"),
        ("subscriber=10.0.0.1", "unknown option subscriber"),
    ] {
        let outcome = here.sluice(&format!("run -r SAMPLE --guest @abacus,{setting}"));
        assert_ne!(outcome.code, Some(0));
        assert!(outcome.complaint().contains(complaint), "{}", outcome.err);
    }
}

#[test]
fn the_sample_is_charged_for_the_bytes_that_are_in_it() {
    let report = Report::of(&expected("abacus"));
    let bytes = expected("byte-reader");
    let words: Vec<&str> = bytes.split_whitespace().collect();
    assert_eq!(report.charged.map(|bytes| bytes.to_string()), [words[4], words[10]]);
    assert_eq!(report.sum, "0 fake retransmissions in 0 streams");
    assert!(report.all(4) > 0, "the sample has genuine retransmissions");

    let here = Folder::new("abacus-others");
    let outcome = here.sluice("run -q -r SAMPLE --guest @abacus,subscribers_max=2").well();
    let few = Report::of(&outcome.out);
    let names: Vec<&str> = few.rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.len(), names[2]), (3, "others"));
    assert_eq!(few.charged, report.charged);
    assert_eq!((few.all(0), few.all(4)), (report.all(0), report.all(4)));
}

/// Captures of `corpus` with retransmissions, gaps, overlaps, one direction only, or none of it.
const CORPUS: [&str; 8] = [
    "sv-gap-middle.pcap",
    "sv-http-gap-double.pcap",
    "sv-overlap-partial-diff.pcap",
    "sv-seqjump-1MB.pcap",
    "sv-smb-overlap.pcap",
    "zk-reassembly-mixed.pcap",
    "zk-ssh-dups.pcap",
    "zk-wikipedia.pcap",
];

/// Each capture's fakes are those that `fake-rexmit` finds, and what is charged beyond the bytes that `byte-reader`
/// reads is what the fakes carried.
#[test]
fn captures_are_charged_for_their_bytes_and_their_fakes() {
    let folders =
        [shared("kernel-truth"), shared("corpus")].map(|folder| folder.map(|path| path.join("pcaps")));
    let [Some(truth), Some(corpus)] = folders else { return };
    let mut captures: Vec<PathBuf> =
        std::fs::read_dir(truth).unwrap().map(|entry| entry.unwrap().path()).collect();
    captures.extend(CORPUS.map(|name| corpus.join(name)));
    let here = Folder::new("abacus-captures");
    let mut found = 0;
    for capture in &captures {
        let all =
            here.sluice_with("run -q --guest @fake-rexmit --guest @byte-reader --guest @abacus -r", capture);
        let out = all.well().out;
        let report = Report::of(&out);
        let numbers = |prefix: &str| {
            let line = out.lines().find(|line| line.starts_with(prefix)).unwrap();
            line[prefix.len()..].split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let read = numbers("to server ") + numbers("to client ");
        let [uplink, downlink] = report.charged;
        assert_eq!(uplink + downlink, read + report.all(3), "{}", capture.display());
        // "A > B offset ..." there, "A > B, N bytes charged, offset ..." here.
        let place = |line: &str| line.split_once("offset ").unwrap().1.to_owned();
        let mut here: Vec<String> = report.fakes.iter().map(|line| place(line)).collect();
        let mut there: Vec<String> = out
            .lines()
            .filter(|line| line.contains("came again as") && !line.starts_with("fake retransmission "))
            .map(place)
            .collect();
        here.sort();
        there.sort();
        assert_eq!(here, there, "{}", capture.display());
        found += here.len();
    }
    assert_eq!((captures.len(), found), (39 + CORPUS.len(), 14));
}
