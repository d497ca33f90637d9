//! The events of one call of `burst`: gathered before it, selected by number during it.

use super::{Later, Loan, Mode, PutOff, View};
use crate::event::{EventBurst, EventCall, EventKind, Place, TenantId};
use crate::flow::FlowId;
use crate::limits::{BURST_ARENA_BYTES, EVENTS_PER_BURST};
use crate::{Direction, Refusal};

/// An event that a call is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtHand {
    /// Its flow, and the place of the monitor among those of the flow.
    pub(crate) flow: Option<(u32, usize)>,
    /// Its number.
    pub(crate) event: u32,
    /// How far the stream may be read.
    horizon: Option<(Direction, u64)>,
    /// Which of the calls gathered it is.
    pub(crate) place: usize,
}

/// Whether more events go with those that were gathered.
enum Room {
    More,
    Full,
}

impl View {
    /// Gathers events for one call from those that were put off for a tenant, with the bytes that became readable;
    /// gives how many of them are dealt with. Those whose flow is gone, or of which the monitor wants no more, are
    /// dealt with and not told.
    ///
    /// An event whose bytes are not all there is the last one: what is left has to be read before anything of a later
    /// event is.
    pub(crate) fn gather(&mut self, tenant: TenantId, calls: &[PutOff], burst: &mut EventBurst) -> usize {
        self.at_hand.clear();
        for (place, put_off) in calls.iter().enumerate() {
            if self.at_hand.len() >= EVENTS_PER_BURST {
                return place;
            }
            let PutOff { position, mut call, .. } = *put_off;
            let mut flow = None;
            if let Some(id) = FlowId::from_number(call.flow) {
                // What has gone in the middle of the burst was told then.
                let Some(index) = self.flows.resolve(id) else { continue };
                flow = Some((index, position));
                self.loan = self.later.loans_of(id, Place(call.place).direction()).next();
            }
            if !self.enter_put_off(tenant, flow, &mut call) {
                continue;
            }
            self.count_lent(&mut call);
            if !burst.is_empty() && self.wanted_of(&call) > BURST_ARENA_BYTES - burst.arena_len() {
                self.leave_put_off();
                return place;
            }
            let monitor = self.attachment().map_or(0, |attachment| attachment.number);
            let from = burst.arena_len();
            let room = self.bring(&call, burst);
            burst.push(&call, monitor, from);
            let horizon = Later::horizon(&call);
            self.at_hand.push(AtHand { flow, event: call.event, horizon, place });
            self.leave_put_off();
            if matches!(room, Room::Full) {
                return place.saturating_add(1);
            }
        }
        calls.len()
    }

    /// Counts as readable all that is lent of a stream: nothing of it is kept then.
    fn count_lent(&self, call: &mut EventCall) {
        let (Some(first), Some(id)) = (self.loan, FlowId::from_number(call.flow)) else { return };
        let direction = first.direction;
        let Ok((stream, attachment)) = self.reader(direction) else { return };
        let position = self.position(stream, attachment, direction);
        let from = position.max(self.held_from(stream, attachment, direction));
        let until = self.horizon(direction);
        let lens = self.later.loans_of(id, direction).map(|loan| {
            let end = loan.offset.saturating_add(loan.len as u64).min(until);
            end.saturating_sub(loan.offset.max(from))
        });
        call.readable = u32::try_from(lens.fold(0, u64::saturating_add)).unwrap_or(u32::MAX);
    }

    /// Bytes that are to come with an event.
    fn wanted_of(&self, call: &EventCall) -> usize {
        let is_wanted = call.kind == EventKind::NewData.number()
            && self.events().is_some_and(|events| events.brings(call.id));
        if is_wanted { usize::try_from(call.readable).unwrap_or(usize::MAX) } else { 0 }
    }

