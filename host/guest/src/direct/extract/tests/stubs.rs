use wasmparser::{Parser, Payload, Validator};
use wasmtime::component::Component;
use wasmtime::component::types::{Component as ComponentTypes, ComponentItem};
use wasmtime::{Config, Engine};
use wit_parser::ManglingAndAbi;

use super::{component_of, sample, sample_with, world};
use crate::direct::extract::{Unfit, extract, without_bodies};
use crate::signature::describe;

/// Where definitions of the sample's main module can be added.
const MEMORY: &str = "(memory (export \"memory\") 1)";

/// Every import and export with its type, interfaces with all that is in them.
fn described(engine: &Engine, types: &ComponentTypes) -> Vec<String> {
    let mut lines = Vec::new();
    let imports = types.imports(engine).map(|(name, item)| ("import", name, item));
    let exports = types.exports(engine).map(|(name, item)| ("export", name, item));
    for (kind, name, item) in imports.chain(exports) {
        lines.push(format!("{kind} {name}: {}", describe(&item.ty)));
        if let ComponentItem::ComponentInstance(instance) = item.ty {
            let inner = instance.exports(engine);
            lines.extend(inner.map(|(function, item)| format!("{name} {function}: {}", describe(&item.ty))));
        }
    }
    lines
}

#[test]
fn stubs_have_the_types_and_memories_of_the_component() {
    let engine = Engine::new(Config::new().wasm_component_model(true)).unwrap();
    let (resolve, id) = world();
    for bytes in [sample(), component_of(&resolve, id, ManglingAndAbi::Standard32)] {
        let stubs = without_bodies(&bytes).unwrap();
        let (with, without) =
            (Component::new(&engine, &bytes).unwrap(), Component::new(&engine, &stubs).unwrap());
        let lines = described(&engine, &with.component_type());
        assert!(lines.iter().any(|line| line.contains("u32) -> ") && line.contains("list<u8>")), "{lines:?}");
        assert_eq!(described(&engine, &without.component_type()), lines);
        let needs = |component: &Component| {
            let needed = component.resources_required().unwrap();
            (needed.num_memories, needed.max_initial_memory_size, needed.num_tables)
        };
        assert_eq!(needs(&without), needs(&with));
        assert_eq!(needs(&with).0, 1);
    }
}

/// Core imports, exports and memories of all modules, and the code.
fn core_items(bytes: &[u8]) -> (Vec<String>, Vec<Vec<u8>>) {
    let (mut items, mut code) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.unwrap();
        if let Payload::ImportSection(imports) = payload {
            items.extend(imports.into_imports().map(|import| format!("{:?}", import.unwrap())));
        } else if let Payload::ExportSection(exports) = payload {
            let exports = exports.into_iter().map(|export| export.unwrap());
            items.extend(exports.map(|export| format!("{:?} {}", export.kind, export.name)));
        } else if let Payload::MemorySection(memories) = payload {
            items.extend(memories.into_iter().map(|memory| format!("{:?}", memory.unwrap())));
        } else if let Payload::CodeSectionEntry(body) = payload {
            code.push(body.as_bytes().to_vec());
        }
    }
    (items, code)
}

#[test]
fn stubs_keep_every_core_import_and_export_but_no_code_and_no_data() {
    // A function that is not exported lies before those that are.
    let with_more = format!("{MEMORY} (func (drop (i32.const 7))) (data (i32.const 0) \"in every guest\")");
    let component = sample_with(&[(MEMORY, &with_more)]);
    let has_data = |bytes: &[u8]| bytes.windows(14).any(|window| window == b"in every guest");
    assert!(has_data(&component));

    let stubs = without_bodies(&component).unwrap();
    Validator::new().validate_all(&stubs).unwrap();
    assert!(!has_data(&stubs));
    let ((before, code), (after, stub_code)) = (core_items(&component), core_items(&stubs));
    assert_eq!(before, after);
    // No local variable, `unreachable`, `end`.
    assert!(stub_code.iter().all(|body| body == &[0, 0, 0x0b]), "{stub_code:?}");
    assert_eq!(stub_code.len() + 1, code.len());
    // The shim has lost its code, all else can still be followed.
    let reason = "has a function that does not pass its parameters on";
    assert_eq!(extract(&stubs), Err(Unfit::Shim { reason }));
}

#[test]
fn functions_that_initial_values_or_the_start_name_stay() {
    for named in
        ["(global funcref (ref.func $inner))", "(table 1 1 funcref (ref.func $inner))", "(start $inner)"]
    {
        let with_more = format!("{MEMORY} (func $inner) {named}");
        let component = sample_with(&[(MEMORY, &with_more)]);
        let stubs = without_bodies(&component).unwrap();
        Validator::new().validate_all(&stubs).unwrap();
        let ((before, code), (after, stub_code)) = (core_items(&component), core_items(&stubs));
        assert_eq!((before, code.len()), (after, stub_code.len()), "{named}");
    }
}

#[test]
fn elements_go_with_the_functions_that_they_name() {
    let with_more = format!("{MEMORY} (table 1 funcref) (elem (i32.const 0) $inner) (func $inner)");
    let stubs = without_bodies(&sample_with(&[(MEMORY, &with_more)])).unwrap();
    Validator::new().validate_all(&stubs).unwrap();
    let segments = Parser::new(0)
        .parse_all(&stubs)
        .filter(|payload| matches!(payload.as_ref().unwrap(), Payload::ElementSection(_)));
    // The fixup's stay, for they name imports.
    assert_eq!(segments.count(), 1);
}
