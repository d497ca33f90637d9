//! Where the words of guests go.

use sluice_engine::Nanos;
use sluice_engine::flow::ConnRecord;
use sluice_engine::view::Endpoints;

use crate::FaultReport;

/// How important a log line is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Worth knowing.
    Info,
    /// For the author of the guest.
    Debug,
}

impl Severity {
    /// The word in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The circumstances of a structured event.
#[derive(Clone, Debug)]
pub struct EventContext {
    /// The moment of the call.
    pub time: Nanos,
    /// The current flow.
    pub flow: Option<EventFlow>,
}

/// The flow that was current.
#[derive(Clone, Debug)]
pub struct EventFlow {
    /// Identity in logs.
    pub log_id: u64,
    /// Who talks.
    pub endpoints: Endpoints,
}

/// Takes what the guests of one worker say. Texts have no control characters but those named; their length is bounded.
pub trait GuestOutput {
    /// A log line: no line feed in it.
    fn line(&mut self, guest: &str, severity: Severity, text: &str);

    /// A structured event. `event_type` is one to 64 letters, digits, `-`, `_` or `.`, and none of the names that the
    /// event log itself uses ([`RESERVED_EVENT_TYPES`]); `body` is the text of one JSON object on one line.
    fn event(&mut self, guest: &str, event_type: &str, body: &str, context: &EventContext);

    /// A piece of a report: may hold line feeds and tabs.
    fn report(&mut self, guest: &str, text: &str);

    /// A guest was stopped.
    fn fault(&mut self, report: &FaultReport);

    /// No word of a guest: the engine's record of a connection, where the operator asked for records.
    fn conn_record(&mut self, _record: &ConnRecord) {}
}

/// Keys of the event log that a guest cannot take for an event of its own.
pub const RESERVED_EVENT_TYPES: [&str; 11] = [
    "timestamp",
    "flow_id",
    "event_type",
    "guest",
    "proto",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "vlan",
    "pcap_cnt",
];

/// Drops everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOutput;

impl GuestOutput for NoOutput {
    fn line(&mut self, _guest: &str, _severity: Severity, _text: &str) {}

    fn event(&mut self, _guest: &str, _event_type: &str, _body: &str, _context: &EventContext) {}

    fn report(&mut self, _guest: &str, _text: &str) {}

    fn fault(&mut self, _report: &FaultReport) {}
}
