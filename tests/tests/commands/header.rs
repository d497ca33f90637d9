//! The C header has all that `wit/` has, as the canonical ABI passes it, and a guest that uses it runs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeDefKind, WorldItem};

use super::program::{Folder, has, project};

/// Records that cross as numbers of their own, and have no place in memory.
const PASSED_FLAT: [&str; 5] = ["segment", "flags-filter", "port-filter", "prefix-filter", "pattern-filter"];

/// What the constants of an enum's cases begin with.
const ENUMS: [(&str, &str); 8] = [
    ("side", ""),
    ("sides", ""),
    ("end", ""),
    ("direction", ""),
    ("hook", "HOOK_"),
    ("level", "LEVEL_"),
    ("region", "REGION_"),
    ("severity", "LOG_"),
];

/// The project's world.
struct World {
    resolve: Resolve,
    sizes: SizeAlign,
    /// Name of the interface with each.
    imports: Vec<(String, Function)>,
    exports: Vec<String>,
}

impl World {
    fn read() -> Self {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(project().join("wit")).unwrap();
        let id = resolve.select_world(&[package], Some("middlebox")).unwrap();
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        for item in resolve.worlds[id].imports.values() {
            let WorldItem::Interface { id, .. } = item else { panic!("an import of its own") };
            let interface = &resolve.interfaces[*id];
            let name = interface.name.clone().unwrap();
            imports.extend(interface.functions.values().map(|function| (name.clone(), function.clone())));
        }
        for item in resolve.worlds[id].exports.values() {
            let WorldItem::Function(function) = item else { panic!("an exported interface") };
            exports.push(function.name.clone());
        }
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        Self { resolve, sizes, imports, exports }
    }

    /// Core types of an import's parameters.
    fn parameters(&self, function: &Function) -> Vec<&'static str> {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        assert!(signature.results.is_empty(), "{}", function.name);
        signature.params.into_iter().map(core_type).collect()
    }
}

