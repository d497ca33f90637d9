//! Patterns that the host looks for.

use crate::bindings::sluice::middlebox::{matcher as raw, stream as raw_stream};
use crate::kind::Direction;
use crate::setup::{Setup, SetupError};
use crate::{Error, Event, Flow};

/// Flag of a pattern: ASCII letters match in both cases.
const IGNORE_CASE: u64 = 1 << 32;

/// Flag of a pattern: a regular expression.
const EXPRESSION: u64 = 1 << 33;

/// The patterns of one matcher. The number of each is its place, from 0 on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Patterns {
    numbers: Vec<u64>,
    bytes: Vec<u8>,
}

impl Patterns {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { numbers: Vec::new(), bytes: Vec::new() }
    }

    /// Adds bytes that are found as they are, and gives the pattern's number.
    pub fn literal(&mut self, bytes: &[u8]) -> u32 {
        self.add(bytes, 0)
    }

    /// Adds bytes of which the ASCII letters are found in both cases, and gives the pattern's number.
    pub fn literal_ignoring_case(&mut self, bytes: &[u8]) -> u32 {
        self.add(bytes, IGNORE_CASE)
    }

    /// Adds a regular expression in the syntax of the host's backend, and gives the pattern's number. Hosts without
    /// such a backend refuse the matcher.
    pub fn expression(&mut self, text: &str) -> u32 {
        self.add(text.as_bytes(), EXPRESSION)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    fn add(&mut self, bytes: &[u8], flags: u64) -> u32 {
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.push(bytes.len() as u64 & 0xffff_ffff | flags);
        self.bytes.extend_from_slice(bytes);
        number
    }
}

/// Patterns that the host has compiled.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Matcher {
    number: u32,
}

impl<M: 'static> Setup<M> {
    /// Has the host compile patterns: once for all cores and guests that have the same ones. They count as memory of
    /// this middlebox, and their compilation as its time.
    ///
    /// # Errors
    ///
    /// [`SetupError::Matcher`] with [`Error::BadArgument`] for no pattern, an empty one or an expression that is
    /// none; [`Error::TooLong`]; [`Error::TooMany`], also for too much memory; [`Error::NotSupported`] for an
    /// expression if the host has no backend for it.
    pub fn matcher(&self, patterns: &Patterns) -> Result<Matcher, SetupError> {
        raw::compile(&patterns.numbers, &patterns.bytes)
            .map(|number| Matcher { number })
            .map_err(|number| SetupError::Matcher { error: Error::from_number(number) })
    }
}

impl Matcher {
    /// Looks for the patterns in bytes of the middlebox, at most 1 MiB.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`].
    pub fn scan_bytes(self, bytes: &[u8]) -> Result<Matches, Error> {
        raw::scan_bytes(self.number, bytes).map(Matches).map_err(Error::from_number)
    }
}

impl Event {
    /// As [`Flow::scan`] in the event's direction.
    ///
    /// # Errors
    ///
    /// As [`Flow::scan`].
    pub fn scan(&self, matcher: Matcher) -> Result<Matches, Error> {
        self.flow().scan(matcher, self.direction())
    }

    /// Looks for patterns in the captured payload of the packet, also in a filter. Nothing is remembered from one
    /// packet to the next.
    ///
    /// # Errors
    ///
    /// [`Error::NoPacket`].
    pub fn scan_payload(&self, matcher: Matcher) -> Result<Matches, Error> {
        raw::scan_payload(matcher.number).map(Matches).map_err(Error::from_number)
    }
}

impl Flow {
    /// Looks for patterns in the bytes of `direction` that [`Flow::peek`] would give, all of them, without bringing
    /// them here, and moves the monitor's position behind them.
    ///
    /// A match may have begun in bytes that an earlier call has scanned with the same matcher, if there was no gap
    /// and nothing was read or missed in between.
    ///
    /// # Errors
    ///
    /// As [`Flow::peek`]; [`Error::NotAllowed`] in a filter; [`Error::TooMany`] if the limit of memory is reached.
    pub fn scan(&self, matcher: Matcher, direction: Direction) -> Result<Matches, Error> {
        raw::scan(matcher.number, direction.raw()).map(Matches).map_err(|error| match error {
            raw_stream::PeekError::Missed(bytes) => Error::Missed { bytes },
            raw_stream::PeekError::Refused(number) => Error::from_number(number),
        })
    }
}

/// What a scan has found, by where it ends and then by the pattern's number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Matches(Vec<u64>);

/// An occurrence of a pattern.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Match {
    /// Offset behind its last byte: in the stream, or in the bytes scanned.
    pub end: u64,
    /// The pattern's number.
    pub pattern: u32,
}

impl Matches {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The matches, at most 1,024.
    pub fn iter(&self) -> impl Iterator<Item = Match> {
        let (begin, matches) = match self.0.split_first_chunk::<2>() {
            Some(([begin, _], matches)) => (*begin, matches),
            None => (0, &[][..]),
        };
        matches.iter().map(move |number| Match {
            end: begin.saturating_add(number >> 32),
            pattern: u32::try_from(number & 0xffff_ffff).unwrap_or(u32::MAX),
        })
    }

    /// Matches that are not there because there were too many.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.0.get(1).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_their_places_for_numbers() {
        let mut patterns = Patterns::new();
        let numbers =
            [patterns.literal(b"ab"), patterns.literal_ignoring_case(b"c"), patterns.expression("d+")];
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(patterns.numbers, [2, 1 | 1 << 32, 2 | 1 << 33]);
        assert_eq!(patterns.bytes, b"abcd+");
    }

    #[test]
    fn matches_end_at_stream_offsets() {
        let matches = Matches(vec![1 << 40, 3, 5 << 32 | 7, 9 << 32]);
        let ends: Vec<(u64, u32)> = matches.iter().map(|found| (found.end, found.pattern)).collect();
        assert_eq!(ends, [((1 << 40) + 5, 7), ((1 << 40) + 9, 0)]);
        assert_eq!(matches.left_out(), 3);
        assert!(!matches.is_empty());
        assert_eq!(Matches::default().iter().count(), 0);
        assert_eq!(Matches::default().left_out(), 0);
    }
}
