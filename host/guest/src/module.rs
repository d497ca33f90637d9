//! A guest's file: compiled, and checked against the world that this host offers.

use std::sync::Arc;

use wasmtime::component::types::{Component as ComponentTypes, ComponentItem};
use wasmtime::component::{Component, ComponentNamedList, InstancePre, Lift, Lower};

use crate::exports::{BurstParams, ReadyParams, Scalars, StartParams, StartResult, TimerParams};
use crate::host::Host;
use crate::imports::{INTERFACES, PACKAGE, VERSION};
use crate::limits::{MODULE_BYTES_MAX, REPORTED_CHARS};
use crate::runtime::Runtime;
use crate::signature::describe;
use crate::text::excerpt;

/// Bytes of a page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;

/// Why a file is not a guest that this host can load.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is larger than any guest.
    #[error("has {bytes} bytes; this host takes up to {limit_bytes}")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes that this host takes.
        limit_bytes: usize,
    },
    /// Something else than WebAssembly.
    #[error("is not WebAssembly: {found}")]
    NotWasm {
        /// What it seems to be.
        found: String,
    },
    /// WebAssembly, but not a component.
    #[error("is a core module, not a component: wrap it with `sluice build FILE`")]
    CoreModule,
    /// A component that cannot be: cut off, or made by a broken tool.
    #[error("is not a valid component: {reason}")]
    Invalid {
        /// Where and why.
        reason: String,
    },
    /// It needs WASI.
    #[error("imports {name}, which sluice does not offer: build without WASI")]
    WasiImport {
        /// Name of the import.
        name: String,
    },
    /// It needs something that this host does not have.
    #[error("imports {name}, which sluice does not offer")]
    ForeignImport {
        /// Name of the import.
        name: String,
    },
    /// It was built for another version of the world.
    #[error("imports {name}; this host offers @{offered}")]
    OtherVersion {
        /// Name of the import.
        name: String,
        /// Version that this host offers.
        offered: &'static str,
    },
    /// A function is missing in the host's interface, or has other types there.
    #[error("imports {name} in another shape: {detail}")]
    ImportShape {
        /// Name of the import.
        name: String,
        /// What does not fit.
        detail: String,
    },
    /// The one required export is missing.
    #[error("exports no start: not a middlebox of sluice")]
    NoStart,
    /// An export has other types than the world's.
    #[error("exports {name} as {found}, expected {expected}")]
    ExportShape {
        /// Name of the export.
        name: &'static str,
        /// Its type.
        found: String,
        /// The world's type.
        expected: &'static str,
    },
    /// It would not fit into its memory limit.
    #[error("needs {needed_bytes} bytes of memory to begin with; its limit is {limit_bytes}")]
    TooMuchMemory {
        /// Bytes of its largest memory.
        needed_bytes: u64,
        /// Bytes that an instance may have.
        limit_bytes: usize,
    },
}

/// A guest, compiled and checked, ready to be instantiated any number of times. A clone is another handle of the same.
#[derive(Clone)]
pub struct Module {
    instance: InstancePre<Host>,
    contents: Arc<Contents>,
}

/// What is in a guest's file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// Imports with their versions.
    pub imports: Vec<String>,
    /// Exports, also those that the host does not know.
    pub exports: Vec<String>,
    /// Bytes that its largest memory begins with; `None` if that cannot be told.
    pub memory_bytes: Option<u64>,
    /// Bytes of machine code.
    pub code_bytes: usize,
}

impl Module {
    /// Compiles and checks a guest. Takes about a second for each megabyte.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: its text continues a sentence that begins with the name of the file.
    pub fn load(runtime: &Runtime, bytes: &[u8]) -> Result<Self, LoadError> {
        check_header(bytes)?;
        let engine = runtime.engine();
        let component = Component::from_binary(engine, bytes)
            .map_err(|error| LoadError::Invalid { reason: chain(&error, REPORTED_CHARS) })?;
        let types = component.component_type();
        let imports: Vec<String> = types.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports = types.exports(engine).map(|(name, _)| name.to_owned()).collect();
        for name in &imports {
            check_import(name)?;
        }
        let instance =
            runtime.linker().instantiate_pre(&component).map_err(|error| import_shape(&error, &imports))?;
        check_exports(runtime, &types)?;
        let pages = component.resources_required().map(|needed| needed.max_initial_memory_size.unwrap_or(0));
        let memory_bytes = pages.map(|pages| pages.saturating_mul(PAGE_BYTES));
        let limit_bytes = runtime.options().memory.memory_bytes;
        match memory_bytes {
            Some(needed_bytes) if usize::try_from(needed_bytes).is_ok_and(|needed| needed <= limit_bytes) => {
            }
            Some(needed_bytes) => return Err(LoadError::TooMuchMemory { needed_bytes, limit_bytes }),
            // Decided when it is instantiated.
            None => {}
        }
        let code_bytes = component.text().len();
        Ok(Self { instance, contents: Arc::new(Contents { imports, exports, memory_bytes, code_bytes }) })
    }

    /// What is in the file.
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    pub(crate) fn instance(&self) -> &InstancePre<Host> {
        &self.instance
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("contents", &self.contents).finish_non_exhaustive()
    }
}

/// Version of the world that this host offers: of the package `sluice:middlebox`.
#[must_use]
pub const fn world_version() -> &'static str {
    VERSION
}

