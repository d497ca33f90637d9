//! What is taken out of a component, and which components are refused.

mod accepted;
mod damaged;
mod refused;
mod stubs;

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

/// A component as small as one with a shim, a fixup and `_initialize` can be.
const SAMPLE: &str = include_str!("sample.wat");

fn sample() -> Vec<u8> {
    wat::parse_str(SAMPLE).unwrap()
}

/// `SAMPLE` with each of these texts, which must be there, replaced by another.
fn sample_with(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut text = SAMPLE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{changes:?}: {error}"))
}

/// The world that guests are built for.
fn world() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("middlebox")).unwrap();
    (resolve, world)
}

/// A component with every import and export of a world.
fn component_of(resolve: &Resolve, world: WorldId, mangling: ManglingAndAbi) -> Vec<u8> {
    let mut module = dummy_module(resolve, world, mangling);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}