fn core_type(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// An import in the header.
#[derive(Debug)]
struct Declared {
    name: String,
    parameters: Vec<&'static str>,
    /// Type of what `answer` points to.
    answer: String,
}

fn header() -> String {
    fs::read_to_string(project().join("guest-sdk/c/sluice.h")).unwrap()
}

/// The header's imports, by interface and function.
fn declared(header: &str) -> BTreeMap<(String, String), Declared> {
    let mut declared = BTreeMap::new();
    // The first is the macro.
    for piece in header.split("SLUICE_IMPORT(").skip(2) {
        let (names, rest) = piece.split_once(')').unwrap();
        let (interface, function) = names.split_once(", ").unwrap();
        let (name, rest) = rest.trim_start().strip_prefix("void ").unwrap().split_once('(').unwrap();
        let (parameters, _) = rest.split_once(");").unwrap();
        let (rest, answer) = parameters.rsplit_once("sluice_").unwrap();
        let answer = format!("sluice_{}", answer.strip_suffix(" *answer").unwrap());
        let is_long = |parameter: &str| parameter.contains("uint64_t") && !parameter.contains('*');
        let of = |parameter: &str| if is_long(parameter) { "i64" } else { "i32" };
        let mut parameters: Vec<_> =
            rest.split(',').filter(|parameter| !parameter.trim().is_empty()).map(of).collect();
        parameters.push("i32");
        let key = (interface.trim_matches('"').to_owned(), function.trim_matches('"').to_owned());
        let found = Declared { name: name.to_owned(), parameters, answer };
        assert!(declared.insert(key, found).is_none(), "{names} is there twice");
    }
    declared
}

#[test]
fn the_header_has_each_function_of_the_world_and_no_other() {
    let (world, header) = (World::read(), header());
    let mut declared = declared(&header);
    for (interface, function) in &world.imports {
        let name = format!("{interface}.{}", function.name);
        let found = declared.remove(&(interface.clone(), function.name.clone()));
        let found = found.unwrap_or_else(|| panic!("the header lacks {name}"));
        assert_eq!(found.parameters, world.parameters(function), "{name}");
    }
    assert!(declared.is_empty(), "the world lacks {declared:?}");
    for export in &world.exports {
        assert!(header.contains(&format!("SLUICE_EXPORT(\"{export}\")")), "the header lacks {export}");
    }
}

/// `tcp-info` as C spells it.
fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// That records, answers and numbers are what they are in `wit/`.
fn assertions(world: &World) -> String {
    let mut code = "#include \"sluice.h\"\n".to_owned();
    for (_, ty) in world.resolve.types.iter() {
        let Some(name) = &ty.name else { continue };
        if let TypeDefKind::Record(record) = &ty.kind
            && !PASSED_FLAT.contains(&&**name)
        {
            let name = format!("sluice_{}", snake(name));
            let types: Vec<&Type> = record.fields.iter().map(|field| &field.ty).collect();
            for ((offset, ty), field) in world.sizes.field_offsets(types).into_iter().zip(&record.fields) {
                let field = snake(&field.name);
                let (offset, size) = (offset.size_wasm32(), world.sizes.size(ty).size_wasm32());
                assert_equal(&mut code, &format!("offsetof({name}, {field})"), offset);
                assert_equal(&mut code, &format!("sizeof((({name} *)0)->{field})"), size);
            }
        }
        if let TypeDefKind::Enum(cases) = &ty.kind {
            let prefix = ENUMS.iter().find(|(name_of, _)| name_of == name);
            let (_, prefix) = prefix.unwrap_or_else(|| panic!("the header lacks the enum {name}"));
            for (case, number) in cases.cases.iter().zip(0..) {
                // An end of a filter is either where a side is both.
                let case = if case.name == "either" { "both" } else { &case.name };
                let constant = format!("SLUICE_{prefix}{}", snake(case).to_uppercase());
                assert_equal(&mut code, &constant, number);
            }
        }
    }
    let declared = declared(&header());
    for (interface, function) in &world.imports {
        let answer = &declared[&(interface.clone(), function.name.clone())].answer;
        let result = function.result.as_ref().unwrap();
        assert_equal(&mut code, &format!("sizeof({answer})"), world.sizes.size(result).size_wasm32());
        assert_equal(&mut code, &format!("_Alignof({answer})"), world.sizes.align(result).align_wasm32());
        assert_equal(&mut code, &format!("sizeof((({answer} *)0)->is_error)"), 1);
    }
    code
}

fn assert_equal(code: &mut String, expression: &str, value: usize) {
    writeln!(code, "_Static_assert({expression} == {value}, \"{expression} is {value}\");").unwrap();
}

/// Rows of a table in the comments of a WIT file: what is between its bars.
fn rows(file: &str, heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(project().join("wit").join(file)).unwrap();
    let (_, table) = text.split_once(heading).unwrap_or_else(|| panic!("{file} lacks {heading}"));
    let row = |line: &str| {
        let row = line.trim().strip_prefix("/// |")?.strip_suffix('|')?;
        Some(row.split('|').map(|cell| cell.trim().replace('`', "")).collect())
    };
    // The rest of the heading's line, then the line below it.
    table.lines().skip(2).map_while(row).collect()
}

/// What the comments of `wit/` say in tables: numbers of errors, and the words of an event.
fn tables() -> String {
    let mut code = String::new();
    let errors = rows("types.wit", "| number | name | meaning |");
    assert!(errors.len() >= 15);
    for row in errors {
        let constant = format!("SLUICE_{}", snake(&row[1]).to_uppercase());
        assert_equal(&mut code, &constant, row[0].parse().unwrap());
    }
    let words = rows("world.wit", "| word | low half | high half |");
    assert_equal(&mut code, "SLUICE_EVENT_WORDS", words.len());
    for row in &words {
        let word: usize = row[0].parse().unwrap();
        for (half, name) in row[1..].iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let field = match &**name {
                "the number of the monitor" => "monitor".to_owned(),
                "where its bytes begin in arena" => "bytes_from".to_owned(),
                "how many they are" => "bytes_count".to_owned(),
                name => snake(name),
            };
            let size = if row[2].is_empty() { 8 } else { 4 };
            assert_equal(&mut code, &format!("offsetof(sluice_event, {field})"), 8 * word + 4 * half);
            assert_equal(&mut code, &format!("sizeof(((sluice_event *)0)->{field})"), size);
        }
    }
    code
}

