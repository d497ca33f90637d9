//! Events of deferred handlers, many in one call of the host: unpacked one after the other, so that a handler cannot
//! tell it from a call for each.

use core::cell::{Cell, RefCell};
use core::ops::Range;

use crate::bindings::sluice::middlebox::event as raw;
use crate::event::{Event, Scalars};
use crate::kind::Direction;

/// Words that tell of one event, as the world has it.
const EVENT_WORDS: usize = 12;

/// Place of the user context among them.
const USER_CONTEXT: usize = 4;

std::thread_local! {
    static IS_AT_HAND: Cell<bool> = const { Cell::new(false) };
}

/// Whether events of a burst are being handled: a flow cannot be chosen then, as in every handler of an event.
pub(crate) fn is_at_hand() -> bool {
    IS_AT_HAND.get()
}

/// The events of a burst, and which of them is being handled.
#[derive(Debug)]
pub(crate) struct Burst {
    words: RefCell<Vec<u64>>,
    arena: Vec<u8>,
    /// Place of the event.
    place: u32,
    /// Its flow and monitor.
    whose: (u64, u32),
    direction: Direction,
    /// Where its bytes that are unread lie in the arena.
    unread: Cell<(usize, usize)>,
    /// Whether bytes came with it, and whether there are more that did not.
    brings: bool,
    lacks: bool,
    /// Whether the host knows that calls are about this event.
    is_current: Cell<bool>,
    /// Events that may not be told any more, one bit each.
    doubtful: Cell<u64>,
}

impl Event {
    /// The events of a burst, before the first of them.
    pub(crate) fn of_burst(words: Vec<u64>, arena: Vec<u8>) -> Self {
        let mut event = Self::from_scalars(Scalars::default());
        event.flow.burst = Some(Burst {
            words: RefCell::new(words),
            arena,
            place: u32::MAX,
            whose: (0, 0),
            direction: Direction::ToServer,
            unread: Cell::new((0, 0)),
            brings: false,
            lacks: false,
            is_current: Cell::new(false),
            doubtful: Cell::new(0),
        });
        event
    }

    /// Goes on to the next event that is to be handled; gives its place and the number of the handler.
    fn next(&mut self) -> Option<(u32, u32)> {
        self.forget_data();
        let burst = self.flow.burst.as_mut()?;
        loop {
            let (id, scalars) = burst.load()?;
            // The host knows whether the monitor wants no more of the flow.
            let is_doubtful = burst.doubtful.get() >> burst.place & 1 != 0;
            burst.is_current.set(is_doubtful);
            if !is_doubtful || raw::select(burst.place).is_ok() {
                self.scalars = scalars;
                return Some((burst.place, id));
            }
        }
    }

    /// Calls `handle` with each event and the number of its handler; gives a bit for each for which it said yes.
    pub(crate) fn for_each(mut self, mut handle: impl FnMut(u32, &Self) -> bool) -> u64 {
        IS_AT_HAND.set(true);
        let mut bits = 0;
        while let Some((place, handler)) = self.next() {
            bits |= u64::from(handle(handler, &self)) << (place & 63);
        }
        IS_AT_HAND.set(false);
        bits
    }
}

impl Burst {
    /// Unpacks the words of the next event.
    fn load(&mut self) -> Option<(u32, Scalars)> {
        self.place = self.place.wrapping_add(1);
        let words = self.words.get_mut();
        let (events, _) = words.as_chunks::<EVENT_WORDS>();
        let event = events.get(self.place as usize)?;
        let [first, second, flow, time, user_context, argument, offset, bytes, wire, numbers, window, range] =
            *event;
        let ((id, kind), (place, states)) = (halves(first), halves(second));
        let ((readable, length), (wire_length, ports)) = (halves(bytes), halves(wire));
        let ((sequence, acknowledgment), (window, monitor)) = (halves(numbers), halves(window));
        let (from, len) = halves(range);
        self.whose = (flow, monitor);
        self.direction = Direction::of_place(place);
        self.unread.set((from as usize, (from as usize).saturating_add(len as usize)));
        (self.brings, self.lacks) = (len > 0, len < readable);
        let scalars = Scalars {
            kind,
            place,
            flow,
            time,
            user_context,
            argument,
            offset,
            readable,
            length,
            wire_length,
            sequence,
            acknowledgment,
            window,
            ports,
            states,
        };
        Some((id, scalars))
    }

    /// Makes this event the one that calls to the host are about.
    pub(crate) fn be_current(&self) {
        if !self.is_current.replace(true) {
            // Where it fails the event has no flow, and calls about one are answered so.
            let _answered_by_those = raw::select(self.place);
        }
    }

    /// Bytes of a direction that came with the event and are unread.
    pub(crate) fn unread(&self, direction: Direction) -> &[u8] {
        let (from, to) = self.unread.get();
        if direction == self.direction { self.bytes(from..to) } else { &[] }
    }

    /// Notes that so many of them were read, and gives these.
    pub(crate) fn read(&self, direction: Direction, max: usize) -> &[u8] {
        let bytes = self.unread(direction);
        let bytes = bytes.get(..max).unwrap_or(bytes);
        let (from, to) = self.unread.get();
        self.unread.set((from.saturating_add(bytes.len()), to));
        bytes
    }

