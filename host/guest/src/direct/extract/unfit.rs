//! Why a component does not fit the direct lane.

use crate::limits::REPORTED_CHARS;
use crate::text::excerpt;

/// Why a component cannot be taken apart. Its text is the reason in "runs on the component lane: REASON"; names of the
/// guest in it are made fit to be shown.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Unfit {
    /// Not a valid component, or none at all.
    #[error("it is not a valid component: {reason}")]
    Invalid { reason: String },
    /// Its code is in more than one core module: linked libraries, an adapter of WASI.
    #[error("it links the code of several core modules ({count} in all)")]
    CoreModules { count: usize },
    /// A component within the component: composed of several, or exporting an interface.
    #[error("it has a component inside")]
    NestedComponent,
    /// A start function of the component.
    #[error("it has a start function of the component model")]
    ComponentStart,
    /// Core modules that share more than functions, the table of the shim and the memory: linked from libraries.
    #[error("its core modules share a {kind}: {name}")]
    SharedItem { kind: &'static str, name: String },
    /// A function of the canonical ABI other than lift and lower: of resources, streams, tasks, threads.
    #[error("it uses the canonical built-in {name}")]
    Builtin { name: String },
    /// A resource of its own.
    #[error("it defines a resource")]
    Resource,
    /// An import that is neither an interface nor a type.
    #[error("it imports {name}, a {kind}")]
    ImportKind { name: String, kind: &'static str },
    /// An export that is neither a function of its own nor a type.
    #[error("it exports {name}, which is no function of its own")]
    ExportKind { name: String },
    /// No function is exported.
    #[error("it exports no function")]
    NoExport,
    /// A function lifted or lowered as asynchronous, or of an asynchronous type.
    #[error("it has asynchronous functions")]
    Async,
    /// Strings in UTF-16 or Latin-1.
    #[error("its strings are not in UTF-8")]
    Encoding,
    /// A canonical option that this host does not know.
    #[error("it uses the canonical option {name}")]
    CanonicalOption { name: &'static str },
    /// An option names a memory that is not that of the module with the exports.
    #[error("a function uses the memory of another core module")]
    OtherMemory,
    /// An option names an allocator that is not that of all others.
    #[error("its functions use several allocators")]
    OtherRealloc,
    /// An option names something to call after a return that is not of the module with the exports.
    #[error("the post-return of an export is in another core module")]
    OtherPostReturn,
    /// Exports that are not all of one instance of one core module.
    #[error("its exports are of several core instances")]
    OtherExport,
    /// No function says which memory it uses.
    #[error("its functions use no memory")]
    NoMemory,
    /// Memories of the main module: one is needed.
    #[error("its core module has {count} memories of its own")]
    Memories { count: u32 },
    /// A memory of 64-bit addresses.
    #[error("its memory has 64-bit addresses")]
    Memory64,
    /// A memory shared between threads.
    #[error("its memory is shared between threads")]
    SharedMemory,
    /// A start function of the main module.
    #[error("its core module has a start function")]
    CoreStart,
    /// The main module imports something else than functions.
    #[error("its core module imports {name}, which is no function")]
    CoreImportKind { name: String },
    /// An import of the main module that does not end at a function of an imported interface.
    #[error("its core module imports {name}, which is no function of an imported interface")]
    CoreImport { name: String },
    /// The module that stands between the main module and its imports is not what it must be.
    #[error("its shim module {reason}")]
    Shim { reason: &'static str },
    /// The module that fills the shim's table, or that runs `_initialize`, is not what it must be.
    #[error("its fixup module {reason}")]
    Fixup { reason: &'static str },
}

impl From<wasmparser::Error> for Unfit {
    fn from(error: wasmparser::Error) -> Self {
        Self::Invalid { reason: shown(&error.to_string()) }
    }
}

/// A text with names of the guest, made fit to be shown.
pub(super) fn shown(text: &str) -> String {
    excerpt(text, REPORTED_CHARS)
}
