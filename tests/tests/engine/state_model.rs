//! Two TCP stacks as an observer of RFC 9293 and RFC 5961 has them, in the simplest form: what the tracker is measured
//! against. Nothing of the tracker is used but the names of the states.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a model in the fewest words; the tracker's table has every pair"
)]

use sluice_engine::tcp::TcpState as S;

/// Window of every segment.
pub(crate) const WINDOW: i64 = 65_535;

/// Numbers are 64-bit and never wrap here.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Segment {
    /// Whether the client sent it.
    pub(crate) by_client: bool,
    pub(crate) syn: bool,
    pub(crate) ack: Option<i64>,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) seq: i64,
    pub(crate) len: i64,
}

impl Segment {
    fn end(&self) -> i64 {
        self.seq + self.len + i64::from(self.syn) + i64::from(self.fin)
    }
}

/// One end, and what the other one has had of it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct End {
    pub(crate) state: S,
    /// Its initial sequence numbers, the newest last.
    isns: Vec<i64>,
    /// Whether it sent a SYN without ACK.
    is_active: bool,
    /// Whether anything of it was seen: else the tap may show one side only.
    is_seen: bool,
    /// Behind the furthest number that it sent.
    pub(crate) sent: Option<i64>,
    /// The highest ACK that it gave.
    pub(crate) told: Option<i64>,
    /// The next byte that its peer expects of it.
    pub(crate) next: Option<i64>,
    /// What its peer holds behind a hole.
    ahead: Vec<(i64, i64)>,
    /// The number of its FIN.
    fin: Option<i64>,
}

impl End {
    fn new(state: S) -> Self {
        let (isns, ahead) = (Vec::new(), Vec::new());
        Self {
            state,
            isns,
            is_active: false,
            is_seen: false,
            sent: None,
            told: None,
            next: None,
            ahead,
            fin: None,
        }
    }

    pub(crate) fn isn(&self) -> Option<i64> {
        self.isns.last().copied()
    }

    fn settle(&mut self, isn: i64) {
        if self.isn() != Some(isn) {
            (self.sent, self.next) = (Some(isn + 1), Some(isn + 1));
        }
        self.isns = vec![isn];
    }

    /// Whether an ACK answers one of its SYNs; once it has gone on, only the last of them.
    fn is_answered_by(&self, ack: i64) -> bool {
        if is_synchronized(self.state) { self.isn() == Some(ack - 1) } else { self.isns.contains(&(ack - 1)) }
    }

    /// Whether an ACK covers its SYN and nothing that it did not send.
    fn is_syn_covered(&self, ack: i64) -> bool {
        self.isns.contains(&(ack - 1))
            || self.isn().is_some_and(|isn| isn + 1 < ack && Some(ack) <= self.sent)
    }

    /// The number that its peer expects, its FIN counted.
    fn expected(&self) -> Option<i64> {
        self.next.map(|next| next + i64::from(self.fin == Some(next)))
    }

    fn take(&mut self, from: i64, to: i64) {
        let Some(next) = self.next.as_mut() else { return };
        let to = self.fin.map_or(to, |fin| to.min(fin));
        if to <= *next || to <= from {
            return;
        }
        if from > *next {
            self.ahead.push((from, to));
            self.ahead.sort_unstable();
        } else {
            *next = to;
        }
        while let Some(at) = self.ahead.iter().position(|(from, _)| *from <= *next) {
            let (_, to) = self.ahead.remove(at);
            // What was seen behind a FIN before the FIN is not read.
            *next = self.fin.map_or(to, |fin| to.min(fin)).max(*next);
        }
    }
}

/// Both ends of a flow.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Model {
    pub(crate) client: End,
    pub(crate) server: End,
    /// Whether the client sent the last segment that counted.
    last_by_client: bool,
}

