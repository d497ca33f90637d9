//! What waits for the end of the burst: events of deferred handlers, and flows that are ready to be read.

use std::collections::VecDeque;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{Loan, View};
use crate::Direction;
use crate::event::{EventBurst, EventCall, EventKind, Hook, Place, Raised, TenantId};
use crate::flow::{FlowId, Ready};
use crate::reassembly::Level;

/// A handler to be called at the end of the burst.
#[derive(Clone, Debug)]
pub(crate) struct PutOff {
    /// Whose handler it is.
    pub(crate) tenant: TenantId,
    /// Place of the monitor among those of the flow.
    pub(crate) position: usize,
    /// What happened, for the last time if it happened more than once.
    pub(crate) call: EventCall,
    /// When it was put off: its place among the others.
    pub(crate) order: usize,
    /// Packets that it is about.
    pub(crate) packets: Packets,
}

/// Some packets of the burst, as a chain of [`PutOffs::slots`]: places of its first and its last link, if there is any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packets(Option<(usize, usize)>);

/// A link of a chain: a packet, and the next link.
#[derive(Clone, Copy, Debug)]
struct Link {
    slot: usize,
    next: Option<usize>,
}

/// What was put off. Used again for each burst, so that nothing is allocated once it has grown.
#[derive(Debug, Default)]
pub(crate) struct PutOffs {
    /// Calls in the order in which they were put off.
    pub(crate) calls: Vec<PutOff>,
    slots: Vec<Link>,
}

impl PutOffs {
    /// Adds a packet to those that a call is about.
    fn add_slot(&mut self, place: usize, slot: usize) {
        let Some(call) = self.calls.get_mut(place) else { return };
        let link = self.slots.len();
        self.slots.push(Link { slot, next: None });
        match &mut call.packets.0 {
            Some((_, last)) => {
                if let Some(before) = self.slots.get_mut(std::mem::replace(last, link)) {
                    before.next = Some(link);
                }
            }
            none => *none = Some((link, link)),
        }
    }

    /// The packets that a call is about, in their order.
    pub(crate) fn slots(&self, packets: Packets) -> impl Iterator<Item = usize> {
        let link = |place: usize| self.slots.get(place);
        let first = packets.0.and_then(|(first, _)| link(first));
        std::iter::successors(first, move |at| at.next.and_then(link)).map(|link| link.slot)
    }

    /// Tenant by tenant, each one's calls in the order in which they were put off.
    pub(crate) fn group(&mut self) {
        if !self.calls.is_sorted_by_key(|call| call.tenant) {
            self.calls.sort_unstable_by_key(|call| (call.tenant, call.order));
        }
    }
}

/// A flow that is to be listed for a tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// The flow.
    pub(crate) flow: FlowId,
    /// Place of the monitor among those of the flow.
    pub(crate) position: usize,
}

/// Flows that are listed for one tenant.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// Something happened to them in this burst.
    pub(crate) fresh: VecDeque<Listed>,
    /// Bytes of theirs are still unread.
    pub(crate) unread: VecDeque<Listed>,
}

/// Flags of a listed flow, as the guest sees them, behind one for each direction that can be read.
const NEW: u64 = 1 << 2;
pub(crate) const ENDED: u64 = 1 << 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Later {
    /// Calls.
    pub(crate) put_off: PutOffs,
    /// What a tenant is told in one call; between calls, the room for it.
    pub(crate) burst: EventBurst,
    /// Where the last data event of a flow for a handler is among them.
    data: HashMap<(u64, u32, u32, Direction), usize, ahash::RandomState>,
    /// By tenant.
    pub(crate) ready: Vec<Queues>,
    /// Flows that have ended and whose bytes are kept until they are told.
    pub(crate) held: Vec<FlowId>,
    /// Bytes that stay in their packets until a call brings them; those of a stream follow one another.
    pub(crate) lent: Vec<(FlowId, Loan)>,
    /// Whether bytes come with an event that was put off since a stream has moved on.
    pub(crate) awaits_bytes: bool,
}

impl Later {
    /// Nothing waits. `seed` keys the hash: guests choose a part of what is hashed.
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, 0, 0, 2);
        Self {
            put_off: PutOffs::default(),
            burst: EventBurst::default(),
            data: HashMap::with_hasher(hasher),
            ready: Vec::new(),
            held: Vec::new(),
            lent: Vec::new(),
            awaits_bytes: false,
        }
    }

    /// Notes bytes that stay in their packet.
    pub(crate) fn lend(&mut self, flow: FlowId, loan: Loan) {
        self.lent.push((flow, loan));
    }

    /// What is lent of a stream, in order.
    pub(crate) fn loans_of(&self, flow: FlowId, direction: Direction) -> impl Iterator<Item = Loan> {
        let of_stream = move |(id, loan): &&(FlowId, Loan)| *id == flow && loan.direction == direction;
        self.lent.iter().filter(of_stream).map(|(_, loan)| *loan)
    }

    /// Ends the loans of a flow.
    pub(crate) fn take_loans(&mut self, flow: FlowId) -> SmallVec<[Loan; 4]> {
        let taken = self.lent.iter().filter(|(id, _)| *id == flow).map(|(_, loan)| *loan).collect();
        self.lent.retain(|(id, _)| *id != flow);
        taken
    }

    /// Ends the loans of a stream that every reader has had.
    pub(crate) fn end_loans(&mut self, flow: FlowId, direction: Direction) {
        self.lent.retain(|(id, loan)| *id != flow || loan.direction != direction);
    }

    /// The calls, taken out.
    pub(crate) fn take_calls(&mut self) -> PutOffs {
        self.data.clear();
        std::mem::take(&mut self.put_off)
    }

    /// Gives back the room that they took, unless something was put off meanwhile.
    pub(crate) fn give_back(&mut self, mut done: PutOffs) {
        if self.put_off.calls.is_empty() {
            done.calls.clear();
            done.slots.clear();
            self.put_off = done;
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.put_off.calls.is_empty()
            && self.held.is_empty()
            && self.lent.is_empty()
            && self.ready.iter().all(|queues| queues.fresh.is_empty() && queues.unread.is_empty())
    }

    /// How far a call that was put off may read: to the end of what it is about, since a gap may follow, or what is
    /// behind the gap is told next.
    pub(crate) fn horizon(call: &EventCall) -> Option<(Direction, u64)> {
        let end = call.offset.saturating_add(u64::from(call.length));
        let is_progress = matches!(call.event_kind(), Some(EventKind::NewData | EventKind::Gap));
        is_progress.then(|| (Place(call.place).direction(), end))
    }

    fn list(&mut self, tenant: TenantId, listed: Listed) {
        let place = usize::from(tenant.0);
        if self.ready.len() <= place {
            self.ready.resize_with(place.saturating_add(1), Queues::default);
        }
        if let Some(queues) = self.ready.get_mut(place) {
            queues.fresh.push_back(listed);
        }
    }
}

