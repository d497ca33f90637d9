use wasmtime::component::Component;
use wasmtime::component::types::{Component as ComponentTypes, ComponentItem};
use wasmtime::{Config, Engine};
use wit_parser::ManglingAndAbi;

use super::{component_of, sample, sample_with, world};
use crate::direct::extract::{Unfit, extract, without_bodies};
use crate::signature::describe;

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

#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "only some sections have names")]
fn stubs_keep_every_core_import_and_export_but_no_code_and_no_data() {
    let memory = "(memory (export \"memory\") 1)";
    let with_data = format!("{memory} (data (i32.const 0) \"in every guest\")");
    let component = sample_with(&[(memory, &with_data)]);
    let text = b"in every guest".as_slice();
    assert!(component.windows(text.len()).any(|window| window == text));

    let stubs = without_bodies(&component).unwrap();
    assert!(!stubs.windows(text.len()).any(|window| window == text));
    // The shim has lost its code, all else can still be followed.
    assert_eq!(
        extract(&stubs),
        Err(Unfit::Shim { reason: "has a function that does not pass its parameters on" })
    );
    let own = |bytes: &[u8]| {
        let mut items = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(bytes) {
            match payload.unwrap() {
                wasmparser::Payload::ImportSection(imports) => {
                    items.extend(imports.into_imports().map(|import| format!("{:?}", import.unwrap())));
                }
                wasmparser::Payload::ExportSection(exports) => {
                    items.extend(exports.into_iter().map(|export| format!("{:?}", export.unwrap())));
                }
                wasmparser::Payload::MemorySection(memories) => {
                    items.extend(memories.into_iter().map(|memory| format!("{:?}", memory.unwrap())));
                }
                wasmparser::Payload::CodeSectionEntry(body) => {
                    items.push(format!("{}", body.as_bytes().len()))
                }
                _ => {}
            }
        }
        items
    };
    let (before, after) = (own(&component), own(&stubs));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        let code = before.parse::<usize>().is_ok();
        assert_eq!(after, if code { "3" } else { before });
    }
}
