//! Components made from WebAssembly text or from WIT.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageId, Resolve};

/// Parameters of `filter` and `callback` in a core module.
pub(crate) const SCALARS: &str = "(param i32 i32 i32 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32)";

/// A `start` that answers "ok".
pub(crate) const START: &str = r#"
    (func (export "start") (param i32 i32) (result i32) (i32.store8 (i32.const 0) (i32.const 0)) (i32.const 0))"#;

/// Memory, and an allocator that never frees.
pub(crate) const MEMORY: &str = r#"
(memory (export "memory") 1)
(global $top (mut i32) (i32.const 4096))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
  (global.get $top)
  (global.set $top (i32.add (global.get $top) (local.get 3))))
"#;

const EXPORTS: [(&str, &str); 7] = [
    ("start", "func(configuration: list<tuple<string, string>>) -> result<_, string>"),
    (
        "filter",
        "func(a: u32, b: u32, c: u32, d: u64, e: u64, f: u64, g: u64, h: u64,
            i: u32, j: u32, k: u32, l: u32, m: u32, n: u32, o: u32, p: u32) -> bool",
    ),
    (
        "callback",
        "func(a: u32, b: u32, c: u32, d: u64, e: u64, f: u64, g: u64, h: u64,
            i: u32, j: u32, k: u32, l: u32, m: u32, n: u32, o: u32, p: u32) -> u32",
    ),
    ("burst", "func(events: list<u64>, arena: list<u8>) -> u64"),
    ("on-timer", "func(timer: u32, argument: u64, time: u64)"),
    ("on-ready", "func(flows: list<u64>)"),
    ("stop", "func()"),
];

/// A component of a core module with these definitions (imports first), `MEMORY` and `START`.
pub(crate) fn guest(imports: &str, functions: &str) -> Vec<u8> {
    bare_guest(&format!("{imports} {MEMORY} {START} {functions}"))
}

/// A guest with this callback.
pub(crate) fn callback(imports: &str, body: &str) -> Vec<u8> {
    guest(imports, &format!("(func $handle (export \"callback\") {SCALARS} (result i32) {body})"))
}

/// A component of a core module with these definitions and nothing else.
pub(crate) fn bare_guest(definitions: &str) -> Vec<u8> {
    let exports: String = EXPORTS
        .iter()
        .filter(|(name, _)| definitions.contains(&format!("(export \"{name}\")")))
        .map(|(name, function)| format!("export {name}: {function};"))
        .collect();
    let wit =
        format!("package test:guest; world guest {{ include sluice:middlebox/imports@0.1.0; {exports} }}");
    let mut resolve = world_of_sluice();
    let package = resolve.push_str("guest.wit", &wit).unwrap();
    let module = wat::parse_str(format!("(module {definitions})")).unwrap();
    encode(&resolve, package, "guest", module)
}

/// A component that has every import and export of `world`, and traps wherever it is called. `wit` may define packages
/// of its own and use those of sluice.
pub(crate) fn dummy(wit: &str, world: &str) -> Vec<u8> {
    dummy_in(world_of_sluice(), wit, world)
}

/// The same for WIT that knows nothing of sluice's.
pub(crate) fn foreign(wit: &str, world: &str) -> Vec<u8> {
    dummy_in(Resolve::default(), wit, world)
}

fn dummy_in(mut resolve: Resolve, wit: &str, world: &str) -> Vec<u8> {
    let package = resolve.push_str("guest.wit", wit).unwrap();
    let id = resolve.select_world(&[package], Some(world)).unwrap();
    let module = dummy_module(&resolve, id, ManglingAndAbi::Standard32);
    encode(&resolve, package, world, module)
}

fn world_of_sluice() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    resolve
}

fn encode(resolve: &Resolve, package: PackageId, world: &str, mut module: Vec<u8>) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}