impl View {
    /// Has the handler of a call called at the end of the burst. Data that continues what was put off before becomes
    /// one event with it.
    pub(crate) fn put_off(&mut self, tenant: TenantId, call: &EventCall) {
        let slot = self.packet.as_ref().map(|packet| packet.slot);
        let call = EventCall { place: Place(call.place).without_packet().0, ..*call };
        let (index, position) = match self.current.flow {
            Some((index, position)) => (Some(index), position),
            None => (None, 0),
        };
        let is_data = call.kind == EventKind::NewData.number();
        self.later.awaits_bytes |=
            is_data && self.events().is_some_and(|events| events.takes_bursts() && events.brings(call.id));
        let key = (call.flow, call.id, call.event, Place(call.place).direction());
        let Later { put_off, data, .. } = &mut self.later;
        let earlier = if is_data { data.get(&key).copied() } else { None };
        if let Some(place) = earlier
            && let Some(earlier) = put_off.calls.get_mut(place)
        {
            let is_continued = earlier.position == position
                && earlier.call.offset.saturating_add(u64::from(earlier.call.length)) == call.offset;
            if is_continued && let Some(length) = earlier.call.length.checked_add(call.length) {
                earlier.call = EventCall { offset: earlier.call.offset, length, ..call };
                if let Some(slot) = slot {
                    put_off.add_slot(place, slot);
                }
                return;
            }
        }
        let order = put_off.calls.len();
        if is_data {
            data.insert(key, order);
        }
        put_off.calls.push(PutOff { tenant, position, call, order, packets: Packets::default() });
        if let Some(slot) = slot {
            put_off.add_slot(order, slot);
        }
        if let Some(flow) = index.and_then(|index| self.flows.get_mut(index)) {
            flow.is_pending = true;
        }
    }

    /// Lists a flow for the tenants that poll it, if what happened is a reason to.
    pub(crate) fn list_polled(&mut self, index: u32, hook: Hook, raised: &[Raised], direction: Direction) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        let has = |kind| raised.iter().any(|raised| raised.kind == kind);
        let (begins, ends) = (hook == Hook::Sender && has(EventKind::ConnStart), has(EventKind::ConnEnd));
        let brings = has(EventKind::NewData);
        let id = flow.id(index);
        for (position, attachment) in flow.attachments.iter_mut().enumerate() {
            let is_reason = begins || ends || brings && attachment.level(direction) == Level::Full;
            if !attachment.polls || !is_reason || attachment.is_done() {
                continue;
            }
            let was_listed = attachment.ready.contains(Ready::LISTED);
            attachment.ready.insert(Ready::LISTED);
            if begins {
                attachment.ready.insert(Ready::NEW);
            }
            if ends {
                attachment.ready.insert(Ready::ENDED);
                flow.is_pending = true;
            }
            if !was_listed || ends {
                self.later.list(attachment.tenant, Listed { flow: id, position });
            }
        }
    }

    /// What there is to tell about a listed flow, as the guest sees it; `None` if there is nothing any more.
    pub(crate) fn readiness(&self, listed: Listed) -> Option<u64> {
        let index = self.flows.resolve(listed.flow)?;
        let flow = self.flows.get(index)?;
        let attachment = flow.attachments.get(listed.position)?;
        if !attachment.ready.contains(Ready::LISTED) || attachment.is_done() {
            return None;
        }
        let mut flags = 0;
        for direction in Direction::BOTH {
            let is_readable =
                attachment.level(direction) == Level::Full && self.readable(flow, attachment, direction) > 0;
            flags |= u64::from(is_readable) << direction.index();
        }
        for (ready, flag) in [(Ready::NEW, NEW), (Ready::ENDED, ENDED)] {
            flags |= if attachment.ready.contains(ready) { flag } else { 0 };
        }
        (flags != 0).then_some(flags)
    }

    /// The record of a listed flow's monitor, to change.
    pub(crate) fn listed_mut(&mut self, listed: Listed) -> Option<&mut crate::flow::Attachment> {
        let index = self.flows.resolve(listed.flow)?;
        self.flows.get_mut(index)?.attachments.get_mut(listed.position)
    }
}
