//! Bytes that stay in their packet until the burst is done with.
//!
//! A handler that is told of a burst's events with their bytes reads what lies in the packets of that burst. So these
//! bytes are not stored when their packet has been taken: they stay lent, until the handler has them or somebody else
//! is about to ask for the stream. Whoever does calls [`Engine::take_back_loans`] first, which stores them as would
//! have been done at once.

use super::Engine;
use crate::Direction;
use crate::view::Loan;

impl Engine {
    /// Leaves what the current packet lends where it is, if a call at the end of the burst brings it; false if it has
    /// to be stored.
    #[inline]
    pub(super) fn leave_lent(&mut self, index: u32, loan: Option<Loan>) -> bool {
        let is_awaited = std::mem::take(&mut self.view.later.awaits_bytes);
        match (loan, self.view.flows.get(index)) {
            (Some(loan), Some(flow)) if is_awaited && flow.keeps_nothing(loan.direction) => {
                self.view.later.lend(flow.id(index), loan);
                true
            }
            _ => false,
        }
    }

    /// Stores what is lent of a flow, before its streams are asked for anything or changed.
    #[inline]
    pub(super) fn take_back_loans(&mut self, index: u32) {
        if !self.view.later.lent.is_empty() {
            self.store_loans_of(index);
        }
    }

    #[inline(never)]
    fn store_loans_of(&mut self, index: u32) {
        let Some(id) = self.view.flows.get(index).map(|flow| flow.id(index)) else { return };
        while let Some(loan) = self.view.later.take_loan(id) {
            self.keep_wanted(index, loan.direction, Some(loan));
        }
    }

    /// Whether bytes of a stream are lent.
    pub(super) fn is_lent(&self, index: u32, direction: Direction) -> bool {
        let id = self.view.flows.get(index).map(|flow| flow.id(index));
        id.is_some_and(|id| self.view.later.loan_of(id, direction).is_some())
    }

    /// The same for all flows: before a tenant may select any.
    pub(super) fn take_back_all_loans(&mut self) {
        while let Some((id, loan)) = self.view.later.lent.pop() {
            // Of a flow that is gone nothing is wanted.
            if let Some(index) = self.view.flows.resolve(id) {
                self.keep_wanted(index, loan.direction, Some(loan));
            }
        }
    }
}
