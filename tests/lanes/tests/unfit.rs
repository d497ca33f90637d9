//! Components that do not fit the direct lane run on the component lane by themselves, and do there what they do in a
//! form that fits.

use sluice_guest::{Lane, Module, Runtime, RuntimeOptions};
use sluice_lanes::{
    Guest, Lanes, Plan, Tally, Trace, World, conversations, encode, encode_with_adapter, encode_with_export,
    input, text_of,
};

/// How made guests write a digit.
const DIGIT: &str = "(func $digit (param i32) (result i32)
  (i32.add (local.get 0) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get 0) (i32.const 10)))))";

/// The same guest in two core modules: the one that knows digits comes from elsewhere.
fn of_two_modules(world: &World, text: &str) -> Vec<u8> {
    assert!(text.contains(DIGIT));
    let import = r#"(module (import "digits" "digit" (func $digit (param i32) (result i32)))"#;
    let main = text.replace(DIGIT, "").replacen("(module", import, 1);
    let adapter = format!("(module {})", DIGIT.replace("$digit", "(export \"digit\")"));
    encode_with_adapter(world, &main, "digits", &adapter).unwrap()
}

/// With an interface that nobody asks for.
fn with_an_interface(world: &World, text: &str) -> Vec<u8> {
    let text = format!("{} (func (export \"extra#touch\")))", text.strip_suffix(')').unwrap());
    encode_with_export(world, &text, "export extra: interface { touch: func(); }").unwrap()
}

/// With a resource of its own.
fn with_a_resource(world: &World, text: &str) -> Vec<u8> {
    let import =
        r#"(module (import "[export]extra" "[resource-new]thing" (func $new (param i32) (result i32)))"#;
    let constructor = r#"(func (export "extra#[constructor]thing") (result i32) (call $new (i32.const 7))))"#;
    let text = text.replacen("(module", import, 1);
    let text = format!("{} {constructor}", text.strip_suffix(')').unwrap());
    let export = "export extra: interface { resource thing { constructor(); } }";
    encode_with_export(world, &text, export).unwrap()
}

fn lane(component: &[u8]) -> Lane {
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    Module::load(&runtime, component).unwrap().contents().lane.clone()
}

/// All of a trace but what was in the file.
fn deeds(trace: Trace) -> Trace {
    let entries = trace.entries.into_iter().filter(|entry| !entry.starts_with('['));
    Trace { entries: entries.collect(), ..trace }
}

#[test]
fn unfit_components_do_what_they_do_in_a_form_that_fits() {
    let (world, both) = (World::read().unwrap(), Lanes::new().unwrap());
    let mut ended = 0;
    for seed in 100..108 {
        let frames = conversations(seed, 3, 150).unwrap();
        let text = text_of(&world, &input(seed)).unwrap();
        let run = |component: Vec<u8>| {
            both.compare(&[both.load(Guest::new("made", component))], &frames, Plan { burst: 4 }).unwrap()
        };
        let plain = run(encode(&world, &text).unwrap());
        assert_eq!(plain.lanes, ["direct"]);
        ended += u32::from(Tally::of(&plain, &world).is_some());
        let plain = deeds(plain);
        for unfit in [of_two_modules, with_an_interface, with_a_resource] {
            let trace = deeds(run(unfit(&world, &text)));
            assert_eq!(trace.lanes, ["component"]);
            assert_eq!(plain.first_difference(&trace), None, "seed {seed}");
        }
    }
    assert!(ended >= 4, "{ended}");
}

#[test]
fn why_a_component_is_unfit_is_told() {
    let world = World::read().unwrap();
    let text = text_of(&world, &[]).unwrap();
    assert_eq!(lane(&encode(&world, &text).unwrap()), Lane::Direct);
    for (component, reason) in [
        (of_two_modules(&world, &text), "several core modules"),
        (with_an_interface(&world, &text), "component inside"),
        (with_a_resource(&world, &text), "resource"),
    ] {
        let Lane::Component { reason: told } = lane(&component) else { panic!("{reason} fits") };
        assert!(told.contains(reason), "{told}");
    }
}
