//! `--lane` and what is said about lanes.

use serde_json::{Value, json};

use super::program::{Folder, Outcome};

/// A core module with a start function: its code would run before the host has a hold of its memory, so the direct lane
/// leaves it alone.
const STARTED: &str = r#"(module
    (memory (export "memory") 1)
    (func $first)
    (start $first)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "start") (param i32 i32) (result i32) (i32.const 0)))"#;

/// Why that guest does not fit.
const REASON: &str = "its core module has a start function";

/// A folder with a guest that fits the component lane alone.
fn with_unfit_guest(test: &str) -> Folder {
    let here = Folder::new(test);
    here.write("started.wasm", wat::parse_str(STARTED).unwrap());
    here.sluice("build started.wasm").well();
    here
}

/// The line of counts that ends the output of `-j`.
fn stats(outcome: Outcome) -> Value {
    let last = outcome.well().json().pop().unwrap();
    assert_eq!(last["event_type"], "stats");
    last["stats"].clone()
}

#[test]
fn a_guest_says_the_same_on_each_lane() {
    let here = Folder::new("lanes");
    for guest in ["midstat", "http-log", "conn-watch"] {
        let out = |lane: &str| here.sluice(&format!("run -q -r SAMPLE --lane {lane} @{guest}")).well().out;
        let auto = out("auto");
        assert!(!auto.is_empty());
        assert_eq!(out("direct"), auto);
        assert_eq!(out("component"), auto);
    }
}

#[test]
fn the_stats_count_guests_by_lane() {
    let here = with_unfit_guest("lane-stats");
    for (words, direct, component) in [
        ("--guest @midstat --guest @conn-watch", 2, 0),
        ("--lane direct --guest @midstat --guest @conn-watch", 2, 0),
        ("--lane component --guest @midstat --guest @conn-watch", 0, 2),
        ("--guest @midstat --guest started.component.wasm --guest @conn-watch", 2, 1),
    ] {
        let stats = stats(here.sluice(&format!("run -j -r SAMPLE {words}")));
        assert_eq!(stats["lanes"], json!({ "direct": direct, "component": component }), "{words}");
        let midstat = if direct == 0 { "component" } else { "direct" };
        assert_eq!(stats["guests"]["midstat"]["lane"], midstat, "{words}");
    }
    let stats = stats(here.sluice("run -j -r SAMPLE --guest @midstat --guest started.component.wasm"));
    let lanes: Vec<&Value> =
        stats["guests"].as_object().unwrap().values().map(|guest| &guest["lane"]).collect();
    assert_eq!(lanes, ["direct", "component"]);
}

#[test]
fn the_summary_names_each_guests_lane() {
    let here = with_unfit_guest("lane-summary");
    let summary = here.sluice("run -r SAMPLE --guest @midstat --guest started.component.wasm").well().err;
    assert!(summary.contains(" calls on the direct lane, "), "{summary}");
    assert!(summary.contains(" calls on the component lane, "), "{summary}");
}

#[test]
fn inspect_tells_the_lane_and_why_not_the_other() {
    let here = with_unfit_guest("lane-inspect");
    let unfit = here.sluice("inspect started.component.wasm").well().out;
    assert!(unfit.contains(&format!("\n  lane       component: {REASON}\n")), "{unfit}");
    let fit = here.sluice("inspect @midstat").well().out;
    assert!(fit.contains("\n  lane       direct\n"), "{fit}");
}

#[test]
fn a_guest_that_does_not_fit_the_demanded_lane_is_rejected_with_the_reason() {
    let here = with_unfit_guest("lane-demanded");
    let rejected =
        here.sluice("run -q -r SAMPLE --lane direct --guest @midstat --guest started.component.wasm");
    let complaint = format!(
        "sluice: guest started.component.wasm does not fit the direct lane: {REASON}; leave --lane at auto and it \
         runs on the component lane"
    );
    assert_eq!((rejected.complaint(), rejected.code), (&*complaint, Some(3)));
    assert_eq!(rejected.out, "");
    for lane in ["auto", "component"] {
        here.sluice(&format!("run -q -r SAMPLE --lane {lane} started.component.wasm")).well();
    }
    let unknown = here.sluice("run -r SAMPLE --lane fast @midstat");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("auto, component, direct"), "{}", unknown.err);
}
