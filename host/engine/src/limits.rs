//! Every bound of the engine: its unit, its default, and the attack or accident that it stops.

use crate::time::{millis, seconds};

/// Monitors of one tenant.
///
/// Each flow carries a record for each monitor that watches it; a tenant with thousands would make every flow as
/// large as it likes.
pub const MONITORS_PER_TENANT: usize = 64;

/// User-defined events of one tenant at once. A guest that defines without end would fill the host's memory; Snort's
/// community rules are about 4,000.
pub const EVENTS_PER_TENANT: usize = 4096;

/// Steps from a built-in event down to a user-defined one.
///
/// Dispatch calls itself for each; a guest that defines each event below the last one would take the host's stack.
pub const EVENT_DEPTH: usize = 32;

/// Bytes of the argument of a user-defined event; same attack as [`EVENTS_PER_TENANT`].
pub const ARGUMENT_BYTES: usize = 1024;

/// Events that may be raised for one event that happened. Each is looked for among the others.
pub const RAISED_PER_EVENT: usize = 64;

/// Registrations of one monitor or flow: each change of a set is compared with one of this size.
pub const REGISTRATIONS_PER_FOREST: usize = 4096;

/// Registrations of all different sets of a tenant.
///
/// A guest that registers something else on each flow makes a set of its own for each. A registration takes up to 100
/// bytes, so this many take 100 MiB.
pub const REGISTRATIONS_PER_TENANT: usize = 1 << 20;

/// Different sets of registrations of a tenant: the same attack with small ones, which take 500 bytes and more.
pub const FORESTS_PER_TENANT: usize = 1 << 16;

/// Handlers of a tenant that are called at the end of the burst.
pub const DEFERRED_HANDLERS_PER_TENANT: usize = 4096;

/// Calls put off until the end of the burst, and flows that have ended and wait for it. When reached, the burst is
/// taken to have ended: a burst of fragments behind holes can raise any number of events.
pub const PUT_OFF_PER_BURST: usize = 4096;

/// Packets of one burst whose bytes stay where they are until its end; of more they are stored. Whoever hands over
/// bursts of many packets of one flow would have the engine look through a long list for each.
pub const LOANS_PER_BURST: usize = 64;

/// Events that a tenant which takes them so is told in one call: each has a bit in the answer.
pub const EVENTS_PER_BURST: usize = 64;

/// Bytes of streams that come with the events of one such call.
///
/// A guest has to make room for them before it is called, and asked for more than its memory holds it would end without
/// a mistake of its own: whoever closes a large hole makes that much readable at once. What does not fit is left to be
/// read. 32 full segments are 46,720 bytes.
pub const BURST_ARENA_BYTES: usize = 64 << 10;

/// Flows that a tenant is told of in one call, and those left unread that it is reminded of in one burst: a guest that
/// never reads would otherwise have the host look at all its flows for each burst.
pub const READY_PER_CALL: usize = 1024;

/// Timers of one tenant that have not run out.
pub const TIMERS_PER_TENANT: usize = 1024;

/// Bytes of the name of a user-defined event.
pub const NAME_BYTES: usize = 64;

/// Ranges of a native filter's port set, as given.
///
/// The set is looked through for each event; halving 256 ranges takes eight steps. And each of a tenant's events may
/// have one: 4,096 of them take 4 MiB.
pub const FILTER_PORTS: usize = 256;

/// Prefixes of a native filter's address set, as given; same attack as [`FILTER_PORTS`]. A tenant's events take 32 MiB
/// of them at most.
pub const FILTER_PREFIXES: usize = 256;

/// Bytes of a native filter's pattern.
///
/// They are compared in the event that completes them, and the stream's bytes are kept until then: long patterns would
/// make each flow keep as much.
pub const PATTERN_BYTES: usize = 256;

/// Pairs in one answer of `fraginfo`: one-byte segments behind holes make as many fragments as the sender likes.
pub const FRAGMENTS_LISTED: usize = 4096;

/// SYNs with different initial sequence numbers that one flow remembers.
///
/// A SYN resent with other numbers made a tracker follow the wrong one (CVE-2025-59147); the SYN-ACK decides among the
/// most recent ones.
pub const CANDIDATE_ISNS: usize = 3;

/// SYNs to live flows that are remembered until they are answered, for all flows together.
///
/// Forged SYNs to known connections would otherwise take memory for each. A genuine one is answered within a round
/// trip: 512 of them in flight at once are more than restarted hosts send. The list is searched only for SYN-ACKs of
/// flows to which such a SYN came.
pub const REOPENING_SYNS: usize = 512;

