//! Guests as they come, compiled when they are first needed: valgrind takes fifty times as long for that, too.

use std::cell::OnceCell;
use std::path::Path;

use sluice_guest::{Module, Runtime};

use super::GuestError;

/// The bytes of a component, and the module once it was compiled.
pub(super) struct Source {
    bytes: Vec<u8>,
    module: OnceCell<Module>,
}

impl Source {
    /// A component.
    pub(super) const fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, module: OnceCell::new() }
    }

    /// A guest that comes with the project, by its file from the project's folder on; `None` if `make guests` has not
    /// made it.
    ///
    /// # Errors
    ///
    /// [`GuestError::File`] if it is there and cannot be read.
    pub(super) fn shipped(file: &'static str) -> Result<Option<Self>, GuestError> {
        match std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)) {
            Ok(bytes) => Ok(Some(Self::of(bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(GuestError::File(file, error)),
        }
    }

    /// The module.
    ///
    /// # Errors
    ///
    /// [`GuestError::Load`] if the host does not take it.
    pub(super) fn module(&self, runtime: &Runtime) -> Result<&Module, GuestError> {
        if let Some(module) = self.module.get() {
            return Ok(module);
        }
        let module = Module::load(runtime, &self.bytes)?;
        Ok(self.module.get_or_init(|| module))
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
