//! Reading a stream where it lies, with something that an embedding keeps for the next time.

use std::any::Any;

use super::{PeekError, View};
use crate::{Direction, Refusal};

/// What a reader is lent.
#[derive(Debug)]
pub struct Unread<'a> {
    /// Stream offset of the first byte.
    pub offset: u64,
    /// The bytes, one piece behind the other; any of them may be empty.
    pub pieces: [&'a [u8]; 3],
    /// What the embedding has kept with the flow for this monitor and direction, or nothing yet. Dropped with the
    /// flow's buffers, and with the tenant.
    pub kept: Option<&'a mut Box<dyn Any>>,
}

impl View {
    /// Lends the next bytes in order of the current monitor, all that [`View::peek`] could give, and moves its
    /// position behind them. What `read` gives beside its answer is kept with the flow, if nothing was before.
    ///
    /// # Errors
    ///
    /// [`PeekError`]; [`Refusal::NotAllowed`] in a filter; what `read` refuses. The position stays if it was refused.
    pub fn read_with<R>(
        &mut self,
        direction: Direction,
        read: impl FnOnce(Unread<'_>) -> Result<(R, Option<Box<dyn Any>>), Refusal>,
    ) -> Result<R, PeekError> {
        self.may_change()?;
        let (index, position) = self.current.flow.ok_or(Refusal::NoFlow)?;
        let offset = match self.next_unread(direction) {
            Ok((_, offset)) => offset,
            Err(error) => return Err(self.step_over_missed(direction, error)),
        };
        // Out of the flow while its bytes are lent.
        let slots = self.flows.get_mut(index).and_then(|flow| flow.slots_mut().map(std::mem::take));
        let mut slots = slots.unwrap_or_default();
        let (stream, _) = self.reader(direction)?;
        let pieces = self.held(stream, direction, offset, usize::MAX);
        let len = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let answer = read(Unread { offset, pieces, kept: slots.get_mut(position, direction) });
        let answer = answer.map(|(answer, new)| {
            if let Some(new) = new.filter(|_| slots.get_mut(position, direction).is_none()) {
                slots.insert(position, direction, new);
            }
            answer
        });
        if let Some(flow) = self.flows.get_mut(index) {
            flow.put_slots(slots);
        }
        let answer = answer?;
        self.move_cursor(direction, offset.saturating_add(len));
        self.bytes_read = self.bytes_read.saturating_add(len);
        Ok(answer)
    }
}
