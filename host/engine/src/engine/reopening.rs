//! New connections with the addresses and ports of one that is still open to the observer.
//!
//! The tap may have missed how the old one ended, or a host has restarted. A SYN alone ends nothing: anybody can forge
//! it, and the host that knows the old connection only answers with an ACK (RFC 5961 section 4.2). It is remembered
//! until the other host answers it with a SYN-ACK, which no host sends that still has the old connection.
//!
//! A flow that a SYN-ACK opened is such a connection too: a client may send one that answers nothing before its SYN, so
//! that who watches takes it for the server.

use std::collections::VecDeque;

use sluice_wire::{TcpFlags, TcpHeader};

use super::Engine;
use crate::flow::{Flow, FlowId};
use crate::limits::REOPENING_SYNS;
use crate::tcp::{self, RefuseReason};
use crate::{Nanos, Side};

/// A SYN that a live flow did not take.
#[derive(Clone, Copy, Debug)]
struct Reopening {
    flow: FlowId,
    sender: Side,
    syn: TcpHeader,
}

/// The most recent SYNs to live flows; see the module.
#[derive(Debug, Default)]
pub(super) struct Reopenings {
    syns: VecDeque<Reopening>,
}

impl Reopenings {
    /// Remembers a SYN to a live flow. The oldest one of all is forgotten when there are too many.
    fn note(&mut self, flow: FlowId, sender: Side, syn: TcpHeader) {
        let is_same =
            |known: &Reopening| (known.flow, known.sender, known.syn.seq) == (flow, sender, syn.seq);
        self.syns.retain(|known| !is_same(known));
        if self.syns.len() >= REOPENING_SYNS {
            self.syns.pop_front();
        }
        self.syns.push_back(Reopening { flow, sender, syn });
    }

    /// The SYN that a SYN-ACK of `answerer` answers.
    fn answered(&self, flow: FlowId, answerer: Side, answer: &TcpHeader) -> Option<TcpHeader> {
        let is_meant = |known: &&Reopening| {
            (known.flow, known.sender) == (flow, answerer.other()) && known.syn.seq.add(1) == answer.ack
        };
        self.syns.iter().rev().find(is_meant).map(|known| known.syn)
    }

    fn forget(&mut self, flow: FlowId) {
        self.syns.retain(|known| known.flow != flow);
    }
}

impl Engine {
    /// Notes a segment that the flow at `index` refused, if it is a SYN that may begin another connection.
    pub(super) fn note_refused_syn(
        &mut self,
        index: u32,
        sender: Side,
        tcp: &TcpHeader,
        reason: RefuseReason,
    ) {
        let is_syn = tcp.flags.contains(TcpFlags::SYN) && !tcp.flags.contains(TcpFlags::ACK);
        if reason != RefuseReason::SynInConnection || !is_syn {
            return;
        }
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        flow.marks.reopening = true;
        let id = flow.id(index);
        self.reopenings.note(id, sender, *tcp);
    }

    /// The SYN of a connection that takes the place of the flow at `index`, if the segment answers one.
    pub(super) fn reopening_syn(&mut self, index: u32, sender: Side, tcp: &TcpHeader) -> Option<TcpHeader> {
        let flow = self.view.flows.get(index).filter(|flow| flow.marks.reopening)?;
        let is_answer = tcp.flags.contains(TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0))
            && !tcp.flags.intersects(TcpFlags(TcpFlags::FIN.0 | TcpFlags::RST.0))
            && !flow.opening(sender).is_candidate(tcp.seq);
        let id = flow.id(index);
        let syn = self.reopenings.answered(id, sender, tcp).filter(|_| is_answer)?;
        self.reopenings.forget(id);
        Some(syn)
    }
}

/// Makes a flow that a SYN-ACK opened what it would be if it had been opened by the SYN that came before.
pub(super) fn catch_up(flow: &mut Flow, syn: &TcpHeader) {
    flow.marks.partial = false;
    flow.marks.unsigned = !syn.options.md5_or_ao;
    tcp::send(flow, Side::Client, syn);
    tcp::receive(flow, Side::Client, syn, false, Nanos::NEVER);
}
