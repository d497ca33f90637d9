//! The command line: what can be asked for, in the letters that users of tcpdump and Suricata know.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sluice_engine::reassembly::OverlapPolicy;
use sluice_guest::LaneChoice;

use crate::systems::Overlap;

/// A host for sandboxed middleboxes.
///
/// A middlebox (an IDS, a firewall, an accounting probe) is a WebAssembly component. sluice follows every TCP
/// connection, raises events and calls the middlebox; what the middlebox cannot do is reach anything else.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  all went well
    1  failed on the way: output, a guest that was stopped
    2  wrong usage
    3  a guest was rejected
    5  the input is damaged or cut off; what could be read was processed
    6  not permitted
  130  Ctrl-C

Start here:
  sluice build guests/midstat -o midstat.wasm
  sluice run -r samples/web.pcap.gz midstat.wasm";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run middleboxes over traffic.
    Run(RunArgs),
    /// Write each direction of each TCP connection to a file, without any middlebox.
    Streams(StreamsArgs),
    /// Show the events that a middlebox defines as a tree, and with a capture how often each happened.
    Events(crate::events::EventsArgs),
    /// Compile a middlebox and wrap it into a component.
    Build(crate::build::BuildArgs),
    /// Say what a middlebox imports, exports and needs, and whether it would load.
    Inspect(crate::inspect::InspectArgs),
}

/// Where packets come from, and how they are taken.
#[derive(Args, Debug)]
pub(crate) struct InputArgs {
    /// Capture file to read: pcap or pcapng, also compressed by gzip or zstd; `-` is standard input
    #[arg(short = 'r', value_name = "FILE")]
    pub(crate) read: String,

    /// Stop after this many packets that match the filter
    #[arg(short = 'c', value_name = "COUNT")]
    pub(crate) count: Option<u64>,

    /// Which checksums are verified; segments with a wrong one are not used
    #[arg(short = 'k', value_name = "WHICH", value_enum, default_value_t = ChecksumMode::Auto)]
    pub(crate) checksums: ChecksumMode,

    /// Follow only connections whose handshake is seen; others are orphans
    #[arg(long)]
    pub(crate) handshake_only: bool,

    /// Whose copy of a byte is read when several came before it was delivered: as the hosts here would. One of first
    /// (the default), last, linux, bsd, windows, solaris; with a prefix, for what hosts of that network receive, the
    /// longest prefix first. May be given several times: --overlap linux --overlap 10.0.0.0/8=windows
    #[arg(long, value_name = "[PREFIX=]POLICY", value_parser = Overlap::parse)]
    pub(crate) overlap: Vec<Overlap>,

