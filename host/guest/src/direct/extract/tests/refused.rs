use super::sample_with;
use crate::direct::extract::{Unfit, extract};

const PEEK_BODY: &str = "local.get 0 local.get 1 (;peek;) i32.const 0 call_indirect (type $two)";
const TABLE: &str = "(table 2 2 funcref)\n    (export \"0\"";
const ELEMENTS: &str = "(elem (i32.const 0) func 0 1)";
const BEGIN: &str = "(core instance $begin (instantiate $begin (with \"\" (instance $beginning))))";
const FIXUP: &str = "(core instance $fixup (instantiate $fixup (with \"\" (instance $filling))))";
const MEMORY: &str = "(memory (export \"memory\") 1)";
const END: &str = "(export \"stop\" (func $halt))";
const LIFT_NAME: &str = "(memory $memory) (post-return $post-name)";

/// What `extract` says about the sample with these changes.
fn reason(changes: &[(&str, &str)]) -> Unfit {
    match extract(&sample_with(changes)) {
        Ok(extracted) => panic!("{changes:?}: {extracted:?}"),
        Err(unfit) => unfit,
    }
}

/// What `extract` says about a component in text.
fn reason_of(text: &str) -> Unfit {
    match extract(&wat::parse_str(text).unwrap()) {
        Ok(extracted) => panic!("{text}: {extracted:?}"),
        Err(unfit) => unfit,
    }
}

fn shim(reason: &'static str) -> Unfit {
    Unfit::Shim { reason }
}

fn fixup(reason: &'static str) -> Unfit {
    Unfit::Fixup { reason }
}

#[test]
fn a_shim_that_does_anything_else_is_refused() {
    let body = |body: &str| reason(&[(PEEK_BODY, body)]);
    assert_eq!(
        body("local.get 0 local.get 1 i32.const 1 call_indirect (type $two)"),
        shim("has a function that calls another element than its own")
    );
    assert_eq!(
        body("local.get 1 local.get 0 i32.const 0 call_indirect (type $two)"),
        shim("has a function that does not pass its parameters on")
    );
    for parameters in ["nop local.get 0 local.get 1", "local.get 0 i32.const 7", "i32.const 7 local.get 1"] {
        assert_eq!(
            body(&format!("{parameters} i32.const 0 call_indirect (type $two)")),
            shim("has a function that does not pass its parameters on")
        );
    }
    assert_eq!(
        body("local.get 0 local.get 1 nop i32.const 0 call_indirect (type $two)"),
        shim("has a function that calls another element than its own")
    );
    assert_eq!(
        body("local.get 0 local.get 1 i32.const 0 drop call 1"),
        shim("has a function that does not call through its table")
    );
    assert_eq!(
        body("local.get 0 local.get 1 i32.const 0 call_indirect (type $two) nop"),
        shim("has a function that does more than a call")
    );
    assert_eq!(body(&format!("(local i32) {PEEK_BODY}")), shim("has a function with local variables"));
    // Of equal types, but not the same one.
    assert_eq!(
        reason(&[
            ("(table 2 2 funcref)", "(type $other (func (param i32 i32))) (table 2 2 funcref)"),
            (PEEK_BODY, "local.get 0 local.get 1 i32.const 0 call_indirect (type $other)"),
        ]),
        shim("has a function that does not call through its table")
    );
}

#[test]
fn a_shim_with_another_table_or_other_exports_is_refused() {
    let swapped = [
        ("(export \"0\" (func 0))", "(export \"0\" (func 1))"),
        ("(export \"1\" (func 1))", "(export \"1\" (func 0))"),
    ];
    assert_eq!(reason(&swapped), shim("exports a function under another number"));
    let larger = [
        (TABLE, "(table 3 3 funcref)\n    (export \"0\""),
        ("(table 2 2 funcref))\n    (elem", "(table 3 3 funcref))\n    (elem"),
    ];
    assert_eq!(reason(&larger), shim("has a table of another size than its functions"));
    let growing = [
        (TABLE, "(table 2 funcref)\n    (export \"0\""),
        ("(table 2 2 funcref))\n    (elem", "(table 2 funcref))\n    (elem"),
    ];
    assert_eq!(reason(&growing), shim("has a table of another size than its functions"));
    // A segment of its own could put a function of its own there after the fixup's.
    let elements = [(TABLE, "(table 2 2 funcref) (elem (i32.const 0) func 1)\n    (export \"0\"")];
    assert_eq!(reason(&elements), shim("has more than functions and a table"));
    let memory = [(TABLE, "(memory 1) (table 2 2 funcref)\n    (export \"0\"")];
    assert_eq!(reason(&memory), shim("has more than functions and a table"));
    let second = [(TABLE, "(table 2 2 funcref) (table 2 2 funcref)\n    (export \"0\"")];
    assert_eq!(reason(&second), shim("has more than one table"));
}

