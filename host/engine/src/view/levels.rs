//! What the current monitor wants of the current flow.

use super::View;
use crate::event::TenantId;
use crate::flow::Attachment;
use crate::reassembly::Level;
use crate::{Direction, Refusal, Sides};

impl View {
    /// Whether the current monitor reads a direction, as of the beginning of the pass or of [`View::select_flow`].
    pub(super) fn reads(&self, direction: Direction) -> bool {
        self.current.levels[direction.index()] == Level::Full
    }

    /// Notes what the current monitor wants of the current flow: that counts until the call is over.
    pub(super) fn snapshot_levels(&mut self) {
        if let Some((_, attachment)) = self.current_attachment() {
            self.current.levels = Direction::BOTH.map(|direction| attachment.level(direction));
        }
    }

    /// The part that the current monitor is shown of `len` bytes at `offset`, if it reads the direction.
    pub(crate) fn clip(&self, direction: Direction, offset: u64, len: u32) -> Option<(u64, u32)> {
        let (_, attachment) = self.current_attachment().filter(|_| self.reads(direction))?;
        let (offset, len) = attachment.clip(direction, offset, u64::from(len))?;
        Some((offset, u32::try_from(len).unwrap_or(u32::MAX)))
    }

    /// No more events of the current flow at these sides for the current monitor, from the next pass on, and no more
    /// bytes of the streams that they receive. Once both are stopped, the end of the flow is not told either.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotAllowed`] in a filter.
    pub fn stop_monitoring(&mut self, sides: Sides) -> Result<(), Refusal> {
        self.attachment_to_change()?.stopped.insert(sides);
        self.note_change();
        Ok(())
    }

    /// How much the current monitor wants of a direction of the current flow, from the next pass on.
    ///
    /// One that begins to read a direction begins at its next byte: behind the furthest one seen. What is missing
    /// before that is not waited for on its behalf, and what others have kept of it is not shown to it. One that reads
    /// no longer leaves its bytes behind.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotAllowed`] in a filter.
    pub fn set_level(&mut self, direction: Direction, level: Level) -> Result<(), Refusal> {
        let seen = self.flow()?.stream(direction).seen();
        let attachment = self.attachment_to_change()?;
        let before = std::mem::replace(&mut attachment.levels[direction.index()], level);
        if before != Level::Full && level == Level::Full {
            attachment.begin_at(direction, seen);
        }
        self.note_change();
        Ok(())
    }

    /// A tenant wants no more events of a flow.
    pub(crate) fn stop_tenant(&mut self, index: u32, tenant: TenantId) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        let mut is_changed = false;
        for attachment in flow.attachments.iter_mut().filter(|attachment| attachment.tenant == tenant) {
            attachment.stopped = Sides::BOTH;
            is_changed = true;
        }
        if is_changed && !std::mem::replace(&mut flow.marks.stale, true) {
            self.stale.push(index);
        }
    }

    /// What the current monitor wants of the current flow has changed.
    pub(super) fn note_change(&mut self) {
        let Some((index, _)) = self.current.flow else { return };
        let Some(flow) = self.flows.get_mut(index) else { return };
        if !std::mem::replace(&mut flow.marks.stale, true) {
            self.stale.push(index);
        }
    }

    /// The record of the current monitor with the current flow, to change.
    pub(super) fn attachment_to_change(&mut self) -> Result<&mut Attachment, Refusal> {
        self.may_change()?;
        let (index, position) = self.current.flow.ok_or(Refusal::NoFlow)?;
        self.flows.get_mut(index).and_then(|flow| flow.attachments.get_mut(position)).ok_or(Refusal::NoFlow)
    }
}
