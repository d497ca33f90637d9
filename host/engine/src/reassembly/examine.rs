//! What a segment repeats, and whether it says the same.

use super::{Difference, Level, Payload, Stream};

/// What a segment repeats, found before anything changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Examined {
    /// First byte that came again, and how far the repetition reaches.
    pub repeated: Option<(u64, u64)>,
    /// Where the repeated bytes differ from those held.
    pub conflict: Option<Difference>,
    /// Repeated bytes that are not held any more and could not be compared.
    pub unverifiable: u64,
}

impl Stream {
    /// What a payload repeats, without changing anything.
    #[must_use]
    pub fn examine(&self, payload: Payload<'_>) -> Examined {
        if self.level != Level::Full {
            return Examined::default();
        }
        let start = u64::try_from(payload.offset).unwrap_or(0);
        let end = payload.end();
        let mut examined = Examined::default();
        let in_order_end = end.min(self.next());
        if start < in_order_end {
            examined.repeated = Some((start, in_order_end));
            self.compare_kept(start, in_order_end, payload, &mut examined);
        }
        if let Some(ahead) = self.ahead().filter(|ahead| !ahead.is_empty() && end > self.next()) {
            let from = start.max(self.next());
            let (held, difference) = ahead.compare(from, payload.captured(from, end));
            if let Some((first, last)) = held {
                examined.repeated = Some((examined.repeated.map_or(first, |(first, _)| first), last));
            }
            examined.conflict = match (examined.conflict, difference) {
                (Some(first), second) => Some(first.join(second)),
                (None, second) => second,
            };
        }
        examined
    }

    fn compare_kept(&self, start: u64, end: u64, payload: Payload<'_>, examined: &mut Examined) {
        let mut offset = start;
        while offset < end {
            let max = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let (first, second) = self.kept().map_or((&[][..], &[][..]), |kept| kept.read(offset, max));
            if first.is_empty() && second.is_empty() {
                let resume = self.kept().map_or(end, |kept| kept.skip_gap(offset).max(kept.start()).min(end));
                let resume = if resume > offset { resume } else { end };
                examined.unverifiable = examined.unverifiable.saturating_add(resume - offset);
                offset = resume;
                continue;
            }
            for piece in [first, second] {
                let again = payload.captured(offset, offset.saturating_add(piece.len() as u64));
                let difference = Difference::between(offset, piece, again);
                examined.conflict = match examined.conflict {
                    Some(known) => Some(known.join(difference)),
                    None => difference,
                };
                offset = offset.saturating_add(piece.len() as u64);
            }
        }
    }
}
