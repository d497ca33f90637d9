//! What the current monitor wants of the current flow.

use super::View;
use crate::event::{EventKind, Raised, TenantId};
use crate::flow::{Attachment, Kib};
use crate::reassembly::{Level, OverlapPolicy, Payload};
use crate::{Direction, Refusal, Sides};

impl View {
    /// Whether the current monitor reads a direction, as of the beginning of the pass or of [`View::select_flow`].
    pub(super) fn reads(&self, direction: Direction) -> bool {
        self.current.levels[direction.index()] == Level::Full
    }

    /// Notes what the current monitor wants of the current flow: that counts until the call is over.
    pub(super) fn snapshot_levels(&mut self) {
        let Some((index, position)) = self.current.flow else { return };
        let flow = self.flows.get(index);
        if let Some(attachment) = flow.and_then(|flow| flow.attachments.get(position)) {
            self.current.levels = Direction::BOTH.map(|direction| attachment.level(direction));
        }
    }

    /// Where the bytes are that an event is about, and how many, as the current monitor is shown it; `None` if it is
    /// shown nothing.
    ///
    /// Events of bytes are for those who read the direction. What became readable or is missing before a monitor began
    /// to read is nothing to it, and what a repetition is compared with is what is held for the monitor.
    pub(crate) fn shown(&self, raised: &Raised, direction: Direction) -> Option<(u64, u32)> {
        let whole = Some((raised.offset, raised.length));
        let reads = self.reads(direction);
        match raised.kind {
            EventKind::PacketIn
            | EventKind::ConnStart
            | EventKind::StateChange
            | EventKind::NewData
            | EventKind::Gap
            | EventKind::ConnEnd
            | EventKind::Orphan => shown_to(self.attachment().filter(|_| reads), raised, direction),
            // Without bytes to compare with, only a SYN or FIN is known to be a repetition.
            EventKind::Rexmit => whole.filter(|_| raised.length == 0 || reads),
            EventKind::Error => whole.filter(|_| reads),
            EventKind::Conflict => {
                let floor = self.attachment().filter(|_| reads)?.floor[direction.index()];
                if floor <= raised.offset { whole } else { self.conflict_from(floor, direction) }
            }
        }
    }

    /// Where the current packet differs from what is held of a direction from `floor` on.
    fn conflict_from(&self, floor: u64, direction: Direction) -> Option<(u64, u32)> {
        let packet = self.packet.as_ref()?;
        let tcp = packet.headers.tcp()?;
        let stream = self.flow().ok()?.stream(direction);
        let from = stream.offset_of(tcp.seq);
        let payload = tcp.payload(self.frame(packet.slot)?.bytes);
        let skipped = i64::try_from(floor).ok()?.checked_sub(from)?;
        let skipped_bytes = usize::try_from(skipped).ok()?;
        let payload = Payload {
            offset: from.saturating_add(skipped),
            bytes: payload.get(skipped_bytes..)?,
            wire_len: tcp.payload_len.checked_sub(u32::try_from(skipped).ok()?)?,
        };
        let conflict = stream.examine(payload).conflict?;
        Some((conflict.offset, u32::try_from(conflict.len).unwrap_or(u32::MAX)))
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

    /// How many bytes in order of a direction are kept that the current monitor has not read; gives the size in force:
    /// whole KiB, rounded up, and no more than [`Limits::kept_bytes`](crate::limits::Limits::kept_bytes).
    ///
    /// # Errors
    ///
    /// [`Refusal::BadArgument`] for 0, [`Refusal::NoFlow`], [`Refusal::NotAllowed`] in a filter.
    pub fn set_size(&mut self, direction: Direction, bytes: u32) -> Result<u32, Refusal> {
        let attachment = self.attachment_to_change()?;
        if bytes == 0 {
            return Err(Refusal::BadArgument);
        }
        let size = Kib::of(bytes);
        attachment.sizes[direction.index()] = size;
        self.note_change();
        Ok(u32::try_from(size.size(&self.limits)).unwrap_or(u32::MAX))
    }

    /// How many bytes in order of a direction are kept behind the current monitor's position, from there on; gives the
    /// number in force: whole KiB, rounded up, and no more than
    /// [`Limits::kept_bytes`](crate::limits::Limits::kept_bytes).
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`], [`Refusal::NotAllowed`] in a filter.
    pub fn set_retain(&mut self, direction: Direction, bytes: u32) -> Result<u32, Refusal> {
        let limits = self.limits;
        let attachment = self.attachment_to_change()?;
        let index = direction.index();
        // What it has not retained until now was gone for it, also if others keep it.
        let retained = attachment.cursor[index].saturating_sub(attachment.retains[index].retain(&limits));
        attachment.lose_until(direction, retained);
        let retain = Kib::of(bytes);
        attachment.retains[index] = retain;
        self.note_change();
        Ok(u32::try_from(retain.retain(&limits)).unwrap_or(u32::MAX))
    }

    /// Which copy of a byte of a direction counts where several came: the operator's decision.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoFlow`].
    pub fn overlap(&self, direction: Direction) -> Result<OverlapPolicy, Refusal> {
        Ok(self.flow()?.stream(direction).rules.overlap)
    }

    /// A tenant wants no more events of a flow.
    pub(crate) fn stop_tenant(&mut self, index: u32, tenant: TenantId) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        let mut slots = flow.slots_mut().map(std::mem::take);
        if let Some(slots) = &mut slots {
            slots.forget(|position| flow.attachments.get(position).is_some_and(|of| of.tenant == tenant));
        }
        flow.put_slots(slots.unwrap_or_default());
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
        let (index, position) = self.current.flow.ok_or(Refusal::NoFlow)?;
        self.may_change()?;
        self.flows.get_mut(index).and_then(|flow| flow.attachments.get_mut(position)).ok_or(Refusal::NoFlow)
    }
}

/// As [`View::shown`], for events that are not about refused or repeated bytes, to a monitor that reads the direction,
/// or to one that does not (`None`).
#[inline]
pub(crate) fn shown_to(
    reader: Option<&Attachment>,
    raised: &Raised,
    direction: Direction,
) -> Option<(u64, u32)> {
    match raised.kind {
        EventKind::PacketIn
        | EventKind::ConnStart
        | EventKind::StateChange
        | EventKind::ConnEnd
        | EventKind::Orphan => Some((raised.offset, raised.length)),
        EventKind::NewData | EventKind::Gap => {
            let (offset, len) = reader?.clip(direction, raised.offset, u64::from(raised.length))?;
            Some((offset, u32::try_from(len).unwrap_or(u32::MAX)))
        }
        EventKind::Rexmit | EventKind::Conflict | EventKind::Error => None,
    }
}
