//! The runtime: what all guests of a process share.

use std::num::NonZeroUsize;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, OptLevel, WasmBacktraceDetails};

use crate::host::Host;
use crate::limits::{BACKTRACE_FRAMES, LogLimit, MemoryLimit, STACK_BYTES, TimeLimit};
use crate::matcher::MatcherCache;
use crate::ticker::Ticker;
use crate::world;

/// What the operator may choose about guests.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeOptions {
    /// How much one call may compute.
    pub time: TimeLimit,
    /// How much one instance may hold.
    pub memory: MemoryLimit,
    /// How much one instance may say.
    pub log: LogLimit,
    /// By which lane guests are called.
    pub lane: LaneChoice,
}

/// By which lane guests are called. The results are the same; the direct lane is several times as fast.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LaneChoice {
    /// The direct lane for each guest that fits it, the component lane for the others.
    #[default]
    Fitting,
    /// The component lane for all.
    Component,
    /// The direct lane for all: what does not fit it is not loaded.
    Direct,
}

/// The runtime could not be set up: a fault of this program or of the machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly runtime cannot be set up: {reason}")]
pub struct RuntimeError {
    reason: String,
}

impl From<wasmtime::Error> for RuntimeError {
    fn from(error: wasmtime::Error) -> Self {
        Self { reason: format!("{error:#}") }
    }
}

/// Compiler, host functions and clock of all guests. A clone is another handle of the same.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    linker: Linker<Host>,
    options: RuntimeOptions,
    matchers: Arc<MatcherCache>,
    /// Runs as long as the runtime lives; not there in fuel mode.
    _ticker: Option<Ticker>,
}

impl Runtime {
    /// Sets the runtime up; with a limit of CPU time this starts its clock, a thread that wakes each millisecond.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] when the machine lacks what the compiler needs or gives no thread.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let by_cpu_time = matches!(options.time, TimeLimit::Cpu { .. });
        let engine = Engine::new(&configuration(by_cpu_time))?;
        let mut linker = Linker::new(&engine);
        world::link_component(&mut linker)?;
        let ticker = if by_cpu_time {
            let ticker = Ticker::start(engine.clone());
            Some(ticker.map_err(|error| RuntimeError { reason: error.to_string() })?)
        } else {
            None
        };
        Ok(Self {
            shared: Arc::new(Shared { engine, linker, options, matchers: Arc::default(), _ticker: ticker }),
        })
    }

    /// What was chosen.
    #[must_use]
    pub fn options(&self) -> &RuntimeOptions {
        &self.shared.options
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// What the guests' patterns were compiled to.
    pub(crate) fn matchers(&self) -> &Arc<MatcherCache> {
        &self.shared.matchers
    }

    pub(crate) fn linker(&self) -> &Linker<Host> {
        &self.shared.linker
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// Memories are made on demand: each guest is instantiated once per worker and kept, so that a pool of instances, which
/// saves some 20 microseconds there and sets fixed limits on everything, has nothing to save.
fn configuration(by_cpu_time: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Makes each call three times as fast.
        .concurrency_support(false)
        .epoch_interruption(by_cpu_time)
        .consume_fuel(!by_cpu_time)
        .cranelift_opt_level(OptLevel::Speed)
        // Bounds checks by guard pages need 32-bit memories.
        .wasm_memory64(false)
        .max_wasm_stack(STACK_BYTES)
        // Function names are enough for a report; line tables would cost memory in each guest.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_measure_time_can_be_set_up() {
        Runtime::new(RuntimeOptions::default()).unwrap();
        Runtime::new(RuntimeOptions { time: TimeLimit::FUEL, ..RuntimeOptions::default() }).unwrap();
    }
}
