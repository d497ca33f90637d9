//! Many events in one call: what `burst` is called with.

use std::ops::Range;

use crate::event::EventCall;
use crate::view::Loan;

/// Words that tell of one event; their layout is described in the WIT.
pub const EVENT_WORDS: usize = 12;

/// What a tenant is told in one call: events, and the bytes that became readable with them.
///
/// The engine fills one and uses it again, so that nothing is allocated once it has grown.
#[derive(Debug, Default)]
pub struct EventBurst {
    /// [`EVENT_WORDS`] for each event, in the order in which the events were put off.
    pub words: Vec<u64>,
    /// Bytes that were in buffers of streams.
    copied: Vec<u8>,
    /// What the arena is made of, in order.
    pieces: Vec<Piece>,
    arena_len: usize,
}

/// A part of the arena.
#[derive(Debug)]
enum Piece {
    Copied(Range<usize>),
    /// It lies in a packet of the burst.
    Lent(Loan),
}

impl EventBurst {
    /// How many events there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.words.len() / EVENT_WORDS
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Bytes of the arena: of streams, one event's behind those of the one before. [`View::arena`] has them.
    ///
    /// [`View::arena`]: crate::View::arena
    #[must_use]
    pub const fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// The arena piece by piece; `bytes_of` gives what lies in packets.
    pub(crate) fn arena<'a>(
        &'a self,
        bytes_of: impl Fn(&Loan) -> &'a [u8] + 'a,
    ) -> impl Iterator<Item = &'a [u8]> {
        self.pieces.iter().map(move |piece| match piece {
            Piece::Copied(range) => self.copied.get(range.clone()).unwrap_or(&[]),
            Piece::Lent(loan) => bytes_of(loan),
        })
    }

    /// Nothing, with the room that there was.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.copied.clear();
        self.pieces.clear();
        self.arena_len = 0;
    }

    /// Adds bytes to the arena that will not stay where they are.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let from = self.copied.len();
            self.copied.extend_from_slice(bytes);
            self.pieces.push(Piece::Copied(from..self.copied.len()));
            self.arena_len = self.arena_len.saturating_add(bytes.len());
        }
    }

    /// Adds bytes to the arena that stay in their packet.
    pub(crate) fn lend(&mut self, loan: Loan) {
        if loan.len > 0 {
            self.arena_len = self.arena_len.saturating_add(loan.len);
            self.pieces.push(Piece::Lent(loan));
        }
    }

    /// Adds an event, of whose bytes those in the arena from `from` on came with it.
    pub(crate) fn push(&mut self, call: &EventCall, monitor: u8, from: usize) {
        let len = self.arena_len.saturating_sub(from);
        self.words.extend([
            pair(call.id, call.kind),
            pair(call.place, call.states),
            call.flow,
            call.time,
            call.user_context,
            call.argument,
            call.offset,
            pair(call.readable, call.length),
            pair(call.wire_length, call.ports),
            pair(call.sequence, call.acknowledgment),
            pair(call.window, monitor.into()),
            // The arena is far smaller than either half can say.
            pair(u32::try_from(from).unwrap_or(u32::MAX), u32::try_from(len).unwrap_or(u32::MAX)),
        ]);
    }
}

/// A word of two halves, the first one in the low bits.
const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_the_wit_says() {
        let call = EventCall {
            id: 1,
            kind: 2,
            place: 3,
            flow: 4,
            time: 5,
            user_context: 6,
            argument: 7,
            offset: 8,
            readable: 9,
            length: 10,
            wire_length: 11,
            sequence: 12,
            acknowledgment: 13,
            window: 14,
            ports: 15,
            states: 16,
            event: 17,
        };
        let mut burst = EventBurst::default();
        burst.copy(&[0; 5]);
        burst.push(&call, 18, 2);
        let high = |word: u64| word << 32;
        let words = [
            1 | high(2),
            3 | high(16),
            4,
            5,
            6,
            7,
            8,
            9 | high(10),
            11 | high(15),
            12 | high(13),
            14 | high(18),
            2 | high(3),
        ];
        assert_eq!(burst.words, words);
        assert_eq!((words.len(), burst.len()), (EVENT_WORDS, 1));
        burst.clear();
        assert_eq!((burst.is_empty(), burst.arena_len()), (true, 0));
    }
}
