//! Files that are not guests of this world, and what the operator is told.

use sluice_guest::{Lane, LaneChoice, LoadError, Module, Runtime, RuntimeOptions};

use crate::component::{MEMORY, START, bare_guest, dummy, foreign, guest};

fn load_by(lane: LaneChoice, bytes: &[u8]) -> Result<Module, LoadError> {
    Module::load(&Runtime::new(RuntimeOptions { lane, ..RuntimeOptions::default() }).unwrap(), bytes)
}

/// Loads a file, which either lane takes or refuses for the same reason.
fn load(bytes: &[u8]) -> Result<Module, LoadError> {
    let loaded = load_by(LaneChoice::Fitting, bytes);
    let other = load_by(LaneChoice::Component, bytes);
    match (&loaded, &other) {
        (Ok(module), Ok(other)) => {
            let (contents, other) = (module.contents(), other.contents());
            assert_eq!(contents.imports, other.imports);
            assert_eq!(contents.exports, other.exports);
            assert_eq!(contents.memory_bytes, other.memory_bytes);
        }
        _ => assert_eq!(loaded.as_ref().err(), other.as_ref().err()),
    }
    loaded
}

fn refusal(bytes: &[u8]) -> String {
    load(bytes).unwrap_err().to_string()
}

#[test]
fn the_world_of_the_wit_is_what_the_host_offers() {
    let everything = dummy("package a:b; world w { include sluice:middlebox/middlebox@0.1.0; }", "w");
    let module = load(&everything).unwrap();
    let contents = module.contents();
    for name in ["packet", "stream", "flow", "monitor", "event", "timer", "log"] {
        let name = format!("sluice:middlebox/{name}@0.1.0");
        assert!(contents.imports.contains(&name), "{name} in {:?}", contents.imports);
    }
    assert_eq!(contents.exports, ["start", "filter", "callback", "on-timer", "on-ready", "stop"]);
}

#[test]
fn only_start_is_required() {
    let module = load(&guest("", "")).unwrap();
    assert_eq!(module.contents().exports, ["start"]);
    assert_eq!(module.contents().memory_bytes, Some(65_536));
    assert_eq!(refusal(&bare_guest(MEMORY)), "exports no start: not a middlebox of sluice");
}

#[test]
fn one_core_module_fits_the_direct_lane() {
    let everything = dummy("package a:b; world w { include sluice:middlebox/middlebox@0.1.0; }", "w");
    for component in [everything, guest("", "")] {
        assert_eq!(load_by(LaneChoice::Fitting, &component).unwrap().contents().lane, Lane::Direct);
        assert_eq!(load_by(LaneChoice::Direct, &component).unwrap().contents().lane, Lane::Direct);
        let lane = Lane::Component { reason: "the component lane was demanded".to_owned() };
        assert_eq!(load_by(LaneChoice::Component, &component).unwrap().contents().lane, lane);
    }
}

#[test]
fn what_does_not_fit_runs_on_the_component_lane() {
    let several = guest("(memory $other 1)", "");
    let module = load_by(LaneChoice::Fitting, &several).unwrap();
    let reason = "its core module has 2 memories of its own".to_owned();
    assert_eq!(module.contents().lane, Lane::Component { reason: reason.clone() });
    assert_eq!(load_by(LaneChoice::Direct, &several).unwrap_err(), LoadError::NotDirect { reason });
    // What is wrong with it on either lane comes first.
    let no_start = bare_guest(&format!("(memory $other 1) {MEMORY}"));
    assert_eq!(load_by(LaneChoice::Direct, &no_start).unwrap_err(), LoadError::NoStart);
}

#[test]
fn files_of_other_kinds_are_told_apart() {
    assert_eq!(refusal(b""), "is not WebAssembly: it is empty");
    assert_eq!(refusal(b"\x7fELF\x02\x01"), "is not WebAssembly: it begins with the bytes 7f 45 4c 46");
    assert_eq!(refusal(b"(module)"), "is not WebAssembly: it looks like WebAssembly text");
    let core = wat::parse_str(format!("(module {MEMORY} {START})")).unwrap();
    assert_eq!(refusal(&core), "is a core module, not a component: wrap it with `sluice build FILE`");
}

#[test]
fn a_component_cut_off_is_refused_or_whole() {
    let whole = guest("", "");
    let contents = load(&whole).unwrap().contents().clone();
    for len in 8..whole.len() {
        match load(&whole[..len]) {
            // Nothing but names and the like was lost.
            Ok(module) => assert_eq!(*module.contents(), contents, "{len}"),
            Err(LoadError::Invalid { .. } | LoadError::NoStart) => {}
            Err(other) => panic!("{len}: {other}"),
        }
    }
    assert_eq!(
        refusal(&whole[..whole.len() - 1]),
        "is not a valid component: failed to parse WebAssembly module: unexpected end-of-file (at offset 0x18d)"
    );
}

#[test]
fn garbage_behind_a_good_header_is_refused() {
    let mut bytes = guest("", "");
    for position in (8..bytes.len()).step_by(7) {
        bytes[position] ^= 0xa5;
    }
    assert!(matches!(load(&bytes), Err(LoadError::Invalid { .. })));
}

