use std::collections::HashSet;

use wasmparser::{ExternalKind, Parser, Payload};
use wit_parser::ManglingAndAbi;

use super::{component_of, sample, world};
use crate::direct::extract::{Extracted, extract, without_bodies};

/// SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// All names must be those of imports and exports of the module, which must be valid by itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some sections have names")]
fn check_names(extracted: &Extracted<'_>) {
    wasmparser::validate(extracted.module).unwrap();
    let (mut imports, mut functions, mut memories) = (Vec::new(), HashSet::new(), HashSet::new());
    for payload in Parser::new(0).parse_all(extracted.module) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                let names = section.into_imports().map(|import| import.unwrap());
                imports.extend(names.map(|import| (import.module, import.name)));
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.unwrap();
                    match export.kind {
                        ExternalKind::Func => assert!(functions.insert(export.name)),
                        ExternalKind::Memory => assert!(memories.insert(export.name)),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let found: Vec<_> = extracted.imports.iter().map(|import| (import.module, import.field)).collect();
    assert_eq!(found, imports);
    assert!(memories.contains(extracted.memory));
    assert!(!extracted.exports.is_empty());
    let named = extracted.exports.iter().flat_map(|export| [Some(export.function), export.post_return]);
    for name in named.chain([extracted.realloc, extracted.initialize]).flatten() {
        assert!(functions.contains(name), "{name}");
    }
}

/// Counts the damaged components that are still accepted.
fn damage(component: &[u8], rounds: usize, seed: u64) -> usize {
    let mut random = Random(seed);
    let mut accepted = 0;
    for _ in 0..rounds {
        let mut bytes = component.to_vec();
        for _ in 0..=random.below(3) {
            let position = random.below(bytes.len());
            bytes[position] ^= 1 << random.below(8);
        }
        // One in four is cut off, too.
        if random.below(4) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        if let Ok(extracted) = extract(&bytes) {
            check_names(&extracted);
            wasmparser::Validator::new().validate_all(&without_bodies(&bytes).unwrap()).unwrap();
            accepted += 1;
        } else {
            // What is not valid must not be harmful either.
            let _ = without_bodies(&bytes);
        }
    }
    accepted
}

#[test]
fn a_damaged_component_is_refused_or_still_makes_sense() {
    let accepted = damage(&sample(), 10_000, 1);
    // Letters of names can change and nothing else.
    assert!((1..5_000).contains(&accepted), "{accepted}");
}

#[test]
fn a_damaged_component_of_the_whole_world_is_refused_or_still_makes_sense() {
    let (resolve, id) = world();
    let component = component_of(&resolve, id, ManglingAndAbi::Standard32);
    let accepted = damage(&component, 1_000, 2);
    assert!((1..900).contains(&accepted), "{accepted}");
}

#[test]
fn no_prefix_of_a_component_makes_it_panic() {
    let component = sample();
    let mut accepted = Vec::new();
    for length in 0..component.len() {
        let cut = component.get(..length).unwrap();
        if let Ok(extracted) = extract(cut) {
            check_names(&extracted);
            accepted.push(length);
        }
        let _ = without_bodies(cut);
    }
    // Cut between the sections behind the last export or the first one, it is a component of its own.
    assert!(accepted.len() < 8, "{accepted:?} of {}", component.len());
}
