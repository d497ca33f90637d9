//! What a guest wants to be found.

use sluice_engine::Refusal;

use crate::limits::{PATTERN_BYTES, PATTERNS_BYTES, PATTERNS_MAX};

/// Flag of a pattern: ASCII letters match in both cases.
const IGNORE_CASE: u64 = 1 << 32;

/// Flag of a pattern: a regular expression.
const REGEX: u64 = 1 << 33;

/// All flags and the length.
const KNOWN: u64 = IGNORE_CASE | REGEX | 0xffff_ffff;

/// One pattern.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Pattern {
    /// The bytes to be found, or the text of the expression.
    pub bytes: Vec<u8>,
    /// ASCII letters match in both cases.
    pub ignore_case: bool,
    /// A regular expression in the syntax of the backend.
    pub regex: bool,
}

impl Pattern {
    /// These bytes exactly.
    #[must_use]
    pub fn literal(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ..Self::default() }
    }
}

/// The patterns of one matcher; the number of each is its place. At least one, none of them empty, within the limits.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Checks patterns against the limits.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadArgument`] if there is none or one is empty, [`Refusal::TooMany`], [`Refusal::TooLong`].
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, Refusal> {
        if patterns.len() > PATTERNS_MAX {
            return Err(Refusal::TooMany);
        }
        if patterns.is_empty() || patterns.iter().any(|pattern| pattern.bytes.is_empty()) {
            return Err(Refusal::BadArgument);
        }
        let bytes: usize = patterns.iter().map(|pattern| pattern.bytes.len()).sum();
        let longest = patterns.iter().map(|pattern| pattern.bytes.len()).max().unwrap_or(0);
        if bytes > PATTERNS_BYTES || longest > PATTERN_BYTES {
            Err(Refusal::TooLong)
        } else {
            Ok(Self(patterns))
        }
    }

    /// Takes patterns as guests pass them: a number for each (length in bits 0-31, flags above), and the bytes of
    /// all, one behind the other.
    ///
    /// # Errors
    ///
    /// As [`Patterns::new`], and [`Refusal::BadArgument`] if the lengths do not add up to the bytes, or for a flag
    /// that this host does not know: it would find something else than was meant.
    pub fn parse(numbers: &[u64], bytes: &[u8]) -> Result<Self, Refusal> {
        if numbers.len() > PATTERNS_MAX {
            return Err(Refusal::TooMany);
        }
        if bytes.len() > PATTERNS_BYTES {
            return Err(Refusal::TooLong);
        }
        let mut rest = bytes;
        let mut patterns = Vec::with_capacity(numbers.len());
        for number in numbers {
            if number & !KNOWN != 0 {
                return Err(Refusal::BadArgument);
            }
            let len = usize::try_from(number & 0xffff_ffff).map_err(|_| Refusal::TooLong)?;
            let (bytes, behind) = rest.split_at_checked(len).ok_or(Refusal::BadArgument)?;
            rest = behind;
            patterns.push(Pattern {
                bytes: bytes.to_vec(),
                ignore_case: number & IGNORE_CASE != 0,
                regex: number & REGEX != 0,
            });
        }
        if rest.is_empty() { Self::new(patterns) } else { Err(Refusal::BadArgument) }
    }

    /// The patterns by their numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[Pattern] {
        &self.0
    }

    /// Bytes of all patterns.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|pattern| pattern.bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_cut_the_bytes() {
        let patterns = Patterns::parse(&[2, 3 | IGNORE_CASE], b"abcde").unwrap();
        let ignoring = Pattern { bytes: b"cde".to_vec(), ignore_case: true, regex: false };
        assert_eq!(patterns.as_slice(), [Pattern::literal(b"ab"), ignoring]);
        assert_eq!(patterns.bytes(), 5);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let table: [(&[u64], &[u8], Refusal); 7] = [
            (&[], b"", Refusal::BadArgument),
            (&[0], b"", Refusal::BadArgument),
            (&[1], b"ab", Refusal::BadArgument),
            (&[3], b"ab", Refusal::BadArgument),
            (&[u64::MAX], b"ab", Refusal::BadArgument),
            (&vec![1; PATTERNS_MAX + 1], b"ab", Refusal::TooMany),
            (&[1], &vec![0; PATTERNS_BYTES + 1], Refusal::TooLong),
        ];
        for (numbers, bytes, refusal) in table {
            assert_eq!(Patterns::parse(numbers, bytes), Err(refusal), "{refusal}");
        }
        let long = vec![0; PATTERN_BYTES + 1];
        assert_eq!(Patterns::parse(&[long.len() as u64], &long), Err(Refusal::TooLong));
    }
}
