//! A matcher of the guest's own: the automaton of Aho and Corasick as a table.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::{Anchored, MatchKind, StartKind, dfa};
use sluice::{Error, Event, Match};

use crate::patterns::Pattern;

/// Bits of the user context for each direction: a state, or 0 at the beginning of a stream.
const STATE_BITS: usize = 32;

/// Where a flow's streams stand in it is the flow's user context.
pub(crate) struct Automaton {
    table: dfa::DFA,
    start: StateID,
}

impl Automaton {
    pub(crate) fn new(patterns: &[Pattern], ignore_case: bool) -> Result<Self, String> {
        let table = dfa::Builder::new()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .ascii_case_insensitive(ignore_case)
            .prefilter(false)
            .build(patterns.iter().map(|pattern| &pattern.0))
            .map_err(|error| error.to_string())?;
        let start = table.start_state(Anchored::No).map_err(|error| error.to_string())?;
        Ok(Self { table, start })
    }

    /// Looks at the next bytes of the event's stream, which begin at offset `from` and continue what came before, or
    /// do not.
    pub(crate) fn scan(
        &self,
        event: &Event,
        continues: bool,
        from: u64,
        bytes: &[u8],
        found: &mut Vec<Match>,
    ) -> Result<(), Error> {
        let shift = event.direction().index() * STATE_BITS;
        let context = event.user_context();
        let known = usize::try_from(context >> shift & 0xffff_ffff).unwrap_or(0);
        let mut state =
            if known == 0 || !continues { self.start } else { StateID::new(known).unwrap_or(self.start) };
        for (byte, end) in bytes.iter().zip(from + 1..) {
            state = self.table.next_state(Anchored::No, state, *byte);
            if self.table.is_special(state) && self.table.is_match(state) {
                self.note(state, end, found);
            }
        }
        self.keep(event, if state == self.start { 0 } else { state.as_usize() })
    }

    /// Begins anew in the event's direction.
    pub(crate) fn forget(&self, event: &Event) -> Result<(), Error> {
        self.keep(event, 0)
    }

    fn note(&self, state: StateID, end: u64, found: &mut Vec<Match>) {
        let begin = found.len();
        for place in 0..self.table.match_len(state) {
            let pattern = self.table.match_pattern(state, place).as_u32();
            found.push(Match { end, pattern });
        }
        found[begin..].sort_unstable();
    }

    fn keep(&self, event: &Event, state: usize) -> Result<(), Error> {
        let shift = event.direction().index() * STATE_BITS;
        let context = event.user_context();
        let kept = context & !(0xffff_ffff << shift) | (state as u64) << shift;
        if kept == context { Ok(()) } else { event.flow().set_user_context(kept) }
    }
}
