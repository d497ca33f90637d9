//! What a Linux kernel put together of the same fragments: `fragments/linux-6.18.txt` says how it was recorded.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use sluice_tests::fragment_with;
use sluice_wire::Fragment;

use super::{Bench, Carrier, PLENTY};

/// A protocol that nobody uses (RFC 3692).
const EXPERIMENTAL: u8 = 253;

/// Where the protocol stands in a frame: in IPv4, in IPv6.
const PROTOCOL_AT: [usize; 2] = [23, 20];

/// `8+16a.`: 16 bytes `a` at offset 8, the last fragment.
fn piece(word: &str) -> (Fragment, Vec<u8>) {
    let (word, more) = word.strip_suffix('.').map_or((word, true), |word| (word, false));
    let (numbers, fill) = word.split_at(word.len() - 1);
    let (offset, len) = numbers.split_once('+').unwrap();
    let place = Fragment { offset: offset.parse().unwrap(), more, id: 1 };
    (place, fill.repeat(len.parse().unwrap()).into_bytes())
}

/// `a16b8`: 16 bytes `a`, then 8 bytes `b`.
fn show(bytes: &[u8]) -> String {
    let run = |run: &[u8]| format!("{}{}", char::from(run[0]), run.len());
    bytes.chunk_by(|one, next| one == next).map(run).collect()
}

#[test]
fn linux_put_the_same_datagrams_together() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fragments/linux-6.18.txt");
    let text = fs::read_to_string(path).unwrap();
    let (mut report, mut rebuilt) = (String::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sent, put_together) = line.split_once(" =").unwrap();
        let mut words = sent.split(' ');
        let (carrier, protocol) = match words.next().unwrap() {
            "v4" => (Carrier::V4, EXPERIMENTAL),
            "v6" => (Carrier::V6, EXPERIMENTAL),
            "v6-tcp" => (Carrier::V6, 6),
            other => panic!("{other}"),
        };
        let mut whole = carrier.frame(0, b"");
        whole.bytes[PROTOCOL_AT[usize::from(carrier.header_len() == 40)]] = protocol;
        let mut bench = Bench::new(8, PLENTY);
        let mut got = String::new();
        for (place, data) in words.map(piece) {
            if let Some(datagram) = bench.insert(&fragment_with(&whole, place, &data).unwrap()) {
                write!(got, " {}", show(&datagram.bytes[carrier.header_len()..])).unwrap();
            }
        }
        rebuilt += bench.counters.rebuilt;
        if got != put_together {
            writeln!(report, "{line}\n  {got} {:?}", bench.counters).unwrap();
        }
    }
    assert!(rebuilt > 100, "only {rebuilt} datagrams");
    assert!(report.is_empty(), "\n{report}");
}
