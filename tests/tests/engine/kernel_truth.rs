//! Conversations with a real Linux 6.18 TCP stack: what its application read is what a monitor must read.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use serde_json::Value;
use sluice_engine::Config;
use sluice_engine::reassembly::{OverlapPolicy, Urgent};

use super::replay::{replay, shared};

const SERVER: &str = "10.99.0.1:8080";

/// Cases in which a monitor under the policy `first` reads something else than the kernel's application did, what it
/// reads, and why.
const OTHERWISE: [(&str, &str, &str); 7] = [
    ("allen-hole-s", "0000000000000000XXXXXXXXXXXXXXXXYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYY", LINUX_REPLACES),
    ("allen-hole-d", "0000000000000000YYYYYYYYYYYYYYYYXXXXXXXXXXXXXXXXYYYYYYYYYYYYYYYY", LINUX_REPLACES),
    (
        "allen-inorder-oi",
        "0000000000000000YYYYYYYYYYYYYYYYXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "Linux reads a segment in order whole, over what waits ahead",
    ),
    ("novak-inorder", "0AAAJBBCCCLDLMEEFFFGGHHIQ", LINUX_REPLACES),
    ("urg-1byte", "abcdefgh", URGENT_INLINE),
    ("urg-2in-row", "abXcdYef", URGENT_INLINE),
    ("urg-zero", "abcde", URGENT_INLINE),
];

const LINUX_REPLACES: &str = "Linux replaces what waits behind a hole when a segment covers it whole";
const URGENT_INLINE: &str = "urgent bytes are read where they lie; Linux takes them out of the stream";

/// Conversations in which a segment that the kernel accepted repeats bytes with other values.
const CONFLICTING: [&str; 13] = [
    "allen-hole-d",
    "allen-hole-di",
    "allen-hole-eq",
    "allen-hole-fi",
    "allen-hole-o",
    "allen-hole-s",
    "allen-hole-si",
    "allen-inorder-oi",
    "allen-inorder-s",
    "allen-inorder-si",
    "data-no-ts",
    "novak-inorder",
    "retrans-longer-after-ack",
];

/// Captures in which the monitor under `config` reads something else than what the application read, or than
/// `otherwise` says, and those with conflicts.
fn compare(config: Config, otherwise: &[(&str, &str, &str)]) -> Option<(String, BTreeSet<String>)> {
    let folder = shared("kernel-truth")?;
    let truth = fs::read_to_string(folder.join("kernel_truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let mut report = String::new();
    let mut conflicting = BTreeSet::new();
    let cases = truth["cases"].as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let streams = replay(&folder.join(case["pcap"].as_str().unwrap()), config);
        let client = format!("10.99.0.2:{}", case["client_port"]);
        let read = String::from_utf8_lossy(&streams.without_hole(&client, SERVER)).into_owned();
        let otherwise = otherwise.iter().find(|(other, ..)| *other == name).map(|(_, bytes, _)| *bytes);
        let expected = otherwise.unwrap_or(case["app_read"].as_str().unwrap());
        if read != expected {
            writeln!(report, "{name}: the application read {expected:?}, the monitor {read:?}").unwrap();
        }
        if !streams.conflicts.is_empty() {
            conflicting.insert(name.to_owned());
        }
    }
    assert!(!cases.is_empty());
    Some((report, conflicting))
}

#[test]
fn under_the_policy_first_a_monitor_reads_what_a_linux_host_read_but_for_replaced_bytes() {
    let Some((report, conflicting)) = compare(Config::default(), &OTHERWISE) else { return };
    assert!(report.is_empty(), "\n{report}");
    assert_eq!(conflicting, CONFLICTING.map(str::to_owned).into());
}

#[test]
fn under_the_policy_linux_a_monitor_reads_what_a_linux_host_read_in_every_case() {
    let config = Config { overlap: [OverlapPolicy::Linux; 2], urgent: Urgent::Oob, ..Config::default() };
    let Some((report, conflicting)) = compare(config, &[]) else { return };
    assert!(report.is_empty(), "\n{report}");
    assert_eq!(conflicting, CONFLICTING.map(str::to_owned).into());
}
