//! The automaton of Aho and Corasick (CACM 18(6), 1975), as the crate `aho-corasick` builds it.

use aho_corasick::automaton::{Automaton as Steps, StateID};
use aho_corasick::nfa::{contiguous, noncontiguous};
use aho_corasick::{Anchored, BuildError, MatchKind, StartKind, dfa};

use super::Found;
use crate::limits::TABLE_BYTES;

/// Goes over a text byte by byte and knows after each which patterns end there, and how much of one may be under way.
#[derive(Debug)]
pub(super) struct Automaton {
    form: Form,
    start: StateID,
    /// Bytes of the longest beginning of a pattern that a state stands for, by the state's number.
    depths: Vec<u16>,
    /// Zero bits that the numbers of all states end with.
    shift: u32,
    /// Numbers of the patterns, by those that the automaton gives them.
    numbers: Vec<u32>,
}

#[derive(Debug)]
enum Form {
    /// One look-up for each byte.
    Table(dfa::DFA),
    /// A twentieth of the memory, two to five times as slow.
    Links(contiguous::NFA),
}

/// Where an automaton stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    pub(super) state: StateID,
    /// The next byte.
    pub(super) at: usize,
}

/// What is scanned, and where the matches go.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    /// Added to where matches end.
    pub(super) base: usize,
    pub(super) found: &'a mut Found,
}

impl Automaton {
    /// Makes the automaton of patterns with their numbers: a table, unless it might take more than [`TABLE_BYTES`].
    ///
    /// # Errors
    ///
    /// There are more states than the crate can number.
    pub(super) fn new(patterns: &[(u32, &[u8])], ignore_case: bool) -> Result<Self, BuildError> {
        let links = noncontiguous::Builder::new()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(ignore_case)
            .prefilter(false)
            // Rows for states further down would take a kilobyte for each pattern.
            .dense_depth(1)
            .build(patterns.iter().map(|(_, bytes)| bytes))?;
        let form = if table_bytes(patterns, ignore_case) <= TABLE_BYTES {
            let mut builder = dfa::Builder::new();
            builder.match_kind(MatchKind::Standard).start_kind(StartKind::Unanchored).prefilter(false);
            Form::Table(builder.build_from_noncontiguous(&links)?)
        } else {
            let mut builder = contiguous::Builder::new();
            builder.match_kind(MatchKind::Standard).prefilter(false);
            Form::Links(builder.build_from_noncontiguous(&links)?)
        };
        let start = match &form {
            Form::Table(table) => table.start_state(Anchored::No),
            Form::Links(links) => links.start_state(Anchored::No),
        };
        // Both are built for searches that begin anywhere.
        let start = start.unwrap_or_default();
        let numbers = patterns.iter().map(|(number, _)| *number).collect();
        let mut automaton = Self { form, start, depths: Vec::new(), shift: 0, numbers };
        match &automaton.form {
            Form::Table(table) => (automaton.depths, automaton.shift) = depths(table, start, patterns),
            Form::Links(links) => (automaton.depths, automaton.shift) = depths(links, start, patterns),
        }
        Ok(automaton)
    }

    /// The state before the first byte.
    pub(super) const fn start(&self) -> StateID {
        self.start
    }

    /// Bytes that the automaton takes.
    pub(super) fn bytes(&self) -> usize {
        let form = match &self.form {
            Form::Table(table) => table.memory_usage(),
            Form::Links(links) => links.memory_usage(),
        };
        form.saturating_add(size_of_val(&*self.depths)).saturating_add(size_of_val(&*self.numbers))
    }

    /// Goes on to the end of the text.
    pub(super) fn finish(&self, from: Stand, text: &mut Text<'_>) -> Stand {
        match &self.form {
            Form::Table(table) => self.go(table, from, text, |_, _| true),
            Form::Links(links) => self.go(links, from, text, |_, _| true),
        }
    }

    /// Goes on while something may be under way that began before byte `begin`.
    pub(super) fn run(&self, from: Stand, begin: usize, text: &mut Text<'_>) -> Stand {
        let is_under_way = |state, at| at < begin.saturating_add(self.depth(state));
        match &self.form {
            Form::Table(table) => self.go(table, from, text, is_under_way),
            Form::Links(links) => self.go(links, from, text, is_under_way),
        }
    }

    /// Bytes of the longest beginning of a pattern with which what was read so far ends.
    fn depth(&self, state: StateID) -> usize {
        self.depths.get(state.as_usize() >> self.shift).map_or(usize::MAX, |depth| usize::from(*depth))
    }

    #[inline(always)]
    fn go<A: Steps>(
        &self,
        steps: &A,
        from: Stand,
        text: &mut Text<'_>,
        goes_on: impl Fn(StateID, usize) -> bool,
    ) -> Stand {
        let Stand { mut state, mut at } = from;
        for byte in text.bytes.get(at..).unwrap_or_default() {
            if !goes_on(state, at) {
                break;
            }
            state = steps.next_state(Anchored::No, state, *byte);
            at = at.saturating_add(1);
            if steps.is_special(state) && steps.is_match(state) {
                for place in 0..steps.match_len(state) {
                    let pattern = steps.match_pattern(state, place).as_usize();
                    let number = self.numbers.get(pattern).copied().unwrap_or(u32::MAX);
                    text.found.push(text.base.saturating_add(at), number);
                }
            }
        }
        Stand { state, at }
    }
}

