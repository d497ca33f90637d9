use std::collections::BTreeSet;

use wit_parser::{LiftLowerAbi, ManglingAndAbi, WorldItem};

use super::{component_of, sample, sample_with, world};
use crate::direct::extract::{CoreExport, CoreImport, extract};

const PACKET: &str = "test:host/packet@0.1.0";

#[test]
fn imports_are_followed_through_shim_and_fixup() {
    let component = sample();
    let extracted = extract(&component).unwrap();
    let import = |module, field, function| CoreImport { module, field, interface: PACKET, function };
    assert_eq!(
        extracted.imports,
        [import("p", "length", "length"), import("p", "peek", "peek"), import("q", "say", "say")]
    );
    assert_eq!(
        extracted.exports,
        [
            CoreExport { name: "name", function: "name", post_return: Some("post_name") },
            CoreExport { name: "stop", function: "halt", post_return: None },
        ]
    );
    assert_eq!(extracted.memory, "memory");
    assert_eq!(extracted.realloc, Some("allocate"));
    assert_eq!(extracted.initialize, Some("_initialize"));
    assert!(wasmparser::validate(extracted.module).is_ok());
}

#[test]
fn names_decide_nothing() {
    // The core names of two imports of equal types are exchanged, where they come from is not.
    let component = sample_with(&[
        ("(import \"p\" \"peek\"", "(import \"p\" \"say\""),
        ("(import \"q\" \"say\"", "(import \"q\" \"peek\""),
        ("(export \"peek\" (func $shim-peek))", "(export \"say\" (func $shim-peek))"),
        ("(export \"say\" (func $shim-say))", "(export \"peek\" (func $shim-say))"),
    ]);
    let functions: Vec<_> =
        extract(&component).unwrap().imports.iter().map(|import| (import.field, import.function)).collect();
    assert_eq!(functions, [("length", "length"), ("say", "peek"), ("peek", "say")]);
}

#[test]
fn the_fixup_may_import_the_instances_themselves_and_begin_the_guest() {
    let component = sample_with(&[
        ("(import \"\" \"0\"", "(import \"actual\" \"0\""),
        ("(import \"\" \"1\"", "(import \"actual\" \"1\""),
        (
            "(import \"\" \"$imports\" (table 2 2 funcref))",
            "(import \"main\" \"_initialize\" (func $begin))
             (import \"shim\" \"$imports\" (table 2 2 funcref)) (start $begin)",
        ),
        ("(export \"$imports\" (table $table))\n", ""),
        (
            "(with \"\" (instance $filling))",
            "(with \"actual\" (instance $filling)) (with \"main\" (instance $main))
             (with \"shim\" (instance $shim))",
        ),
        ("(core instance $begin (instantiate $begin (with \"\" (instance $beginning))))", ""),
    ]);
    let by_itself = sample();
    let extracted = extract(&component).unwrap();
    assert_eq!(extracted, extract(&by_itself).unwrap());
}

#[test]
fn without_shim_and_fixup_a_component_is_one_module() {
    let component = wat::parse_str(
        r#"(component
            (core module $m (memory (export "m") 1) (func (export "f") (param i32 i32))
                (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (alias core export $i "m" (core memory $m))
            (alias core export $i "r" (core func $r))
            (func (export "on-ready") (param "flows" (list u64))
                (canon lift (core func $i "f") (memory $m) (realloc $r))))"#,
    )
    .unwrap();
    let extracted = extract(&component).unwrap();
    assert_eq!((extracted.memory, extracted.realloc, extracted.initialize), ("m", Some("r"), None));
    let expected = [CoreExport { name: "on-ready", function: "f", post_return: None }];
    assert_eq!((extracted.imports, extracted.exports), (Vec::new(), expected.to_vec()));
}

/// Every function of the world must be found, under both ways to name core imports.
#[test]
fn the_whole_world_is_found_whatever_its_core_names() {
    let (resolve, id) = world();
    let world = &resolve.worlds[id];
    let mut imports = BTreeSet::new();
    for item in world.imports.values() {
        if let WorldItem::Interface { id, .. } = item {
            let name = resolve.id_of(*id).unwrap();
            imports.extend(resolve.interfaces[*id].functions.keys().map(|f| (name.clone(), f.clone())));
        }
    }
    let exports: BTreeSet<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert!(imports.len() > 30 && exports.len() >= 6, "{imports:?} {exports:?}");

    for mangling in [ManglingAndAbi::Standard32, ManglingAndAbi::Legacy(LiftLowerAbi::Sync)] {
        let component = component_of(&resolve, id, mangling);
        let extracted = extract(&component).unwrap();
        let own = |import: &CoreImport<'_>| (import.interface.to_owned(), import.function.to_owned());
        assert_eq!(extracted.imports.iter().map(own).collect::<BTreeSet<_>>(), imports);
        assert_eq!(extracted.imports.len(), imports.len());
        for import in &extracted.imports {
            assert!(import.field.contains(import.function), "{import:?}");
            let interface = import.interface.split('@').next().unwrap();
            assert!(import.module.contains(interface), "{import:?}");
        }
        let names: BTreeSet<String> = extracted.exports.iter().map(|export| export.name.to_owned()).collect();
        assert_eq!(names, exports);
        for export in &extracted.exports {
            assert!(export.function.ends_with(export.name), "{export:?}");
            assert!(export.name != "start" || export.post_return.is_some());
            assert!(
                export.post_return.is_none_or(|name| name.contains("post") && name.contains(export.name))
            );
        }
        assert!(extracted.memory.contains("memory"));
        assert!(extracted.realloc.is_some_and(|name| name.contains("realloc")));
        assert!(extracted.initialize.is_some_and(|name| name.contains("initialize")));
    }
}
