//! What a made guest tells when it stops: its number, and which of its calls were answered.

use std::collections::BTreeMap;

use crate::{Trace, World};

/// Characters of a 32-bit number in hexadecimal.
const WORD: usize = 8;

/// What made guests counted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// The hash of all that the guest was told.
    pub hash: String,
    /// Calls of imports.
    pub calls: u32,
    /// Those that were answered with what was asked for.
    pub good: u32,
    /// Good answers by the name of the import.
    pub by_import: BTreeMap<String, u32>,
}

impl Tally {
    /// What the guest of a trace told; `None` if it did not come to its end.
    #[must_use]
    pub fn of(trace: &Trace, world: &World) -> Option<Self> {
        let text =
            trace.entries.iter().rev().find_map(|entry| entry.split_once("report tally ")?.1.get(..))?;
        let word = |number: usize| {
            let at = number.checked_mul(WORD)?;
            // Little-endian in memory, digits byte by byte.
            let digits = text.get(at..at.checked_add(WORD)?)?;
            u32::from_str_radix(digits, 16).ok().map(u32::swap_bytes)
        };
        let names = world.import_names().into_iter().enumerate();
        let by_import = names.map(|(number, name)| Some((name, word(number.checked_add(4)?)?)));
        Some(Self {
            hash: text.get(..WORD * 2)?.to_owned(),
            calls: word(2)?,
            good: word(3)?,
            by_import: by_import.collect::<Option<_>>()?,
        })
    }
}
