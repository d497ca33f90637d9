//! Every bound on guests: its unit, its default, and the attack or accident that it stops.

use std::time::Duration;

/// Bytes of a guest's file.
///
/// Compiling takes seconds for each ten megabytes: a huge file is an attack on whoever loads it. Guests with a whole
/// script engine inside have 12 to 18 MB.
pub const MODULE_BYTES_MAX: usize = 64 << 20;

/// Guests of one worker.
pub const TENANTS_MAX: usize = 1 << 12;

/// Bytes of stack that a guest's code may use. A recursion without end stops here, far from the host's own stack.
pub const STACK_BYTES: usize = 512 << 10;

/// Core instances, tables and memories of one guest.
///
/// Components of one module have three instances, those linked from many modules some dozens.
pub const INSTANCES_MAX: usize = 256;

/// Core instances made from modules in a component that the direct lane takes: the main module's, the shim's, a
/// fixup's, and one that only runs `_initialize`.
///
/// The module of each is read once more. Without this bound a small component could have one large module read a
/// thousand times.
pub const DIRECT_INSTANCES_MAX: usize = 4;

/// Frames of a backtrace; a recursion would fill the report.
pub const BACKTRACE_FRAMES: usize = 32;

/// Characters of any text of a guest in a fault report: names of functions, messages.
pub const REPORTED_CHARS: usize = 400;

/// Bytes of a log line.
pub const LINE_BYTES: usize = 4096;

/// Bytes of the body of a structured event.
pub const EVENT_BYTES: usize = 64 << 10;

/// Bytes of the type of a structured event.
pub const EVENT_TYPE_BYTES: usize = 64;

/// Bytes of a piece of a report.
pub const REPORT_BYTES: usize = 64 << 10;

/// Bytes of a filter expression; libpcap's compiler takes time that grows with it.
pub const FILTER_BYTES: usize = 4096;

/// Matchers of one guest. Each is a table to be kept warm; who has several sets of patterns needs one matcher for all.
pub const MATCHERS_MAX: usize = 16;

/// Patterns of one matcher. The rules of the large public sets have some 30,000 words.
pub const PATTERNS_MAX: usize = 1 << 15;

/// Bytes of one pattern: a state counts its bytes in 16 bits.
pub const PATTERN_BYTES: usize = 4096;

/// Bytes of all patterns of one matcher: compiling takes some 120 bytes of the host for each while it lasts, before the
/// guest's own limit is asked, and half a microsecond to one and a half, during which nothing can end the guest.
pub const PATTERNS_BYTES: usize = 1 << 20;

/// Bytes of the table of an automaton; patterns that would need more go slower, through links. Random bytes take a
/// kilobyte each in a table: a megabyte of them would take one gigabyte.
pub const TABLE_BYTES: usize = 16 << 20;

/// Bytes of all patterns of a matcher that Vectorscan compiles: literals of this size take it a tenth of a second, and
/// what expressions take, in time and memory, depends on what they say; nothing can be refused before.
#[cfg(feature = "vectorscan")]
pub const EXPRESSIONS_BYTES: usize = 64 << 10;

/// Matches that one scan tells. A pattern of one byte that a sender repeats would make a list of eight bytes a byte.
pub const MATCHES_MAX: usize = 1024;

/// Bytes of a guest that one call scans: nothing can end it meanwhile.
pub const SCAN_BYTES: usize = 1 << 20;

/// Fuel for each byte of patterns compiled: half a microsecond is that of about 1,000 instructions.
pub const COMPILE_FUEL: u64 = 1000;

/// Fuel for each byte scanned: half a nanosecond to two and a half.
pub const SCAN_FUEL: u64 = 2;

/// Bytes that one call of an import, or the answer of an export, may make the host copy out of the guest's memory, in
/// the host's own types. Lists within lists may name the same memory many times: without a bound, a few bytes of a
/// guest fill the host's memory. More traps.
pub const LIFTED_BYTES: usize = 16 << 20;

/// How much one call of a guest may compute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeLimit {
    /// CPU time of the thread, looked at every millisecond. For live traffic: cheap, but a call may run one or two
    /// milliseconds longer than it may.
    Cpu {
        /// For filters, callbacks and timers.
        call: Duration,
        /// For `start` and `stop`.
        lifecycle: Duration,
    },
    /// Units of fuel, about one for each instruction. For tests and replay: the same on every machine.
    Fuel {
        /// For filters, callbacks and timers.
        call: u64,
        /// For `start` and `stop`.
        lifecycle: u64,
    },
}

impl TimeLimit {
    /// Fuel as plentiful as the default of CPU time.
    pub const FUEL: Self = Self::Fuel { call: 50_000_000, lifecycle: 5_000_000_000 };
}

impl Default for TimeLimit {
    /// 20 ms of CPU time a call: ten thousand times what a handler takes, and short enough that a worker which meets a
    /// guest's endless loop loses no more than a receive ring holds.
    fn default() -> Self {
        Self::Cpu { call: Duration::from_millis(20), lifecycle: Duration::from_secs(2) }
    }
}

/// How much a guest may hold. Each instance has its own share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryLimit {
    /// Bytes of linear memory, all memories together. What goes beyond is refused to the guest, which usually aborts.
    pub memory_bytes: usize,
    /// Elements of tables, all together; one takes eight bytes of the host.
    pub table_elements: usize,
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, table_elements: 1 << 18 }
    }
}

/// How much a guest may say in a run. What goes beyond is refused to the guest and counted: a guest that logs each
/// packet would fill the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogLimit {
    /// Bytes of log lines; each counts for at least 64.
    pub line_bytes: u64,
    /// Bytes of structured events; each counts for at least 64.
    pub event_bytes: u64,
    /// Bytes of reports; each piece counts for at least 64.
    pub report_bytes: u64,
}

impl Default for LogLimit {
    fn default() -> Self {
        Self { line_bytes: 16 << 20, event_bytes: 16 << 30, report_bytes: 64 << 20 }
    }
}
