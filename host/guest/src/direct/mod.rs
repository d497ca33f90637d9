//! The direct lane: a component's one core module, linked by hand.
//!
//! A call through the runtime's component API takes three times as much as one of this lane or more
//! (`benches/README.md`, "crossings"), most of it for what only resources, several instances and concurrency need. A
//! guest of our world is nearly always one core module with a shim around it: that module is taken out ([`extract`]),
//! its imports are bound to the host's functions, and the canonical ABI of the world is ours ([`abi`]). What does not
//! look like that runs on the component lane, with the same results.

pub(crate) mod abi;
pub(crate) mod extract;

use wasmtime::{Engine, InstancePre, Linker, Module, Store};

use crate::host::Host;
use crate::world::{self, DirectLane};
use extract::{CoreImport, Extracted};

/// A guest's core module, compiled and bound.
pub(crate) struct DirectModule {
    instance: InstancePre<Host>,
    names: Names,
}

/// By which names the core module has what the host calls.
pub(crate) struct Names {
    memory: String,
    realloc: Option<String>,
    initialize: Option<String>,
    exports: Vec<ExportNames>,
}

/// A function that the component exports.
pub(crate) struct ExportNames {
    /// In the world.
    name: String,
    /// In the core module.
    function: String,
    post_return: Option<String>,
}

impl DirectModule {
    /// Compiles what was taken out of a component whose types were compared with the world's.
    ///
    /// # Errors
    ///
    /// A module that is not valid, or does not fit the world after all.
    pub(crate) fn new(engine: &Engine, extracted: &Extracted<'_>) -> wasmtime::Result<Self> {
        let module = Module::from_binary(engine, extracted.module)?;
        let mut linker = Linker::new(engine);
        for CoreImport { module, field, interface, function } in &extracted.imports {
            // `sluice:middlebox/packet@0.1.0`, whose package and version were looked at.
            let interface = interface.split('/').next_back().and_then(|name| name.split('@').next());
            if !world::link_core(&mut linker, (module, field), interface.unwrap_or_default(), function)? {
                wasmtime::bail!("this host has no {function}");
            }
        }
        let instance = linker.instantiate_pre(&module)?;
        let owned = |name: Option<&str>| name.map(str::to_owned);
        let exports = extracted.exports.iter().map(|export| ExportNames {
            name: export.name.to_owned(),
            function: export.function.to_owned(),
            post_return: owned(export.post_return),
        });
        let names = Names {
            memory: extracted.memory.to_owned(),
            realloc: owned(extracted.realloc),
            initialize: owned(extracted.initialize),
            exports: exports.collect(),
        };
        Ok(Self { instance, names })
    }

    /// Makes an instance and looks its exports up.
    ///
    /// # Errors
    ///
    /// What the guest's own start code does, or a limit.
    pub(crate) fn instantiate(&self, store: &mut Store<Host>) -> wasmtime::Result<DirectLane> {
        let instance = self.instance.instantiate(&mut *store)?;
        abi::take_functions(&self.names, &instance, store)?;
        DirectLane::new(&self.names.exports, &instance, store)
    }

    /// Bytes of machine code.
    pub(crate) fn code_bytes(&self) -> usize {
        self.instance.module().text().len()
    }
}
