//! Finds byte patterns in TCP streams, also across the borders of packets: with the host's matcher or with one that
//! it brings along. Both find the same.

mod automaton;
mod patterns;

use sluice::json::Object;
use sluice::prelude::*;
use sluice::{Match, Matcher};

use automaton::Automaton;
use patterns::Pattern;

struct Signatures {
    patterns: Vec<Pattern>,
    scanner: Scanner,
    /// Matches by pattern.
    totals: Vec<u64>,
    /// Matches that the host had no room for.
    left_out: u64,
    bytes: u64,
    missed_bytes: u64,
    buffer: Vec<u8>,
    found: Vec<Match>,
}

/// Who looks.
enum Scanner {
    Host(Matcher),
    Guest(Box<Automaton>),
}

sluice::export!(Signatures);

impl Middlebox for Signatures {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["filter", "patterns", "random", "seed", "nocase", "matcher"])?;
        let patterns = match (configuration.get("patterns"), configuration.parse("random")?) {
            (Some(list), None) => patterns::parse(list)?,
            (None, Some(count)) => patterns::random(count, configuration.parse("seed")?.unwrap_or(1)),
            _ => return Err("needs either patterns=WORD,WORD,... or random=COUNT".into()),
        };
        let ignore_case = match configuration.get("nocase") {
            None | Some("no") => false,
            Some("yes") => true,
            Some(_) => return Err("nocase=yes or nocase=no".into()),
        };
        let scanner = match configuration.get("matcher") {
            None | Some("host") => Scanner::Host(setup.matcher(&patterns::for_host(&patterns, ignore_case))?),
            Some("guest") => Scanner::Guest(Box::new(Automaton::new(&patterns, ignore_case)?)),
            Some(_) => return Err("matcher=host or matcher=guest".into()),
        };
        let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::Full)?;
        flows.on(NewData, Self::on_data)?;
        if matches!(scanner, Scanner::Guest(_)) {
            // The host knows of gaps on its own.
            flows.on(Gap, Self::on_gap)?;
        }
        let totals = vec![0; patterns.len()];
        let (buffer, found) = (Vec::new(), Vec::new());
        Ok(Self { patterns, scanner, totals, left_out: 0, bytes: 0, missed_bytes: 0, buffer, found })
    }

    fn stop(&mut self) {
        let matches: u64 = self.totals.iter().sum();
        report!("{} bytes, {matches} matches\n", self.bytes);
        if self.missed_bytes > 0 || self.left_out > 0 {
            report!("missed {} bytes, {} matches not told\n", self.missed_bytes, self.left_out);
        }
        for (pattern, total) in self.patterns.iter().zip(&self.totals).filter(|(_, total)| **total > 0) {
            report!("{total:>8} {pattern}\n");
        }
    }
}

impl Signatures {
    fn on_data(&mut self, event: &Event) -> Result<(), Error> {
        self.found.clear();
        match self.scan(event, Some(event.offset())) {
            // Bytes that were dropped before this call: go on behind them.
            Err(Error::Missed { bytes }) => {
                self.missed_bytes += bytes;
                self.scan(event, None)?;
            }
            other => other?,
        }
        for found in std::mem::take(&mut self.found) {
            self.tell(event.direction(), found);
        }
        Ok(())
    }

    /// Looks at what can be read: from this offset on, or behind something that was missed.
    fn scan(&mut self, event: &Event, from: Option<u64>) -> Result<(), Error> {
        match &self.scanner {
            Scanner::Host(matcher) => {
                let matches = event.scan(*matcher)?;
                self.left_out += matches.left_out();
                self.found.extend(matches.iter());
                self.bytes += u64::from(event.readable());
            }
            Scanner::Guest(automaton) => {
                let start = match from {
                    Some(from) => from,
                    None => event.flow().buffer_info(event.direction())?.position,
                };
                let bytes = event.peek(&mut self.buffer)?;
                automaton.scan(event, from.is_some(), start, bytes, &mut self.found)?;
                self.bytes += bytes.len() as u64;
            }
        }
        Ok(())
    }

    fn on_gap(&mut self, event: &Event) -> Result<(), Error> {
        if let Scanner::Guest(automaton) = &self.scanner { automaton.forget(event) } else { Ok(()) }
    }

    fn tell(&mut self, direction: Direction, found: Match) {
        let place = usize::try_from(found.pattern).unwrap_or(usize::MAX);
        let (Some(pattern), Some(total)) = (self.patterns.get(place), self.totals.get_mut(place)) else {
            return;
        };
        *total += 1;
        let body = Object::new()
            .number("id", found.pattern)
            .string("pattern", &pattern.to_string())
            .string("direction", if direction == Direction::ToServer { "to_server" } else { "to_client" })
            .number("end", found.end);
        // What exceeds the operator's limits is counted by the host; the totals have it all the same.
        let _counted_by_the_host = log::event("signature", &body);
    }
}