    /// Reads what became readable with an event into the arena, as far as there is room. Bytes behind others that were
    /// dropped before they were read are not: the peek that asks for them says so.
    fn bring(&mut self, call: &EventCall, burst: &mut EventBurst) -> Room {
        let wanted = self.wanted_of(call);
        let direction = Place(call.place).direction();
        if wanted == 0 {
            return Room::More;
        }
        let Ok((stream, attachment)) = self.reader(direction) else { return Room::More };
        if self.position(stream, attachment, direction) < self.held_from(stream, attachment, direction) {
            return Room::Full;
        }
        let room = BURST_ARENA_BYTES.saturating_sub(burst.arena_len()).min(wanted);
        let end = burst.arena_len().saturating_add(room);
        self.read_up_to(end, direction, burst);
        if let (Some(_), Some(id)) = (self.loan, FlowId::from_number(call.flow)) {
            self.read_lent(id, end, direction, burst);
        }
        if room < wanted { Room::Full } else { Room::More }
    }

    /// Reads on in the packets behind the first one of which a stream's bytes are lent.
    fn read_lent(&mut self, id: FlowId, end: usize, direction: Direction, burst: &mut EventBurst) {
        for place in 1.. {
            let next = self.later.loans_of(id, direction).nth(place);
            let is_at_hand = |loan: &Loan| loan.offset < self.horizon(direction) && burst.arena_len() < end;
            let Some(next) = next.filter(is_at_hand) else { break };
            self.loan = Some(next);
            self.read_up_to(end, direction, burst);
        }
        if self.flow().is_ok_and(|flow| flow.has_read_all(direction)) {
            self.later.end_loans(id, direction);
        }
    }

    /// Reads until the arena is `end` bytes long. What lies in a packet stays there: the burst is over after the call.
    fn read_up_to(&mut self, end: usize, direction: Direction, burst: &mut EventBurst) {
        let room = end.saturating_sub(burst.arena_len());
        // Nothing can be missed or refused: there is something to read.
        let Ok(stretch) = self.next_stretch(direction, u32::try_from(room).unwrap_or(u32::MAX)) else {
            return;
        };
        let [first, second, lent] = self.pieces(stretch);
        burst.copy(first);
        burst.copy(second);
        if let Some(loan) = self.loan.filter(|_| !lent.is_empty()) {
            let kept = first.len().saturating_add(second.len()) as u64;
            burst.lend(loan.part(stretch.offset().saturating_add(kept), lent.len()));
        }
        self.mark_read(stretch);
    }

    /// The arena of the events of one call, piece by piece, as long as the burst is at hand.
    pub fn arena<'a>(&'a self, burst: &'a EventBurst) -> impl Iterator<Item = &'a [u8]> {
        burst.arena(|loan| loan.bytes_in(self.burst.as_deref()).unwrap_or(&[]))
    }

    /// Ends what `enter_put_off` began.
    pub(crate) fn leave_put_off(&mut self) {
        (self.horizon, self.loan) = (None, None);
        self.leave();
    }

    /// Makes flow, monitor and event current of the event that has this place in the call at hand, as in a
    /// [callback](crate::event::Handler::callback) for it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`] outside of [`Handler::burst`](crate::event::Handler::burst), [`Refusal::BadId`] for a
    /// place beyond the events, [`Refusal::NoFlow`] if the event belongs to none or its monitor wants no more of it.
    /// After an error no flow is current.
    pub fn select_event(&mut self, place: u32) -> Result<(), Refusal> {
        if self.current.mode != Mode::Burst {
            return Err(Refusal::NotAllowed);
        }
        (self.current.flow, self.current.event, self.horizon) = (None, 0, None);
        let found = usize::try_from(place).ok().and_then(|place| self.at_hand.get(place));
        let AtHand { flow, event, horizon, .. } = *found.ok_or(Refusal::BadId)?;
        (self.current.flow, self.current.event, self.horizon) = (flow, event, horizon);
        self.snapshot_levels();
        if self.attachment().is_some_and(|attachment| !attachment.is_done()) {
            return Ok(());
        }
        self.current.flow = None;
        Err(Refusal::NoFlow)
    }
}
