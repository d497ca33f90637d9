//! What became of a segment's payload.

use smallvec::SmallVec;

/// Progress of a stream, in the order in which readers see it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Bytes became readable.
    Data {
        /// First of them.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Bytes are missing for good.
    Gap {
        /// First of them.
        offset: u64,
        /// How many.
        len: u64,
    },
}

/// What became of a segment's payload.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// Progress, in stream order.
    pub steps: SmallVec<[Step; 2]>,
    /// Set when the readable bytes are not stored but lie in the packet: where in `Payload::bytes` they begin.
    pub loan_from: Option<usize>,
    /// Bytes that were there already.
    pub duplicate: u64,
    /// Bytes that are held behind a hole now.
    pub buffered: u64,
    /// Bytes that were held behind a hole and that bytes of this segment have replaced.
    pub replaced: u64,
    /// Urgent bytes that were left out of the stream.
    pub urgent: u64,
    /// Bytes before the beginning of the stream.
    pub before_start: u64,
    /// Bytes behind the sender's FIN.
    pub after_fin: u64,
    /// Bytes that the snap length cut off.
    pub cut: u64,
    /// Bytes that no limit had room for.
    pub refused: u64,
}

impl Accepted {
    /// Bytes became readable; those that continue what became readable just before are told of together.
    pub(super) fn add_data(&mut self, from: u64, len: u64) {
        match self.steps.last_mut() {
            _ if len == 0 => {}
            Some(Step::Data { offset, len: known }) if offset.saturating_add(*known) == from => *known += len,
            _ => self.steps.push(Step::Data { offset: from, len }),
        }
    }
}

/// What became of a payload of which nobody wants the bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counted {
    /// Bytes seen for the first time.
    pub delivered: u64,
    /// Bytes before the furthest one seen.
    pub duplicate: u64,
    /// Bytes between the furthest one seen before and these.
    pub skipped: u64,
    /// Bytes before the beginning of the stream.
    pub before_start: u64,
    /// Bytes behind the sender's FIN.
    pub after_fin: u64,
}
