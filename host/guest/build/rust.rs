//! How the world's names and types are written in Rust.

use std::error::Error;

use wit_parser::{Type, TypeDefKind};

use crate::world::World;

/// Rust's words that a name of the world could be.
const KEYWORDS: [&str; 6] = ["type", "match", "move", "ref", "loop", "use"];

/// `set-level` as `set_level`.
pub(crate) fn snake(name: &str) -> String {
    let name = name.replace('-', "_");
    if KEYWORDS.contains(&name.as_str()) { format!("r#{name}") } else { name }
}

/// `packet-info` as `PacketInfo`.
pub(crate) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
    };
    name.split('-').map(word).collect()
}

/// A type, with owned lists and texts.
pub(crate) fn owned(world: &World, ty: Type) -> Result<String, Box<dyn Error>> {
    Ok(match world.resolved(ty) {
        Type::Bool => "bool".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::String => "String".to_owned(),
        Type::Id(id) => {
            let def = world.type_def(id);
            if let Some(name) = &def.name {
                return Ok(format!("crate::world::{}::{}", snake(world.owner(def)?), camel(name)));
            }
            match &def.kind {
                TypeDefKind::List(inner) => format!("Vec<{}>", owned(world, *inner)?),
                TypeDefKind::Option(inner) => format!("Option<{}>", owned(world, *inner)?),
                TypeDefKind::Tuple(tuple) => {
                    let types: Result<Vec<_>, _> = tuple.types.iter().map(|ty| owned(world, *ty)).collect();
                    format!("({},)", types?.join(", "))
                }
                TypeDefKind::Result(result) => {
                    format!("Result<{}, {}>", side(world, result.ok)?, side(world, result.err)?)
                }
                other => return Err(format!("the lanes cannot pass a {} yet", other.as_str()).into()),
            }
        }
        other => return Err(format!("the lanes cannot pass a {other:?} yet").into()),
    })
}

/// A side of a `result`, which may have no type.
pub(crate) fn side(world: &World, ty: Option<Type>) -> Result<String, Box<dyn Error>> {
    ty.map_or_else(|| Ok("()".to_owned()), |ty| owned(world, ty))
}

/// What a list holds.
pub(crate) fn list_of(world: &World, ty: Type) -> Option<Type> {
    let Type::Id(id) = world.resolved(ty) else { return None };
    match world.type_def(id).kind {
        TypeDefKind::List(inner) => Some(world.resolved(inner)),
        _ => None,
    }
}

/// A type in the words of the WIT, for messages.
pub(crate) fn wit(world: &World, ty: Type) -> String {
    let joined = |types: &[Type]| types.iter().map(|ty| wit(world, *ty)).collect::<Vec<_>>().join(", ");
    match world.resolved(ty) {
        Type::Id(id) => {
            let def = world.type_def(id);
            match (&def.name, &def.kind) {
                (Some(name), _) => name.clone(),
                (None, TypeDefKind::List(inner)) => format!("list<{}>", wit(world, *inner)),
                (None, TypeDefKind::Option(inner)) => format!("option<{}>", wit(world, *inner)),
                (None, TypeDefKind::Tuple(tuple)) => format!("tuple<{}>", joined(&tuple.types)),
                (None, TypeDefKind::Result(result)) => match (result.ok, result.err) {
                    (None, None) => "result".to_owned(),
                    (Some(ok), None) => format!("result<{}>", wit(world, ok)),
                    (None, Some(err)) => format!("result<_, {}>", wit(world, err)),
                    (Some(ok), Some(err)) => format!("result<{}, {}>", wit(world, ok), wit(world, err)),
                },
                (None, other) => other.as_str().to_owned(),
            }
        }
        other => format!("{other:?}").to_lowercase(),
    }
}
