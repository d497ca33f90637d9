//! What a guest may look at during a call, and ask for.
//!
//! The view owns the flows, their streams, the burst and the timers; the engine lends it, boxed, for the time of a
//! call. Its public methods are what the WIT offers, each with the refusals written there. Whatever a handler asks of
//! it takes effect where no other tenant sees it in this pass.

mod at_hand;
mod edit;
mod egress;
mod events;
mod filter;
mod flow;
mod inject;
mod later;
mod levels;
mod packet;
mod scan;
mod stream;
mod tcp_info;
mod timers;

pub(crate) use at_hand::AtHand;
pub use egress::Injected;
pub(crate) use egress::{Egress, Reset};
pub use flow::{Endpoints, FlowInfo, SideObservables, SideStatistics};
pub use inject::SegmentSpec;
pub(crate) use later::{ENDED, Later, Listed, PutOff, PutOffs};
pub(crate) use levels::shown_to;
pub(crate) use packet::CurrentPacket;
pub use packet::{PacketInfo, Region};
pub use scan::Unread;
pub use stream::{BufferInfo, PeekError, Stretch};
pub use tcp_info::TcpInfo;
pub(crate) use timers::Timers;

use smallvec::SmallVec;

use crate::event::{EventCall, EventProfile, Place, Sole, TenantEvents, TenantId};
use crate::flow::{Attachment, Flow, FlowTable};
use crate::limits::Limits;
use crate::packet::Burst;
use crate::reassembly::Level;
use crate::{Direction, Nanos, Refusal};

/// What kind of call is under way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mode {
    /// None.
    #[default]
    Idle,
    /// A filter: nothing may change.
    Filter,
    /// A handler of an event.
    Callback,
    /// A handler of an event, at the end of the burst.
    PutOff,
    /// Events of deferred handlers, many in one call.
    Burst,
    /// A timer has run out.
    Timer,
    /// Flows are ready.
    Ready,
    /// The tenant is about to end.
    Stop,
}

/// Bytes that are readable but lie in a packet of the burst, not in a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loan {
    /// The packet.
    pub(crate) slot: usize,
    /// Whose stream they continue.
    pub(crate) direction: Direction,
    /// Stream offset of the first.
    pub(crate) offset: u64,
    /// Where they begin in the frame.
    pub(crate) frame_offset: usize,
    /// How many.
    pub(crate) len: usize,
}

impl Loan {
    /// The bytes.
    #[inline]
    pub(crate) fn bytes_in<'b>(&self, burst: Option<&'b dyn Burst>) -> Option<&'b [u8]> {
        let bytes = burst?.packet(self.slot)?.bytes.get(self.frame_offset..)?;
        Some(bytes.get(..self.len).unwrap_or(bytes))
    }

    /// The bytes from an offset of the stream on, `len` of them.
    pub(crate) fn part(&self, offset: u64, len: usize) -> Self {
        let skip = usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        Self { offset, frame_offset: self.frame_offset.saturating_add(skip), len, ..*self }
    }
}

/// For whom a call is.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    mode: Mode,
    tenant: TenantId,
    flow: Option<(u32, usize)>,
    /// What the monitor wants of each direction, as of the beginning of the pass.
    levels: [Level; 2],
    /// Number of the event at hand; 0 for none.
    event: u32,
}

/// See the module.
#[derive(Debug)]
pub struct View {
    pub(crate) flows: FlowTable,
    pub(crate) burst: Option<Box<dyn Burst>>,
    pub(crate) packet: Option<CurrentPacket>,
    pub(crate) loan: Option<Loan>,
    /// How far a stream may be read: a reader learns of a gap before it sees what lies behind.
    pub(crate) horizon: Option<(Direction, u64)>,
    pub(crate) timers: Timers,
    pub(crate) clock: Nanos,
    /// What the operator allows.
    pub(crate) limits: Limits,
    /// Flows whose monitors have changed what they want, each once.
    pub(crate) stale: Vec<u32>,
    /// What the tenants have defined and registered, by their numbers.
    pub(crate) tenants: Vec<TenantEvents>,
    /// What waits for the end of the burst.
    pub(crate) later: Later,
    /// The events that one call is about.
    pub(crate) at_hand: Vec<AtHand>,
    /// What leaves otherwise than it came.
    pub(crate) egress: Egress,
    /// What the events cost, if somebody asked for it.
    pub(crate) profile: Option<Box<EventProfile>>,
    /// Bytes that tenants have read in order, each as often as it was read.
    pub(crate) bytes_read: u64,
    /// Events raised in the walk at hand.
    raised: SmallVec<[u32; 4]>,
    current: Current,
}