#[test]
fn a_fixup_that_fills_the_table_in_any_other_way_is_refused() {
    let elements = |elements: &str| reason(&[(ELEMENTS, elements)]);
    let order = fixup("fills the table in another order than that of its imports");
    assert_eq!(elements("(elem (i32.const 0) func 1 0)"), order);
    assert_eq!(elements("(elem (i32.const 0) func 0 0)"), order);
    let count = fixup("fills the shim's table with too few or too many functions");
    assert_eq!(elements("(elem (i32.const 0) func 0)"), count);
    let beginning = fixup("fills the table from elsewhere than its beginning");
    assert_eq!(elements("(elem (i32.const 1) func 0 1)"), beginning);
    assert_eq!(elements("(elem (i32.add (i32.const 0) (i32.const 0)) func 0 1)"), beginning);
    let several = fixup("has several segments of elements");
    assert_eq!(elements(&format!("{ELEMENTS} (elem (i32.const 1) func 0)")), several);
    let inactive = fixup("has elements that are not active functions");
    assert_eq!(elements(&format!("{ELEMENTS} (elem declare func 1)")), inactive);
    assert_eq!(elements("(elem (i32.const 0) funcref (ref.func 0) (ref.func 1))"), inactive);
    assert_eq!(elements(""), fixup("does not fill the shim's table"));
    assert_eq!(reason(&[(FIXUP, "")]), fixup("does not fill the shim's table"));
    let again = format!("{FIXUP} (core instance (instantiate $fixup (with \"\" (instance $filling))))");
    assert_eq!(reason(&[(FIXUP, &again), (BEGIN, "")]), fixup("fills the shim's table a second time"));
    assert_eq!(elements(&format!("(memory 1) {ELEMENTS}")), fixup("has more than imports and elements"));
    assert_eq!(
        elements(&format!("(global i32 (i32.const 0)) {ELEMENTS}")),
        fixup("has more than imports and elements")
    );
    assert_eq!(elements(&format!("(func) {ELEMENTS}")), Unfit::CoreModules { count: 4 });
}

#[test]
fn a_table_filled_with_functions_of_other_types_is_refused() {
    // The fixup and the host agree on two parameters, the guest and the shim on three: a call would trap.
    let changes = [
        ("\"peek\" (func (param i32 i32))", "\"peek\" (func (param i32 i32 i32))"),
        (
            "(type $two (func (param i32 i32)))",
            "(type $two (func (param i32 i32))) (type $three (func (param i32 i32 i32)))",
        ),
        (
            "(func (type $two) local.get 0 local.get 1 (;peek;) i32.const 0 call_indirect (type $two))",
            "(func (type $three) local.get 0 local.get 1 local.get 2 i32.const 0 call_indirect (type $three))",
        ),
    ];
    assert_eq!(reason(&changes), fixup("fills the shim's table with a function of another type"));
}