impl Model {
    /// What a first segment makes of two ends that know nothing: only a SYN begins a connection.
    pub(crate) fn open(segment: &Segment) -> Option<Self> {
        if !segment.syn || segment.ack.is_some() || segment.fin || segment.rst {
            return None;
        }
        let mut client = End::new(S::SynSent);
        (client.isns, client.is_active, client.is_seen) = (vec![segment.seq], true, true);
        (client.sent, client.next) = (Some(segment.end()), Some(segment.end()));
        Some(Self { client, server: End::new(S::Listen), last_by_client: true })
    }

    /// Whether both hosts are done.
    pub(crate) fn is_over(&self) -> bool {
        [&self.client, &self.server].iter().all(|end| matches!(end.state, S::Closed | S::TimeWait))
    }

    /// Takes a segment; false if its receiver would ignore it, and nothing changes.
    pub(crate) fn take(&mut self, segment: &Segment) -> bool {
        let (own, peer) = self.ends(segment.by_client);
        if !Self::is_acceptable(own, peer, self.last_by_client, segment) {
            return false;
        }
        self.last_by_client = segment.by_client;
        let (own, peer) = match segment.by_client {
            true => (&mut self.client, &mut self.server),
            false => (&mut self.server, &mut self.client),
        };
        if segment.rst {
            (own.state, peer.state) = (S::Closed, S::Closed);
            return true;
        }
        send(own, peer, segment);
        receive(own, peer, segment);
        true
    }

    fn ends(&self, by_client: bool) -> (&End, &End) {
        if by_client { (&self.client, &self.server) } else { (&self.server, &self.client) }
    }

    fn is_acceptable(own: &End, peer: &End, last_by_client: bool, segment: &Segment) -> bool {
        if segment.rst {
            return is_rst_acceptable(own, peer, last_by_client != segment.by_client, segment);
        }
        match (segment.syn, segment.fin, segment.ack) {
            (true, true, _) | (false, _, None) => false,
            (true, false, None) => is_syn_acceptable(own, peer, segment),
            (true, false, Some(ack)) => is_syn_ack_acceptable(own, peer, segment, ack),
            (false, _, Some(ack)) => is_ack_acceptable(own, peer, segment, ack),
        }
    }

    /// The same for every flow that differs only in how much was sent, or how far something lies ahead or behind.
    pub(crate) fn shape(&self) -> Self {
        let mut shape = self.clone();
        // Who spoke last matters only while a host has acknowledged less than was sent.
        let is_behind = |own: &End, peer: &End| peer.told.is_some() && peer.told < own.next;
        let matters = is_behind(&self.client, &self.server) || is_behind(&self.server, &self.client);
        shape.last_by_client |= !matters;
        let next = [shape.client.next, shape.server.next];
        let base = |next: Option<i64>, end: &End| next.or(end.isn()).unwrap_or(0);
        let (client, server) = (base(next[0], &self.client), base(next[1], &self.server));
        for (end, own, peer) in [(&mut shape.client, client, server), (&mut shape.server, server, client)] {
            // How far back the SYN lies matters only while it may be sent again.
            let is_at_start = end.next == end.isn().map(|isn| isn + 1);
            end.isns = vec![i64::from(is_at_start); end.isns.len().min(2)];
            end.sent = end.sent.map(|sent| class(sent - own).min(1));
            end.is_active |= is_synchronized(end.state);
            end.next = end.next.map(|_| 0);
            end.fin = end.fin.map(|fin| class(fin - own));
            end.told = end.told.map(|told| class(told - peer));
            end.ahead = end.ahead.first().map(|_| (0, 0)).into_iter().collect();
        }
        shape
    }
}

/// A distance from what is expected: behind, there, a FIN further, ahead.
fn class(distance: i64) -> i64 {
    distance.clamp(-1, 2)
}

