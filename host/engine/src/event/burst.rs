//! Many events in one call: what `burst` is called with.

use crate::event::EventCall;

/// Words that tell of one event; their layout is described in the WIT.
pub const EVENT_WORDS: usize = 12;

/// What a tenant is told in one call: events, and the bytes that became readable with them.
///
/// The engine fills one and uses it again, so that nothing is allocated once it has grown. Who is called may take the
/// lists out, and leave others in their place: they are cleared before they are filled.
#[derive(Debug, Default)]
pub struct EventBurst {
    /// [`EVENT_WORDS`] for each event, in the order in which the events were put off.
    pub words: Vec<u64>,
    /// Bytes of streams, one event's behind those of the one before.
    pub arena: Vec<u8>,
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

    /// Nothing, with the room that there was.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.arena.clear();
    }

    /// Adds an event, of whose bytes those in the arena from `from` on came with it.
    pub(crate) fn push(&mut self, call: &EventCall, monitor: u8, from: usize) {
        let len = self.arena.len().saturating_sub(from);
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
        let mut burst = EventBurst { words: Vec::new(), arena: vec![0; 5] };
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
        assert!(burst.is_empty() && burst.arena.is_empty());
    }
}
