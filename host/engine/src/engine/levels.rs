//! How much is done for a flow: the least that serves all its monitors, for each direction, at every moment.
//!
//! A handler that stops, lowers or raises what its monitor wants changes the monitor's record at once, and marks the
//! flow. What is done for the flow follows when the pass is over, before anything else happens to it
//! ([`Engine::settle`]). A stream that nobody reads any more forgets its bytes and is counted from there; one that
//! somebody begins to read is kept from its next byte on.

use super::Engine;
use crate::Direction;
use crate::event::{Handler, interest_of, set_of};
use crate::flow::{EndReason, Flow, Keeps, Kib};
use crate::reassembly::Level;

/// What the monitors of a flow need together.
#[derive(Default)]
struct Needs {
    interest: u32,
    keeps: Keeps,
    levels: [Level; 2],
}

impl Needs {
    /// Writes down with the flow what is looked at for each packet.
    fn note(&self, flow: &mut Flow) {
        (flow.interest, flow.keeps) = (self.interest, self.keeps);
    }
}

impl Engine {
    /// Does for the flows whose monitors have changed their minds what serves them now; false if there was none.
    ///
    /// `tracked` is the flow of the current packet while the packet is on its way: it is not ended in the middle.
    #[inline]
    pub(super) fn settle(&mut self, tracked: Option<u32>, handler: &mut dyn Handler) -> bool {
        !self.view.stale.is_empty() && self.settle_stale(tracked, handler)
    }

    #[cold]
    fn settle_stale(&mut self, tracked: Option<u32>, handler: &mut dyn Handler) -> bool {
        // No packet makes what follows from this happen.
        let packet = self.view.packet.take();
        while let Some(index) = self.view.stale.pop() {
            let Some(flow) = self.view.flows.get_mut(index).filter(|flow| flow.marks.stale) else { continue };
            flow.marks.stale = false;
            self.serve(index, handler);
            let has_ended = |flow: &Flow| flow.is_over() && flow.end.is_none();
            if Some(index) != tracked && self.view.flows.get(index).is_some_and(has_ended) {
                self.end_flow(index, EndReason::Closed, self.view.clock, handler);
            }
        }
        self.view.packet = packet;
        true
    }

    /// A flow has got its monitors.
    pub(super) fn serve_new(&mut self, index: u32) {
        let Some(flow) = self.view.flows.get(index) else { return };
        let needs = self.needs(flow);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        needs.note(flow);
        for direction in Direction::BOTH {
            flow.stream_mut(direction).level = needs.levels[direction.index()];
        }
    }

    /// The least that serves the monitors of a flow.
    fn needs(&self, flow: &Flow) -> Needs {
        let mut needs = Needs { interest: interest_of(&self.view.tenants, flow), ..Needs::default() };
        for attachment in flow.attachments.iter().filter(|attachment| !attachment.is_done()) {
            let set = set_of(&self.view.tenants, attachment);
            needs.keeps.insert_if(Keeps::MATCHED, set.is_some_and(|set| set.has_patterns()));
            for direction in Direction::BOTH {
                let level = &mut needs.levels[direction.index()];
                *level = attachment.level(direction).max(*level);
                let retains = attachment.retains[direction.index()] != Kib::NONE;
                needs.keeps.insert_if(Keeps::RETAINED, attachment.reads(direction) && retains);
            }
        }
        needs
    }

    fn serve(&mut self, index: u32, handler: &mut dyn Handler) {
        self.take_back_loans(index);
        let Some(flow) = self.view.flows.get(index) else { return };
        let needs = self.needs(flow);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        needs.note(flow);
        if flow.end.is_some() {
            return;
        }
        for direction in Direction::BOTH {
            self.set_level(index, direction, needs.levels[direction.index()], handler);
        }
    }

    fn set_level(&mut self, index: u32, direction: Direction, level: Level, handler: &mut dyn Handler) {
        // Also where the level stays: who read on may have been the one that kept bytes from being forgotten. What the
        // others may see moves on with the stream alone: it does not depend on who else changes what.
        self.keep_wanted(index, direction, None);
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let stream = flow.stream_mut(direction);
        let before = std::mem::replace(&mut stream.level, level);
        if before != Level::Full || level == Level::Full {
            return;
        }
        let abandoned = stream.abandon(&mut self.budget);
        let bytes = &mut self.counters.bytes;
        bytes.buffered = bytes.buffered.saturating_sub(abandoned.delivered + abandoned.after_fin);
        // As if they came now: counted when they are seen, whatever is missing before them.
        bytes.delivered += abandoned.delivered;
        bytes.after_fin += abandoned.after_fin;
        bytes.syn_data_waiting = bytes.syn_data_waiting.saturating_sub(abandoned.syn_data);
        bytes.syn_data += abandoned.syn_data;
        if abandoned.skipped > 0 {
            let mishaps = flow.mishaps_mut(direction.sender());
            mishaps.skipped_bytes = mishaps.skipped_bytes.saturating_add(abandoned.skipped);
        }
        self.complete_late(index, direction, self.view.clock, handler);
    }
}