/// Hosts whose wrong checksums are excused. Looked through for every segment while there are any; a capture made on a
/// host names one, rarely a handful.
pub const EXCUSED_HOSTS: usize = 64;

/// Pairs of data beyond the window and an ACK that falls on it before a flow goes on behind what the tap lost.
///
/// A tap that loses more than a window sees nothing but impossible segments from then on; without this it would stay
/// deaf for the rest of the connection. One forged pair is not enough, and each segment that fits begins the count
/// anew; who forges segments of one side alone never gets here.
pub const STRAY_PAIRS_UNTIL_LOSSY: u8 = 2;

/// Segments beyond the windows that are held for one flow; the oldest goes.
///
/// Each may be as long as a frame, and none of them need be right: 8 hold a pair or two with the data around them.
pub const STRAYS_PER_FLOW: usize = 8;

/// Flows of which such segments are held; those of the one that began first go. Their bytes count as buffered, within
/// [`Limits::total_bytes`]. More than 1,024 flows at once that lost a window are an outage of the tap.
pub const STRAYING_FLOWS: usize = 1024;

/// Letters of a connection's history.
///
/// Those that a side writes again for another sequence number have no end otherwise: a host that repeats SYN or RST
/// with ever new numbers makes the record as long as it likes. All that Zeek's rules write once or by powers of ten, up
/// to a hundred thousand of each, are 57.
pub const HISTORY_LETTERS: usize = 64;

/// Repetitions between two letters of the same kind grow by this factor, as in Zeek's conn.log.
pub const HISTORY_SCALE: u32 = 10;

/// Holes of each direction that the account of a connection tells apart.
///
/// One-byte segments behind holes make as many as the sender likes. Beyond that the lowest count as missed, also if
/// they turn up later.
pub const RECORD_HOLES: usize = 32;

/// Segments of each direction under way that the account of a connection tells apart.
///
/// A sender of one-byte segments that nobody acknowledges makes as many as its peer's window has bytes. Beyond that,
/// neighbours are counted together: their number stays right, and is not less before all of them are acknowledged.
pub const FLIGHT_SEGMENTS: usize = 64;

/// Bytes of an edited datagram from the IP header on; of an IPv6 datagram, behind its fixed header. What the length
/// fields of both can say: a guest that inserts bytes in every packet makes the host hold no more for each.
pub const DATAGRAM_BYTES: usize = 65_535;

/// Bytes of an IPv4 or TCP header with its options: what their length fields can say.
pub const HEADER_BYTES: usize = 60;

/// Bytes of a datagram that a tenant sends, headers included: the MTU of Ethernet (RFC 894). The host does not
/// fragment.
pub const INJECTED_DATAGRAM_BYTES: usize = 1500;

/// Segments and resets that one tenant sends between one packet and the next, and at the end of a burst.
///
/// A guest that answers each packet with any number of its own would make the host an amplifier, and hold them all
/// until the burst is done with. By packet and not by burst, so that the same packets give the same in bursts of any
/// size.
pub const INJECTED_PER_PACKET: usize = 64;

/// Bytes of a link header that are kept for segments that tenants send: Ethernet with four VLAN tags and eight MPLS
/// labels has 62. A flow with a longer one gets none sent.
pub const LINK_HEADER_BYTES: usize = 64;

/// Networks with overlap rules of their own. They are looked through when a flow begins.
pub const SYSTEM_PREFIXES: usize = 256;

/// Fragments of one datagram.
///
/// One-byte fragments out of order cost a hundred times their data. 64 KiB take 119 fragments where the MTU is 576, the
/// least that IPv4 hosts must take.
pub const FRAGMENTS_PER_DATAGRAM: usize = 512;

/// Times that a datagram put together may hold a fragment in a tunnel, and be put together again.
///
/// Each time costs a copy of up to 64 KiB for one packet. Networks that cut tunnels within tunnels do it twice.
pub const FRAGMENT_NESTING: usize = 4;

