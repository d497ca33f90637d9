//! The streams of the current flow, as the current monitor may read them.

use super::{Loan, Mode, View};
use crate::flow::{Attachment, Flow};
use crate::limits::FRAGMENTS_LISTED;
use crate::reassembly::{Ahead, Held, Kept, Stream};
use crate::{Direction, Refusal};

/// Why a peek gave no bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PeekError {
    /// Bytes were dropped because the monitor had fallen behind; it stands behind them now.
    #[error("{0} bytes were dropped before they were read")]
    Missed(u64),
    /// The call was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What is held of a direction; see `buffer-info` in the WIT.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BufferInfo {
    /// Where the monitor's next peek begins.
    pub position: u64,
    /// First byte still held in order.
    pub held_from: u64,
    /// The next expected byte.
    pub next: u64,
    /// Behind the furthest byte received; `next` if bytes were given up beyond it.
    pub highest: u64,
    /// Bytes held out of order.
    pub ahead: u64,
}

/// Bytes of a stream that the current monitor may read: where they are, without them.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    direction: Direction,
    offset: u64,
    len: usize,
    /// All of them, if they lie in a packet.
    lent: Option<Loan>,
}

impl Stretch {
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes it is.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl View {
    /// Appends the next bytes in order for the current monitor to `out`, at most `max`, and moves its position.
    ///
    /// # Errors
    ///
    /// [`PeekError`].
    pub fn peek(&mut self, direction: Direction, max: u32, out: &mut Vec<u8>) -> Result<(), PeekError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let (stream, offset) = match self.next_unread(direction) {
            Ok(next) => next,
            Err(error) => return Err(self.step_over_missed(direction, error)),
        };
        let mut len = 0usize;
        for piece in self.held(stream, direction, offset, max) {
            out.extend_from_slice(piece);
            len = len.saturating_add(piece.len());
        }
        self.mark_read(Stretch { direction, offset, len, lent: None });
        Ok(())
    }

