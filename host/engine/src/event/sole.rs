//! The usual pass: one monitor, of whose events one has happened, with one handler right below it.
//!
//! Most guests are called like that, for most packets. There is nothing to put in order, nothing to ask and nothing to
//! walk then, so the way from what happened to the call is a few looks. A pass that is not wholly like that goes the
//! [general way](Pass::run), which would do the same here: a profile of events is kept only there, so that a run with
//! one shows whether it does.

use super::{EventCall, Faulted, Handler, NodeHandler, Pass, Place, Raised, TenantId, interest_bit, set_of};
use crate::flow::{Attachment, Flow};
use crate::reassembly::Level;
use crate::view::{View, shown_to};

/// The only monitor that a pass comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sole {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Place of the flow.
    pub(crate) index: u32,
    /// What it wants of each direction.
    pub(crate) levels: [Level; 2],
    /// Whether the handler is called when the burst is done with.
    pub(crate) is_deferred: bool,
    /// Whether the flow is listed for the tenant once a burst.
    polls: bool,
}

impl Pass<'_> {
    /// The only monitor that the pass comes to, for the flow at `index`, if the pass calls one handler and does no
    /// more; and in `call` what that is called with.
    #[inline(always)]
    pub(crate) fn sole(
        &self,
        view: &View,
        (index, flow): (u32, &Flow),
        interest: u32,
        call: &mut EventCall,
    ) -> Option<Sole> {
        let [attachment] = flow.attachments.as_slice() else { return None };
        if view.profile.is_some() || !attachment.hears(self.side) {
            return None;
        }
        let (handler, raised) = self.sole_handler(view, attachment, interest)?;
        let levels = attachment.both_levels();
        let reads = levels[self.direction.index()] == Level::Full;
        let (offset, length) = shown_to(reads.then_some(attachment), raised, self.direction)?;
        self.base(view, Some((index, flow)), call);
        call.id = handler.id;
        (call.kind, call.event) = (raised.kind.number(), raised.kind.number());
        call.place = Place(call.place).with_reason(raised.reason).0;
        (call.offset, call.length) = (offset, length);
        view.suit(call, flow, attachment, reads);
        let (tenant, polls) = (attachment.tenant, attachment.polls);
        Some(Sole { tenant, index, levels, is_deferred: handler.is_deferred, polls })
    }

    /// The only handler, and what it is called for.
    #[inline(always)]
    fn sole_handler(
        &self,
        view: &View,
        attachment: &Attachment,
        interest: u32,
    ) -> Option<(NodeHandler, &Raised)> {
        let set = set_of(&view.tenants, attachment)?;
        let heard = set.interest() & interest;
        let raised = match self.raised {
            [only] => Some(only),
            several => {
                let is_heard = |raised: &&Raised| interest_bit(raised.kind, self.hook) & heard != 0;
                let mut wanted = several.iter().filter(is_heard);
                wanted.next().filter(|_| wanted.next().is_none())
            }
        }?;
        let forest = view.tenants.get(usize::from(attachment.tenant.0))?.forest(set);
        Some((forest.sole_handler(raised.kind, self.hook)?, raised))
    }

    /// Has the only handler of the pass called when the burst is done with.
    pub(crate) fn put_off_sole(&self, sole: &Sole, call: &EventCall, view: &mut View) {
        view.enter_sole(sole, call.event);
        view.put_off(sole.tenant, call);
        view.leave();
        if sole.polls {
            view.list_polled(sole.index, self.hook, self.raised, self.direction);
        }
    }

    /// Calls the only handler of the pass; gives its verdict.
    #[inline(always)]
    pub(crate) fn call_sole(
        &self,
        sole: &Sole,
        call: &EventCall,
        view: &mut Box<View>,
        handler: &mut dyn Handler,
    ) -> Result<u32, Faulted> {
        view.enter_sole(sole, call.event);
        let answer = handler.callback(sole.tenant, call, view);
        if answer.is_err() {
            view.take_back();
        }
        view.leave();
        if sole.polls {
            view.list_polled(sole.index, self.hook, self.raised, self.direction);
        }
        answer
    }
}
