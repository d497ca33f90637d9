//! A thousand patterns looked for in all streams: by native code here, by the guest `guests/signatures` with the host's
//! matcher or with its own.

use std::fmt::Write as _;

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::{Anchored, BuildError, MatchKind, StartKind, dfa};
use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Direction, Refusal, View};

/// Patterns looked for.
pub const PATTERNS: usize = 1_000;

/// One that is in about every hundredth request of the web mix: a matcher that finds nothing would show.
const KNOWN: &str = "\r\nHost: www42.example.com\r\n";

/// The patterns: [`KNOWN`], and others of 8 to 24 random bytes of those that the payload is made of, which are too long
/// to be there by accident.
#[must_use]
pub fn patterns() -> Vec<Vec<u8>> {
    // Xorshift (Marsaglia, "Xorshift RNGs", 2003).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |count: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from((state >> 32) % count).unwrap_or(0)
    };
    let mut random = |_| (0..8 + below(17)).map(|_| 0x30 + below(0x40)).collect();
    std::iter::once(KNOWN.as_bytes().to_vec()).chain((1..PATTERNS).map(&mut random)).collect()
}

/// The patterns as the guest's configuration writes them.
#[must_use]
pub fn list() -> String {
    let mut list = String::new();
    for (number, pattern) in patterns().iter().enumerate() {
        if number > 0 {
            list.push(',');
        }
        for byte in pattern {
            match byte {
                b',' | b'\\' => list.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => list.push(char::from(*byte)),
                _ => {
                    let _ = write!(list, "\\x{byte:02x}");
                }
            }
        }
    }
    list
}

/// Looks for the patterns in native code, across the borders of packets: the automaton of Aho and Corasick ("Efficient
/// string matching", 1975) as a table, whose state at the end of each stream is kept with the flow.
pub struct Searcher {
    table: dfa::DFA,
    start: StateID,
    buffer: Vec<u8>,
    /// Bytes looked at.
    pub bytes: u64,
    /// Occurrences found.
    pub matches: u64,
}

impl Searcher {
    /// Makes the table.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there were too many patterns.
    pub fn new() -> Result<Self, BuildError> {
        let table = dfa::Builder::new()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(patterns())?;
        let start = table.start_state(Anchored::No).unwrap_or(StateID::ZERO);
        Ok(Self { table, start, buffer: Vec::new(), bytes: 0, matches: 0 })
    }

    /// What a tenant defines that searches.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the engine allows less than a monitor and a registration.
    pub fn definitions() -> Result<Definitions, Refusal> {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full)?;
        definitions.register(monitor, EventKind::NewData.number(), Hook::Receiver, 0)?;
        Ok(definitions)
    }

    fn search(&mut self, from: StateID) -> StateID {
        let mut state = from;
        for byte in &self.buffer {
            state = self.table.next_state(Anchored::No, state, *byte);
            if self.table.is_special(state) && self.table.is_match(state) {
                self.matches = self.matches.saturating_add(self.table.match_len(state) as u64);
            }
        }
        self.bytes = self.bytes.saturating_add(self.buffer.len() as u64);
        state
    }
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher").field("matches", &self.matches).finish_non_exhaustive()
    }
}

/// Bits of a flow's user context for each direction: a state, or 0 at the beginning.
const STATE_BITS: usize = 32;

impl Handler for Searcher {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        let direction = call.place().direction();
        let shift = match direction {
            Direction::ToServer => 0,
            Direction::ToClient => STATE_BITS,
        };
        let known = usize::try_from(call.user_context >> shift & 0xffff_ffff).unwrap_or(0);
        let from = if known == 0 { self.start } else { StateID::new(known).unwrap_or(self.start) };
        self.buffer.clear();
        view.peek(direction, u32::MAX, &mut self.buffer).map_err(|_| Faulted)?;
        let state = self.search(from);
        let kept = if state == self.start { 0 } else { state.as_u32() };
        let context = call.user_context & !(0xffff_ffff << shift) | u64::from(kept) << shift;
        if context != call.user_context {
            view.set_user_context(context).map_err(|_| Faulted)?;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_engine::Config;

    use super::*;
    use crate::pipeline;
    use crate::traffic::{Mix, generate};

    #[test]
    fn patterns_are_as_many_and_as_long_as_they_should_be() {
        let patterns = patterns();
        assert_eq!(patterns.len(), PATTERNS);
        assert!(patterns[1..].iter().all(|pattern| (8..=24).contains(&pattern.len())));
        let list = list();
        assert!(list.starts_with("\\x0d\\x0aHost: www42.example.com\\x0d\\x0a,"), "{list}");
        // A byte `\` in a pattern is two in the list; no pattern has a comma.
        assert_eq!(list.matches(',').count(), PATTERNS - 1);
    }

    #[test]
    fn what_is_in_the_requests_is_found_as_often_as_it_is_there() {
        let traffic = Arc::new(generate(Mix::Web, 400, 1));
        let mut searcher = Searcher::new().unwrap();
        let definitions = Searcher::definitions().unwrap();
        let run = pipeline::run(&traffic, Config::default(), definitions, &mut searcher).unwrap();
        run.check_read(&traffic).unwrap();
        assert_eq!(searcher.bytes, traffic.stream_bytes);
        // Requests fit into a segment, and some are sent twice: a naive search of the frames finds no fewer.
        let naive = traffic
            .frames()
            .filter(|(_, frame)| frame.windows(KNOWN.len()).any(|window| window == KNOWN.as_bytes()));
        let naive = naive.count() as u64;
        assert!(searcher.matches > 0 && searcher.matches <= naive, "{} of {naive}", searcher.matches);
    }

    #[test]
    fn a_pattern_that_two_segments_share_is_found() {
        let mut searcher = Searcher::new().unwrap();
        let (first, second) = KNOWN.as_bytes().split_at(9);
        searcher.buffer = first.to_vec();
        let state = searcher.search(searcher.start);
        assert_eq!(searcher.matches, 0);
        searcher.buffer = second.to_vec();
        searcher.search(state);
        assert_eq!(searcher.matches, 1);
    }
}
