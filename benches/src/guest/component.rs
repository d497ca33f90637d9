//! Components of modules in WebAssembly text, with the types of the world in `wit/`.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldKey};

use super::GuestError;

/// A component of the module that `text` is; of the world's exports it has these.
///
/// # Errors
///
/// [`GuestError`] if it is no module, or does not fit the world.
pub(super) fn component(text: &str, exports: &[&str]) -> Result<Vec<u8>, GuestError> {
    let mut module = wat::parse_str(text)?;
    wrap(&mut module, exports).map_err(|error| GuestError::World(format!("{error:#}")))
}

fn wrap(module: &mut Vec<u8>, exports: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit"))?;
    let world = resolve.select_world(&[package], Some("middlebox"))?;
    if let Some(world) = resolve.worlds.get_mut(world) {
        world.exports.retain(|key, _| match key {
            WorldKey::Name(name) => exports.contains(&name.as_str()),
            WorldKey::Interface(_) => true,
        });
    }
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().validate(true).module(module)?.encode()
}
