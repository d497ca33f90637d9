//! `sluice build`: from source or core module to a component that `sluice run` takes.
//!
//! Compilers make core modules. What makes one a guest is its wrapping: the types of the world, and the canonical ABI
//! between them and the module. This is done here, so that nobody needs another tool.

mod cargo;
mod clang;
mod toolchain;
mod wit;
mod wrap;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Arguments of `sluice build`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// A folder with a Cargo.toml, a .c file, or a core module (.wasm)
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    source: PathBuf,
    /// Where the component goes [default: NAME.wasm here]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Where cargo keeps what it compiles [default: cargo's own]
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

/// Builds a guest and says where it is.
pub(crate) fn run(args: &BuildArgs) -> anyhow::Result<()> {
    let source = &args.source;
    let found = fs::metadata(source).with_context(|| format!("cannot read {}", source.display()))?;
    let extension = source.extension().and_then(|extension| extension.to_str());
    let core = match extension {
        _ if found.is_dir() => cargo::build(source, args.target_dir.as_deref())?,
        Some("c") => CoreModule { name: stem(source), bytes: clang::compile(source)? },
        Some("wasm") => CoreModule { name: format!("{}.component", stem(source)), bytes: fs::read(source)? },
        _ => bail!("{} is neither a folder with a Cargo.toml, a .c file nor a .wasm file", source.display()),
    };
    let component =
        wrap::wrap(&core.bytes).with_context(|| format!("cannot wrap what {} gave", source.display()))?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.wasm", core.name)));
    let changed = write_if_changed(&output, &component)?;
    let verb = if changed { "wrote" } else { "up to date:" };
    eprintln!("{verb} {} ({} bytes)", output.display(), component.len());
    Ok(())
}

/// What a compiler made.
struct CoreModule {
    /// Name of the guest, for its file.
    name: String,
    bytes: Vec<u8>,
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "guest".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Leaves a file alone that holds the same already: whoever watches it sees only real changes.
fn write_if_changed(path: &Path, bytes: &[u8]) -> anyhow::Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}
