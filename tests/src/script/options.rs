//! How a script sets the engine up.

use sluice_engine::limits::{Limits, Timeouts};
use sluice_engine::reassembly::{Level, OverlapPolicy, Urgent};
use sluice_engine::{Checksums, Config, Networks, PickUp, Records};

use super::text;

/// Options of a script.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The engine's configuration.
    pub config: Config,
    /// Level of the monitor.
    pub level: Level,
    /// Whether the monitor reads what it is told of.
    pub reads: bool,
    /// Whether the trace holds ordinary packets.
    pub shows_packets: bool,
    /// Whether the trace holds the bytes of `new-data`.
    pub shows_bytes: bool,
    /// Whether the trace ends with the counters of what is out of the ordinary.
    pub shows_counters: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Config::default(),
            level: Level::Full,
            reads: true,
            shows_packets: false,
            shows_bytes: false,
            shows_counters: false,
        }
    }
}

impl Options {
    /// Sets the option that a line's words name.
    pub(super) fn set(&mut self, words: &[&str]) -> Result<(), &'static str> {
        match words {
            ["level", "state"] => self.level = Level::State,
            ["level", "count"] => self.level = Level::Count,
            ["level", "full"] => self.level = Level::Full,
            ["retain", bytes] => self.config.limits.retain_bytes = number(bytes)?,
            ["limit", name, value] => set_limit(&mut self.config.limits, name, value)?,
            ["emergency", name, span] => set_timeout(&mut self.config.emergency, name, span)?,
            ["timeout", name, span] => set_timeout(&mut self.config.timeouts, name, span)?,
            ["mid-stream", "off"] => self.config.pick_up = PickUp::HandshakeOnly,
            ["overlap", both] => self.config.overlap = [policy(both)?; 2],
            ["overlap", server, client] => self.config.overlap = [policy(server)?, policy(client)?],
            ["urgent", mode] => self.config.urgent = Urgent::from_name(mode).ok_or("not an urgent mode")?,
            ["networks", "one"] => self.config.networks = Networks::One,
            ["checksums", "off"] => self.config.checksums = Checksums::Ignore,
            ["reader", "off"] => self.reads = false,
            ["show", "packet-in"] => self.shows_packets = true,
            ["show", "bytes"] => self.shows_bytes = true,
            ["show", "records"] => self.config.records = Records::Each,
            ["show", "counters"] => self.shows_counters = true,
            _ => return Err("neither an option nor a packet nor a command"),
        }
        Ok(())
    }
}

fn policy(word: &str) -> Result<OverlapPolicy, &'static str> {
    OverlapPolicy::from_name(word).ok_or("not an overlap policy")
}

fn number(word: &str) -> Result<usize, &'static str> {
    word.parse().map_err(|_| "not a number")
}

fn set_limit(limits: &mut Limits, name: &str, value: &str) -> Result<(), &'static str> {
    let value = number(value)?;
    match name {
        "flows" => limits.flows = value,
        "half-open" => limits.half_open = value,
        "kept-bytes" => limits.kept_bytes = value,
        "ahead-bytes" => limits.ahead_bytes = value,
        "ahead-segments" => limits.ahead_segments = value,
        "total-bytes" => limits.total_bytes = value,
        "tenant-flows" => limits.tenant_flows = value,
        "tenant-bytes" => limits.tenant_bytes = value,
        "total-segments" => limits.total_segments = value,
        "fragment-datagrams" => limits.fragment_datagrams = value,
        "fragment-bytes" => limits.fragment_bytes = value,
        _ => return Err("not a limit"),
    }
    Ok(())
}

fn set_timeout(timeouts: &mut Timeouts, name: &str, span: &str) -> Result<(), &'static str> {
    let span = text::span(span).ok_or("not a span of time")?;
    match name {
        "syn-sent" => timeouts.syn_sent = span,
        "syn-received" => timeouts.syn_received = span,
        "established" => timeouts.established = span,
        "half-closed" => timeouts.half_closed = span,
        "closing" => timeouts.closing = span,
        "one-sided" => timeouts.one_sided = span,
        "time-wait" => timeouts.time_wait = span,
        "gap-grace" => timeouts.gap_grace = span,
        "fragments" => timeouts.fragments = span,
        _ => return Err("not a timeout"),
    }
    Ok(())
}
