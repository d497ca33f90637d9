//! The account of a connection: what analysts want to know of it that no event needs.
//!
//! The rules are those of Zeek's conn.log, because that is the record that people can read. Zeek sees less in a
//! connection than [`Stack`](crate::tcp::Stack) does; here its view is kept beside ours. What the receiving host would
//! ignore is in the counts and in the history, as in Zeek's, but changes nothing else: a forged RST leaves its letter
//! and does not end the connection.
//!
//! A flow has an account if the operator wants records ([`Config::records`](crate::Config)) or a monitor observables.

mod end;
mod flight;
mod history;
mod host;
mod knowledge;
mod phases;
mod rtt;
mod seen;
mod strays;

use sluice_wire::{SackBlocks, TcpFlags, TcpHeader};

use self::end::{End, Phase, STRIDE_MAX};
pub use self::history::History;
pub(crate) use self::host::Arrival;
use self::host::Host;
pub use self::host::{HostCounts, LastTimes, Offer};
pub use self::knowledge::Knowledge;
pub use self::rtt::RoundTrips;
use super::ConnState;
use crate::tcp::{Class, RefuseReason};
use crate::{Nanos, Side};

/// A packet of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed<'a> {
    /// Who sent it.
    pub(crate) sender: Side,
    /// Its header.
    pub(crate) tcp: &'a TcpHeader,
    /// Its bytes from the IP header on.
    pub(crate) ip_len: u32,
    /// How the receiver takes it.
    pub(crate) class: Class,
    /// When it passed.
    pub(crate) now: Nanos,
}

/// What was observed of one side of a connection, from its packets alone: no level of a monitor changes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Observables {
    /// Packets that it sent, those included that the receiver would ignore; not those with a wrong checksum.
    pub packets: u64,
    /// Their bytes from the IP header on.
    pub ip_bytes: u64,
    /// Payload bytes that it sent, by sequence numbers: missing ones included, repeated ones once.
    pub stream_bytes: u64,
    /// Payload bytes that the peer acknowledged and that never came by.
    pub missed_bytes: u64,
    /// Holes that an ACK of the peer revealed.
    pub gaps: u32,
    /// Packets with payload that had come by before, all or some of it.
    pub retransmissions: u32,
    /// Packets with payload that came ahead of bytes that had not come by.
    pub out_of_order: u32,
    /// Packets that offered a window of zero.
    pub zero_windows: u32,
    /// Packets with a wrong checksum.
    pub wrong_checksums: u32,
    /// Round trips from here to this side and back.
    pub round_trips: RoundTrips,
}

/// The account of one connection.
#[derive(Clone, Debug)]
pub struct Account {
    ends: [End; 2],
    history: History,
    last: Nanos,
    is_written: bool,
    /// What each host knows, where a monitor asked for observables: records do not need it.
    hosts: Option<Box<[Host; 2]>>,
}

impl Account {
    /// An account of a connection whose first packet `opener` sends.
    pub(crate) fn new(opener: Side, now: Nanos) -> Self {
        let mut history = History::new();
        if opener == Side::Server {
            history.add(b'^');
        }
        Self { ends: Side::BOTH.map(End::new), history, last: now, is_written: false, hosts: None }
    }

    /// What happened, in letters.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The last packet that may have told something about the connection: once both sides have closed, what trails does
    /// not count.
    #[must_use]
    pub const fn last(&self) -> Nanos {
        self.last
    }

    /// What was observed of a side.
    #[must_use]
    pub fn observables(&self, side: Side) -> Observables {
        let (end, peer) = (&self.ends[side.index()], &self.ends[side.other().index()]);
        Observables {
            packets: end.packets,
            ip_bytes: end.ip_bytes,
            stream_bytes: phases::size(end, peer),
            missed_bytes: end.seen.missed(),
            gaps: end.gaps.count,
            retransmissions: end.retransmissions,
            out_of_order: end.out_of_order,
            zero_windows: end.zero_windows.count,
            wrong_checksums: end.wrong_checksums.count,
            round_trips: end.answers,
        }
    }

    /// How the connection went, in one word.
    #[must_use]
    pub fn conn_state(&self) -> ConnState {
        phases::conn_state(&self.ends, &self.history)
    }

    /// The record of the connection is written now: whether it is the first time.
    pub(crate) fn write(&mut self) -> bool {
        !std::mem::replace(&mut self.is_written, true)
    }

    /// A segment with a wrong checksum came from `sender`; who knows what else of it is wrong.
    pub(crate) fn note_wrong_checksum(&mut self, sender: Side) {
        if self.ends[sender.index()].wrong_checksums.note() {
            self.history.add_of(sender, b'C');
        }
    }

    /// The connection began with a SYN that was counted as a packet of the one before it.
    pub(crate) fn recall(&mut self, syn: &TcpHeader) {
        let (sender, now) = (Side::Client, self.last);
        self.observe(&Observed { sender, tcp: syn, ip_len: 0, class: Class::Accept, now });
        let [client, _] = &mut self.ends;
        client.packets = 0;
        // When it passed is not known any more.
        client.timed.cancel();
        // Nor does it count for the server, which has heard it.
        let window = u32::from(syn.window);
        self.arrive(
            sender,
            &Arrival { tcp: syn, blocks: SackBlocks::default(), window, class: Class::Accept, now },
        );
        self.forget_ignored(sender, syn);
    }