    /// What [`View::peek`] would give, for a reader that has to make room for it first: [`View::pieces`] are the
    /// bytes, until something else is asked of the view, and [`View::mark_read`] moves the position.
    ///
    /// # Errors
    ///
    /// [`PeekError`].
    pub fn next_stretch(&mut self, direction: Direction, max: u32) -> Result<Stretch, PeekError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        match self.next_unread(direction) {
            Ok((stream, offset)) => Ok(self.stretch(stream, direction, offset, max)),
            Err(error) => Err(self.step_over_missed(direction, error)),
        }
    }

    /// What is in order at `offset`, at most `max` bytes. Most readers have had all but what lies in the packet.
    #[inline]
    fn stretch(&self, stream: &Stream, direction: Direction, offset: u64, max: usize) -> Stretch {
        if stream.kept().is_none_or(Kept::is_empty)
            && let Some(part) = self.lent_part(direction, offset, max)
        {
            let len = part.bytes_in(self.burst.as_deref()).map_or(0, <[u8]>::len);
            return Stretch { direction, offset, len, lent: Some(part) };
        }
        let len = total(self.held(stream, direction, offset, max));
        Stretch { direction, offset, len, lent: None }
    }

    /// The part of what the current packet lends that begins at `offset`, at most `max` bytes.
    #[inline]
    fn lent_part(&self, direction: Direction, offset: u64, max: usize) -> Option<Loan> {
        let loan = self.loan_of(direction)?;
        let skip = usize::try_from(offset.checked_sub(loan.offset)?).ok()?;
        let visible = self.horizon(direction).saturating_sub(offset);
        let max = max.min(usize::try_from(visible).unwrap_or(usize::MAX));
        Some(loan.part(offset, loan.len.checked_sub(skip)?.min(max)))
    }

    /// Where the current monitor reads on.
    #[inline]
    pub(super) fn next_unread(&self, direction: Direction) -> Result<(&Stream, u64), PeekError> {
        let (stream, attachment) = self.reader(direction)?;
        let offset = self.position(stream, attachment, direction);
        let held_from = self.held_from(stream, attachment, direction);
        if offset < held_from { Err(PeekError::Missed(held_from - offset)) } else { Ok((stream, offset)) }
    }

    /// A monitor that is told what it missed stands behind it.
    #[cold]
    pub(super) fn step_over_missed(&mut self, direction: Direction, error: PeekError) -> PeekError {
        if let PeekError::Missed(_) = error
            && let Ok((stream, attachment)) = self.reader(direction)
        {
            let held_from = self.held_from(stream, attachment, direction);
            self.move_cursor(direction, held_from);
        }
        error
    }

    /// The bytes of a stretch, one piece behind the other; any of them may be empty.
    #[inline]
    #[must_use]
    pub fn pieces(&self, stretch: Stretch) -> [&[u8]; 3] {
        if let Some(part) = stretch.lent {
            return [&[], &[], part.bytes_in(self.burst.as_deref()).unwrap_or(&[])];
        }
        let Stretch { direction, offset, len, .. } = stretch;
        let Ok((stream, _)) = self.reader(direction) else { return [&[]; 3] };
        let in_order = self.held(stream, direction, offset, len);
        if len > 0 && total(in_order) == 0 {
            return [stream.ahead().map_or(&[], |ahead| ahead.read(offset, len)), &[], &[]];
        }
        in_order
    }

    /// Moves the current monitor's position behind a stretch, except in a filter.
    #[inline]
    pub fn mark_read(&mut self, stretch: Stretch) {
        let Stretch { direction, offset, len, .. } = stretch;
        self.move_cursor(direction, offset.saturating_add(len as u64));
        // What a filter looks at is still to be read.
        if self.current.mode != Mode::Filter {
            self.bytes_read = self.bytes_read.saturating_add(len as u64);
        }
    }

    /// Appends bytes at `offset` to `out`, at most `max`, up to the end of the fragment that holds it.
    ///
    /// # Errors
    ///
    /// As [`View::stretch_at`].
    pub fn peek_at(
        &self,
        direction: Direction,
        offset: u64,
        max: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let stretch = self.stretch_at(direction, offset, max)?;
        self.pieces(stretch).into_iter().for_each(|piece| out.extend_from_slice(piece));
        Ok(())
    }

    /// What [`View::peek_at`] would give, for a reader that has to make room for it first: [`View::pieces`] are the
    /// bytes, until something else is asked of the view.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotBuffered`], [`Refusal::NoData`].
    pub fn stretch_at(&self, direction: Direction, offset: u64, max: u32) -> Result<Stretch, Refusal> {
        let (stream, attachment) = self.reader(direction)?;
        if offset < self.held_from(stream, attachment, direction) {
            return Err(Refusal::NoData);
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let in_order = self.stretch(stream, direction, offset, max);
        if in_order.len > 0 || max == 0 {
            return Ok(in_order);
        }
        match stream.ahead().map_or(0, |ahead| ahead.read(offset, max).len()) {
            0 => Err(Refusal::NoData),
            len => Ok(Stretch { direction, offset, len, lent: None }),
        }
    }

    /// Appends (offset, length) of what is held to `out`, ascending.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotBuffered`].
    pub fn fraginfo(&self, direction: Direction, out: &mut Vec<u64>) -> Result<(), Refusal> {
        let (stream, attachment) = self.reader(direction)?;
        let loan = self.loan_of(direction);
        let mut runs: Vec<(u64, u64)> = stream.kept().into_iter().flat_map(Kept::runs).collect();
        if let Some(loan) = loan {
            match runs.last_mut().filter(|(start, len)| start.saturating_add(*len) == loan.offset) {
                Some((_, len)) => *len = len.saturating_add(loan.len as u64),
                None => runs.push((loan.offset, loan.len as u64)),
            }
        }
        let held_from = self.held_from(stream, attachment, direction);
        let ahead = stream.ahead().into_iter().flat_map(Ahead::runs);
        let listed = runs.into_iter().chain(ahead).filter_map(|run| run_from(run, held_from));
        out.extend(listed.take(FRAGMENTS_LISTED).flat_map(|(start, len)| [start, len]));
        Ok(())
    }

    /// What is held of a direction and where the current monitor stands.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotBuffered`].
    pub fn buffer_info(&self, direction: Direction) -> Result<BufferInfo, Refusal> {
        let (stream, attachment) = self.reader(direction)?;
        let position = self.position(stream, attachment, direction);
        let held_from = self.held_from(stream, attachment, direction);
        let ahead = match stream.ahead() {
            // Few monitors begin to read in front of a hole.
            Some(ahead) if ahead.first().is_some_and(|first| first < held_from) => {
                ahead.runs().filter_map(|run| run_from(run, held_from)).map(|(_, len)| len).sum()
            }
            Some(_) | None => stream.waiting(),
        };
        Ok(BufferInfo {
            position,
            held_from,
            next: stream.next().min(self.horizon(direction)).max(position),
            highest: stream.highest(),
            ahead,
        })
    }

    /// Bytes that the monitor's next peek could return.
    #[inline]
    pub(super) fn readable(&self, flow: &Flow, attachment: &Attachment, direction: Direction) -> u32 {
        let stream = flow.stream(direction);
        let position =
            self.position(stream, attachment, direction).max(self.held_from(stream, attachment, direction));
        let kept = stream.kept().map_or((&[][..], &[][..]), |kept| kept.read(position, usize::MAX));
        let mut end = position.saturating_add((kept.0.len() + kept.1.len()) as u64);
        if let Some(loan) = self.loan_of(direction) {
            let loan_end = loan.offset.saturating_add(loan.len as u64);
            if end >= loan.offset && end < loan_end {
                end = loan_end;
            }
        }
        u32::try_from(end.min(self.horizon(direction)).saturating_sub(position)).unwrap_or(u32::MAX)
    }

    /// Where the monitor stands: its cursor, or behind the gap that covers it.
    #[inline]
    pub(super) fn position(&self, stream: &Stream, attachment: &Attachment, direction: Direction) -> u64 {
        let cursor = attachment.cursor[direction.index()];
        let behind_gap = |kept: &Kept| kept.skip_gap(cursor).min(self.horizon(direction)).max(cursor);
        stream.kept().map_or(cursor, behind_gap)
    }

    /// Where reading of a direction ends although there may be more.
    #[inline]
    pub(super) fn horizon(&self, direction: Direction) -> u64 {
        self.horizon.filter(|(of, _)| *of == direction).map_or(u64::MAX, |(_, offset)| offset)
    }

    /// Bytes that lie in the current packet and continue a direction.
    #[inline]
    fn loan_of(&self, direction: Direction) -> Option<&Loan> {
        self.loan.as_ref().filter(|loan| loan.direction == direction)
    }

    /// First byte in order that is still held for the monitor; the next expected byte if none is.
    #[inline]
    pub(super) fn held_from(&self, stream: &Stream, attachment: &Attachment, direction: Direction) -> u64 {
        let lent = self.loan_of(direction).map_or((stream.next(), 0), |loan| (loan.offset, loan.len as u64));
        Held::new(stream.kept(), lent.0, lent.1).start().max(attachment.floor[direction.index()])
    }

    /// Bytes in order at `offset`, at most `max`: two pieces from the buffer, one from the packet that continues it.
    #[inline]
    pub(super) fn held<'v>(
        &'v self,
        stream: &'v Stream,
        direction: Direction,
        offset: u64,
        max: usize,
    ) -> [&'v [u8]; 3] {
        let visible = self.horizon(direction).saturating_sub(offset);
        let max = max.min(usize::try_from(visible).unwrap_or(usize::MAX));
        let (first, second) = stream.kept().map_or((&[][..], &[][..]), |kept| kept.read(offset, max));
        let kept = first.len().saturating_add(second.len());
        [first, second, self.lent(direction, offset.saturating_add(kept as u64), max.saturating_sub(kept))]
    }

    /// Bytes at `offset`, at most `max`, that lie in the current packet and in no buffer.
    fn lent(&self, direction: Direction, offset: u64, max: usize) -> &[u8] {
        let part = self.lent_part(direction, offset, max);
        part.and_then(|part| part.bytes_in(self.burst.as_deref())).unwrap_or(&[])
    }

    /// Moves the current monitor's position, except in a filter.
    pub(super) fn move_cursor(&mut self, direction: Direction, offset: u64) {
        if let Ok(attachment) = self.attachment_to_change() {
            attachment.cursor[direction.index()] = offset;
        }
    }

    /// A stream of the current flow, and the record of the monitor that reads it; refuses where the monitor keeps no
    /// bytes.
    #[inline]
    pub(super) fn reader(&self, direction: Direction) -> Result<(&Stream, &Attachment), Refusal> {
        let (index, position) = self.current.flow.ok_or(Refusal::NoFlow)?;
        let flow = self.flows.get(index).ok_or(Refusal::NoFlow)?;
        if !self.reads(direction) {
            return Err(Refusal::NotBuffered);
        }
        let attachment = flow.attachments.get(position).ok_or(Refusal::NoFlow)?;
        Ok((flow.stream(direction), attachment))
    }
}

/// Bytes of all pieces.
fn total(pieces: [&[u8]; 3]) -> usize {
    pieces.into_iter().fold(0, |sum, piece| sum.saturating_add(piece.len()))
}

/// The part of a run, as offset and length, that lies behind `from`.
fn run_from((start, len): (u64, u64), from: u64) -> Option<(u64, u64)> {
    let end = start.saturating_add(len);
    let start = start.max(from);
    (start < end).then(|| (start, end - start))
}