    /// All bytes that came with the event, if they are unread and all there are: where they lie. They are read then.
    pub(crate) fn read_whole(&self) -> Option<Range<usize>> {
        let (from, to) = self.unread.get();
        if !self.brings || self.lacks {
            return None;
        }
        self.unread.set((to, to));
        Some(from..to)
    }

    /// Bytes of the arena.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.arena.get(range).unwrap_or(&[])
    }

    /// Whether bytes of a direction may be readable that did not come with the event.
    pub(crate) fn may_lack(&self, direction: Direction) -> bool {
        direction != self.direction || self.lacks || !self.brings
    }

    /// The events behind this one that are told to the same monitor about the same flow have another user context.
    pub(crate) fn set_user_context(&self, value: u64) {
        let mut words = self.words.borrow_mut();
        let (events, _) = words.as_chunks_mut::<EVENT_WORDS>();
        for event in events.iter_mut().skip(self.place as usize).skip(1) {
            if whose(event) == self.whose {
                event[USER_CONTEXT] = value;
            }
        }
    }

    /// They are perhaps not to be told.
    pub(crate) fn doubt(&self) {
        let words = self.words.borrow();
        let (events, _) = words.as_chunks::<EVENT_WORDS>();
        let others = (0..64).zip(events).filter(|(_, event)| whose(event) == self.whose);
        self.doubtful.set(others.fold(self.doubtful.get(), |bits, (place, _)| bits | 1 << place));
    }
}

/// Flow and monitor of an event.
const fn whose(event: &[u64; EVENT_WORDS]) -> (u64, u32) {
    (event[2], halves(event[10]).1)
}

/// The low and the high half of a word.
const fn halves(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event with this handler, flow and range of bytes, of which so many are readable.
    fn event(handler: u32, flow: u64, (from, len): (u64, u64), readable: u64) -> [u64; EVENT_WORDS] {
        let place = 1 << 12;
        [handler.into(), place, flow, 3, 4, 5, 6, readable | 8 << 32, 0, 0, 7 << 32, from | len << 32]
    }

    #[test]
    fn events_are_unpacked_with_their_bytes_and_answers_are_bits() {
        let words = [event(1, 10, (0, 3), 3), event(2, 11, (3, 0), 0), event(3, 10, (3, 2), 2)].concat();
        let mut told = Vec::new();
        let bits = Event::of_burst(words, b"abcde".to_vec()).for_each(|handler, event| {
            assert!(is_at_hand());
            let bytes = if handler == 2 { Vec::new() } else { event.data().unwrap().to_vec() };
            told.push((handler, event.offset(), event.length(), bytes));
            handler != 2
        });
        assert_eq!(bits, 0b101);
        let want = |handler, bytes: &[u8]| (handler, 6, 8, bytes.to_vec());
        assert_eq!(told, [want(1, b"abc"), want(2, b""), want(3, b"de")]);
        assert!(!is_at_hand());
    }

    #[test]
    fn bytes_are_read_once_and_in_pieces_if_so_asked() {
        let words = event(1, 10, (0, 5), 5).to_vec();
        Event::of_burst(words, b"abcde".to_vec()).for_each(|_, event| {
            let mut buffer = vec![9; 3];
            let burst = event.flow.burst.as_ref().unwrap();
            assert_eq!(burst.unread(Direction::ToServer), b"");
            assert_eq!(event.flow.peek_up_to(2, Direction::ToClient, &mut buffer), Ok(&b"ab"[..]));
            assert_eq!(event.peek(&mut buffer), Ok(&b"cde"[..]));
            assert_eq!(event.peek(&mut buffer), Ok(&b""[..]));
            assert_eq!(event.data(), Ok(&b""[..]));
            false
        });
    }

    #[test]
    fn the_whole_of_an_event_is_the_same_however_often_it_is_asked_for() {
        let words = [event(1, 10, (0, 2), 2), event(1, 10, (2, 2), 2)].concat();
        let mut told = Vec::new();
        Event::of_burst(words, b"abcd".to_vec()).for_each(|_, event| {
            told.push([event.data().unwrap().to_vec(), event.data().unwrap().to_vec()]);
            false
        });
        assert_eq!(told, [[b"ab".to_vec(), b"ab".to_vec()], [b"cd".to_vec(), b"cd".to_vec()]]);
    }

    #[test]
    fn a_user_context_shows_in_the_events_that_follow_of_its_flow() {
        let words = [10, 10, 11, 10].map(|flow| event(1, flow, (0, 0), 0)).concat();
        let mut told = Vec::new();
        Event::of_burst(words, Vec::new()).for_each(|_, event| {
            told.push(event.user_context());
            if told.len() == 2 {
                event.flow.burst.as_ref().unwrap().set_user_context(77);
            }
            false
        });
        assert_eq!(told, [4, 4, 4, 77]);
    }

    #[test]
    fn words_that_no_host_sends_do_no_harm() {
        let words =
            [event(1, 10, (u64::from(u32::MAX), u64::from(u32::MAX)), 1).to_vec(), vec![1; 7]].concat();
        let mut calls = 0;
        Event::of_burst(words, vec![1; 4]).for_each(|_, event| {
            calls += 1;
            assert_eq!(event.flow.burst.as_ref().unwrap().unread(Direction::ToClient), b"");
            true
        });
        assert_eq!(calls, 1);
    }
}
