//! How long a host takes to answer, as seen from here.

use crate::Nanos;

/// Round-trip times from the observer to a host and back: from a segment for it passing here to the ACK by it that
/// covers the segment passing here. The host's delayed ACKs are in it; the way between the observer and the other host
/// is not: the round trip of the connection is the sum of both sides'.
///
/// One segment of each direction is timed at once, never one of which a byte was sent twice (Karn's algorithm, RFC
/// 6298 section 3). Smoothed as RFC 6298 section 2 does. All in nanoseconds of packet time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RoundTrips {
    /// How many were measured.
    pub samples: u32,
    /// The one of the handshake: SYN to SYN-ACK for the server, SYN-ACK to ACK for the client; 0 if not measured.
    pub handshake: u64,
    /// The last one.
    pub latest: u64,
    /// The shortest one.
    pub shortest: u64,
    /// SRTT.
    pub smoothed: u64,
    /// RTTVAR.
    pub variation: u64,
}

impl RoundTrips {
    fn add(&mut self, time: u64) {
        if self.samples == 0 {
            (self.shortest, self.smoothed, self.variation) = (time, time, time / 2);
        } else {
            let off = self.smoothed.abs_diff(time);
            self.variation = self.variation.saturating_sub(self.variation / 4).saturating_add(off / 4);
            self.smoothed = self.smoothed.saturating_sub(self.smoothed / 8).saturating_add(time / 8);
            self.shortest = self.shortest.min(time);
        }
        self.latest = time;
        self.samples = self.samples.saturating_add(1);
    }
}

/// The segment of a host that waits for its ACK.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timed {
    waiting: Option<(i64, Nanos)>,
}

impl Timed {
    /// A segment with something new, up to `end`, passed.
    pub(super) fn start(&mut self, end: i64, now: Nanos) {
        if self.waiting.is_none() {
            self.waiting = Some((end, now));
        }
    }

    /// Something was sent again: an ACK may be for either copy.
    pub(super) fn cancel(&mut self) {
        self.waiting = None;
    }

    /// The peer acknowledged everything before `position`.
    pub(super) fn acknowledge(&mut self, position: i64, now: Nanos, answers: &mut RoundTrips) {
        let Some((end, sent)) = self.waiting.filter(|(end, _)| *end <= position) else { return };
        self.waiting = None;
        let time = now.0.saturating_sub(sent.0);
        answers.add(time);
        // A SYN without data ends at position 1.
        if end == 1 {
            answers.handshake = time;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_is_that_of_rfc_6298() {
        let (mut timed, mut answers) = (Timed::default(), RoundTrips::default());
        timed.start(1, Nanos(1000));
        timed.acknowledge(1, Nanos(1800), &mut answers);
        let first = RoundTrips {
            samples: 1,
            handshake: 800,
            latest: 800,
            shortest: 800,
            smoothed: 800,
            variation: 400,
        };
        assert_eq!(answers, first);
        timed.start(101, Nanos(2000));
        timed.start(201, Nanos(2010));
        timed.acknowledge(50, Nanos(2100), &mut answers);
        timed.acknowledge(201, Nanos(3600), &mut answers);
        let second = RoundTrips { samples: 2, latest: 1600, smoothed: 900, variation: 500, ..first };
        assert_eq!(answers, second);
    }

    #[test]
    fn what_was_sent_twice_is_not_measured() {
        let (mut timed, mut answers) = (Timed::default(), RoundTrips::default());
        timed.start(11, Nanos(0));
        timed.cancel();
        timed.acknowledge(11, Nanos(500), &mut answers);
        assert_eq!(answers, RoundTrips::default());
    }
}
