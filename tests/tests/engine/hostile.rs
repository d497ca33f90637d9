//! Segments that no honest host sends, in any order: nothing panics, every byte is accounted for, every stream adds up,
//! and bursts of any size give the same trace.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use sluice_engine::reassembly::{OverlapPolicy, Urgent};
use sluice_tests::cases;
use sluice_tests::script::Script;

const CASES: u32 = 2_000;

/// Sequence numbers around which both hosts talk: near the start, near the wrap, and anywhere.
fn number(base: u32) -> impl Strategy<Value = u32> {
    prop_oneof![
        8 => (0u32..40).prop_map(move |near| base.wrapping_add(near)),
        1 => (0u32..200_000).prop_map(move |far| base.wrapping_add(far)),
        1 => any::<u32>(),
    ]
}

/// A line of a script: a packet of either side, or time that passes.
fn line() -> impl Strategy<Value = String> {
    const CLIENT: u32 = u32::MAX - 15;
    const SERVER: u32 = 5_000;
    let flags = prop_oneof![
        4 => Just("."),
        4 => Just("P."),
        2 => Just("S"),
        2 => Just("S."),
        2 => Just("F."),
        1 => Just("R"),
        1 => Just("R."),
        2 => Just("PU."),
        1 => prop::sample::select(vec!["-", "SF", "F", "SR", "FSRP.UEW", "P", "SP.", "FP."]),
    ];
    let options = prop_oneof![
        6 => Just(String::new()),
        1 => (0u8..20).prop_map(|scale| format!("wscale {scale}")),
        1 => (0u32..50, 0u32..50).prop_map(|(value, echo)| format!("ts {value}:{echo}")),
        1 => Just("signed".to_owned()),
        1 => Just("badsum".to_owned()),
        1 => Just("win 0".to_owned()),
        1 => Just("captured 3".to_owned()),
        2 => (0u8..5).prop_map(|pointer| format!("urg {pointer}")),
        3 => (prop::sample::select(vec!["0:8", "8:16", "0:16", "16:20", "8:20"]), 0u32..2)
            .prop_map(|(range, id)| format!("frag {range} id {id}")),
        1 => Just("vlan 3 vxlan 5 gre 6".to_owned()),
    ];
    let packet = (any::<bool>(), flags, number(0), number(0), 0u32..12, options, 0u16..4, 0u64..400);
    let packet = packet.prop_map(|(is_client, flags, seq, ack, len, options, flow, step)| {
        let (sender, own, peer) = if is_client { ("c", CLIENT, SERVER) } else { ("s", SERVER, CLIENT) };
        let (seq, ack) = (own.wrapping_add(seq), peer.wrapping_add(ack));
        let len = if options.starts_with("captured") { len.max(3) } else { len };
        let end = seq.wrapping_add(len);
        format!("{step} {sender} {flags} {seq}:{end}({len}) ack {ack} flow {flow} {options}")
    });
    prop_oneof![20 => packet, 1 => (0u64..200_000).prop_map(|step| format!("{step}"))]
}

fn options() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["state", "count", "full", "full", "full"]);
    let (flows, kept, ahead) = (1usize..5, 0usize..60, 0usize..60);
    let (segments, total, retain) = (0usize..5, 0usize..2_000, 0usize..40);
    let fragments = (0usize..4, 0usize..2_000);
    let policy = || prop::sample::select(OverlapPolicy::ALL.to_vec()).prop_map(OverlapPolicy::name);
    let urgent = prop::sample::select(Urgent::ALL.to_vec()).prop_map(Urgent::name);
    let rules = (policy(), policy(), urgent);
    (level, flows, kept, ahead, segments, total, retain, (fragments, rules)).prop_map(
        |(level, flows, kept, ahead, segments, total, retain, ((datagrams, bytes), rules))| {
            let (server, client, urgent) = rules;
            format!(
                "level {level}\nlimit flows {flows}\nlimit kept-bytes {kept}\nlimit ahead-bytes {ahead}\n\
                 limit ahead-segments {segments}\nlimit total-bytes {total}\nretain {retain}\nshow bytes\n\
                 limit fragment-datagrams {datagrams}\nlimit fragment-bytes {bytes}\n\
                 overlap {server} {client}\nurgent {urgent}\nshow packet-in\nshow counters\nshow records\n"
            )
        },
    )
}

/// The script of some lines; each begins with the milliseconds since the one before.
fn script(options: &str, lines: &[String]) -> String {
    let (mut text, mut now) = (options.to_owned(), 0u64);
    for line in lines {
        let (step, rest) = line.split_once(' ').unwrap_or((line, ""));
        now += step.parse::<u64>().unwrap();
        if rest.is_empty() {
            writeln!(text, "expire {now}ms").unwrap();
        } else {
            writeln!(text, "{now}ms {rest}").unwrap();
        }
    }
    text + "finish\n"
}

#[test]
fn whatever_the_segments_are_everything_adds_up() {
    let cases = Cases { cases: cases(CASES), failure_persistence: None, ..Cases::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(cases, random);
    let strategy = (options(), prop::collection::vec(line(), 1..80));
    let result = runner.run(&strategy, |(options, lines)| {
        let text = script(&options, &lines);
        let script = Script::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let run =
            |burst| script.run(burst).map_err(|problem| TestCaseError::fail(format!("{problem}\n{text}")));
        let single = run(1)?;
        prop_assert_eq!(&single, &run(7)?);
        prop_assert_eq!(&single, &run(32)?);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
