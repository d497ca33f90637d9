//! The accounts of connections, and the records made of them.

use sluice_wire::{SackBlocks, TcpHeader};

use super::sight::Clue;
use super::{Engine, Records};
use crate::Side;
use crate::event::Handler;
use crate::flow::{Account, Arrival, ConnRecord, Flow, Observed};
use crate::tcp::Class;

impl Engine {
    /// Begins the account of a new flow, if somebody asked for one. `earlier_syn` is what the segment that opened it
    /// answers, if that is known.
    pub(super) fn open_account(&mut self, index: u32, sender_is_low: bool, earlier_syn: Option<&TcpHeader>) {
        let is_recorded = self.config.records == Records::Each;
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let is_observed = flow.attachments.iter().any(|attachment| attachment.observes);
        if is_recorded || is_observed {
            let opener = if earlier_syn.is_some() { Side::Client } else { flow.side_of(sender_is_low) };
            flow.keep_account(opener);
            if let Some(account) = flow.account_mut().filter(|_| is_observed) {
                account.keep_hosts();
            }
            if let (Some(syn), Some(account)) = (earlier_syn, flow.account_mut()) {
                account.recall(syn);
            }
        }
    }

    /// Takes the current packet, a segment of a flow, into the flow's account.
    #[inline]
    pub(super) fn observe(&mut self, index: u32, sender: Side, tcp: &TcpHeader, class: Class) {
        let now = self.view.clock;
        let Some(account) = self.view.flows.get_mut(index).and_then(|flow| flow.account_mut()) else {
            return;
        };
        let ip_len = self.view.packet.as_ref().map_or(0, |packet| packet.headers.ip_total_len);
        account.observe(&Observed { sender, tcp, ip_len, class, now });
    }

    /// The current packet, a segment of a flow that is in the flow's account, reaches its receiver: the handlers at
    /// hook `sender` have run.
    #[inline]
    pub(super) fn arrive(&mut self, index: u32, sender: Side, tcp: &TcpHeader, class: Class) {
        if self.view.flows.get(index).and_then(Flow::account).is_some_and(Account::has_hosts) {
            self.note_arrival(index, sender, tcp, class);
        }
    }

    #[inline(never)]
    fn note_arrival(&mut self, index: u32, sender: Side, tcp: &TcpHeader, class: Class) {
        let frame = self.view.packet.as_ref().and_then(|packet| self.view.frame(packet.slot));
        let blocks = frame.map(|frame| SackBlocks::of(tcp, frame.bytes)).unwrap_or_default();
        let now = self.view.clock;
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let window = flow.stack(sender).window;
        if let Some(account) = flow.account_mut() {
            account.arrive(sender, &Arrival { tcp, blocks, window, class, now });
        }
    }

    /// The checksum of the current packet is wrong. If its addresses and ports are those of a flow that is known, that
    /// is noted there; nothing else is believed of it, and it opens no flow.
    pub(super) fn observe_wrong_checksum(&mut self, clue: &Clue) {
        let is_wanted = self.config.records == Records::Each || self.monitors.observe();
        let Some(index) = self.look_up(clue).filter(|_| is_wanted) else { return };
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let sender = flow.side_of(clue.sender_is_low);
        if let Some(account) = flow.account_mut() {
            account.note_wrong_checksum(sender);
        }
    }

    /// Hands out the record of a flow that is about to be forgotten, once.
    pub(super) fn write_record(&mut self, index: u32, handler: &mut dyn Handler) {
        if self.config.records == Records::None {
            return;
        }
        if let Some(record) = self.view.flows.get_mut(index).and_then(ConnRecord::of) {
            self.counters.records += 1;
            handler.conn_record(&record);
        }
    }
}
