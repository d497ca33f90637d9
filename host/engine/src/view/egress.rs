//! What is to leave otherwise than it came: edited packets, and segments that tenants send.
//!
//! What a call asks for is done at once, so that the next tenant sees it, and taken back if the call faults. The rest
//! of a packet's way does not look at it: filters, tracking and streams are about the packet as it was received.

use sluice_wire::{Headers, LinkType};
use smallvec::SmallVec;

use super::{CurrentPacket, View};
use crate::event::TenantId;
use crate::flow::FlowId;
use crate::limits::INJECTED_PER_PACKET;
use crate::{Grants, Nanos, Refusal, Side};

/// A packet as it is after the edits of the tenants.
#[derive(Debug)]
pub(crate) struct Edit {
    /// Its place in the burst.
    pub(crate) slot: usize,
    /// The frame. Checksums are those of the packet as received until the end of the burst.
    pub(crate) bytes: Vec<u8>,
    /// What it is.
    pub(crate) headers: Headers,
    /// What it was.
    pub(crate) received: Headers,
    /// Bytes on the wire.
    pub(crate) wire_len: u32,
}

/// A segment that a tenant sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Injected {
    /// Slot of the packet of the burst behind which it goes out; `None` before the first one, or without a burst.
    pub after: Option<usize>,
    /// Who sends it.
    pub tenant: TenantId,
    /// The frame, from the link header on.
    pub bytes: Vec<u8>,
    /// How the bytes begin.
    pub link: LinkType,
    /// When it goes out: the time of the event.
    pub time: Nanos,
}

/// A connection to be reset once the packet at hand is decided about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reset {
    pub(crate) tenant: TenantId,
    pub(crate) flow: FlowId,
    pub(crate) time: Nanos,
    /// Who sent the packet at hand, if there is one.
    pub(crate) sender: Option<Side>,
}

/// What the current packet was before the call at hand changed it.
#[derive(Debug)]
enum Undo {
    AsReceived,
    Edited(Box<Edit>),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    grants: Vec<Grants>,
    /// In the order of slots.
    pub(crate) edits: Vec<Edit>,
    undo: Option<Undo>,
    pub(crate) injected: Vec<Injected>,
    pub(crate) resets: Vec<Reset>,
    /// How many segments and resets there were before the call at hand.
    mark: (usize, usize),
    /// The packet of the burst that was taken last.
    pub(crate) after: Option<usize>,
    /// How often tenants have sent since then.
    sent: SmallVec<[(TenantId, usize); 1]>,
    /// Edits that were refused, and segments and resets.
    pub(crate) refused: (u64, u64),
    keeps_links: bool,
}

impl Egress {
    /// Takes the next tenant in.
    pub(crate) fn add_tenant(&mut self, grants: Grants) {
        self.keeps_links |= grants.inject;
        self.grants.push(grants);
    }

    /// What a tenant may do.
    pub(crate) fn grants(&self, tenant: TenantId) -> Grants {
        self.grants.get(usize::from(tenant.0)).copied().unwrap_or_default()
    }

    /// Begins a call: a fault takes back what comes from here on.
    #[inline]
    pub(crate) fn begin_call(&mut self) {
        self.undo = None;
        self.mark = (self.injected.len(), self.resets.len());
    }

    /// Takes back what the call at hand asked for.
    pub(crate) fn take_back(&mut self) {
        match self.undo.take() {
            None => {}
            Some(Undo::AsReceived) => drop(self.edits.pop()),
            Some(Undo::Edited(edit)) => {
                self.edits.pop();
                self.edits.push(*edit);
            }
        }
        self.injected.truncate(self.mark.0);
        self.resets.truncate(self.mark.1);
    }

    /// The edits of a packet; those of a fragment are none of the datagram that it completes.
    #[inline]
    pub(crate) fn edit_of(&self, packet: &CurrentPacket) -> Option<&Edit> {
        self.edits.last().filter(|edit| edit.slot == packet.slot && !packet.is_stand_in)
    }

    /// The current packet is now this.
    pub(crate) fn put(&mut self, edit: Edit) {
        match self.edits.last_mut().filter(|last| last.slot == edit.slot) {
            Some(last) => {
                let was = std::mem::replace(last, edit);
                self.undo.get_or_insert(Undo::Edited(Box::new(was)));
            }
            None => {
                self.edits.push(edit);
                self.undo.get_or_insert(Undo::AsReceived);
            }
        }
    }

    /// Another packet of the burst is taken, or something else begins in which tenants may send so much.
    #[inline]
    pub(crate) fn step(&mut self, after: Option<usize>) {
        self.after = after;
        self.sent.clear();
    }

    /// A tenant is about to send something.
    pub(crate) fn charge(&mut self, tenant: TenantId) -> Result<(), Refusal> {
        let position = self.sent.iter().position(|(of, _)| *of == tenant).unwrap_or_else(|| {
            self.sent.push((tenant, 0));
            self.sent.len().saturating_sub(1)
        });
        let Some((_, sent)) = self.sent.get_mut(position).filter(|(_, sent)| *sent < INJECTED_PER_PACKET)
        else {
            return Err(Refusal::TooMany);
        };
        *sent = sent.saturating_add(1);
        Ok(())
    }
}

impl View {
    /// The call at hand has faulted: what it asked for does not leave.
    pub(crate) fn take_back(&mut self) {
        self.egress.take_back();
    }

    /// Remembers the link header of the current packet, of which `sender` of a flow is the sender, if a tenant may
    /// send.
    #[inline]
    pub(crate) fn note_link(&mut self, index: u32, sender: Side) {
        if self.egress.keeps_links {
            self.keep_link(index, sender);
        }
    }
}
