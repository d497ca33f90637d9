//! Every bound of the engine: its unit, its default, and the attack or accident that it stops.

use crate::time::{millis, seconds};

/// Monitors of one tenant.
///
/// Each flow carries a record for each monitor that watches it; a tenant with thousands would make every flow as
/// large as it likes.
pub const MONITORS_PER_TENANT: usize = 64;

/// User-defined events of one tenant. A guest that defines without end would fill the host's memory.
pub const EVENTS_PER_TENANT: usize = 1024;

/// Registrations of one tenant; same attack as [`EVENTS_PER_TENANT`].
pub const REGISTRATIONS_PER_TENANT: usize = 4096;

/// Timers of one tenant that have not run out.
pub const TIMERS_PER_TENANT: usize = 1024;

/// Bytes of the name of a user-defined event.
pub const NAME_BYTES: usize = 64;

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

/// Bounds that the operator may change.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows tracked at once, ended ones that still absorb stragglers included.
    ///
    /// A SYN flood with distinct tuples otherwise takes all memory. When reached, half-open flows go first, then ended
    /// ones, then those picked up in mid-stream with one direction only; an established flow is never pushed out.
    pub flows: usize,
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
    pub total_bytes: usize,
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
            kept_bytes: 256 << 10,
            ahead_bytes: 1 << 20,
            ahead_segments: 3072,
            total_bytes: 512 << 20,
            retain_bytes: 16 << 10,
            fragment_datagrams: 16 << 10,
            fragment_bytes: 32 << 20,
        }
    }
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