/// Looks at the first eight bytes: magic number, version and layer.
fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > MODULE_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: bytes.len(), limit_bytes: MODULE_BYTES_MAX });
    }
    match bytes {
        [] => Err(LoadError::NotWasm { found: "it is empty".to_owned() }),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        [b'(', ..] => Err(LoadError::NotWasm { found: "it looks like WebAssembly text".to_owned() }),
        _ => {
            let first: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            Err(LoadError::NotWasm { found: format!("it begins with the bytes {}", first.join(" ")) })
        }
    }
}

/// Looks at the name and version of an import.
fn check_import(name: &str) -> Result<(), LoadError> {
    let shown = || excerpt(name, REPORTED_CHARS);
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let Some((package, interface)) = path.split_once('/') else {
        return Err(LoadError::ForeignImport { name: shown() });
    };
    if package.starts_with("wasi:") {
        return Err(LoadError::WasiImport { name: shown() });
    }
    if package != PACKAGE || !INTERFACES.contains(&interface) {
        return Err(LoadError::ForeignImport { name: shown() });
    }
    if compatible_part(version) != compatible_part(VERSION) {
        return Err(LoadError::OtherVersion { name: shown(), offered: VERSION });
    }
    Ok(())
}

/// The part of a semantic version that must be equal for two of them to be compatible: all up to the first number that
/// is not zero.
fn compatible_part(version: &str) -> Option<[&str; 2]> {
    let mut numbers = version.split('.');
    match (numbers.next()?, numbers.next()?) {
        ("0", minor) => Some(["0", minor]),
        (major, _) => Some([major, ""]),
    }
}

/// What the linker found, in words: which import, which function of it, and why.
fn import_shape(error: &wasmtime::Error, imports: &[String]) -> LoadError {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let named = |cause: &String| imports.iter().find(|name| cause.contains(&format!("`{name}`"))).cloned();
    let name = causes.iter().find_map(named).unwrap_or_else(|| PACKAGE.to_owned());
    let reasons = causes.iter().filter(|cause| !cause.contains("matching implementation was not found"));
    let details: Vec<String> = reasons.map(|cause| in_our_words(cause)).collect();
    LoadError::ImportShape { name, detail: excerpt(&details.join(": "), REPORTED_CHARS) }
}

/// The runtime speaks about its linker; the reader knows interfaces and functions.
fn in_our_words(cause: &str) -> String {
    if cause == "function implementation is missing" {
        return "this host has no such function".to_owned();
    }
    let function =
        cause.strip_prefix("instance export `").and_then(|rest| rest.strip_suffix("` has the wrong type"));
    function.unwrap_or(cause).to_owned()
}

/// Compares the exports that the host calls with the world's.
fn check_exports(runtime: &Runtime, types: &ComponentTypes) -> Result<(), LoadError> {
    if types.get_export(runtime.engine(), "start").is_none() {
        return Err(LoadError::NoStart);
    }
    check_export::<StartParams, StartResult>(runtime, types, "start", START)?;
    check_export::<Scalars, (bool,)>(runtime, types, "filter", FILTER)?;
    check_export::<Scalars, (u32,)>(runtime, types, "callback", CALLBACK)?;
    check_export::<BurstParams, (u64,)>(runtime, types, "burst", BURST)?;
    check_export::<TimerParams, ()>(runtime, types, "on-timer", ON_TIMER)?;
    check_export::<ReadyParams, ()>(runtime, types, "on-ready", ON_READY)?;
    check_export::<(), ()>(runtime, types, "stop", STOP)
}

const START: &str = "func(list<tuple<string, string>>) -> result<_, string>";
const FILTER: &str =
    "func(u32, u32, u32, u64, u64, u64, u64, u64, u32, u32, u32, u32, u32, u32, u32, u32) -> bool";
const CALLBACK: &str =
    "func(u32, u32, u32, u64, u64, u64, u64, u64, u32, u32, u32, u32, u32, u32, u32, u32) -> u32";
const BURST: &str = "func(list<u64>, list<u8>) -> u64";
const ON_TIMER: &str = "func(u32, u64, u64)";
const ON_READY: &str = "func(list<u64>)";
const STOP: &str = "func()";

fn check_export<Params, Return>(
    runtime: &Runtime,
    types: &ComponentTypes,
    name: &'static str,
    expected: &'static str,
) -> Result<(), LoadError>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    let Some(export) = types.get_export(runtime.engine(), name) else { return Ok(()) };
    if let ComponentItem::ComponentFunc(function) = &export.ty
        && !function.async_()
        && function.typecheck::<Params, Return>(&types.instance_type()).is_ok()
    {
        return Ok(());
    }
    Err(LoadError::ExportShape { name, found: describe(&export.ty), expected })
}

/// An error with its causes, outermost first, on one line.
fn chain(error: &wasmtime::Error, chars: usize) -> String {
    excerpt(&format!("{error:#}"), chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compatible_up_to_their_first_number() {
        assert_eq!(check_import("sluice:middlebox/stream@0.1.0"), Ok(()));
        assert_eq!(check_import("sluice:middlebox/stream@0.1.7"), Ok(()));
        for other in ["@0.2.0", "@1.1.0", "", "@", "@0.1x"] {
            let name = format!("sluice:middlebox/stream{other}");
            assert!(matches!(check_import(&name), Err(LoadError::OtherVersion { .. })), "{name}");
        }
        assert!(matches!(check_import("sluice:middlebox/store@0.1.0"), Err(LoadError::ForeignImport { .. })));
    }
}
