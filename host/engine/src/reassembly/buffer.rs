//! What a stream holds in memory, beside where it stands.

use sluice_wire::SeqNumber;

use super::{Ahead, Budget, Claims, Kept};
use crate::Nanos;

/// Bytes of a stream that are held, and what is waited for. Only streams that need one have one.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Bytes in order.
    pub(super) kept: Kept,
    /// Bytes behind holes.
    pub(super) ahead: Ahead,
    /// Data that came with a SYN.
    pub(super) syn_data: Box<[u8]>,
    /// Sequence number of the first byte of `syn_data`.
    pub(super) syn_data_from: SeqNumber,
    /// The byte that an urgent pointer marks.
    pub(super) urgent: Option<u64>,
    /// When and up to where missing bytes are given up, if some are known to be missing.
    pub(super) wait: Option<Wait>,
    /// Where the stream stood when a sweep for holes met it last.
    pub(super) met: Option<u64>,
    /// Who wants what is kept.
    pub(super) claims: Claims,
    /// Bytes and segments that the budget counts for it.
    pub(super) charged: (usize, usize),
}

impl Buffer {
    /// Memory apart from that of `kept`.
    pub(super) fn fixed_cost(&self) -> usize {
        size_of::<Self>().saturating_add(self.ahead.cost()).saturating_add(self.syn_data.len())
    }

    /// Tells the budget what the buffer takes now.
    pub(super) fn recharge(&mut self, budget: &mut Budget) {
        let charge = (self.fixed_cost().saturating_add(self.kept.memory()), self.ahead.segments());
        let before = std::mem::replace(&mut self.charged, charge);
        budget.adjust(before.0, charge.0);
        budget.adjust_segments(before.1, charge.1);
    }

    /// Whether nothing is held and nothing is waited for.
    pub(super) fn is_idle(&self) -> bool {
        self.kept.is_empty() && self.is_plain()
    }

    /// Whether nothing is held but bytes in order, and nothing is waited for.
    pub(super) fn is_plain(&self) -> bool {
        self.ahead.is_empty() && self.syn_data.is_empty() && self.urgent.is_none() && self.wait.is_none()
    }
}

/// The wait for bytes that the receiver acknowledged and nobody saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) deadline: Nanos,
    pub(super) until: u64,
}