    /// The same for what clients receive, where they are other systems than the servers
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) overlap_clients: Option<OverlapMode>,

    /// Whether equal addresses and ports in two VLANs or tunnels are two connections
    #[arg(long, value_name = "MODE", value_enum, default_value_t = NetworksMode::Apart)]
    pub(crate) networks: NetworksMode,

    /// What becomes of the byte that an urgent pointer marks
    #[arg(long, value_name = "MODE", value_enum, default_value_t = UrgentMode::Inline)]
    pub(crate) urgent: UrgentMode,

    /// Connections followed at once; a quarter of them may be half-open
    #[arg(long, value_name = "COUNT", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(4..))]
    pub(crate) limit_flows: u32,

    /// Memory for bytes that wait: behind holes, for guests that have not read them, for the rest of a datagram, MiB
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit_buffers: u32,

    /// Accepted for the sake of fingers that know tcpdump: names are never looked up
    #[arg(short = 'n', hide = true)]
    pub(crate) numeric: bool,

    /// No progress bar and no summary
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,

    /// Log more; twice for all
    #[arg(short = 'v', action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ChecksumMode {
    /// All, but those of hosts that are wrong throughout: captures made on a host whose network card computes checksums
    Auto,
    /// All
    All,
    /// None
    None,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum NetworksMode {
    /// They are two
    Apart,
    /// They are one: for taps that see each direction in a VLAN or tunnel of its own
    One,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum OverlapMode {
    /// The one that came first
    First,
    /// The one that came last
    Last,
    /// As Linux 6.18
    Linux,
    /// As 4.4BSD and its heirs
    Bsd,
    /// As Windows
    Windows,
    /// As Solaris
    Solaris,
}

impl OverlapMode {
    /// The engine's name for it.
    pub(crate) const fn policy(self) -> OverlapPolicy {
        match self {
            Self::First => OverlapPolicy::First,
            Self::Last => OverlapPolicy::Last,
            Self::Linux => OverlapPolicy::Linux,
            Self::Bsd => OverlapPolicy::Bsd,
            Self::Windows => OverlapPolicy::Windows,
            Self::Solaris => OverlapPolicy::Solaris,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum UrgentMode {
    /// It is read where it lies
    Inline,
    /// It is left out, as Linux does
    Oob,
    /// It is left out and told of as a gap
    Gap,
}

/// What a guest may take.
#[derive(Args, Debug)]
pub(crate) struct GuestLimitArgs {
    /// Memory that one guest may take, MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) limit_mem: u32,

    /// Limit each call of a guest to so much fuel (about one unit an instruction) instead of 20 ms of CPU time: the
    /// same on every machine
    #[arg(long, value_name = "UNITS")]
    pub(crate) fuel: Option<u64>,

    /// How guests are called: the results are the same
    #[arg(long, value_name = "LANE", value_enum, default_value_t = LaneMode::Auto)]
    pub(crate) lane: LaneMode,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LaneMode {
    /// The direct lane for each guest that fits it, the component lane for others
    Auto,
    /// By the runtime's component API
    Component,
    /// Several times as fast; a guest that does not fit is rejected, and why it does not is said
    Direct,
}

impl LaneMode {
    /// The runtime's name for it.
    pub(crate) const fn choice(self) -> LaneChoice {
        match self {
            Self::Auto => LaneChoice::Fitting,
            Self::Component => LaneChoice::Component,
            Self::Direct => LaneChoice::Direct,
        }
    }
}

/// Run middleboxes over traffic.
#[derive(Args, Debug)]
#[command(after_help = "\
The first word that ends in .wasm is the guest; words like key=value configure it; the rest is a filter in the syntax of
pcap-filter(7), with numbers in place of names. Several guests: --guest for each, as FILE[,key=value...].

Examples:
  sluice run -r web.pcap midstat.wasm
  sluice run -r web.pcap midstat.wasm interval=5 tcp port 80
  sluice run -r web.pcap --log conn tcp port 80
  sluice run -r web.pcap -j --guest http-log.wasm --guest fake-rexmit.wasm > eve.json
  zcat big.pcap.gz | sluice run -r - byte-reader.wasm")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Write the packets that leave to a capture file, without those that guests dropped, with those that they changed
    /// or sent; `-` is standard output
    #[arg(short = 'w', value_name = "OUT")]
    pub(crate) write: Option<PathBuf>,

    /// Print JSON lines (Suricata's EVE format) instead of text
    #[arg(short = 'j', long)]
    pub(crate) json: bool,

    /// Write JSON lines that no guest is needed for; may be given several times
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) log: Vec<LogKind>,

    /// A guest, a tenant of its own; may be given several times
    #[arg(long = "guest", value_name = "FILE[,KEY=VALUE...]")]
    pub(crate) guests: Vec<String>,

    /// What guests may do beyond looking; may be given several times
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) allow: Vec<Allowed>,

    #[command(flatten)]
    pub(crate) limits: GuestLimitArgs,

    /// GUEST.wasm, then key=value words for it, then a filter
    #[arg(value_name = "GUEST.wasm [KEY=VALUE...] [FILTER]")]
    pub(crate) words: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LogKind {
    /// One line for each TCP connection, with the fields of Zeek's conn.log.
    Conn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Allowed {
    /// Drop packets: they are left out of what `-w` writes.
    Drop,
    /// Change packets: `-w` writes them as changed.
    Modify,
    /// Send segments and reset connections: `-w` writes those too, behind the packet that they answer.
    Inject,
}

/// Write each direction of each TCP connection to a file.
#[derive(Args, Debug)]
#[command(after_help = "\
The directory gets one file for each direction and streams.jsonl with a line for each: src, dst, file, bytes, sha256,
gaps and conflicts as offset and length, and why the connection ended.

Example:
  sluice streams -r web.pcap -o out tcp port 80")]
pub(crate) struct StreamsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Directory to write to; made if it is not there
    #[arg(short = 'o', value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// What stands in the files for bytes that are missing
    #[arg(long, value_enum, default_value_t = GapMode::Skip)]
    pub(crate) gaps: GapMode,

    /// A filter in the syntax of pcap-filter(7), with numbers in place of names
    #[arg(value_name = "FILTER")]
    pub(crate) words: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum GapMode {
    /// Nothing.
    Skip,
    /// Zeros, for gaps of up to 64 MiB; longer ones are skipped.
    Zero,
}
