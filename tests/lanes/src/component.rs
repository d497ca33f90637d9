//! Core modules as components of the world.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldItem, WorldKey};

use crate::World;

/// Wraps a core module, as text, into a component of the world with those of its exports that the module has.
///
/// # Errors
///
/// What is wrong with the text, or does not fit the world.
pub fn encode(world: &World, text: &str) -> Result<Vec<u8>, String> {
    wrapped(&embedded(world, text, "")?, None)
}

/// As [`encode`], with another export, in WIT: `export extra: interface { ... }`.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_with_export(world: &World, text: &str, export: &str) -> Result<Vec<u8>, String> {
    wrapped(&embedded(world, text, export)?, None)
}

/// As [`encode`], with a second core module that gives the first one what it imports from `name`.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_with_adapter(world: &World, text: &str, name: &str, adapter: &str) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("adapter.wit", "package sluice:adapter; world adapter {}");
    let id = package.and_then(|package| resolve.select_world(&[package], Some("adapter"))).map_err(shown)?;
    let mut adapter = wat::parse_str(adapter).map_err(|error| error.to_string())?;
    embed_component_metadata(&mut adapter, &resolve, id, StringEncoding::UTF8).map_err(shown)?;
    wrapped(&embedded(world, text, "")?, Some((name, &adapter)))
}

fn wrapped(module: &[u8], adapter: Option<(&str, &[u8])>) -> Result<Vec<u8>, String> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module).map_err(shown)?;
    if let Some((name, adapter)) = adapter {
        encoder = encoder.adapter(name, adapter).map_err(shown)?;
    }
    encoder.encode().map_err(shown)
}

/// A core module that says which world it is for.
fn embedded(world: &World, text: &str, export: &str) -> Result<Vec<u8>, String> {
    let mut module = wat::parse_str(text).map_err(|error| error.to_string())?;
    let mut resolve = world.resolve.clone();
    let name = &resolve.packages[world.package].name;
    let version = name.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
    let wit = format!(
        "package sluice:made; world made {{ include {}:{}/middlebox{version}; {export} }}",
        name.namespace, name.name
    );
    let package = resolve.push_str("made.wit", &wit);
    let id = package.and_then(|package| resolve.select_world(&[package], Some("made"))).map_err(shown)?;
    let has = |key: &WorldKey, item: &WorldItem| match (key, item) {
        (WorldKey::Name(name), WorldItem::Function(_)) => text.contains(&format!("(export \"{name}\")")),
        _ => true,
    };
    resolve.worlds[id].exports.retain(|key, item| has(key, item));
    embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8).map_err(shown)?;
    Ok(module)
}

/// An error with its causes.
fn shown(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}