/// Bounds that the operator may change: those of one engine ([`Limits::of_one_in`]).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows tracked at once, ended ones that still absorb stragglers included.
    ///
    /// Segments with distinct tuples otherwise take all memory. When reached, ended flows, half-open ones and those
    /// with one direction make room (see `engine/pressure.rs` for the order); a flow that both hosts have spoken in is
    /// pushed out only when it was silent for long ([`Timeouts::emergency`]).
    pub flows: usize,
    /// Flows whose handshake is not complete.
    ///
    /// A SYN flood makes nothing else; when reached, each SYN pushes out the half-open flow that began first, so that
    /// the flood feeds on itself. At a million SYNs a second an honest handshake has a quarter of a second; one that
    /// takes longer is picked up with its SYN-ACK. A quarter of it is theirs by right: below that, others go before
    /// they do.
    pub half_open: usize,
    /// Bytes held for one direction of a flow that no monitor has read, or that are retained.
    ///
    /// A monitor that never reads would otherwise make the host keep whole downloads.
    pub kept_bytes: usize,
    /// Bytes held out of order for one direction.
    ///
    /// A sender may leave a hole open and send behind it for as long as it likes. 1 MiB is more than the window that
    /// hosts offer by default.
    pub ahead_bytes: usize,
    /// Segments held out of order for one direction.
    ///
    /// One-byte segments cost a hundred times their payload; 3,072 is what Snort allows, 45 full-size ones fill 64 KiB.
    pub ahead_segments: usize,
    /// Bytes buffered for all flows together, and of fragments, bookkeeping included.
    ///
    /// Each flow may stay below its own caps and there may be a million of them. When reached, what comes ahead of a
    /// hole is refused, what no monitor has read is forgotten, and data in order goes on; before that, from
    /// [`EMERGENCY_ENTER_PERCENT`] on, holes that do not close are given up.
    pub total_bytes: usize,
    /// Segments held out of order for all flows together.
    ///
    /// One-byte segments are the cheapest way to make a host allocate, and each is a step of work once more when its
    /// hole closes, whatever its bytes take.
    pub total_segments: usize,
    /// Flows that the monitors of one tenant watch at once, each monitor counted.
    ///
    /// Each flow carries a record for each monitor; a tenant with many monitors would have the host hold many times the
    /// flow table. Flows that come when it is reached are not shown to it.
    pub tenant_flows: usize,
    /// Bytes kept for one tenant that it has not read, of all flows.
    ///
    /// A tenant that never reads would otherwise take what is kept for the others; see `engine/backlog.rs`.
    pub tenant_bytes: usize,
    /// Bytes kept behind the readers for comparison with retransmissions, once a monitor registers `rexmit` or
    /// `conflict`.
    pub retain_bytes: usize,
    /// Datagrams of which fragments are held.
    ///
    /// First fragments whose rest never comes are cheap to send and would each be held for the whole timeout. When
    /// reached, the oldest datagram goes. 16,384 in 30 s are more than 500 lost ones a second.
    pub fragment_datagrams: usize,
    /// Bytes that fragments of all datagrams may take together, bookkeeping included.
    ///
    /// The same attack with large fragments; the oldest datagram goes. Eight times what Linux takes for the fragments
    /// of one host (`ipfrag_high_thresh`).
    pub fragment_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 1 << 20,
            half_open: 1 << 18,
            kept_bytes: 256 << 10,
            ahead_bytes: 1 << 20,
            ahead_segments: 3072,
            total_bytes: 512 << 20,
            total_segments: 4 << 20,
            tenant_flows: 2 << 20,
            tenant_bytes: 128 << 20,
            retain_bytes: 16 << 10,
            fragment_datagrams: 16 << 10,
            fragment_bytes: 32 << 20,
        }
    }
}

impl Limits {
    /// These bounds with another number of flows: a quarter of them may be half-open, as by default.
    #[must_use]
    pub const fn with_flows(self, flows: usize) -> Self {
        Self { flows, half_open: at_least_one(flows / 4), tenant_flows: flows.saturating_mul(2), ..self }
    }

    /// These bounds with other room for buffers, in bytes: a quarter of it for one tenant, as by default.
    #[must_use]
    pub const fn with_total_bytes(self, bytes: usize) -> Self {
        Self { total_bytes: bytes, tenant_bytes: bytes / 4, ..self }
    }

