//! Why a guest was stopped, for its operator and its author.

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use sluice_engine::event::{EventCall, EventKind};
use sluice_engine::view::Endpoints;
use sluice_engine::{Nanos, View};
use wasmtime::{Trap, WasmBacktrace};

use crate::budget::Entry;
use crate::limits::{REPORTED_CHARS, STACK_BYTES, TimeLimit};
use crate::quota::MemoryQuota;
use crate::text::excerpt;

/// A guest was stopped; it is not called again.
#[derive(Clone, Debug)]
pub struct FaultReport {
    /// Name of the guest.
    pub guest: Arc<str>,
    /// What was called.
    pub call: CallReport,
    /// What went wrong.
    pub reason: FaultReason,
    /// Where in the guest's code, innermost first; empty if it was not the guest's code that failed.
    pub backtrace: Vec<Frame>,
}

/// The call in which a guest was stopped.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// The export that was called.
    pub export: Export,
    /// Number of the filter, handler or timer.
    pub id: Option<u32>,
    /// The built-in event at the root.
    pub event: Option<EventKind>,
    /// Moment of the event or deadline.
    pub time: Nanos,
    /// The current flow.
    pub flow: Option<FlowReport>,
}

/// The flow that was current in a call.
#[derive(Clone, Debug)]
pub struct FlowReport {
    /// Identity in logs.
    pub log_id: u64,
    /// Who talks.
    pub endpoints: Endpoints,
}

/// What the host calls in a guest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Export {
    /// The instance is made; code may run that the guest's language wants to run first.
    Instantiation,
    /// `start`.
    Start,
    /// `filter`.
    Filter,
    /// `callback`.
    Callback,
    /// `on-timer`.
    OnTimer,
    /// `on-ready`.
    OnReady,
    /// `stop`.
    Stop,
}

impl Export {
    /// The name in the WIT.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instantiation => "instantiation",
            Self::Start => "start",
            Self::Filter => "filter",
            Self::Callback => "callback",
            Self::OnTimer => "on-timer",
            Self::OnReady => "on-ready",
            Self::Stop => "stop",
        }
    }

    pub(crate) const fn entry(self) -> Entry {
        match self {
            Self::Filter | Self::Callback | Self::OnTimer | Self::OnReady => Entry::Call,
            Self::Instantiation | Self::Start | Self::Stop => Entry::Lifecycle,
        }
    }
}

/// What went wrong in a guest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultReason {
    /// A call did not come to its end.
    #[error("computed for more than {limit_ms} ms in one call")]
    OutOfTime {
        /// CPU time granted, milliseconds.
        limit_ms: u128,
    },
    /// A call did not come to its end.
    #[error("used up the {limit} units of fuel of one call")]
    OutOfFuel {
        /// Fuel granted.
        limit: u64,
    },
    /// Recursion too deep, or too much on the stack.
    #[error("used up its stack of {limit_bytes} bytes")]
    OutOfStack {
        /// Bytes granted.
        limit_bytes: usize,
    },
    /// It gave up after memory was refused to it.
    #[error("gave up when it was refused more than {limit_bytes} bytes of memory")]
    OutOfMemory {
        /// Bytes granted.
        limit_bytes: usize,
    },
    /// Its code trapped.
    #[error("trapped: {trap}")]
    Trap {
        /// The trap in the words of the runtime.
        trap: String,
    },
    /// What it gave to the host cannot be: broken by hand or by its compiler.
    #[error("broke the canonical ABI: {detail}")]
    Abi {
        /// What cannot be.
        detail: String,
    },
    /// The instance could not be made.
    #[error("cannot be instantiated: {detail}")]
    Instantiation {
        /// Why.
        detail: String,
    },
}

/// A function on the guest's stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Name from the guest's name section, demangled; its number without one.
    pub function: String,
    /// Offset in the guest's module, bytes.
    pub offset: Option<usize>,
}

impl CallReport {
    /// A call that no event caused.
    pub(crate) fn lifecycle(export: Export, view: &View) -> Self {
        Self { export, id: None, event: None, time: view.now(), flow: FlowReport::current(view) }
    }