    /// Takes a packet of the connection into account.
    pub(crate) fn observe(&mut self, packet: &Observed<'_>) {
        let Observed { sender, tcp, ip_len, class, now } = *packet;
        let [client, server] = &mut self.ends;
        let (own, peer) = if sender == Side::Client { (client, server) } else { (server, client) };
        own.packets = own.packets.saturating_add(1);
        own.ip_bytes = own.ip_bytes.saturating_add(u64::from(ip_len));
        own.write(tcp, &mut self.history);
        let is_open = peer.phase != Phase::Closed && own.phase != Phase::Reset;
        let is_rst = tcp.flags.contains(TcpFlags::RST);
        if tcp.window == 0 && !is_rst && is_open && own.zero_windows.note() {
            self.history.add_of(sender, b'W');
        }
        if !(own.is_closed && peer.is_closed) {
            self.last = self.last.max(now);
        }
        let is_refused = matches!(class, Class::Refuse(reason) if reason != RefuseReason::AfterEnd);
        // Nothing is there yet that it could do harm to.
        let is_attempt = (own.phase == Phase::SynSent || own.is_unsure)
            && matches!(peer.phase, Phase::Inactive | Phase::Partial);
        own.is_unsure |= is_refused && is_attempt;
        let counts = !is_refused || is_attempt || strays::agree(own, peer, packet, &mut self.history);
        if counts {
            take(own, peer, packet, &mut self.history);
        }
        if let Some(hosts) = &mut self.hosts {
            hosts[sender.index()].send(own, tcp, ip_len, counts, now);
        }
    }
}

/// What a segment that counts makes of both ends.
fn take(own: &mut End, peer: &mut End, packet: &Observed<'_>, history: &mut History) {
    let Observed { tcp, class, now, .. } = *packet;
    let is_over = class == Class::Refuse(RefuseReason::AfterEnd);
    own.begin(tcp);
    let from = own.position(tcp.seq);
    // Behind the end of a connection anybody may send anything: it continues the stream if it is near.
    let is_near = from.abs_diff(own.sent) <= u64::from(STRIDE_MAX.unsigned_abs());
    if is_over && !is_near {
        return;
    }
    if tcp.flags.contains(TcpFlags::FIN) {
        let fin = from.saturating_add(end::span(tcp));
        own.fin = Some(fin);
        // Its ACK may have come by first, and taken it for a byte of payload.
        if let Ok(offset) = u64::try_from(fin.saturating_sub(2)) {
            own.seen.excuse(offset);
        }
    }
    let has_ack = tcp.flags.contains(TcpFlags::ACK);
    let acknowledged = has_ack.then(|| acknowledge(own, peer, tcp, is_over, now));
    let is_new = own.advance(tcp, from, history);
    own.time(tcp, is_new, now);
    phases::step(own, peer, tcp);
    if let Some(position) = acknowledged {
        // After the step: what the ACK in an RST reveals is not worth believing.
        reveal(own, peer, position, history);
    }
    take_payload(own, tcp, from, class);
    own.settle(peer);
    peer.settle(own);
}

/// Notes an ACK with the end whose bytes it acknowledges, and gives its position there.
fn acknowledge(own: &mut End, peer: &mut End, tcp: &TcpHeader, is_over: bool, now: Nanos) -> i64 {
    if peer.phase == Phase::Inactive {
        peer.begin_before(tcp.ack);
        return 1;
    }
    let position = peer.position(tcp.ack);
    let ahead = position.saturating_sub(peer.sent);
    let is_far = ahead > i64::from(STRIDE_MAX);
    // An ACK number of zero that is far off is one that was never set.
    if position < 0 || is_far && (is_over || tcp.ack.0 == 0) {
        return 0;
    }
    if !tcp.flags.contains(TcpFlags::RST) {
        peer.acked = peer.acked.max(position);
        peer.timed.acknowledge(position, now, &mut own.answers);
    }
    position
}

/// What an ACK up to `position` reveals of what did not come by.
fn reveal(own: &End, peer: &mut End, position: i64, history: &mut History) {
    let position = peer.fin.filter(|fin| position >= *fin).map_or(position, |fin| fin.saturating_sub(1));
    // The SYN is no payload.
    let Ok(offset) = u64::try_from(position.saturating_sub(1)) else { return };
    let is_trusted = peer.is_clean() && own.is_clean();
    for _ in 0..peer.seen.acknowledge(offset, is_trusted) {
        if peer.gaps.note() {
            history.add_of(peer.side, b'G');
        }
    }
}

/// Notes which payload came by.
fn take_payload(own: &mut End, tcp: &TcpHeader, from: i64, class: Class) {
    let is_stream = !tcp.flags.contains(TcpFlags::RST) && class != Class::KeepAlive;
    let syn = i64::from(tcp.flags.contains(TcpFlags::SYN));
    let start = from.saturating_add(syn).saturating_sub(1);
    let (Ok(start), true) = (u64::try_from(start), is_stream) else { return };
    // A snap length leaves its mark: what was cut off did not come by.
    let captured = tcp.captured_len.min(tcp.payload_len);
    let brought = own.seen.add(start, u64::from(captured));
    own.retransmissions = own.retransmissions.saturating_add(u32::from(brought.repeats));
    own.out_of_order = own.out_of_order.saturating_add(u32::from(brought.is_ahead));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_fits_into_768_bytes() {
        assert!(size_of::<Account>() <= 768, "{}", size_of::<Account>());
    }

    #[test]
    fn what_both_hosts_know_fits_into_640_bytes() {
        assert!(size_of::<[Host; 2]>() <= 640, "{}", size_of::<[Host; 2]>());
    }
}
