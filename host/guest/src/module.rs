//! A guest's file: compiled, and checked against the world that this host offers.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::types::{Component as ComponentTypes, ComponentItem};
use wasmtime::component::{Component, ComponentNamedList, InstancePre, Lift, Lower};

use crate::direct::DirectModule;
use crate::direct::extract::{Extracted, Unfit, extract, without_bodies};
use crate::host::Host;
use crate::limits::{MODULE_BYTES_MAX, REPORTED_CHARS};
use crate::runtime::{LaneChoice, Runtime};
use crate::signature::describe;
use crate::text::excerpt;
use crate::world::{self, ComponentLane, EitherLane, INTERFACES, PACKAGE, VERSION};

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
    /// It does not fit the direct lane, which was demanded.
    #[error("does not fit the direct lane: {reason}; leave --lane at auto and it runs on the component lane")]
    NotDirect {
        /// What it has or lacks.
        reason: String,
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
    code: Code,
    contents: Arc<Contents>,
}

#[derive(Clone)]
enum Code {
    Direct(Arc<DirectModule>),
    Component(InstancePre<Host>),
}

/// By which lane a guest is called.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Lane {
    /// Its core module is linked by the host itself.
    #[default]
    Direct,
    /// By the runtime's component API.
    Component {
        /// Why not by the direct lane.
        reason: String,
    },
}

impl Lane {
    /// The names of all lanes.
    pub const NAMES: [&'static str; 2] = ["direct", "component"];

    /// The lane's name on the command line and in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        let [direct, component] = Self::NAMES;
        match self {
            Self::Direct => direct,
            Self::Component { .. } => component,
        }
    }
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
    /// By which lane it is called.
    pub lane: Lane,
}

impl Module {
    /// Compiles and checks a guest. Takes about a second for each megabyte.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: its text continues a sentence that begins with the name of the file.
    pub fn load(runtime: &Runtime, bytes: &[u8]) -> Result<Self, LoadError> {
        check_header(bytes)?;
        let lane = runtime.options().lane;
        if lane == LaneChoice::Component {
            return Self::load_component(runtime, bytes, "the component lane was demanded".to_owned());
        }
        match extract(bytes) {
            Ok(extracted) => Self::load_direct(runtime, bytes, &extracted),
            Err(unfit) if lane == LaneChoice::Direct => {
                // What is wrong with it on any lane comes first.
                checked(runtime, bytes)?;
                Err(LoadError::NotDirect { reason: unfit.to_string() })
            }
            Err(unfit) => Self::load_component(runtime, bytes, unfit.to_string()),
        }
    }

    fn load_component(runtime: &Runtime, bytes: &[u8], reason: String) -> Result<Self, LoadError> {
        let (component, instance, mut contents) = checked(runtime, bytes)?;
        contents.code_bytes = component.text().len();
        contents.lane = Lane::Component { reason };
        Ok(Self { code: Code::Component(instance), contents: Arc::new(contents) })
    }

    /// The component without its code has the same types: they are compared with the world's as on the other lane, and
    /// the code is compiled once.
    fn load_direct(runtime: &Runtime, bytes: &[u8], extracted: &Extracted<'_>) -> Result<Self, LoadError> {
        let types = without_bodies(bytes).map_err(invalid)?;
        let (_, _, mut contents) = checked(runtime, &types)?;
        let module = DirectModule::new(runtime.engine(), extracted)
            .map_err(|error| LoadError::Invalid { reason: chain(&error, REPORTED_CHARS) })?;
        contents.code_bytes = module.code_bytes();
        contents.lane = Lane::Direct;
        Ok(Self { code: Code::Direct(Arc::new(module)), contents: Arc::new(contents) })
    }

    /// Makes an instance and looks its exports up.
    ///
    /// # Errors
    ///
    /// What the guest's own start code does, or a limit.
    pub(crate) fn instantiate(&self, store: &mut Store<Host>) -> wasmtime::Result<EitherLane> {
        Ok(match &self.code {
            Code::Direct(module) => EitherLane::Direct(Box::new(module.instantiate(store)?)),
            Code::Component(instance) => {
                let made = instance.instantiate(&mut *store)?;
                EitherLane::Component(Box::new(ComponentLane::new(instance.component(), &made, store)?))
            }
        })
    }

    /// What is in the file.
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.contents
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("contents", &self.contents).finish_non_exhaustive()
    }
}

/// Compiles a component and compares its types with the world's.
fn checked(runtime: &Runtime, bytes: &[u8]) -> Result<(Component, InstancePre<Host>, Contents), LoadError> {
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
    if types.get_export(engine, "start").is_none() {
        return Err(LoadError::NoStart);
    }
    world::check_exports(&Exports { runtime, types: &types })?;
    let pages = component.resources_required().map(|needed| needed.max_initial_memory_size.unwrap_or(0));
    let memory_bytes = pages.map(|pages| pages.saturating_mul(PAGE_BYTES));
    let limit_bytes = runtime.options().memory.memory_bytes;
    match memory_bytes {
        Some(needed_bytes) if usize::try_from(needed_bytes).is_ok_and(|needed| needed <= limit_bytes) => {}
        Some(needed_bytes) => return Err(LoadError::TooMuchMemory { needed_bytes, limit_bytes }),
        // Decided when it is instantiated.
        None => {}
    }
    Ok((component, instance, Contents { imports, exports, memory_bytes, ..Contents::default() }))
}

fn invalid(error: Unfit) -> LoadError {
    LoadError::Invalid { reason: error.to_string() }
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

/// The exports of a component, to be compared with the world's.
pub(crate) struct Exports<'a> {
    runtime: &'a Runtime,
    types: &'a ComponentTypes,
}

impl Exports<'_> {
    /// Compares one with the type that the world gives it. A guest need not have it.
    pub(crate) fn check<Params, Return>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<(), LoadError>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        let Some(export) = self.types.get_export(self.runtime.engine(), name) else { return Ok(()) };
        if let ComponentItem::ComponentFunc(function) = &export.ty
            && !function.async_()
            && function.typecheck::<Params, Return>(&self.types.instance_type()).is_ok()
        {
            return Ok(());
        }
        Err(LoadError::ExportShape { name, found: describe(&export.ty), expected })
    }
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