    /// A call of a filter or handler.
    pub(crate) fn event(export: Export, call: &EventCall, view: &View) -> Self {
        Self {
            export,
            id: Some(call.id),
            event: call.event_kind(),
            time: call.moment(),
            flow: FlowReport::current(view),
        }
    }

    /// A call for a timer.
    pub(crate) fn timer(timer: u32, deadline: Nanos, view: &View) -> Self {
        Self {
            export: Export::OnTimer,
            id: Some(timer),
            event: None,
            time: deadline,
            flow: FlowReport::current(view),
        }
    }
}

impl FlowReport {
    fn current(view: &View) -> Option<Self> {
        let log_id = view.flow_info().ok()?.log_id;
        Some(Self { log_id, endpoints: view.endpoints().ok()? })
    }
}

/// Tells the reason from an error of the runtime.
pub(crate) fn reason(
    error: &wasmtime::Error,
    export: Export,
    time: TimeLimit,
    memory: &MemoryQuota,
) -> FaultReason {
    let limit_bytes = memory.limit().memory_bytes;
    match (error.downcast_ref::<Trap>(), time) {
        (Some(Trap::Interrupt), TimeLimit::Cpu { call, lifecycle }) => {
            let limit = if export.entry() == Entry::Call { call } else { lifecycle };
            FaultReason::OutOfTime { limit_ms: limit.as_millis() }
        }
        (Some(Trap::OutOfFuel), TimeLimit::Fuel { call, lifecycle }) => {
            FaultReason::OutOfFuel { limit: if export.entry() == Entry::Call { call } else { lifecycle } }
        }
        (Some(Trap::StackOverflow), _) => FaultReason::OutOfStack { limit_bytes: STACK_BYTES },
        // How compilers abort.
        (Some(Trap::UnreachableCodeReached), _) if memory.refused_in_call > 0 => {
            FaultReason::OutOfMemory { limit_bytes }
        }
        (Some(trap), _) => {
            let text = trap.to_string();
            FaultReason::Trap { trap: text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned() }
        }
        (None, _) => {
            let detail = excerpt(&error.root_cause().to_string(), REPORTED_CHARS);
            match export {
                Export::Instantiation => FaultReason::Instantiation { detail },
                Export::Start
                | Export::Filter
                | Export::Callback
                | Export::OnTimer
                | Export::OnReady
                | Export::Stop => FaultReason::Abi { detail },
            }
        }
    }
}

/// The guest's functions on the stack when the error happened.
pub(crate) fn backtrace(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let frame = |frame: &wasmtime::FrameInfo| Frame {
        function: frame.func_name().map_or_else(
            || format!("function {}", frame.func_index()),
            // The alternate form leaves the hash out.
            |name| excerpt(&format!("{:#}", rustc_demangle::demangle(name)), REPORTED_CHARS),
        ),
        offset: frame.module_offset(),
    };
    // On the component lane calls may pass a helper that the guest's author never wrote.
    let own = backtrace.frames().iter().filter(|frame| frame.module().get_export("$imports").is_none());
    own.map(frame).collect()
}

/// `guest web: callback 3 (new-data) of flow 17, 10.0.0.1 port 4000 to 10.0.0.2 port 80: trapped: ...`
impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guest {}: {}", self.guest, self.call.export.name())?;
        if let Some(id) = self.call.id {
            write!(f, " {id}")?;
        }
        if let Some(event) = self.call.event {
            write!(f, " ({})", event.name())?;
        }
        if let Some(flow) = &self.call.flow {
            let Endpoints { client_address, server_address, client_port, server_port, .. } = flow.endpoints;
            let client = Ipv6Addr::from(client_address).to_canonical();
            let server = Ipv6Addr::from(server_address).to_canonical();
            write!(
                f,
                " of flow {}, {client} port {client_port} to {server} port {server_port}",
                flow.log_id
            )?;
        }
        write!(f, ": {}", self.reason)
    }
}