    /// The bounds of one of several engines that share these, one on each core.
    ///
    /// Engines share no memory, so each gets an equal part of what is bounded in all. Flows are spread by a hash, so no
    /// engine has many more than another. What is bounded by flow or datagram stays.
    #[must_use]
    pub const fn of_one_in(self, engines: usize) -> Self {
        let engines = at_least_one(engines);
        Self {
            flows: at_least_one(self.flows / engines),
            half_open: at_least_one(self.half_open / engines),
            total_bytes: self.total_bytes / engines,
            total_segments: self.total_segments / engines,
            tenant_flows: at_least_one(self.tenant_flows / engines),
            tenant_bytes: self.tenant_bytes / engines,
            fragment_datagrams: at_least_one(self.fragment_datagrams / engines),
            fragment_bytes: self.fragment_bytes / engines,
            ..self
        }
    }
}

const fn at_least_one(number: usize) -> usize {
    if number == 0 { 1 } else { number }
}

/// How long a flow may be silent, by its state, in nanoseconds of packet time.
///
/// The defaults follow RFC 5382 section 5 where it gives one (established: at least 2 h 4 min for NATs, but a monitor
/// loses only a buffer, so an hour serves) and Linux' conntrack elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// SYN seen, no answer yet.
    pub syn_sent: u64,
    /// Both SYNs seen, handshake not complete.
    pub syn_received: u64,
    /// Data may flow.
    pub established: u64,
    /// One side has closed.
    pub half_closed: u64,
    /// Both sides have sent FIN, an ACK is missing.
    pub closing: u64,
    /// Picked up in mid-stream with one direction only.
    pub one_sided: u64,
    /// Ended: absorbs stragglers (2 MSL, RFC 9293 section 3.4.2 with an MSL of 30 s as Linux has it).
    pub time_wait: u64,
    /// How long an ACK for bytes that were not seen waits before the gap is declared.
    ///
    /// Taps deliver the two directions of a link with a skew; 100 ms have been seen.
    pub gap_grace: u64,
    /// How long the first fragment of a datagram waits for the last one, for both versions as Linux has it for IPv4
    /// (`ipfrag_time`; RFC 8200 section 4.5 lets IPv6 hosts wait for 60 s).
    pub fragments: u64,
}

impl Timeouts {
    /// How long a flow may be silent while the host is under pressure ([`EMERGENCY_ENTER_PERCENT`]).
    ///
    /// The numbers are those of Suricata's emergency mode (5 s, 100 s, 10 s). The grace of gaps and fragments has no
    /// shorter form: what they hold has caps of its own.
    #[must_use]
    pub fn emergency() -> Self {
        Self {
            syn_sent: seconds(5),
            syn_received: seconds(5),
            established: seconds(100),
            half_closed: seconds(30),
            closing: seconds(10),
            one_sided: seconds(10),
            time_wait: seconds(5),
            ..Self::default()
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            syn_sent: seconds(120),
            syn_received: seconds(60),
            established: seconds(3600),
            half_closed: seconds(300),
            closing: seconds(60),
            one_sided: seconds(300),
            time_wait: seconds(60),
            gap_grace: millis(250),
            fragments: seconds(30),
        }
    }
}

/// Bytes that may arrive behind a hole after the peer's ACK for it before the gap is declared, whatever the clock says:
/// a burst at 100 Gb/s brings more in the grace than a flow may hold.
pub const GAP_GRACE_BYTES: u64 = 512 << 10;

/// Per cent of a cap at which an emergency begins: while it lasts, flows are given less time.
///
/// Who fills the table with connections that only look alive would otherwise keep it full for the longest of all
/// timeouts, and every new connection would be refused.
pub const EMERGENCY_ENTER_PERCENT: usize = 90;

/// Per cent of a cap below which the emergency ends; apart from the other, so that it does not come and go with each
/// flow.
pub const EMERGENCY_LEAVE_PERCENT: usize = 70;

/// Ticks of the timer wheel, a millisecond each, in which an emergency looks at each flow once.
///
/// What is silent for too long is found this much late at most, and no tick costs more than the 2,048th part of the
/// table: 512 flows of a million.
pub const SWEEP_TICKS: u64 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_share_what_is_bounded_in_all() {
        let all = Limits::default().with_flows(1_000).with_total_bytes(8_000);
        assert_eq!((all.half_open, all.tenant_flows, all.tenant_bytes), (250, 2_000, 2_000));
        let one = all.of_one_in(8);
        assert_eq!((one.flows, one.half_open, one.total_bytes, one.tenant_bytes), (125, 31, 1_000, 250));
        assert_eq!((one.ahead_segments, one.kept_bytes), (all.ahead_segments, all.kept_bytes));
        assert_eq!(all.with_flows(1).of_one_in(0).half_open, 1);
    }
}
