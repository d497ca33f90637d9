//! `sluice build` and `sluice inspect`.

use super::program::{Folder, has};

/// A guest in C that counts connections.
const COUNTER: &str = r#"
#include "sluice.h"

static sluice_answer answer;
static uint32_t connections;

SLUICE_EXPORT("start") sluice_answer *start(const sluice_setting *settings, uint32_t count) {
    (void)settings;
    if (count > 0) {
        answer = (sluice_answer){1, {"takes no settings", 17}};
        return &answer;
    }
    sluice_number monitor = sluice_open_stream("", SLUICE_LEVEL_STATE);
    sluice_register(monitor.number, SLUICE_CONN_END, SLUICE_HOOK_NONE, 0);
    return &answer;
}

SLUICE_EXPORT("callback") uint32_t callback(SLUICE_EVENT) {
    connections++;
    return 0;
}

SLUICE_EXPORT("stop") void stop(void) {
    char text[32] = "connections: ";
    uint32_t length = 13, scale = 1;
    while (connections / scale > 9) scale *= 10;
    for (; scale > 0; scale /= 10) text[length++] = '0' + connections / scale % 10;
    text[length++] = '\n';
    sluice_report(text, length);
}
"#;

/// A core module that starts, and does nothing else.
const IDLE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "start") (param i32 i32) (result i32) (i32.const 0)))"#;

#[test]
fn a_guest_in_c_is_compiled_and_runs() {
    // clang has the target by itself; what is often missing is its linker.
    if !has("clang") || !has("wasm-ld") {
        return;
    }
    let here = Folder::new("guest-in-c");
    here.write("counter.c", COUNTER);
    let built = here.sluice("build counter.c").well();
    assert!(built.err.contains("wrote counter.wasm ("), "{}", built.err);
    assert_eq!(here.sluice("run -q -r SAMPLE counter.wasm").well().out, "connections: 125\n");
    assert!(here.sluice("build counter.c").well().err.contains("up to date: counter.wasm ("));
    let refused = here.sluice("run -q -r SAMPLE counter.wasm a=b");
    assert_eq!(
        (refused.complaint(), refused.code),
        ("sluice: guest counter refuses to start: takes no settings", Some(3))
    );
    let inspected = here.sluice("inspect counter.wasm").well();
    assert!(
        inspected.out.contains("  exports    start\n             callback\n             stop\n"),
        "{}",
        inspected.out
    );
    assert!(
        inspected.out.ends_with("  loads      yes, as a guest of sluice:middlebox@0.1.0\n"),
        "{}",
        inspected.out
    );
    here.write("broken.c", "int x = ;\n");
    let broken = here.sluice("build broken.c");
    assert_eq!(broken.code, Some(1));
    assert!(broken.complaint().starts_with("sluice: broken.c did not compile: "), "{}", broken.err);
}

#[test]
fn a_core_module_is_wrapped_and_runs() {
    let here = Folder::new("core-module");
    here.write("idle.wasm", wat::parse_str(IDLE).unwrap());
    let inspected = here.sluice("inspect idle.wasm");
    assert_eq!(inspected.code, Some(3));
    let loads = "  loads      no: it is a core module, not a component: wrap it with `sluice build FILE`\n";
    assert!(inspected.out.ends_with(loads), "{}", inspected.out);
    here.sluice("build idle.wasm").well();
    assert_eq!(here.sluice("run -q -r SAMPLE idle.component.wasm").well().out, "");
    let inspected = here.sluice("inspect idle.component.wasm").well();
    let first = "idle.component.wasm\n  kind       component\n";
    assert!(inspected.out.starts_with(first), "{}", inspected.out);
    assert!(inspected.out.contains("\n  imports    none\n"), "{}", inspected.out);
    assert!(inspected.out.contains("\n  exports    start\n"), "{}", inspected.out);
}

#[test]
fn what_cannot_become_a_guest_is_explained() {
    let here = Folder::new("no-guest");
    here.write("text.wasm", "hello");
    here.write("text.txt", "hello");
    here.write("bare.wasm", wat::parse_str("(module)").unwrap());
    let malloc = r#"(module (import "env" "malloc" (func (param i32) (result i32))))"#;
    here.write("malloc.wasm", wat::parse_str(malloc).unwrap());
    let wasi = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#;
    here.write("wasi.wasm", wat::parse_str(wasi).unwrap());
    here.write("cut.wasm", &wat::parse_str(IDLE).unwrap()[..60]);
    for (file, said) in [
        ("missing", "cannot read missing: No such file or directory (os error 2)"),
        ("text.txt", "text.txt is neither a folder with a Cargo.toml, a .c file nor a .wasm file"),
        ("text.wasm", "cannot wrap what text.wasm gave: not a WebAssembly module: "),
        ("cut.wasm", "cannot wrap what cut.wasm gave: not a WebAssembly module: "),
        ("bare.wasm", "cannot wrap what bare.wasm gave: it exports no start: a guest begins there"),
        (
            "malloc.wasm",
            "cannot wrap what malloc.wasm gave: it imports malloc from env: a function that was declared but not \
             defined?",
        ),
        (
            "wasi.wasm",
            "cannot wrap what wasi.wasm gave: it imports fd_write of WASI, which sluice does not offer: compile for \
             wasm32-unknown-unknown",
        ),
    ] {
        let outcome = here.sluice(&format!("build {file} -o out.wasm"));
        assert_eq!(outcome.code, Some(1), "{file}");
        assert!(outcome.complaint().starts_with(&format!("sluice: {said}")), "{}", outcome.err);
        assert!(!here.path("out.wasm").exists(), "{file}");
    }
}

#[test]
fn what_would_not_load_is_shown_all_the_same() {
    let here = Folder::new("inspect");
    here.write("text", "hello");
    here.write("cut.wasm", [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, 7]);
    for (file, kind, loads) in [
        ("text", "not WebAssembly", "no: it is not WebAssembly: it begins with the bytes 68 65 6c 6c"),
        ("cut.wasm", "component", "no: it is not a valid component: "),
    ] {
        let outcome = here.sluice(&format!("inspect {file}"));
        assert_eq!(outcome.code, Some(3), "{file}");
        assert!(outcome.out.starts_with(&format!("{file}\n  kind       {kind}\n")), "{}", outcome.out);
        assert!(outcome.out.contains(&format!("\n  loads      {loads}")), "{}", outcome.out);
    }
    assert_eq!(here.sluice("inspect missing").code, Some(2));
}