#[test]
fn wasi_is_not_offered() {
    let wit = "package a:b;
        package wasi:io@0.2.0 { interface streams { f: func(); } }
        world w { import wasi:io/streams@0.2.0; include sluice:middlebox/middlebox@0.1.0; }";
    assert_eq!(
        refusal(&dummy(wit, "w")),
        "imports wasi:io/streams@0.2.0, which sluice does not offer: build without WASI"
    );
}

#[test]
fn other_imports_are_named() {
    let wit = "package a:b; interface c { f: func(); }
        world w { import c; include sluice:middlebox/middlebox@0.1.0; }";
    assert_eq!(refusal(&dummy(wit, "w")), "imports a:b/c, which sluice does not offer");
    let wit = "package a:b; world w { import f: func(); include sluice:middlebox/middlebox@0.1.0; }";
    assert_eq!(refusal(&dummy(wit, "w")), "imports f, which sluice does not offer");
}

#[test]
fn another_version_of_the_world_is_named() {
    let wit = "package a:b;
        package sluice:middlebox@0.2.0 { interface %stream { peek: func(); } }
        world w { import sluice:middlebox/%stream@0.2.0; export stop: func(); }";
    assert_eq!(refusal(&dummy(wit, "w")), "imports sluice:middlebox/stream@0.2.0; this host offers @0.1.0");
}

#[test]
fn a_later_version_of_the_same_world_loads_if_it_asks_for_no_more() {
    let wit = "package a:b;
        package sluice:middlebox@0.1.9 { interface timer { cancel: func(timer: u32) -> result<_, u32>; } }
        world w { import sluice:middlebox/timer@0.1.9;
            export start: func(configuration: list<tuple<string, string>>) -> result<_, string>; }";
    load(&dummy(wit, "w")).unwrap();
    let wit = wit.replace("cancel: func(timer: u32)", "pause: func(timer: u32)");
    assert_eq!(
        refusal(&dummy(&wit, "w")),
        "imports sluice:middlebox/timer@0.1.9 in another shape: pause: this host has no such function"
    );
}

#[test]
fn a_function_of_other_types_is_named() {
    let wit = "package a:b;
        package sluice:middlebox@0.1.1 { interface timer { cancel: func(timer: string) -> result<_, u32>; } }
        world w { import sluice:middlebox/timer@0.1.1; export stop: func(); }";
    assert_eq!(
        refusal(&dummy(wit, "w")),
        "imports sluice:middlebox/timer@0.1.1 in another shape: \
         cancel: type mismatch with parameters: expected `u32` found `string`"
    );
}

#[test]
fn a_record_of_other_fields_is_named() {
    // The core signature is the same; only the component's types tell.
    let wit = "package a:b;
        package sluice:middlebox@0.1.0 { interface %stream {
            enum direction { to-server, to-client }
            record buffer-state { held-from: u64, position: u64, next: u64, highest: u64, ahead: u64 }
            buffer-info: func(direction: direction) -> result<buffer-state, u32>; } }
        world w { import sluice:middlebox/%stream@0.1.0; export stop: func(); }";
    assert_eq!(
        refusal(&foreign(wit, "w")),
        "imports sluice:middlebox/stream@0.1.0 in another shape: buffer-info: type mismatch with results: \
         expected record field named position, found held-from"
    );
}

#[test]
fn an_export_of_other_types_is_named() {
    let start = "export start: func(configuration: list<tuple<string, string>>) -> result<_, string>;";
    let with = |export: &str| refusal(&dummy(&format!("package a:b; world w {{ {start} {export} }}"), "w"));
    assert_eq!(
        with("export on-timer: func(timer: u32, argument: list<u8>) -> option<u8>;"),
        "exports on-timer as func(u32, list<u8>) -> option<u8>, expected func(u32, u64, u64)"
    );
    assert_eq!(
        with("export stop: interface { f: func(); }"),
        "exports stop as an interface, expected func()"
    );
    let short = "export callback: func(a: u32, b: u32) -> u32;";
    assert_eq!(
        with(short),
        "exports callback as func(u32, u32) -> u32, expected \
         func(u32, u32, u32, u64, u64, u64, u64, u64, u32, u32, u32, u32, u32, u32, u32, u32) -> u32"
    );
    let start = "export start: func() -> result;";
    assert_eq!(
        refusal(&dummy(&format!("package a:b; world w {{ {start} }}"), "w")),
        "exports start as func() -> result, expected func(list<tuple<string, string>>) -> result<_, string>"
    );
}

#[test]
fn exports_that_the_host_does_not_know_are_left_alone() {
    let wit = "package a:b; interface init { init: func(); }
        world w { include sluice:middlebox/middlebox@0.1.0; export init; export on-demand: func(a: u32); }";
    let module = load(&dummy(wit, "w")).unwrap();
    assert!(module.contents().exports.contains(&"a:b/init".to_owned()));
}

#[test]
fn a_memory_that_begins_beyond_its_limit_is_refused() {
    let big = MEMORY.replace("(memory (export \"memory\") 1)", "(memory (export \"memory\") 1025)");
    assert_eq!(
        refusal(&bare_guest(&format!("{big} {START}"))),
        "needs 67174400 bytes of memory to begin with; its limit is 67108864"
    );
}