#[test]
fn records_answers_and_numbers_are_those_of_the_world() {
    if !has("clang") {
        return;
    }
    let here = Folder::new("header-layout");
    let code = assertions(&World::read()) + &tables();
    let check = |name: &str, code: &str| {
        here.write(name, code);
        let include = project().join("guest-sdk/c");
        let words =
            ["--target=wasm32-unknown-unknown", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"];
        let run = Command::new("clang").args(words).arg("-I").arg(include).arg(here.path(name)).output();
        String::from_utf8(run.unwrap().stderr).unwrap()
    };
    assert_eq!(check("layout.c", &code), "");
    // What is asserted can fail.
    let wrong = code.replace("offsetof(sluice_event, flow) == 16", "offsetof(sluice_event, flow) == 24");
    assert!(check("wrong.c", &wrong).contains("sluice_event, flow"));
}

#[test]
fn a_guest_in_c_with_every_import_and_export_loads_on_the_direct_lane() {
    if !has("clang") || !has("wasm-ld") {
        return;
    }
    let here = Folder::new("header-whole");
    let header = header();
    let uses: String = declared(&header)
        .values()
        .map(|found| format!("    sink = (const void *)&{};\n", found.name))
        .collect();
    here.write(
        "whole.c",
        format!(
            "#include \"sluice.h\"
static sluice_answer answer;
static const void *volatile sink;
SLUICE_EXPORT(\"start\") sluice_answer *start(const sluice_setting *settings, uint32_t count) {{
    (void)settings, (void)count;
{uses}    return &answer;
}}
SLUICE_EXPORT(\"filter\") bool filter(SLUICE_EVENT) {{ return false; }}
SLUICE_EXPORT(\"callback\") uint32_t callback(SLUICE_EVENT) {{ return 0; }}
SLUICE_EXPORT(\"on-timer\") void on_timer(uint32_t timer, uint64_t argument, uint64_t time) {{}}
SLUICE_EXPORT(\"stop\") void stop(void) {{}}
SLUICE_ON_BURST(events, count, arena) {{ return 0; }}
SLUICE_ON_READY(flows, count) {{}}
"
        ),
    );
    here.sluice("build whole.c").well();
    let inspected = here.sluice("inspect whole.wasm").well().out;
    let world = World::read();
    for export in &world.exports {
        assert!(inspected.lines().any(|line| line.split_whitespace().last() == Some(export)), "{inspected}");
    }
    assert!(inspected.contains("\n  lane       direct\n"), "{inspected}");
    for (interface, _) in &world.imports {
        assert!(inspected.contains(&format!("sluice:middlebox/{interface}@")), "{inspected}");
    }
}

#[test]
fn the_example_gets_bytes_in_bursts_raises_events_and_has_the_host_scan() {
    if !has("clang") || !has("wasm-ld") {
        return;
    }
    let here = Folder::new("header-example");
    here.write("example.c", fs::read(project().join("guest-sdk/c/example.c")).unwrap());
    here.sluice("build example.c").well();
    for lane in ["direct", "component"] {
        let run = |capture: &str| {
            let words = format!("run -q --lane {lane} --guest example.wasm -r");
            here.sluice_with(&words, &project().join("samples").join(capture)).well().out
        };
        // As `http-log` and `midstat` count them.
        let web = "connections: 125, of them to port 80: 109; bytes: 2360011, streams of TLS: 0; get: 203, HTTP/1.1: \
                   237\n";
        assert_eq!(run("web.pcap.gz"), web, "{lane}");
        let tls =
            "connections: 6, of them to port 80: 0; bytes: 35221, streams of TLS: 10; get: 0, HTTP/1.1: 0\n";
        assert_eq!(run("tls.pcap.gz"), tls, "{lane}");
    }
}
