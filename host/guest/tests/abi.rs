//! Guests that break the canonical ABI, or stretch it. Each test runs on both lanes, which must agree (see `worker`).

use sluice_engine::event::Faulted;

use crate::component::{START, bare_guest, callback, guest};
use crate::worker::Worker;

const REPORT: &str = r#"(import "sluice:middlebox/log@0.1.0" "report" (func $report (param i32 i32 i32)))"#;

/// A guest with this allocator; `start` and its configuration need it.
fn with_realloc(imports: &str, body: &str) -> Vec<u8> {
    bare_guest(&format!(
        "{imports} (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {body}) {START}"
    ))
}

/// What becomes of a guest whose `start` is called with one pair of words.
fn started(component: &[u8]) -> String {
    match Worker::new().start(component) {
        Ok(_) => "starts".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_allocator_that_answers_nonsense_stops_the_guest() {
    let beyond = "guest g0: start: broke the canonical ABI: realloc return: beyond end of memory";
    let askew = "guest g0: start: broke the canonical ABI: realloc return: result not aligned";
    for (answer, expected) in [
        ("(i32.const 65536)", beyond),
        ("(i32.const 65532)", beyond),
        ("(i32.const -4)", beyond),
        ("(i32.const -1)", askew),
        ("(i32.const 4097)", askew),
        // The list of one pair takes 16 bytes: the last that there are, and the first.
        ("(i32.const 65520)", "starts"),
        ("(i32.const 0)", "starts"),
        ("unreachable", "guest g0: start: trapped: wasm `unreachable` instruction executed"),
        ("(loop (br 0)) unreachable", "guest g0: start: used up the 20000000 units of fuel of one call"),
    ] {
        assert_eq!(started(&with_realloc("", answer)), expected, "{answer}");
    }
}

#[test]
fn an_allocator_may_grow_the_memory() {
    let grow = "(i32.mul (memory.grow (i32.const 1)) (i32.const 65536))";
    assert_eq!(started(&with_realloc("", grow)), "starts");
}

#[test]
fn an_allocator_may_call_nothing() {
    let report = "(call $report (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 1024)";
    let text = started(&with_realloc(REPORT, report));
    assert_eq!(text, "guest g0: start: trapped: cannot leave component instance");
}

#[test]
fn what_gives_an_answer_back_may_call_nothing() {
    let post = r#"(func (export "cabi_post_start") (param i32)
        (call $report (i32.const 0) (i32.const 0) (i32.const 64)))"#;
    let text = started(&guest(REPORT, post));
    assert_eq!(text, "guest g0: start: trapped: cannot leave component instance");
}

#[test]
fn what_gives_an_answer_back_is_called_once_with_the_answer() {
    let count = r#"(func (export "cabi_post_start") (param i32)
        (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.add (local.get 0) (i32.const 1)))))"#;
    let mut worker = Worker::new();
    let tenant = worker.add(&guest("", &format!("{count} {}", callback_of("(i32.load (i32.const 32))"))));
    assert_eq!(worker.callback(tenant), Ok(1));
}

#[test]
fn an_answer_of_start_must_lie_in_memory_and_be_aligned() {
    let answer = |place: &str| {
        let start = format!("(func (export \"start\") (param i32 i32) (result i32) (i32.const {place}))");
        started(&bare_guest(&format!("{} {start}", crate::component::MEMORY)))
    };
    assert_eq!(answer("65528"), "guest g0: start: broke the canonical ABI: pointer out of bounds of memory");
    assert_eq!(answer("-4"), "guest g0: start: broke the canonical ABI: pointer out of bounds of memory");
    assert_eq!(answer("2"), "guest g0: start: broke the canonical ABI: return pointer not aligned");
    // Twelve bytes: a discriminant and a text.
    assert_eq!(answer("65524"), "starts");
}

#[test]
fn an_area_for_an_answer_must_lie_in_memory_and_be_aligned() {
    let reason = |area: &str| {
        let body = format!("(call $report (i32.const 0) (i32.const 1) (i32.const {area})) (i32.const 0)");
        let mut worker = Worker::new();
        let tenant = worker.add(&callback(REPORT, &body));
        match worker.callback(tenant) {
            Ok(_) => "goes on".to_owned(),
            Err(Faulted) => worker.fault().rsplit_once("ABI: ").unwrap().1.to_owned(),
        }
    };
    assert_eq!(reason("65528"), "goes on");
    assert_eq!(reason("65532"), "pointer out of bounds");
    assert_eq!(reason("-8"), "pointer out of bounds");
    assert_eq!(reason("66"), "pointer not aligned");
}

#[test]
fn numbers_have_no_more_bits_than_their_type() {
    // u8 mask and value of a filter on flags, with bits above, and a bool that is 2.
    let import = r#"(import "sluice:middlebox/event@0.1.0" "define"
        (func $define (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))"#;
    let define =
        "(call $define (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2) (i64.const 0x700000102)
        (i32.const 0xffffff02) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
        (i32.load (i32.const 68))";
    let mut worker = Worker::new();
    let tenant = worker.add(&callback(import, define));
    assert!(worker.callback(tenant).is_ok());
    let truth =
        format!("(func (export \"filter\") {} (result i32) (i32.const 2))", crate::component::SCALARS);
    let tenant = worker.add(&guest("", &truth));
    assert_eq!(worker.filter(tenant), Ok(true));
}

#[test]
fn lists_that_name_the_same_bytes_many_times_are_cut_off() {
    // Nine megabytes are a text that is refused as too long; twice the same nine are more than a call may copy.
    let import = r#"(import "sluice:middlebox/log@0.1.0" "event" (func $event (param i32 i32 i32 i32 i32)))"#;
    let body = "(drop (memory.grow (i32.const 255)))
        (call $event (i32.const 0) (i32.const 0x900000) (i32.const 0) (i32.const 0x900000) (i32.const 64))
        (i32.const 0)";
    let mut worker = Worker::new();
    let tenant = worker.add(&callback(import, body));
    assert_eq!(worker.callback(tenant), Err(Faulted));
    assert!(worker.fault().contains("too much data is being copied"), "{}", worker.fault());
}

fn callback_of(body: &str) -> String {
    format!("(func (export \"callback\") {} (result i32) {body})", crate::component::SCALARS)
}
