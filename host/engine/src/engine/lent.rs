//! Bytes that stay in their packets until the burst is done with.
//!
//! A handler that is told of a burst's events with their bytes reads what lies in the packets of that burst. So these
//! bytes are not stored when their packet has been taken: they stay lent, until the handler has them or somebody else
//! is about to ask for the stream. Whoever does calls [`Engine::take_back_loans`] first, which stores them as would
//! have been done at once. Nothing is kept of a stream of which bytes are lent, and they end where it goes on.

use super::Engine;
use crate::Direction;
use crate::flow::FlowId;
use crate::limits::LOANS_PER_BURST;
use crate::view::Loan;

impl Engine {
    /// All that is lent of a stream once `loan` is, as one; `None` if it has to be stored: no call at the end of the
    /// burst brings it, or something is kept of the stream.
    #[inline]
    pub(super) fn lendable(&mut self, index: u32, loan: Option<Loan>) -> Option<(FlowId, Loan)> {
        let later = &mut self.view.later;
        if !std::mem::take(&mut later.awaits_bytes) || later.lent.len() >= LOANS_PER_BURST {
            return None;
        }
        let (loan, flow) = (loan?, self.view.flows.get(index)?);
        let id = flow.id(index);
        let first = self.view.later.loans_of(id, loan.direction).next().unwrap_or(loan);
        let before = loan.offset.checked_sub(first.offset)?;
        let len = usize::try_from(before).ok()?.checked_add(loan.len)?;
        flow.keeps_nothing(loan.direction).then_some((id, Loan { len, ..first }))
    }

    /// Stores what is lent of a flow, before its streams are asked for anything; whether there was something.
    #[inline]
    pub(super) fn take_back_loans(&mut self, index: u32) -> bool {
        !self.view.later.lent.is_empty() && self.store_loans_of(index)
    }

    #[inline(never)]
    fn store_loans_of(&mut self, index: u32) -> bool {
        let Some(id) = self.view.flows.get(index).map(|flow| flow.id(index)) else { return false };
        let loans = self.view.later.take_loans(id);
        for loan in &loans {
            self.keep_wanted(index, loan.direction, Some(*loan));
        }
        !loans.is_empty()
    }

    /// The same for all flows: before a tenant may select any.
    pub(super) fn take_back_all_loans(&mut self) {
        let mut lent = std::mem::take(&mut self.view.later.lent);
        for (id, loan) in lent.drain(..) {
            // Of a flow that is gone nothing is wanted.
            if let Some(index) = self.view.flows.resolve(id) {
                self.keep_wanted(index, loan.direction, Some(loan));
            }
        }
        self.view.later.lent = lent;
    }

    /// Whether bytes of a stream are lent.
    pub(super) fn is_lent(&self, index: u32, direction: Direction) -> bool {
        let id = self.view.flows.get(index).map(|flow| flow.id(index));
        id.is_some_and(|id| self.view.later.loans_of(id, direction).next().is_some())
    }
}
