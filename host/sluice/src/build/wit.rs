//! The WIT of the world, part of this program.

use anyhow::{Context, anyhow};
use wit_parser::{Resolve, SourceMap, WorldId, WorldKey};

/// Files of `wit/`.
const FILES: [(&str, &str); 10] = [
    ("event.wit", include_str!("../../../../wit/event.wit")),
    ("flow.wit", include_str!("../../../../wit/flow.wit")),
    ("log.wit", include_str!("../../../../wit/log.wit")),
    ("matcher.wit", include_str!("../../../../wit/matcher.wit")),
    ("monitor.wit", include_str!("../../../../wit/monitor.wit")),
    ("packet.wit", include_str!("../../../../wit/packet.wit")),
    ("stream.wit", include_str!("../../../../wit/stream.wit")),
    ("timer.wit", include_str!("../../../../wit/timer.wit")),
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("world.wit", include_str!("../../../../wit/world.wit")),
];

/// The world `middlebox` with those of its exports that `has` says are there.
pub(super) fn world(has: impl Fn(&str) -> bool) -> anyhow::Result<(Resolve, WorldId)> {
    let mut sources = SourceMap::new();
    for (name, text) in FILES {
        sources.push_str(name, text);
    }
    let package =
        sources.parse().map_err(|(_, error)| anyhow!("the built-in WIT does not parse: {error}"))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(package).map_err(|error| anyhow!("the built-in WIT: {error}"))?;
    let id = resolve.select_world(&[package], Some("middlebox"))?;
    let world = resolve.worlds.get_mut(id).context("the built-in WIT has no world")?;
    world.exports.retain(|key, _| match key {
        WorldKey::Name(name) => has(name),
        WorldKey::Interface(_) => true,
    });
    Ok((resolve, id))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_world_is_packed() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".wit"))
            .collect();
        names.sort();
        assert_eq!(names, FILES.map(|(name, _)| name));
    }

    #[test]
    fn the_world_has_the_exports_asked_for() {
        let (resolve, id) = world(|name| name == "start").unwrap();
        assert_eq!(resolve.worlds[id].exports.len(), 1);
        assert_eq!(resolve.worlds[id].imports.len(), 9);
    }
}
