//! The account's part of [`View::tcp_info`](crate::View::tcp_info).

use super::Account;
use super::host::{Arrival, Host, HostCounts, LastTimes, Offer};
use super::rtt::RoundTrips;
use crate::Side;

/// What one host knows of its connection, as far as an observer can tell.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Knowledge {
    /// What its SYN offered; `None` if none was seen.
    pub offered: Option<Offer>,
    /// What the SYN of its peer offered that reached it.
    pub heard: Option<Offer>,
    /// Round trips from the observer to its peer and back, of the ACKs that reached it.
    pub beyond: RoundTrips,
    /// Round trips from the observer to it and back.
    pub near: RoundTrips,
    /// Its peer's window that it was told last, in bytes, scaled.
    pub window_heard: u32,
    /// Segments that it sent, SYN, FIN and RST included.
    pub segments_out: u64,
    /// Its segments under way: with payload, SYN or FIN, and not acknowledged in order.
    pub unacknowledged: u32,
    /// Payload bytes from the first that was not acknowledged to the furthest sent.
    pub unacknowledged_bytes: u64,
    /// Segments under way that were acknowledged selectively.
    pub sacked: u32,
    /// Their payload bytes.
    pub sacked_bytes: u32,
    /// Segments under way that were sent again and are not acknowledged selectively.
    pub retransmitted: u32,
    /// Payload bytes that its peer acknowledged.
    pub bytes_acknowledged: u64,
    /// Payload bytes that reached it in order.
    pub bytes_received: u64,
    /// Counts.
    pub counts: HostCounts,
    /// When it sent and received last.
    pub times: LastTimes,
}

impl Account {
    /// From now on, what each host knows is kept too.
    pub(crate) fn keep_hosts(&mut self) {
        self.hosts = Some(Box::default());
    }

    /// Whether [`Account::arrive`] has anything to do.
    pub(crate) const fn has_hosts(&self) -> bool {
        self.hosts.is_some()
    }

    /// A segment of `sender` that was observed reaches its receiver.
    pub(crate) fn arrive(&mut self, sender: Side, segment: &Arrival<'_>) {
        let Some(hosts) = self.hosts.as_deref_mut() else { return };
        let (own, peer) = (&self.ends[sender.other().index()], &self.ends[sender.index()]);
        let offered = hosts[sender.index()].offered;
        hosts[sender.other().index()].hear(own, peer, offered, segment);
    }

    /// A segment of `sender` that arrived to be ignored is about to arrive again, to be honoured.
    pub(crate) fn forget_ignored(&mut self, sender: Side, tcp: &sluice_wire::TcpHeader) {
        if let Some(hosts) = self.hosts.as_deref_mut() {
            hosts[sender.other().index()].forget_ignored(tcp);
        }
    }

    /// What the host of `side` knows; `None` if nobody asked for it.
    #[must_use]
    pub fn knowledge(&self, side: Side) -> Option<Knowledge> {
        let host: &Host = &self.hosts.as_deref()?[side.index()];
        let end = &self.ends[side.index()];
        let under_way = host.under_way();
        Some(Knowledge {
            offered: host.offered,
            heard: host.heard,
            beyond: host.answers,
            near: end.answers,
            window_heard: host.window_heard,
            segments_out: end.packets,
            unacknowledged: under_way.segments,
            unacknowledged_bytes: host.bytes_unacknowledged(end),
            sacked: under_way.sacked,
            sacked_bytes: under_way.sacked_bytes,
            retransmitted: under_way.repeated,
            bytes_acknowledged: host.bytes_acknowledged(end),
            bytes_received: host.received,
            counts: host.counts,
            times: host.times,
        })
    }
}