#[test]
fn only_the_guests_own_function_may_run_after_linking_and_only_once() {
    let second = [
        (ELEMENTS, "(import \"\" \"begin\" (func)) (start 2) (elem (i32.const 0) func 0 1)"),
        (
            "(core instance $filling",
            "(alias core export $main \"_initialize\" (core func $early))
             (core instance $filling (export \"begin\" (func $early))",
        ),
    ];
    assert_eq!(reason(&second), fixup("runs the guest a second time"));
    let early = [
        (BEGIN, ""),
        ("(core instance $beginning (export \"\" (func $initialize)))", ""),
        ("(alias core export $main \"_initialize\" (core func $initialize))", ""),
    ];
    let begin = format!(
        "(alias core export $main \"_initialize\" (core func $initialize))
         (core instance $beginning (export \"\" (func $initialize))) {BEGIN} {FIXUP}"
    );
    let early = [early.as_slice(), &[(FIXUP, begin.as_str())]].concat();
    assert_eq!(reason(&early), fixup("fills the shim's table after the guest has run"));
    let host = [(
        "(core instance $beginning (export \"\" (func $initialize)))",
        "(core func $tick (canon lower (func $packet \"tick\")))
             (core instance $beginning (export \"\" (func $tick)))",
    )];
    assert_eq!(reason(&host), fixup("runs something else than a function of the guest"));
}

#[test]
fn a_main_module_with_more_than_functions_and_a_memory_is_refused() {
    assert_eq!(reason(&[(MEMORY, &format!("{MEMORY} (memory 1)"))]), Unfit::Memories { count: 2 });
    assert_eq!(
        reason(&[("(func (export \"_initialize\"))", "(func $s (export \"_initialize\")) (start $s)")]),
        Unfit::CoreStart
    );
    let alone = |definitions: &str| {
        reason_of(&format!(
            "(component (core module $m {definitions} (func (export \"f\"))) (core instance $i (instantiate $m))
               (func (export \"stop\") (canon lift (core func $i \"f\"))))"
        ))
    };
    assert_eq!(alone(""), Unfit::Memories { count: 0 });
    assert_eq!(alone("(memory i64 1)"), Unfit::Memory64);
    assert_eq!(alone("(memory 1 2 shared)"), Unfit::SharedMemory);
    assert_eq!(alone(MEMORY), Unfit::NoMemory);
    let imported = reason_of(
        r#"(component (core module $t (table (export "t") 1 funcref)) (core instance $t (instantiate $t))
             (core module $m (import "a" "t" (table 1 funcref)) (memory 1) (func (export "f")))
             (core instance $i (instantiate $m (with "a" (instance $t))))
             (func (export "stop") (canon lift (core func $i "f"))))"#,
    );
    assert_eq!(imported, Unfit::CoreImportKind { name: "a t".to_owned() });
}

#[test]
fn memory_and_allocator_must_be_the_main_modules_for_all() {
    let two = "(func (export \"allocate2\") (param i32 i32 i32 i32) (result i32) unreachable) (func (export \"halt\"))";
    let second = format!(
        "(alias core export $main \"allocate2\" (core func $allocate2)) {}",
        "(func (export \"on-ready\") (param \"flows\" (list u64))
           (canon lift (core func $main \"post_name2\") (memory $memory) (realloc $allocate2)))"
    );
    let two = format!("{two} (func (export \"post_name2\") (param i32 i32))");
    assert_eq!(
        reason(&[("(func (export \"halt\"))", &two), (END, &format!("{END} {second}"))]),
        Unfit::OtherRealloc
    );
    let other = "(core module $other (memory (export \"memory\") 1)
                   (func (export \"allocate\") (param i32 i32 i32 i32) (result i32) unreachable)
                   (func (export \"post_name\") (param i32)) (func (export \"halt\")))
                 (core instance $other (instantiate $other)) (core instance $shim (instantiate $shim))";
    let shim_made = "(core instance $shim (instantiate $shim))";
    let replaced = |from: &str, to: &str| reason(&[(shim_made, other), (BEGIN, ""), (from, to)]);
    assert_eq!(
        replaced("(alias core export $main \"allocate\"", "(alias core export $other \"allocate\""),
        Unfit::CoreModules { count: 5 }
    );
    assert_eq!(
        replaced(LIFT_NAME, "(memory $other \"memory\") (post-return $post-name)"),
        Unfit::OtherMemory
    );
    assert_eq!(
        replaced(LIFT_NAME, "(memory $memory) (post-return (core func $other \"post_name\"))"),
        Unfit::OtherPostReturn
    );
    assert_eq!(
        replaced("(alias core export $main \"halt\"", "(alias core export $other \"halt\""),
        Unfit::OtherExport
    );
    assert_eq!(replaced(END, END), Unfit::CoreModules { count: 5 });
}

#[test]
fn several_core_modules_are_refused() {
    // The guest's import is a function of a library.
    let library = [(
        "(core instance $q (export \"say\" (func $shim-say)))",
        "(core module $library (func (export \"say\") (param i32 i32)))
             (core instance $q (instantiate $library))",
    )];
    assert_eq!(reason(&library), Unfit::CoreModules { count: 5 });
    // The guest itself fills an element of the shim's table.
    let own = [
        ("(func (export \"halt\"))", "(func (export \"halt\")) (func (export \"log\") (param i32 i32))"),
        ("(export \"1\" (func $lowered-say))", "(export \"1\" (func $log))"),
        (
            "(core instance $filling",
            "(alias core export $main \"log\" (core func $log)) (core instance $filling",
        ),
    ];
    assert_eq!(reason(&own), Unfit::CoreModules { count: 4 });
    let many = "(core module $empty) (core instance (instantiate $empty))";
    assert_eq!(reason(&[(END, &format!("{END} {many}"))]), Unfit::CoreModules { count: 5 });
    let global = [
        (MEMORY, "(memory (export \"memory\") 1) (global (export \"base\") i32 (i32.const 0))"),
        (END, "(export \"stop\" (func $halt)) (alias core export $main \"base\" (core global))"),
    ];
    assert_eq!(reason(&global), Unfit::SharedItem { kind: "global", name: "base".to_owned() });
}

#[test]
fn imports_must_end_at_functions_of_imported_interfaces() {
    // A lifted function of the guest itself, lowered again: the guest would be entered while it is in a call.
    let own = [
        ("(func (export \"halt\"))", "(func (export \"halt\")) (func (export \"log\") (param i32 i32))"),
        (
            "(core func $lowered-say (canon lower (func $say)",
            "(func $log (param \"line\" string)
               (canon lift (core func $main \"log\") (memory $memory) (realloc $allocate)))
             (core func $lowered-say (canon lower (func $log)",
        ),
    ];
    assert_eq!(reason(&own), Unfit::CoreImport { name: "q say".to_owned() });
    assert_eq!(
        reason_of("(component (import \"f\" (func)))"),
        Unfit::ImportKind { name: "f".to_owned(), kind: "function outside of any interface" }
    );
    assert_eq!(
        reason_of("(component (import \"m\" (core module)))"),
        Unfit::ImportKind { name: "m".to_owned(), kind: "core module" }
    );
}

#[test]
fn exports_must_be_functions_of_the_guest() {
    let named = |name: &str| Unfit::ExportKind { name: name.to_owned() };
    assert_eq!(reason(&[(END, "(export \"stop\" (func $packet \"tick\"))")]), named("stop"));
    let lifted_again = "(core func $tick (canon lower (func $packet \"tick\")))
                        (func (export \"stop\") (canon lift (core func $tick)))";
    assert_eq!(reason(&[(END, lifted_again)]), named("stop"));
    let interface = "(instance $i (export \"stop\" (func $halt))) (export \"test:guest/all\" (instance $i))";
    assert_eq!(reason(&[(END, interface)]), named("test:guest/all"));
    let module = "(core module $m) (export \"code\" (core module $m))";
    assert_eq!(reason(&[(END, module)]), named("code"));
    assert_eq!(reason_of("(component)"), Unfit::NoExport);
    assert_eq!(reason(&[(END, "(component)")]), Unfit::NestedComponent);
    assert_eq!(reason(&[(END, "(type (resource (rep i32)))")]), Unfit::Resource);
}

#[test]
fn what_the_canonical_abi_has_for_other_languages_and_for_waiting_is_refused() {
    for encoding in ["utf16", "latin1+utf16"] {
        let option = format!("string-encoding={encoding}");
        assert_eq!(reason(&[("string-encoding=utf8", &option)]), Unfit::Encoding);
        assert_eq!(reason(&[(LIFT_NAME, &format!("{option} {LIFT_NAME}"))]), Unfit::Encoding);
    }
    let built_in = |name: &str| Unfit::Builtin { name: name.to_owned() };
    assert_eq!(reason(&[(END, "(core func (canon context.get i32 0))")]), built_in("context-get"));
    assert_eq!(reason(&[(END, "(core func (canon task.cancel))")]), built_in("task-cancel"));
    let resource = "(import \"test:host/other\" (instance $other (export \"r\" (type (sub resource)))))
                    (alias export $other \"r\" (type $r)) (core func (canon resource.drop $r))";
    assert_eq!(reason(&[(END, resource)]), built_in("resource-drop"));
    let lifted = "(func (export \"f\") async (param \"a\" u32)
                    (canon lift (core func $main \"name\") async (callback (core func $main \"call\"))))";
    let callback =
        "(func (export \"halt\")) (func (export \"call\") (param i32 i32 i32) (result i32) unreachable)";
    assert_eq!(reason(&[(END, lifted), ("(func (export \"halt\"))", callback)]), Unfit::Async);
    assert_eq!(
        reason(&[(
            "(export \"length\" (func (result u32)))",
            "(export \"length\" (func async (result u32)))"
        )]),
        Unfit::Async
    );
}

#[test]
fn what_is_no_component_is_refused_with_the_validators_words() {
    let invalid = |bytes: &[u8]| match extract(bytes) {
        Err(Unfit::Invalid { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(invalid(b"").contains("unexpected end"), "{}", invalid(b""));
    assert!(invalid(b"hello").contains("magic"), "{}", invalid(b"hello"));
    let module = wat::parse_str("(module)").unwrap();
    assert_eq!(invalid(&module), "it is a core module");
}