/// RFC 5961 section 3.2, and section 3.10.7.3 of RFC 9293 for SYN-SENT.
fn is_rst_acceptable(own: &End, peer: &End, peer_spoke_last: bool, segment: &Segment) -> bool {
    if peer.state == S::SynSent {
        return segment.ack.is_some_and(|ack| peer.isns.contains(&(ack - 1)) || peer.sent == Some(ack));
    }
    if !own.is_seen && peer.told.is_none() {
        // An observer that knows no number cannot say that this one is wrong.
        return true;
    }
    let (seq, expected) = (segment.seq, own.expected());
    // What the host has told beyond what was seen of the stream is the better knowledge.
    let best = expected.max(peer.told);
    let is_challenged = peer.told == Some(seq) && peer_spoke_last;
    // Linux, for a FIN that it has had.
    let has_fin = matches!(peer.state, S::CloseWait | S::Closing | S::LastAck);
    let is_fin = has_fin && own.fin == Some(seq) && own.next == own.fin;
    best == Some(seq) || expected == Some(seq) && peer.told <= expected || is_challenged || is_fin
}

/// A SYN opens actively, again, or at the same time; RFC 5961 section 4.2 in a connection.
fn is_syn_acceptable(own: &End, peer: &End, segment: &Segment) -> bool {
    let is_answered = own.isn().is_some() && peer.told.is_some();
    if own.state == S::Closed {
        return false;
    }
    own.isns.contains(&segment.seq) || !is_answered && matches!(own.state, S::Listen | S::SynSent)
}

fn is_synchronized(state: S) -> bool {
    !matches!(state, S::Closed | S::Listen | S::SynSent | S::SynReceived) || state == S::TimeWait
}

fn is_syn_ack_acceptable(own: &End, peer: &End, segment: &Segment, ack: i64) -> bool {
    if !own.is_seen && peer.is_answered_by(ack) {
        // What is seen of a host outweighs what its peer seemed to know of it.
        return true;
    }
    let is_answered = own.isn().is_some() && peer.told.is_some();
    if is_answered && !own.isns.contains(&segment.seq) {
        return false;
    }
    if peer.state == S::SynReceived && !peer.is_active {
        // A host that listened and has answered waits for an ACK.
        return false;
    }
    if is_synchronized(own.state) || own.state == S::SynReceived && own.isn().is_some() {
        // The answer to a SYN that crossed its own, or the same again.
        let is_again = own.told.map_or_else(|| peer.is_syn_covered(ack), |told| ack <= told);
        return own.isns.contains(&segment.seq) && is_again;
    }
    own.state != S::Closed && (peer.isn().is_none() || peer.is_syn_covered(ack))
}

fn is_ack_acceptable(own: &End, peer: &End, segment: &Segment, ack: i64) -> bool {
    if peer.state == S::SynSent && !is_synchronized(own.state) && own.isn().is_none() {
        return false;
    }
    if own.state == S::SynSent && own.isn().is_some_and(|isn| segment.seq <= isn) {
        return false;
    }
    if peer.state == S::SynReceived && !fits_syn_received(peer, segment, ack) {
        return false;
    }
    // RFC 5961 section 5.2; an ACK may be ahead of what the tap has shown, unless the peer has ended.
    let ahead = if peer.fin.is_some() { 0 } else { WINDOW };
    let first = peer.isn().map(|isn| isn + 1);
    let is_ahead = peer.is_seen && peer.sent.is_some_and(|sent| ack > sent + ahead);
    if is_ahead || first.is_some_and(|first| ack < first) {
        return false;
    }
    // No older than a window, nor than what it has acknowledged (CVE-2023-52881).
    let acknowledged = |told: i64| first.map_or(WINDOW, |first| (told - first).clamp(0, WINDOW));
    if own.told.is_some_and(|told| ack < told - acknowledged(told)) {
        return false;
    }
    // Right of the window, with as much again for what the tap has not shown yet.
    if peer.told.is_some_and(|told| own.is_seen && segment.seq > told + 2 * WINDOW) {
        return false;
    }
    let fin = segment.seq + segment.len;
    let is_past = own.fin != Some(fin) && (peer.told.is_some_and(|told| fin < told) || own.next > Some(fin));
    !(segment.fin && is_past)
}

