//! Packet scripts: a conversation, a virtual clock, and the complete trace of events that it must give.
//!
//! A script is lines of text; `#` begins a comment. First options, then packets and commands, then the word `want` and
//! the trace.
//!
//! ```text
//! level full                    # state, count or full (full)
//! retain 100                    # bytes kept behind the readers
//! limit flows 2                 # flows, half-open, kept-bytes, ahead-bytes, ahead-segments, total-bytes,
//!                               # total-segments, tenant-flows, tenant-bytes, fragment-datagrams, fragment-bytes
//! timeout established 10s       # a field of `Timeouts`
//! emergency established 5s      # the same for emergencies
//! mid-stream off                # flows without a handshake are orphans
//! overlap linux                 # whose copy of a byte counts; `overlap linux bsd` for what server and client receive
//! urgent oob                    # inline, oob or gap (inline)
//! networks one                  # VLANs and tunnels do not tell flows apart
//! checksums off
//! reader off                    # nobody peeks
//! show packet-in                # ordinary packets too; or `bytes`, `counters`, `records`
//!
//! 0ms c S    1000 mss 1460      # time, sender (c or s), flags as tcpdump has them (- for none), sequence number
//! 1ms s S.   5000 ack 1001      # without `ack`, the one that this sender gave last
//! 2ms c P.   1001:1011(10) "0123456789"
//! 3ms c P.   1011:1511(500)     # letters that follow from the sequence number
//! expire 500ms                  # time passes
//! finish                        # the input ends
//! ```
//!
//! A record stands in the trace at the time of the connection's last packet, as its state, its history, and for each
//! side packets/IP bytes/payload bytes, with what is missing of the latter behind a `-`.
//!
//! Also for packets: `win N`, `wscale N`, `mss N`, `ts VALUE:ECHO`, `signed` (an MD5 option), `urg N`, `badsum`,
//! `captured N` (payload bytes within the snap length), `flow N` (another client port; its lines in the trace end in
//! `flow N`), `frag START:END` (only these bytes of the segment, its header included, as a fragment; more follow if
//! bytes are left), `id N` (the identification of fragments), and what is around the datagram, each word around those
//! before it: `vlan ID`, `pppoe SESSION`, `ipip`, `gre KEY`, `vxlan NETWORK`, `geneve NETWORK`. A fragment has nothing
//! around it.

mod options;
mod packet;
mod recorder;
mod run;
mod text;
mod wrap;

use sluice_engine::Nanos;

use crate::Frame;

pub use options::Options;
pub use packet::PacketLine;
pub use run::Failure;

/// Why a script cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScriptError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Something that happens in a script.
#[derive(Clone, Debug)]
pub enum Action {
    /// A packet is captured.
    Packet(PacketLine),
    /// It is this time, although no packet came.
    Expire(Nanos),
    /// The input ends.
    Finish,
}

/// A packet script. See the module.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// How the engine is set up and what the trace shows.
    pub options: Options,
    /// What happens, in order.
    pub actions: Vec<Action>,
    /// The trace that must come out, one event a line.
    pub want: Vec<String>,
}

impl Script {
    /// The script's packets, in order.
    ///
    /// # Errors
    ///
    /// What no frame can say, in words.
    pub fn frames(&self) -> Result<Vec<Frame>, &'static str> {
        let packets = self.actions.iter().filter_map(|action| match action {
            Action::Packet(packet) => Some(packet),
            Action::Expire(_) | Action::Finish => None,
        });
        packets.map(PacketLine::frame).collect()
    }

    /// Reads a script.
    ///
    /// # Errors
    ///
    /// [`ScriptError`] for the first line that means nothing.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        let mut is_wanted = false;
        let mut acks = packet::LastAcks::default();
        for (line, number) in text.lines().zip(1..) {
            let error = |problem| ScriptError { line: number, problem };
            let words = text::words(line).map_err(error)?;
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [] => {}
                ["want"] if !is_wanted => is_wanted = true,
                words if is_wanted => script.want.push(text::trace_line(words)),
                ["finish"] => script.actions.push(Action::Finish),
                ["expire", time] => {
                    let time = text::time(time).ok_or_else(|| error("not a time"))?;
                    script.actions.push(Action::Expire(time));
                }
                words if text::time(words[0]).is_some() => {
                    let packet = PacketLine::parse(words, &mut acks).map_err(error)?;
                    script.actions.push(Action::Packet(packet));
                }
                words => script.options.set(words).map_err(error)?,
            }
        }
        Ok(script)
    }
}
