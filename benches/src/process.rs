//! What this process has used: CPU time, which does not pass while another program has the core, and memory.

use rustix::time::{ClockId, clock_gettime};

/// CPU time that the calling thread has used, in nanoseconds.
#[must_use]
pub fn cpu_time_ns() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(used.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Resident memory of this process in bytes, as Linux counts it; 0 where it does not say.
#[must_use]
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    kibibytes.saturating_mul(1_024)
}
