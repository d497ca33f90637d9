//! Both lanes do the same: guests made by chance and those of the project run on each of them over the same packets,
//! and whatever comes out is compared.
//!
//! A [`Guest`] is a component, from a file or made of bytes by [`guest_of`]: it calls what `wit/` says may be called,
//! with arguments made type by type, and folds every byte of every answer into a number that decides what it does next
//! and that it tells in the end. [`Lanes::compare`] runs guests on both lanes and names the first thing that differs.
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types are many, and those that no function of the world has are refused by name"
)]

mod choices;
mod component;
mod filters;
mod frames;
mod generate;
mod recorder;
mod run;
mod tally;
mod world;

pub use component::{encode, encode_with_adapter, encode_with_export};
pub use frames::{captured, conversations};
pub use generate::{Manner, guest_of, text_of};
pub use run::{Guest, Lanes, Loaded, Plan, Trace};
pub use tally::Tally;
pub use world::World;

use choices::Choices;
use sluice_tests::Random;

/// Bytes of an input that say which packets there are; the rest makes the guest.
const TRAFFIC_BYTES: usize = 6;

/// Of these words a guest gets the first ones.
const CONFIGURATION: [(&str, &str); 4] = [
    ("key", "value"),
    ("", ""),
    ("größe", "\u{1f980}"),
    ("name", "a value that is longer than the others are"),
];

/// Bytes of an input that a seed makes: more than a guest takes.
const INPUT_BYTES: usize = 6_000;

/// The input that belongs to a seed.
#[must_use]
pub fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..INPUT_BYTES).map(|_| random.byte()).collect()
}

/// Takes an input as packets and a guest, runs it on both lanes, and gives what both did.
///
/// # Errors
///
/// What differs between the lanes, in words; or that no guest came out, which is a bug of the generator.
pub fn lanes(world: &World, lanes: &Lanes, input: &[u8]) -> Result<Trace, String> {
    let (traffic, program) = input.split_at_checked(TRAFFIC_BYTES).unwrap_or((input, &[]));
    let mut choices = Choices::new(traffic);
    let seed = u64::from(choices.word());
    let flows = choices.below(4) + 1;
    let frames = conversations(seed, flows, 40 + choices.below(160))?;
    let plan = Plan { burst: choices.below(32) + 1 };
    let words = CONFIGURATION.iter().take(choices.below(CONFIGURATION.len().saturating_add(1)));
    let configuration = words.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let component = guest_of(world, program)?;
    let guest = Guest { configuration, ..Guest::new("made", component) };
    lanes.compare(&[lanes.load(guest)], &frames, plan)
}