/// RFC 9293 section 3.10.7.4 for SYN-RECEIVED: an ACK of the SYN, in the window that the SYN-ACK told.
fn fits_syn_received(peer: &End, segment: &Segment, ack: i64) -> bool {
    if peer.isn().is_some() && !peer.is_syn_covered(ack) {
        return false;
    }
    let Some(told) = peer.told else { return true };
    let (from, to, right) = (segment.seq, segment.end(), told + WINDOW);
    from == told || to > told && from < right || from == right && to == from
}

fn send(own: &mut End, peer: &mut End, segment: &Segment) {
    if segment.syn {
        let is_known = own.isns.contains(&segment.seq);
        if !own.is_seen && !is_known && segment.ack.is_some() {
            (own.sent, own.next) = (Some(segment.end()), Some(segment.end()));
            (own.isns, own.ahead, peer.told) = (vec![segment.seq], Vec::new(), None);
        } else if !is_known {
            own.isns.push(segment.seq);
            if own.isns.len() > 3 {
                own.isns.remove(0);
            }
        }
        own.is_active |= segment.ack.is_none();
        if own.isn() == Some(segment.seq) && !is_known && !is_synchronized(own.state) {
            (own.sent, own.next) = (Some(segment.end()), Some(segment.end()));
        }
        if let Some(ack) = segment.ack
            && (peer.isn().is_none() || peer.is_answered_by(ack))
        {
            peer.settle(ack - 1);
        }
    } else if own.state == S::SynSent
        && let Some(ack) = segment.ack
    {
        // It has had a SYN-ACK, which the tap missed.
        if own.isns.contains(&(segment.seq - 1)) {
            own.settle(segment.seq - 1);
        }
        if peer.isn().is_none() {
            peer.settle(ack - 1);
        }
    }
    own.is_seen = true;
    own.sent = own.sent.max(Some(segment.end()));
    own.told = own.told.max(segment.ack);
    let fin = segment.seq + segment.len;
    if segment.fin && own.fin.is_none() && own.next <= Some(fin) {
        own.fin = Some(fin);
    }
    own.state = match (own.state, segment.syn, segment.fin, segment.ack.is_some()) {
        (S::Closed | S::Listen, true, _, false) => S::SynSent,
        (S::Closed | S::Listen | S::SynSent, true, _, true) => S::SynReceived,
        (S::SynSent | S::SynReceived | S::Established, false, true, _) => S::FinWait1,
        (S::CloseWait, false, true, _) => S::LastAck,
        (S::SynSent, false, false, true) => S::Established,
        (state, ..) => state,
    };
}

fn receive(own: &mut End, peer: &mut End, segment: &Segment) {
    let is_old = is_synchronized(peer.state) && peer.told.is_some_and(|told| segment.end() < told);
    if let Some(ack) = segment.ack.filter(|_| !is_old) {
        let is_syn_covered = peer.isn().is_some_and(|isn| ack > isn);
        let is_fin_covered = peer.fin.is_some_and(|fin| ack > fin);
        peer.state = match peer.state {
            // A host that listens takes no SYN-ACK.
            S::Listen if is_syn_covered && !segment.syn => S::Established,
            S::SynSent | S::SynReceived if is_syn_covered => S::Established,
            state => state,
        };
        peer.state = match peer.state {
            S::FinWait1 if is_fin_covered => S::FinWait2,
            S::Closing if is_fin_covered => S::TimeWait,
            S::LastAck if is_fin_covered => S::Closed,
            state => state,
        };
    }
    if segment.syn {
        if peer.state == S::SynSent {
            peer.state = S::SynReceived;
        }
        return;
    }
    own.take(segment.seq, segment.seq + segment.len);
    if own.fin.is_some() && own.next == own.fin {
        peer.state = match peer.state {
            S::SynReceived | S::Established => S::CloseWait,
            S::FinWait1 => S::Closing,
            S::FinWait2 => S::TimeWait,
            state => state,
        };
    }
}