/// The depths of all states, by their numbers without the zero bits that all end with; and how many bits those are.
fn depths<A: Steps>(steps: &A, start: StateID, patterns: &[(u32, &[u8])]) -> (Vec<u16>, u32) {
    let mut states = vec![(start, 0u16)];
    for (_, pattern) in patterns {
        let mut state = start;
        for (byte, depth) in pattern.iter().zip(1..) {
            state = steps.next_state(Anchored::No, state, *byte);
            states.push((state, depth));
        }
    }
    let bits = states.iter().fold(0, |bits, (state, _)| bits | state.as_usize());
    let shift = bits.trailing_zeros() & 31;
    let places = states.iter().map(|(state, _)| state.as_usize() >> shift);
    let mut depths = vec![0; places.clone().max().map_or(0, |last| last.saturating_add(1))];
    for (place, (_, depth)) in places.zip(&states) {
        if let Some(known) = depths.get_mut(place) {
            *known = *depth;
        }
    }
    (depths, shift)
}

/// Bytes that the table of an automaton takes at most: for each state and class of bytes, an entry of four bytes.
fn table_bytes(patterns: &[(u32, &[u8])], ignore_case: bool) -> usize {
    let fold = |bytes: &&[u8]| if ignore_case { bytes.to_ascii_lowercase() } else { bytes.to_vec() };
    let mut texts: Vec<Vec<u8>> = patterns.iter().map(|(_, bytes)| fold(bytes)).collect();
    texts.sort_unstable();
    let mut used = [false; 256];
    let mut states = 3usize;
    let mut previous: &[u8] = &[];
    for text in &texts {
        let shared = text.iter().zip(previous).take_while(|(one, other)| one == other).count();
        states = states.saturating_add(text.len().saturating_sub(shared));
        previous = text;
        for byte in text {
            used[usize::from(*byte)] = true;
            used[usize::from(byte.to_ascii_uppercase())] |= ignore_case;
        }
    }
    // A class for each byte that occurs, and one for what lies between two of them.
    let classes = used.iter().filter(|used| **used).count().saturating_mul(2).saturating_add(1).min(256);
    states.saturating_mul(classes.next_power_of_two()).saturating_mul(size_of::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automaton(patterns: &[&str], ignore_case: bool) -> Automaton {
        let texts = patterns.iter().map(|text| text.as_bytes());
        Automaton::new(&(0..).zip(texts).collect::<Vec<(u32, &[u8])>>(), ignore_case).unwrap()
    }

    fn finish(automaton: &Automaton, bytes: &[u8]) -> Vec<(u64, u64)> {
        let mut found = Found::default();
        found.begin();
        let mut text = Text { bytes, base: 0, found: &mut found };
        automaton.finish(Stand { state: automaton.start(), at: 0 }, &mut text);
        found.settle();
        found.matches().iter().map(|found| (found >> 32, found & 0xffff_ffff)).collect()
    }

    #[test]
    fn patterns_that_overlap_are_all_found() {
        let automaton = automaton(&["he", "she", "his", "hers", "e", "he"], false);
        assert_eq!(finish(&automaton, b"ushers"), [(4, 0), (4, 1), (4, 4), (4, 5), (6, 3)]);
    }

    #[test]
    fn letters_match_in_both_cases_where_asked_for() {
        let automaton = automaton(&["aB1", "b1x"], true);
        assert_eq!(finish(&automaton, b"Ab1X ab1x"), [(3, 0), (4, 1), (8, 0), (9, 1)]);
    }

    #[test]
    fn it_knows_how_much_is_under_way() {
        for ignore_case in [false, true] {
            let automaton = automaton(&["abcd", "bce", "x"], ignore_case);
            let mut state = automaton.start();
            let mut found = Found::default();
            for (byte, depth) in b"abcezabcx".iter().zip([1, 2, 3, 3, 0, 1, 2, 3, 1]) {
                let mut text = Text { bytes: &[*byte], base: 0, found: &mut found };
                state = automaton.finish(Stand { state, at: 0 }, &mut text).state;
                assert_eq!(automaton.depth(state), depth);
            }
        }
    }

    #[test]
    fn a_run_ends_where_nothing_can_be_under_way_from_before() {
        let automaton = automaton(&["abcd", "cdef"], false);
        let mut found = Found::default();
        found.begin();
        let mut text = Text { bytes: b"abcdefgh", base: 0, found: &mut found };
        let stand = automaton.run(Stand { state: automaton.start(), at: 0 }, 1, &mut text);
        assert_eq!(stand.at, 5, "behind `abcde`, `cde` is under way, which began at byte 2");
        assert_eq!(found.matches(), [4 << 32]);
    }

    #[test]
    fn a_table_takes_no_more_than_was_expected() {
        let texts: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n, n ^ 0x55, 3, n, 7, 9]).collect();
        let patterns: Vec<(u32, &[u8])> = texts.iter().map(|text| (0, &**text)).collect();
        let automaton = Automaton::new(&patterns, false).unwrap();
        let Form::Table(table) = &automaton.form else { panic!("200 patterns fit in a table") };
        // Beside the transitions, the crate counts what it has for each match.
        assert!(table.memory_usage() <= table_bytes(&patterns, false) + 200 * 64);
    }

    #[test]
    fn too_many_states_for_a_table_are_linked() {
        let text = |n: u16| {
            let [high, low] = n.to_be_bytes();
            (0..64u8).map(|m| low.wrapping_mul(m) ^ high.wrapping_add(m)).collect()
        };
        let texts: Vec<Vec<u8>> = (0..1_000).map(text).collect();
        let patterns: Vec<(u32, &[u8])> = texts.iter().map(|text| (0, &**text)).collect();
        let automaton = Automaton::new(&patterns, false).unwrap();
        assert!(matches!(automaton.form, Form::Links(_)));
        assert!(automaton.bytes() < TABLE_BYTES);
        assert_eq!(finish(&automaton, &texts[5]).last().map(|(end, _)| *end), Some(64));
    }
}
