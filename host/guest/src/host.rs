//! The data of a store: what the host functions of one instance reach.

use std::rc::Rc;
use std::sync::Arc;

use sluice_engine::View;
use sluice_engine::event::{Definitions, Predicate};
use wasmtime::Store;

use crate::budget::{self, CallClock};
use crate::direct::abi::Direct;
use crate::limits::LIFTED_BYTES;
use crate::matcher::Matching;
use crate::output::{GuestOutput, NoOutput};
use crate::quota::{LogQuota, MemoryQuota};
use crate::runtime::Runtime;

/// Compiles the filter expressions of monitors: the binary knows pcap-filter syntax, this crate does not.
pub trait FilterCompiler {
    /// Makes a predicate of an expression that is not empty.
    ///
    /// # Errors
    ///
    /// What is wrong with the expression, for the operator.
    fn compile(&self, expression: &str) -> Result<Box<dyn Predicate>, String>;
}

/// What belongs to one instance.
///
/// `view` and `output` are placeholders between calls; for the time of a call they are those of the engine and of the
/// worker, swapped in.
pub(crate) struct Host {
    pub(crate) view: Box<View>,
    pub(crate) output: Box<dyn GuestOutput>,
    pub(crate) name: Arc<str>,
    /// What it defines in `start`; only while that runs.
    pub(crate) starting: Option<Definitions>,
    pub(crate) filters: Rc<dyn FilterCompiler>,
    pub(crate) memory: MemoryQuota,
    pub(crate) log: LogQuota,
    pub(crate) clock: CallClock,
    pub(crate) matching: Matching,
    /// What the direct lane needs of the instance.
    pub(crate) direct: Direct,
    /// Bytes on their way to a guest on the component lane. Shared with the answer of a host function until it is
    /// copied into the guest, and then used again, so that no call allocates. The direct lane copies from where they
    /// lie.
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Pairs on their way to the guest on either lane, likewise.
    pub(crate) pairs: Arc<Vec<u64>>,
}

/// A store for one instance, with its limits in force.
pub(crate) fn new_store(runtime: &Runtime, name: &Arc<str>, filters: Rc<dyn FilterCompiler>) -> Store<Host> {
    let options = runtime.options();
    let host = Host {
        view: Box::default(),
        output: Box::new(NoOutput),
        name: Arc::clone(name),
        starting: Some(Definitions::new()),
        filters,
        memory: MemoryQuota::new(options.memory),
        log: LogQuota::new(options.log),
        clock: CallClock::default(),
        matching: Matching::new(runtime.matchers()),
        direct: Direct::new(),
        bytes: Arc::default(),
        pairs: Arc::default(),
    };
    let mut store = Store::new(runtime.engine(), host);
    store.limiter(|host| &mut host.memory);
    store.set_hostcall_fuel(LIFTED_BYTES);
    budget::prepare(&mut store, options.time);
    store
}
