//! The letters of a connection, in the order in which what they stand for was first seen.

use std::fmt;

use crate::Side;
use crate::limits::{HISTORY_LETTERS, HISTORY_SCALE};

/// What happened in a connection, as the `history` of Zeek's conn.log: a letter each, upper case by the client, lower
/// case by the server, in order.
///
/// | letter | meaning | how often |
/// |---|---|---|
/// | `S` | SYN without ACK | again with another sequence number |
/// | `H` | SYN with ACK | again with another sequence number |
/// | `F` | FIN | again at another place of the stream |
/// | `R` | RST | again with another sequence number |
/// | `A` | ACK without payload | once |
/// | `D` | payload | once |
/// | `I` | FIN and RST together | once |
/// | `Q` | SYN and FIN, or SYN and RST together | once |
/// | `C` | wrong checksum | at the 1st, 10th, 100th, ... |
/// | `T` | payload up to a place that was reached before | at the 1st, 10th, 100th, ... |
/// | `W` | window of zero | at the 1st, 10th, 100th, ... |
/// | `G` | ACK for bytes that were not seen; the letter is that of the side which sent them | at the 1st, 10th, ... |
/// | `^` | the first packet came from the server | once, first |
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct History {
    letters: [u8; HISTORY_LETTERS],
    len: u8,
}

impl History {
    /// Nothing happened yet.
    pub(super) const fn new() -> Self {
        Self { letters: [0; HISTORY_LETTERS], len: 0 }
    }

    /// The letters; no more than [`HISTORY_LETTERS`], what came later is left out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let letters = self.letters.get(..usize::from(self.len)).unwrap_or(&[]);
        // Only ASCII letters go in.
        std::str::from_utf8(letters).unwrap_or("")
    }

    /// Adds a letter that belongs to no side.
    pub(super) fn add(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(usize::from(self.len)) {
            *place = letter;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Adds a letter in the case of `side`.
    pub(super) fn add_of(&mut self, side: Side, letter: u8) {
        self.add(if side == Side::Client { letter } else { letter.to_ascii_lowercase() });
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("History").field(&self.as_str()).finish()
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that repeats: its letter is written at the 1st, the 10th, the 100th time and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled {
    /// How often it happened.
    pub(super) count: u32,
    next: u32,
}

impl Scaled {
    pub(super) const fn new() -> Self {
        Self { count: 0, next: 1 }
    }

    /// It happened again: whether the letter is due.
    pub(super) fn note(&mut self) -> bool {
        self.count = self.count.saturating_add(1);
        let is_due = self.count == self.next;
        if is_due {
            self.next = self.next.saturating_mul(HISTORY_SCALE);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_letters_are_logarithmic() {
        let mut scaled = Scaled::new();
        let due: Vec<u32> = (1..=1000).filter(|_| scaled.note()).collect();
        assert_eq!(due, [1, 10, 100, 1000]);
    }

    #[test]
    fn sides_differ_in_case_and_letters_are_bounded() {
        let mut history = History::new();
        history.add(b'^');
        history.add_of(Side::Client, b'S');
        history.add_of(Side::Server, b'H');
        assert_eq!(history.as_str(), "^Sh");
        for _ in 0..1000 {
            history.add(b'R');
        }
        assert_eq!(history.as_str().len(), HISTORY_LETTERS);
    }
}