impl Default for View {
    /// A view of nothing: what takes the place of the real one in an embedding between calls.
    fn default() -> Self {
        Self::new(0, Limits { flows: 0, ..Limits::default() })
    }
}

impl View {
    /// A view of no flows, with room for those that `limits` allow. `seed` keys the flow table's hash.
    #[must_use]
    pub(crate) fn new(seed: u64, limits: Limits) -> Self {
        Self {
            flows: FlowTable::new(seed, limits.flows),
            burst: None,
            packet: None,
            loan: None,
            horizon: None,
            timers: Timers::default(),
            clock: Nanos(0),
            limits,
            stale: Vec::new(),
            tenants: Vec::new(),
            later: Later::new(seed),
            at_hand: Vec::new(),
            egress: Egress::default(),
            profile: None,
            bytes_read: 0,
            raised: SmallVec::new(),
            current: Current::default(),
        }
    }

    /// The time of the current packet or deadline.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.clock
    }

    /// Begins the calls of one monitor in a pass.
    pub(crate) fn enter(&mut self, tenant: TenantId, flow: Option<(u32, usize)>) {
        self.current = Current { mode: Mode::Callback, tenant, flow, ..Current::default() };
        self.snapshot_levels();
    }

    /// Begins the call of the only handler of a pass.
    #[inline(always)]
    pub(crate) fn enter_sole(&mut self, sole: &Sole, event: u32) {
        self.current = Current {
            mode: Mode::Callback,
            tenant: sole.tenant,
            flow: Some((sole.index, 0)),
            levels: sole.levels,
            event,
        };
        self.forget_raised();
        self.egress.begin_call();
    }

    /// Begins a call that was put off; false if its monitor wants no more of the flow.
    pub(crate) fn enter_put_off(
        &mut self,
        tenant: TenantId,
        flow: Option<(u32, usize)>,
        call: &mut EventCall,
    ) -> bool {
        self.enter(tenant, flow);
        if flow.is_some() && self.attachment().is_none_or(Attachment::is_done) {
            self.leave_put_off();
            return false;
        }
        self.horizon = Later::horizon(call);
        self.refresh(Mode::PutOff, call);
        true
    }

    /// Begins a call outside of a flow's event.
    pub(crate) fn enter_outside(&mut self, tenant: TenantId, mode: Mode) {
        self.current = Current { mode, tenant, ..Current::default() };
        self.egress.begin_call();
    }

    /// Ends what `enter` began.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.current = Current::default();
    }

    /// Brings the parts of a call up to date that differ from monitor to monitor and from call to call.
    pub(crate) fn refresh(&mut self, mode: Mode, call: &mut EventCall) {
        (self.current.mode, self.current.event) = (mode, call.event);
        self.egress.begin_call();
        // By reference: a record of a monitor is large, and most calls are for one that reads nothing.
        let Some((index, position)) = self.current.flow else { return };
        let Some(flow) = self.flows.get(index) else { return };
        let Some(attachment) = flow.attachments.get(position) else { return };
        self.suit(call, flow, attachment, self.reads(Place(call.place).direction()));
    }

    /// Fills in what a call says to one monitor alone; `reads` says whether that reads the direction.
    #[inline(always)]
    pub(crate) fn suit(&self, call: &mut EventCall, flow: &Flow, attachment: &Attachment, reads: bool) {
        call.user_context = attachment.user_context;
        let direction = Place(call.place).direction();
        call.readable = if reads { self.readable(flow, attachment, direction) } else { 0 };
    }

    /// The current flow.
    fn flow(&self) -> Result<&Flow, Refusal> {
        let (index, _) = self.current.flow.ok_or(Refusal::NoFlow)?;
        self.flows.get(index).ok_or(Refusal::NoFlow)
    }

    /// Refuses in a filter.
    fn may_change(&self) -> Result<(), Refusal> {
        if self.current.mode == Mode::Filter { Err(Refusal::NotAllowed) } else { Ok(()) }
    }
}
