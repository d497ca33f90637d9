//! Literal patterns by automata, with a sieve in front of each that passes over what cannot match.

use aho_corasick::BuildError;

use super::automaton::{Automaton, Stand, Text};
use super::sieve::Sieve;
use super::{Backend, Carry, Found, Patterns};

/// The backend that is always there: patterns that ignore case and those that do not, each with an automaton.
///
/// Each byte is a step of an automaton at most once, whatever the text, so an attacker who knows the patterns can
/// make it as slow as without a sieve and no slower.
#[derive(Debug)]
pub struct Literals {
    parts: [Option<Part>; 2],
}

#[derive(Debug)]
struct Part {
    automaton: Automaton,
    sieve: Option<Sieve>,
}

impl Literals {
    /// Compiles patterns, none of which is a regular expression.
    ///
    /// # Errors
    ///
    /// More states than can be numbered: not within this host's limits.
    pub fn new(patterns: &Patterns) -> Result<Self, BuildError> {
        let part = |ignore_case| {
            let those = patterns.as_slice().iter().zip(0..);
            let those: Vec<(u32, &[u8])> = those
                .filter(|(pattern, _)| pattern.ignore_case == ignore_case)
                .map(|(pattern, number)| (number, &*pattern.bytes))
                .collect();
            if those.is_empty() {
                return Ok(None);
            }
            let sieve = Sieve::new(&those, ignore_case);
            Ok(Some(Part { automaton: Automaton::new(&those, ignore_case)?, sieve }))
        };
        Ok(Self { parts: [part(false)?, part(true)?] })
    }
}

impl Backend for Literals {
    fn begin(&self) -> Carry {
        Carry::States(
            self.parts
                .each_ref()
                .map(|part| part.as_ref().map_or_else(Default::default, |part| part.automaton.start())),
        )
    }

    fn scan(&self, carry: &mut Carry, base: usize, piece: &[u8], found: &mut Found) {
        // What is carried comes from `begin`.
        #[cfg_attr(
            not(feature = "vectorscan"),
            expect(irrefutable_let_patterns, reason = "there is one backend")
        )]
        let Carry::States(states) = carry else { return };
        for (part, state) in self.parts.iter().zip(states) {
            let Some(part) = part else { continue };
            found.begin();
            let mut text = Text { bytes: piece, base, found };
            *state = part.scan(Stand { state: *state, at: 0 }, &mut text).state;
        }
        found.settle();
    }

    fn is_fresh(&self, carry: &Carry) -> bool {
        matches!((carry, self.begin()), (Carry::States(states), Carry::States(fresh)) if *states == fresh)
    }

    fn bytes(&self) -> usize {
        self.parts.iter().flatten().map(Part::bytes).sum()
    }

    fn carry_bytes(&self) -> usize {
        0
    }
}

impl Part {
    fn bytes(&self) -> usize {
        self.automaton.bytes().saturating_add(self.sieve.as_ref().map_or(0, Sieve::bytes))
    }

    /// Goes over a text. The automaton runs from where the sieve says that a pattern may begin until none of those
    /// can be under way any more; and over the end, where the sieve cannot tell.
    fn scan(&self, from: Stand, text: &mut Text<'_>) -> Stand {
        let automaton = &self.automaton;
        let Some(sieve) = &self.sieve else { return automaton.finish(from, text) };
        let bytes = text.bytes;
        // What has begun before the text.
        let mut stand = automaton.run(from, 0, text);
        sieve.sift(bytes, |place| {
            stand = self.at_least(stand, place.saturating_sub(sieve.reach()));
            stand = automaton.run(stand, place.saturating_add(1), text);
        });
        stand = self.at_least(stand, bytes.len().saturating_sub(sieve.tail()));
        automaton.finish(stand, text)
    }

    /// Where the automaton stands, or at its beginning at byte `at` if it has not come as far.
    fn at_least(&self, stand: Stand, at: usize) -> Stand {
        if stand.at < at { Stand { state: self.automaton.start(), at } } else { stand }
    }
}
